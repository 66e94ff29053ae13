import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_bert import save_tiny_bert
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.parameters import FinbertParameters
from resources.sentiment import finbert as finbert_module
from resources.sentiment import passes, precision, vader
from resources.sentiment.finbert import FinbertModel
from resources.sentiment.int8 import Int8Linear
from resources.sentiment.score_cache import CachedModel
from resources.sentiment.vader import VaderModel

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
HAS_INT8 = torch.cpu.get_capabilities().get("avx512_vnni", False)
TEXTS = ["profit rises", "loss", "shares of the company fall and fall", "the company reports a profit", "x " * 60]
OFFLINE = """
import sys
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.parameters import FinbertParameters
from resources.sentiment.finbert import FinbertModel
assert "torch" not in sys.modules and "transformers" not in sys.modules
print(FinbertModel(FinbertParameters(model="acme/tiny", precision="float32")).identity)
for absent in ({"model": "acme/none"}, {"model": "acme/tiny", "revision": "v2"}):
    try:
        FinbertModel(FinbertParameters(**absent)).score(["profit"])
    except ConfigurationError as error:
        print(error)
"""


@pytest.fixture(autouse=True)
def forgotten():
    """No test sees the weights that another one loaded."""
    finbert_module._ready.cache_clear()


@pytest.fixture
def folder(tmp_path):
    return save_tiny_bert(tmp_path / "tiny")


def model_at(folder, **parameters):
    return FinbertModel(FinbertParameters(**{"model": str(folder), "precision": "float32"} | parameters))


def engine_of(model):
    return finbert_module._ready(model._parameters).engine


# --- VADER


def test_vader_answers_with_its_compound_its_proportions_and_the_authors_thresholds():
    text = "Great results, but a terrible outlook"
    theirs, ours = SentimentIntensityAnalyzer().polarity_scores(text), VaderModel().score([text]).iloc[0]
    assert ours["score"] == theirs["compound"]
    assert ours[["p_pos", "p_neg", "p_neu"]].tolist() == pytest.approx(
        [theirs["pos"], theirs["neg"], theirs["neu"]], abs=1e-3
    )
    assert ours["confidence"] == 1, "it does not tell how sure it is; texts without a tone must not count most"


@pytest.mark.parametrize(
    ("compound", "label"),
    [(0.05, "positive"), (0.0499, "neutral"), (0.0, "neutral"), (-0.0499, "neutral"), (-0.05, "negative")],
)
def test_vader_labels_change_exactly_at_the_thresholds(monkeypatch, compound, label):
    monkeypatch.setattr(vader, "_polarity", lambda _: {"compound": compound, "pos": 0.2, "neg": 0.2, "neu": 0.6})
    assert VaderModel().score(["any"])["label"].tolist() == [label]


def test_vader_finds_nothing_in_a_text_without_words():
    assert VaderModel().score([""]).iloc[0].tolist() == [0.0, 1.0, 0.0, 0.0, 1.0, "neutral"]


def test_vader_is_known_by_its_version_and_read_once():
    assert str(VaderModel().identity) == f"vader@{version('vaderSentiment')}"
    assert vader._analyzer() is vader._analyzer()


def test_d29_a_vader_that_fails_is_an_error(monkeypatch):
    class Broken:
        def polarity_scores(self, _):
            raise IndexError

    monkeypatch.setattr(vader, "_analyzer", Broken)
    with pytest.raises(DataError, match="VADER failed on the text 'profit'"):
        VaderModel().score(["profit"])


# --- what FinBERT's numbers mean


def test_the_predecessors_mapping_of_probabilities_with_its_order_of_ties(tmp_path):
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    case = next(one for one in json.loads(CASES.read_text())["cases"] if one["id"] == "sent-03-finbert-mapping")
    for n, (given_, expected) in enumerate(
        zip(case["input"]["pipeline_output"], case["expected"]["scores"], strict=True)
    ):
        folder = save_tiny_bert(
            tmp_path / str(n),
            labels=[one["label"] for one in given_],
            always=np.log([one["score"] for one in given_]).tolist(),
        )
        scored = model_at(folder).score(["profit"]).iloc[0].to_dict()
        assert scored.pop("label") == expected.pop("label")
        assert scored == pytest.approx(expected, abs=1e-9)


def test_labels_are_found_by_name_and_not_by_place(tmp_path):
    for n, labels in enumerate([("positive", "negative", "neutral"), ("Neutral", "POSITIVE", "negative")]):
        folder = save_tiny_bert(tmp_path / str(n), labels=labels, always=[3.0, 0.0, 0.0])
        assert model_at(folder).score(["profit"])["label"].tolist() == [labels[0].lower()]


