"""Which arithmetic FinBERT computes in on a CPU: the smallest that costs no accuracy."""

from dataclasses import replace

import numpy as np

from learnfinance_dagster.errors import ConfigurationError
from resources.practice_market.headlines import TEMPLATES
from resources.sentiment.frames import LABELS
from resources.sentiment.passes import Engine, probabilities

SMALLEST_FIRST = ("int8", "bfloat16", "float32")
"""The order in which `auto` tries. Fixed: a choice by stopwatch would differ from run to run."""
TOLERANCE = 0.005
"""Share of the labelled headlines that a smaller arithmetic may lose."""
NEEDS = {"int8": "avx512_vnni", "bfloat16": "amx_bf16"}
"""What the processor must have. Without AMX bfloat16 is slower than float32, so `auto` leaves it."""
NAMES = (("Orion Mills", 4), ("Castle Foods", 7), ("Blue Harbour", 12), ("Delta Tools", 25))


def settled(engine: Engine, wanted: str) -> tuple[Engine, str]:
    """The engine in the arithmetic that is wanted, and that arithmetic's name. A GPU computes in float32.

    Raises:
        ConfigurationError: this processor cannot do what was asked for.
    """
    if engine.device != "cpu":
        return engine, "float32"
    if wanted == "auto":
        return _smallest(engine)
    if wanted == "int8" and not _can("int8"):
        msg = "this processor has no int8 instructions (AVX-512 VNNI): set LEARNFINANCE_FINBERT__PRECISION=auto"
        raise ConfigurationError(msg)
    return _in(engine, wanted), wanted


def labelled() -> tuple[list[str], list[int]]:
    """Our own headlines, and the place in `LABELS` of the tone that each was written in."""
    texts, places = [], []
    for tone, templates in TEMPLATES.items():
        place = LABELS.index("neutral" if tone == 0 else "positive" if tone > 0 else "negative")
        for template in templates:
            texts += [template.format(name=name, n=number) for name, number in NAMES]
            places += [place] * len(NAMES)
    return texts, places


def accuracy(engine: Engine) -> float:
    """Share of the labelled headlines whose tone the engine finds."""
    texts, places = labelled()
    return float(np.mean(probabilities(engine, texts).argmax(axis=1) == places))


def _smallest(engine: Engine) -> tuple[Engine, str]:
    whole = None
    for precision in SMALLEST_FIRST:
        if precision == "float32" or not _can(precision):
            continue
        whole = accuracy(engine) if whole is None else whole
        candidate = _in(engine, precision)
        if accuracy(candidate) >= whole - TOLERANCE:
            return candidate, precision
    return engine, "float32"


def _can(precision: str) -> bool:
    import torch

    return bool(torch.cpu.get_capabilities().get(NEEDS[precision], False))


def _in(engine: Engine, precision: str) -> Engine:
    if precision == "int8":
        from resources.sentiment.int8 import in_int8

        return replace(engine, network=in_int8(engine.network))
    if precision == "bfloat16":
        from copy import deepcopy

        return replace(engine, network=deepcopy(engine.network).bfloat16())
    return engine
