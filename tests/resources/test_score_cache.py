import os
import sqlite3
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.errors import ConfigurationError, DataError, TransientError
from learnfinance_dagster.ports import ModelIdentity
from resources.sentiment import score_cache
from resources.sentiment.frames import LABELS, score_each_once, score_frame
from resources.sentiment.score_cache import CachedModel

CHILD = """
import sys
from pathlib import Path
from test_score_cache import Counting
from resources.sentiment.score_cache import CachedModel
model = Counting()
scored = CachedModel(model, Path(sys.argv[1])).score([f"text {n}" for n in range(3000)])
assert scored.equals(model.score([f"text {n}" for n in range(3000)]))
"""


class Counting:
    """A model that remembers what it was asked, and fails on the texts in `fails`."""

    def __init__(self, name="counting", revision="1", fails=(), tone=1.0):
        self.identity = ModelIdentity(name, revision)
        self.asked, self.fails, self.tone = [], set(fails), tone

    def score(self, texts):
        if self.fails & set(texts):
            raise DataError("the forward pass failed")
        self.asked += texts
        return score_each_once(texts, self._score)

    def _score(self, texts):
        good = np.array([len(text) % 7 / 10 for text in texts])
        shares = np.column_stack([good, np.zeros(len(texts)), 1 - good])
        return score_frame(shares, good * self.tone, shares.max(axis=1), [LABELS[0]] * len(texts))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "scores.sqlite"


def rows_at(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT count(*) FROM scores").fetchone()[0]


def test_what_was_scored_once_is_never_asked_again_also_not_by_another_process_later(path):
    first, later = Counting(), Counting()
    scored = CachedModel(first, path).score(["profit", "a loss", "profit"])
    again = CachedModel(later, path).score(["a loss", "news", "profit"])
    assert first.asked == ["profit", "a loss"]
    assert later.asked == ["news"]
    assert again.iloc[2].equals(scored.iloc[0])
    assert again.iloc[0].equals(scored.iloc[1])


@pytest.mark.parametrize("other", [{"name": "another"}, {"revision": "2"}, {"revision": "1/int8"}])
def test_a_score_belongs_to_the_model_and_the_revision_that_gave_it(path, other):
    CachedModel(Counting(), path).score(["profit"])
    different = Counting(**other, tone=-1.0)
    assert CachedModel(different, path).score(["profit"])["score"].tolist() == [-0.6]
    assert different.asked == ["profit"]
    assert CachedModel(Counting(), path).score(["profit"])["score"].tolist() == [0.6]


def test_d29_a_model_that_fails_leaves_an_error_and_not_a_neutral_score_for_ever(path):
    texts = ["profit", "poison"]
    with pytest.raises(DataError, match="forward pass"):
        CachedModel(Counting(fails=["poison"]), path).score(texts)
    healthy = Counting()
    pd.testing.assert_frame_equal(CachedModel(healthy, path).score(texts), healthy.score(texts))


@pytest.mark.parametrize("failure", [DataError("no"), KeyboardInterrupt()])
def test_what_was_scored_before_a_failure_in_the_middle_is_kept(path, monkeypatch, failure):
    monkeypatch.setattr(score_cache, "AT_ONCE", 10)
    model, texts = Counting(), [f"text {n}" for n in range(35)]
    honest = model.score

    def fails_third_time(part):
        if len(model.asked) == 20:
            raise failure
        return honest(part)

    model.score = fails_third_time
    with pytest.raises(type(failure)):
        CachedModel(model, path).score(texts)
    assert rows_at(path) == 20
    later = Counting()
    CachedModel(later, path).score(texts)
    assert later.asked == texts[20:]


@pytest.mark.parametrize("column", ["score", "confidence", "p_pos", "label"])
def test_what_is_no_score_is_refused_and_not_kept(path, column):
    class Broken(Counting):
        def score(self, texts):
            scored = super().score(texts)
            scored[column] = "good" if column == "label" else np.nan
            return scored

    with pytest.raises(DataError, match="counting@1"):
        CachedModel(Broken(), path).score(["profit"])
    assert rows_at(path) == 0


def test_a_model_that_answers_too_few_rows_is_caught(path):
    class Short(Counting):
        def score(self, texts):
            return super().score(texts).iloc[:-1]

    with pytest.raises(DataError, match="1 rows for 2 texts"):
        CachedModel(Short(), path).score(["profit", "loss"])
    assert rows_at(path) == 0


def test_ten_thousand_texts_come_back_as_they_went_in(path):
    texts = [f"text {n}" for n in range(10_000)]
    cached = CachedModel(Counting(), path)
    cold = cached.score(texts)
    asleep = Counting(fails=texts)
    pd.testing.assert_frame_equal(CachedModel(asleep, path).score(texts[::-1])[::-1].reset_index(drop=True), cold)


def test_half_an_emoji_has_a_place_in_the_cache(path):
    CachedModel(Counting(), path).score(["\ud83d"])
    assert CachedModel(Counting(fails=["\ud83d"]), path).score(["\ud83d"]).equals(Counting().score(["\ud83d"]))


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_a_clear_error_that_says_to_delete_it(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"scores\.sqlite.*delete it"):
        CachedModel(Counting(), path).score(["profit"])
    path.unlink()
    assert len(CachedModel(Counting(), path).score(["profit"])) == 1


def test_a_file_with_pages_overwritten_is_an_error_and_not_a_wrong_score(path):
    texts = [f"text {n}" for n in range(2000)]
    CachedModel(Counting(), path).score(texts)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="delete it"):
        CachedModel(Counting(), path).score(texts)


def test_somebody_elses_database_is_refused(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE scores (game TEXT, points INTEGER)")
    with pytest.raises(ConfigurationError, match="another program's"):
        CachedModel(Counting(), path).score(["profit"])


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="writable"):
        CachedModel(Counting(), tmp_path / "file" / "scores.sqlite").score(["profit"])


def test_a_cache_that_another_process_keeps_busy_is_worth_trying_again(path, monkeypatch):
    monkeypatch.setattr(score_cache, "BUSY_SECONDS", 0.05)
    CachedModel(Counting(), path).score(["profit"])
    with sqlite3.connect(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert len(CachedModel(Counting(), path).score(["profit"])) == 1, "readers need not wait"
        with pytest.raises(TransientError, match="locked"):
            CachedModel(Counting(), path).score(["loss"])


def test_processes_that_start_together_share_one_file(path):
    here = os.path.dirname(__file__)  # noqa: PTH120 - joined with sys.path, which is words
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [here, *sys.path]))}
    command = [sys.executable, "-c", CHILD, str(path)]
    children = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    assert rows_at(path) == 3000
