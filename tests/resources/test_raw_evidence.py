"""Answers of a news source are kept as they came."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pandas as pd
import pytest

from learnfinance_dagster.ports import NewsAnswer
from resources.raw_evidence import RawFolder

DAY = date(2021, 6, 14)
RUN = "paper:2021-06-14"


def answer(headline="A wins", skipped=()):
    articles = pd.DataFrame({"symbol": ["A"], "raw": [json.dumps({"headline": headline})]})
    coverage = pd.DataFrame(
        {
            "day": [DAY, DAY, DAY],
            "symbol": ["A", "BRK.B", "../C"],
            "state": ["articles", "no_articles", "not_fetched"],
            "reason": ["", "", "the source answered 503"],
        }
    )
    return NewsAnswer(articles, coverage, skipped)


def read(path):
    return json.loads(gzip.decompress(path.read_bytes()))


@pytest.fixture
def folder(tmp_path):
    return RawFolder(tmp_path / "raw")


def test_each_name_has_a_file_that_tells_what_came_and_what_did_not(folder):
    where = folder.keep(RUN, "alpaca", answer(skipped=("A: an article without a date (id 7)",)))
    assert where.relative_to(folder.root).parts == ("paper_2021-06-14", "1", "alpaca")
    assert read(where / "A.json.gz") == {
        "symbol": "A",
        "days": [{"day": "2021-06-14", "state": "articles", "reason": ""}],
        "articles": [{"headline": "A wins"}],
        "skipped": ["an article without a date (id 7)"],
    }
    assert read(where / "BRK.B.json.gz")["articles"] == []


def test_a_ticker_cannot_leave_the_folder(folder):
    where = folder.keep(RUN, "alpaca", answer())
    assert {path.parent for path in folder.root.rglob("*.gz")} == {where}


def test_the_same_answer_again_changes_nothing(folder):
    first = folder.keep(RUN, "alpaca", answer())
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in first.iterdir()}
    assert folder.keep(RUN, "alpaca", answer()) == first
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in first.iterdir()} == before


def test_another_answer_is_a_new_attempt_and_the_old_one_stays(folder):
    first = folder.keep(RUN, "alpaca", answer())
    second = folder.keep(RUN, "alpaca", answer("A loses"))
    assert second.parent.name == "2"
    assert read(first / "A.json.gz")["articles"] == [{"headline": "A wins"}]
    assert folder.keep(RUN, "alpaca", answer("A loses")) == second


def test_another_source_stands_beside_the_first_one_in_the_same_attempt(folder):
    first, second = folder.keep(RUN, "alpaca", answer()), folder.keep(RUN, "yahoo", answer())
    assert first.parent == second.parent


def test_an_attempt_that_was_cut_short_is_not_taken_for_whole(folder):
    first = folder.keep(RUN, "alpaca", answer())
    (first / "A.json.gz").unlink()
    assert folder.keep(RUN, "alpaca", answer()).parent.name == "2"


def test_two_runs_at_once_keep_both_answers_each_whole(folder):
    answers = [answer(f"A {n}") for n in range(8)]
    with ThreadPoolExecutor(8) as runs:
        kept = list(runs.map(lambda each: folder.keep(RUN, "alpaca", each), answers))
    assert len(set(kept)) == len(answers)
    for where, n in zip(kept, range(8), strict=True):
        assert len(list(where.iterdir())) == 3
        assert read(where / "A.json.gz")["articles"] == [{"headline": f"A {n}"}]


def test_items_that_belong_to_nobody_are_kept_too(folder):
    where = folder.keep(RUN, "alpaca", answer(skipped=("id 9: no symbols",)))
    assert read(where / "_skipped.json.gz") == {"skipped": ["id 9: no symbols"]}


def test_documents_are_kept_beside_the_answers_and_another_text_is_another_attempt(tmp_path):
    raw = RawFolder(tmp_path)
    first = raw.keep_documents("paper:2025-12-29", "words-weekly", {"prompt": {"asked": "somebody"}})
    assert raw.keep_documents("paper:2025-12-29", "words-weekly", {"prompt": {"asked": "somebody"}}) == first
    second = raw.keep_documents("paper:2025-12-29", "words-weekly", {"prompt": {"asked": "another"}})
    assert (first.parent.name, second.parent.name) == ("1", "2")
    assert gzip.decompress((first / "prompt.json.gz").read_bytes()) != b""