@pytest.mark.parametrize(
    "labels", [("LABEL_0", "LABEL_1", "LABEL_2"), ("positive", "negative"), ("bullish", "bearish", "neutral")]
)
def test_a_model_that_does_not_name_the_three_tones_is_refused(tmp_path, labels):
    with pytest.raises(ConfigurationError, match="positive, negative, neutral"):
        model_at(save_tiny_bert(tmp_path / "other", labels=labels)).score(["profit"])


def test_only_the_first_512_tokens_are_read(folder):
    long, longer = "profit " * 510 + "loss", "profit " * 600 + "fall fall"
    scored = model_at(folder).score([long, longer, "profit " * 510, "profit " * 509])
    assert scored.iloc[0].equals(scored.iloc[2])
    assert scored.iloc[1].equals(scored.iloc[2])
    assert not scored.iloc[3].equals(scored.iloc[2])


# --- failures


def test_d29_a_forward_pass_that_fails_is_an_error_and_is_not_remembered_as_neutral(folder, tmp_path, monkeypatch):
    model = model_at(folder)
    cached = CachedModel(model, tmp_path / "scores.sqlite")
    honest = model.score(TEXTS)
    with monkeypatch.context() as patch:
        patch.setattr(type(engine_of(model).network), "forward", fails)
        with pytest.raises(DataError, match=r"1 of 5 texts, the first of them 'loss': RuntimeError: out of order"):
            cached.score(TEXTS)
    pd.testing.assert_frame_equal(cached.score(TEXTS), honest)


def fails(*_, **__):
    raise RuntimeError("out of order")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_an_error(folder, value):
    model = model_at(folder)
    engine_of(model).network.classifier.bias.data[0] = value
    with pytest.raises(DataError, match="gave no number"):
        model.score(["profit"])


def test_a_tokenizer_that_fails_is_an_error(folder, monkeypatch):
    model = model_at(folder)
    monkeypatch.setattr(type(engine_of(model).tokenizer), "__call__", fails)
    with pytest.raises(DataError, match="cannot split"):
        model.score(["profit"])


# --- loading


def test_no_weights_is_an_error_that_says_how_to_get_them(tmp_path):
    (tmp_path / "empty").mkdir()
    for absent in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(ConfigurationError, match="hf download") as caught:
            model_at(absent).score(["profit"])
        assert "LEARNFINANCE_SENTIMENT=vader" in str(caught.value)
        assert "LEARNFINANCE_FINBERT__MODEL" in str(caught.value)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_is_damaged_is_an_error(folder, name):
    (folder / name).write_bytes(b"\xff" * 400)
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        model_at(folder).score(["profit"])


def test_a_model_whose_last_layer_would_be_made_up_at_random_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"lacks weights \(classifier"):
        model_at(save_tiny_bert(tmp_path / "headless", without="head")).score(["profit"])


def test_a_model_without_its_vocabulary_is_refused_instead_of_reading_nothing(tmp_path):
    with pytest.raises(ConfigurationError, match=r"knows no words|cannot be loaded"):
        model_at(save_tiny_bert(tmp_path / "wordless", without="vocabulary")).score(["profit"])


def test_the_hubs_cache_is_enough_offline_and_names_the_commit(folder, tmp_path):
    home = tmp_path / "hub" / "models--acme--tiny"
    shutil.copytree(folder, home / "snapshots" / COMMIT)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub")}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE], env=environment, check=True, capture_output=True, text=True, timeout=300
    )
    identity, no_model, no_revision = done.stdout.splitlines()
    assert identity == f"acme/tiny@{COMMIT}"
    assert "acme/none" in no_model
    assert "--revision v2" in no_revision


def test_weights_are_loaded_when_first_needed_and_once_for_all_models_alike(folder, monkeypatch):
    from resources.sentiment import checkpoint

    loads, honest = [], checkpoint.fetch
    monkeypatch.setattr(checkpoint, "fetch", lambda parameters: loads.append(1) or honest(parameters))
    one, other = model_at(folder), model_at(folder)
    one.score([])
    assert not loads
    one.score(["profit"])
    other.score(["loss"])
    assert one.identity == other.identity
    assert len(loads) == 1


def test_a_folder_is_known_by_its_name_and_by_what_is_in_it(tmp_path):
    first, same, other = (
        model_at(save_tiny_bert(tmp_path / place / "tiny", seed=seed)).identity
        for place, seed in [("a", 1), ("b", 1), ("c", 2)]
    )
    assert first == same
    assert first.name == other.name == "tiny"
    assert first.revision != other.revision


# --- passes


def test_a_text_is_scored_once_however_often_it_comes(folder, monkeypatch):
    model, seen = model_at(folder), []
    honest = passes._forward
    monkeypatch.setattr(passes, "_forward", lambda engine, ids: seen.extend(ids) or honest(engine, ids))
    model.score(TEXTS * 3)
    assert len(seen) == len(TEXTS)


