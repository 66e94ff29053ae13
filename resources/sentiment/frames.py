"""The frame that every sentiment model answers with."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LABELS = ("positive", "negative", "neutral")
"""In the order in which ties are resolved, and in which probabilities are kept."""
NUMBERS = ("score", "confidence", "p_pos", "p_neg", "p_neu")
COLUMNS = (*NUMBERS, "label")
DIGITS = 4


def score_frame(
    shares: NDArray[np.float64], score: NDArray[np.float64], confidence: NDArray[np.float64], label: Sequence[str]
) -> pd.DataFrame:
    """Rounded to four digits, in the columns of `ports.SentimentModel.score`.

    Args:
        shares: n by 3, in the order of `LABELS`; each row sums to 1.
        score: n, -1 … 1.
        confidence: n, 0 … 1.
        label: n of `LABELS`.
    """
    columns = (score, confidence, *shares.T)
    numbers = {
        name: np.round(column, DIGITS) + 0.0  # no minus zero
        for name, column in zip(NUMBERS, columns, strict=True)
    }
    return pd.DataFrame({**numbers, "label": pd.Series(label, dtype="str")})


def score_each_once(texts: Sequence[str], score: Callable[[list[str]], pd.DataFrame]) -> pd.DataFrame:
    """One row per text, in order; `score` is asked for the different ones only, and not at all without any."""
    if not texts:
        return score_frame(np.empty((0, 3)), np.empty(0), np.empty(0), [])
    place = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    return score(list(place)).iloc[[place[text] for text in texts]].reset_index(drop=True)
