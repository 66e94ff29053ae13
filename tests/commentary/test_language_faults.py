"""Whatever a language model's vendor does, there is a whole report, and it says who wrote it."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from faults import FAULTS, check_table
from language_vendors import KEY, PATHS, SHAPES, ScriptedDoor, model_at
from prose import GOOD_WEEK
from vendor_server import VendorServer
from weekly_reports import usual
from word_scene import evidence, honest_reply, put_into_words

from learnfinance_dagster.reporting.html import MOST_BYTES, render_html, render_markup
from learnfinance_dagster.reporting.text import render_text

KINDS = {"responses": "OpenAI, responses", "chat": "OpenAI, chat", "ollama": "Ollama"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """(fault, kind) → what came of it, every vendor spoiled in every way; most is waiting, so kinds go side by side."""
    root = tmp_path_factory.mktemp("raw")
    with VendorServer() as vendor, ThreadPoolExecutor(max_workers=len(KINDS)) as pool:
        found = pool.map(lambda kind: spoiled(vendor, kind, root), KINDS)
        return {key: what for each in found for key, what in each.items()}


def spoiled(vendor, kind, root):
    """(fault, kind) → what came of it, for one kind of vendor."""
    good = SHAPES[kind](json.dumps(honest_reply(GOOD_WEEK)))
    found = {}
    for place, fault in enumerate(FAULTS):
        vendor.answers(PATHS[kind], fault.spoil(good))
        folder = root / kind / str(place)
        outcome = put_into_words(
            GOOD_WEEK, ScriptedDoor(model_at(vendor, kind, fault.patience), name=KINDS[kind]), folder
        )
        assert outcome.failure == ""
        found[fault.name, kind] = outcome.value, evidence(folder)
    return found


def test_every_fault_ends_in_a_whole_report_by_the_template_or_by_the_model(seen):
    content = usual()
    for words, _ in seen.values():
        assert len(words.paragraphs) == len(GOOD_WEEK.outlines)
        text = render_text(replace(content, words=words))
        assert all(each.heading in text for each in words.paragraphs)
        if words.failure:
            assert "Summary written by the template:" in text
            assert not any(each.by_model for each in words.paragraphs)


def test_no_evidence_holds_the_key(seen):
    assert all(KEY not in str(kept) for _, kept in seen.values())


def test_the_letter_with_words_is_never_clipped(seen):
    words = next(words for words, _ in seen.values() if words.failure)
    content = replace(usual(), words=words)
    assert len(render_markup(content, {}).encode()) < MOST_BYTES
    assert "Summary written by the template" in render_html(content)


def test_the_table_of_faults_is_what_happened(seen):
    rows = [[fault.name, *(_outcome(seen[fault.name, kind][0]) for kind in KINDS)] for fault in FAULTS]
    check_table("Language model", ["fault", *KINDS.values()], rows)


def _outcome(words):
    if words.failure:
        told = re.sub(r"\d+ bytes", "so many bytes", words.failure).replace("127.0.0.1", "its address")
        return f"whole report, by the template: {told}"
    return "whole report, in the model's words"