@given(lengths=st.lists(st.integers(1, 512)), most=st.integers(512, 4096))
def test_batches_hold_every_text_once_and_only_texts_of_one_length(lengths, most):
    found = list(passes.batches(lengths, most))
    assert sorted(n for batch in found for n in batch) == list(range(len(lengths)))
    assert all(len({lengths[n] for n in batch}) == 1 for batch in found)
    assert all(sum(lengths[n] for n in batch) <= most for batch in found)


@pytest.mark.parametrize("arithmetic", ["float32", "bfloat16", "int8"])
def test_neighbours_do_not_change_a_score(folder, arithmetic):
    if arithmetic == "int8" and not HAS_INT8:
        pytest.skip("this processor has no int8 instructions")
    model = model_at(folder, precision=arithmetic, tokens_per_batch=512)
    texts, _ = precision.labelled()
    together = model.score(texts)
    alone = pd.concat([model.score([text]) for text in texts[::6]], ignore_index=True)
    atol = 1e-2 if arithmetic == "bfloat16" else 1.01e-4
    pd.testing.assert_frame_equal(together[::6].reset_index(drop=True), alone, rtol=0, atol=atol)


# --- arithmetic


def test_an_int8_layer_stays_close_to_the_layer_it_stands_for():
    torch.manual_seed(3)
    layer, values = torch.nn.Linear(96, 40), torch.randn(5, 7, 96) * torch.logspace(-3, 3, 7)[:, None]
    with torch.inference_mode():
        wanted, found = layer(values), Int8Linear(layer)(values)
    assert found.shape == wanted.shape
    spread = wanted.std(dim=-1, keepdim=True)
    assert ((found - wanted).abs() / spread).max() < 0.1


def test_an_int8_row_is_the_same_to_the_last_bit_in_any_company():
    torch.manual_seed(3)
    layer, rows = Int8Linear(torch.nn.Linear(96, 40)), torch.randn(33, 96)
    rows[4] = 0
    with torch.inference_mode():
        together = layer(rows * 1.0)
        assert all(torch.equal(layer(rows[n : n + 1])[0], together[n]) for n in range(33))
        assert torch.equal(layer(torch.cat([rows, 1000 * rows]))[:33], together)


def test_a_reduced_arithmetic_is_part_of_the_revision(folder):
    whole = model_at(folder).identity.revision
    assert model_at(folder, precision="bfloat16").identity.revision == f"{whole}/bfloat16"
    assert "/" not in whole
    if HAS_INT8:
        assert model_at(folder, precision="int8").identity.revision == f"{whole}/int8"


@pytest.mark.parametrize(
    ("can", "spoiled", "chosen"),
    [
        (["int8", "bfloat16"], [], "int8"),
        (["int8", "bfloat16"], ["int8"], "bfloat16"),
        (["int8"], ["int8"], "float32"),
        (["bfloat16"], [], "bfloat16"),
        ([], [], "float32"),
    ],
)
def test_auto_takes_the_smallest_that_the_processor_has_and_that_costs_no_accuracy(monkeypatch, can, spoiled, chosen):
    engine = passes.Engine(None, "float32", (0, 1, 2), "cpu", 512)
    monkeypatch.setattr(precision, "_can", lambda name: name in can)
    monkeypatch.setattr(precision, "_in", lambda whole, name: replace(whole, network=name))
    monkeypatch.setattr(precision, "accuracy", lambda one: 0.8 if one.network in spoiled else 0.804)
    monkeypatch.setattr(precision, "TOLERANCE", 0.003)
    found, name = precision.settled(engine, "auto")
    assert (found.network, name) == (chosen, chosen)


def test_accuracy_counts_the_headlines_whose_tone_was_found(folder, monkeypatch):
    texts, places = precision.labelled()
    assert len(set(texts)) > len(texts) / 2
    assert {places.count(place) for place in range(3)} == {len(places) // 5, 2 * len(places) // 5}
    answers = np.eye(3)[places]
    answers[: len(places) // 10] = np.roll(answers[: len(places) // 10], 1, axis=1)
    monkeypatch.setattr(precision, "probabilities", lambda _engine, _texts: answers)
    assert precision.accuracy(engine_of(model_at(folder))) == pytest.approx(0.9)


def test_int8_on_a_processor_without_it_is_refused(folder, monkeypatch):
    monkeypatch.setattr(precision, "_can", lambda _: False)
    with pytest.raises(ConfigurationError, match="PRECISION=auto"):
        model_at(folder, precision="int8").score(["profit"])


def test_a_gpu_computes_in_float32_whatever_is_set_for_processors():
    engine = passes.Engine(None, None, (0, 1, 2), "cuda", 512)
    assert precision.settled(engine, "int8") == (engine, "float32")
