"""Forward passes over texts: those with the same number of tokens go together.

So nothing is padded: no pass is spent on emptiness, and what a text gets cannot depend on how long its neighbours are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learnfinance_dagster.errors import DataError

LONGEST = 512
"""Tokens of a text that are read; BERT knows no more places."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A classifier, ready to run."""

    tokenizer: Any
    network: Any
    places: tuple[int, ...]
    """Where the network's output has positive, negative, neutral."""
    device: str
    tokens_per_batch: int


def probabilities(engine: Engine, texts: list[str]) -> NDArray[np.float64]:
    """Of positive, negative and neutral for each text, n by 3; rows sum to 1.

    Raises:
        DataError: the model failed, or answered with something that is no number.
    """
    found = np.full((len(texts), 3), np.nan)
    ids = _tokens(engine, texts)
    for batch in batches([len(one) for one in ids], engine.tokens_per_batch):
        try:
            logits = _forward(engine, [ids[n] for n in batch])
        except Exception as error:
            msg = f"the sentiment model failed on {_place(texts, batch)}: {type(error).__name__}: {error}"
            raise DataError(msg) from error
        if not np.isfinite(logits).all():
            msg = f"the sentiment model gave no number for {_place(texts, batch)}"
            raise DataError(msg)
        found[batch] = _softmax(logits)
    return found


def batches(lengths: list[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Positions of texts of one length, shortest first, at most `tokens_per_batch` tokens at once."""
    ordered = sorted(range(len(lengths)), key=lengths.__getitem__)
    for length, alike in groupby(ordered, key=lengths.__getitem__):
        members, most = list(alike), max(1, tokens_per_batch // max(1, length))
        yield from (members[first : first + most] for first in range(0, len(members), most))


def _tokens(engine: Engine, texts: list[str]) -> list[list[int]]:
    # Half an emoji, cut by its source, is no text for the tokenizer.
    readable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    longest = min(LONGEST, getattr(engine.network.config, "max_position_embeddings", LONGEST))
    try:
        return engine.tokenizer(
            readable, truncation=True, max_length=longest, return_attention_mask=False, return_token_type_ids=False
        )["input_ids"]
    except Exception as error:
        msg = f"the sentiment model cannot split {_place(texts, [0])} into words: {error}"
        raise DataError(msg) from error


def _forward(engine: Engine, ids: list[list[int]]) -> NDArray[np.float64]:
    import torch

    with torch.inference_mode():
        logits = engine.network(input_ids=torch.tensor(ids, device=engine.device)).logits
    return logits.float().cpu().numpy().astype("float64")[:, list(engine.places)]


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _place(texts: list[str], batch: list[int]) -> str:
    return f"{len(batch)} of {len(texts)} texts, the first of them {texts[batch[0]][:60]!r}"
