"""FinBERT (Araci, 2019), or any BERT-like classifier with the labels positive, negative and neutral."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from learnfinance_dagster.parameters import FinbertParameters
from learnfinance_dagster.ports import ModelIdentity
from resources.sentiment.frames import LABELS, score_each_once, score_frame
from resources.sentiment.passes import Engine, probabilities


class FinbertModel:
    """Adapter of `ports.SentimentModel`. The weights are loaded when first needed, once a process."""

    def __init__(self, parameters: FinbertParameters) -> None:
        """Know which model; load nothing yet."""
        self._parameters = parameters

    @property
    def identity(self) -> ModelIdentity:
        """Name; the hub's commit or a hash of the files, and the arithmetic where it is not float32."""
        return self._loaded().identity

    def score(self, texts: Sequence[str]) -> pd.DataFrame:
        """Columns as in `ports.SentimentModel.score`: score = p_pos - p_neg, label = the likeliest.

        Raises:
            ConfigurationError: the model cannot be loaded; the message says how to get it.
            DataError: it failed on these texts, or gave something that is no number.
        """
        return score_each_once(texts, self._score)

    def _score(self, texts: list[str]) -> pd.DataFrame:
        shares = probabilities(self._loaded().engine, texts)
        # argmax takes the first of equals, and LABELS are in the order of ties
        labels = [LABELS[place] for place in shares.argmax(axis=1)]
        return score_frame(shares, shares[:, 0] - shares[:, 1], shares.max(axis=1), labels)

    def _loaded(self) -> "_Ready":
        parameters: Any = self._parameters  # frozen, so hashable: only the type checker cannot see it
        return _ready(parameters)


@dataclass(frozen=True, slots=True)
class _Ready:
    engine: Engine
    identity: ModelIdentity


@cache
def _ready(parameters: FinbertParameters) -> _Ready:
    import torch

    from resources.sentiment.checkpoint import fetch
    from resources.sentiment.precision import settled

    found = fetch(parameters)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    whole = Engine(found.tokenizer, found.network.to(device), found.places, device, parameters.tokens_per_batch)
    engine, precision = settled(whole, parameters.precision)
    revision = found.revision if precision == "float32" else f"{found.revision}/{precision}"
    return _Ready(engine, ModelIdentity(found.name, revision))
