"""What every sentiment model must do, and every cache around one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tiny_bert import save_tiny_bert

from learnfinance_dagster.parameters import FinbertParameters
from learnfinance_dagster.ports import ModelIdentity
from resources.sentiment.finbert import FinbertModel
from resources.sentiment.score_cache import CachedModel
from resources.sentiment.vader import VaderModel

COLUMNS = ["score", "confidence", "p_pos", "p_neg", "p_neu", "label"]
HALF_AN_EMOJI = "shares rise \ud83d"
ODD = [
    "",
    " ",
    "\n",
    "🚀🚀",
    "株価が上昇",
    "ارتفاع الأسهم",
    HALF_AN_EMOJI,
    "a\x00b",
    "profit " * 5000,
    "x" * 20_000,
    "-0",
]
TEXTS = ["profit rises as the company reports", "loss and fall of shares", "the company reports", *ODD]
WILD = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def finbert(tmp_path_factory):
    folder = save_tiny_bert(tmp_path_factory.mktemp("models") / "tiny")
    return FinbertModel(FinbertParameters(model=str(folder), precision="float32"))


@pytest.fixture(scope="module")
def vader():
    return VaderModel()


@pytest.fixture(scope="module")
def finbert_cached(finbert, tmp_path_factory):
    return CachedModel(finbert, tmp_path_factory.mktemp("finbert") / "scores.sqlite")


@pytest.fixture(scope="module")
def vader_cached(vader, tmp_path_factory):
    return CachedModel(vader, tmp_path_factory.mktemp("vader") / "scores.sqlite")


@pytest.fixture(params=["vader", "finbert", "vader_cached", "finbert_cached"])
def model(request):
    return request.getfixturevalue(request.param)


def refuse_nonsense(scored, count):
    assert scored.columns.tolist() == COLUMNS
    assert scored.index.equals(pd.RangeIndex(count))
    numbers = scored[COLUMNS[:5]]
    assert [str(dtype) for dtype in scored.dtypes] == ["float64"] * 5 + ["str"]
    assert np.isfinite(numbers.to_numpy()).all()
    assert scored["score"].between(-1, 1).all()
    assert ((numbers.iloc[:, 1:] >= 0) & (numbers.iloc[:, 1:] <= 1)).all(axis=None)
    shares = numbers[["p_pos", "p_neg", "p_neu"]]
    assert (shares.sum(axis=1) - 1).abs().le(2e-4).all()
    assert scored["label"].isin(["positive", "negative", "neutral"]).all()
    assert (numbers == numbers.round(4)).all(axis=None)


def test_every_text_gets_one_row_in_order(model):
    forwards, backwards = model.score(TEXTS), model.score(TEXTS[::-1])
    refuse_nonsense(forwards, len(TEXTS))
    pd.testing.assert_frame_equal(forwards[::-1].reset_index(drop=True), backwards, rtol=0, atol=1.01e-4)


def test_the_same_text_gets_the_same_row_twice(model):
    scored = model.score(["loss", "profit rises", "loss"])
    assert scored.iloc[0].equals(scored.iloc[2])
    assert not scored.iloc[0].equals(scored.iloc[1])


def test_no_texts_give_an_empty_frame_of_the_same_columns(model):
    refuse_nonsense(model.score([]), 0)


def test_a_text_is_scored_alike_alone_and_in_company(model):
    together = model.score(TEXTS)
    alone = pd.concat([model.score([text]) for text in TEXTS], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone, rtol=0, atol=1.01e-4)


def test_a_model_says_who_it_is_without_naming_a_place_on_this_machine(model):
    identity = model.identity
    assert isinstance(identity, ModelIdentity)
    assert identity.name
    assert identity.revision
    assert not identity.name.startswith("/")
    assert identity == model.identity


@WILD
@given(texts=st.lists(st.text(st.characters()), max_size=8))
@example(texts=[HALF_AN_EMOJI, "\x85"])
def test_whatever_the_wire_sends_is_scored_or_refused_but_never_nonsense(model, texts):
    refuse_nonsense(model.score(texts), len(texts))
