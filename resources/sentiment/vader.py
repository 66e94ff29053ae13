"""VADER: a word list with rules (Hutto & Gilbert, 2014). Needs no weights."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import ModelIdentity
from resources.sentiment.frames import LABELS, score_each_once, score_frame

THRESHOLD = 0.05
"""A compound of at least this much is positive, of at most minus this much negative: the authors' own."""


class VaderModel:
    """Adapter of `ports.SentimentModel`."""

    @property
    def identity(self) -> ModelIdentity:
        """Name and version of the word list."""
        return ModelIdentity("vader", version("vaderSentiment"))

    def score(self, texts: Sequence[str]) -> pd.DataFrame:
        """Columns as in `ports.SentimentModel.score`; score is VADER's compound, the p_* are its proportions.

        Proportions say how much of the text has a tone, not how sure VADER is: its confidence is always 1, or texts
        without a tone would count most. A text without a word is all neutral.

        Raises:
            DataError: VADER failed on a text.
        """
        return score_each_once(texts, _score)


def _score(texts: list[str]) -> pd.DataFrame:
    read = pd.DataFrame([_polarity(text) for text in texts])
    proportions = read[["pos", "neg", "neu"]].to_numpy(dtype="float64", copy=True)
    proportions[proportions.sum(axis=1) == 0] = (0, 0, 1)  # not a word in it
    compound = read["compound"].to_numpy(dtype="float64")
    labels = np.select([compound >= THRESHOLD, compound <= -THRESHOLD], LABELS[:2], LABELS[2])
    return score_frame(
        proportions / proportions.sum(axis=1, keepdims=True), compound, np.ones(len(compound)), labels.tolist()
    )


def _polarity(text: str) -> dict[str, float]:
    try:
        return _analyzer().polarity_scores(text)
    except Exception as error:
        msg = f"VADER failed on the text {text[:60]!r}: {error}"
        raise DataError(msg) from error


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
