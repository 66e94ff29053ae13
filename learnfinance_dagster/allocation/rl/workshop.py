"""Where policies are made and kept, and what names their versions."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from learnfinance_dagster.allocation.rl.history import PolicyHistory
from learnfinance_dagster.allocation.rl.training import Progress
from learnfinance_dagster.fingerprints import code_hash as hash_of_code
from learnfinance_dagster.ports import Checkpoints, ModelStore, TrialRegister

PACKAGE = Path(__file__).parents[2]
TELLING = {"plots", "outcome", "experience"}
"""Modules that no trained version depends on."""
SHARED = (
    "allocation/constraints.py",
    "costs.py",
    "evaluation/bootstrap.py",
    "evaluation/gate.py",
    "evaluation/metrics.py",
    "evaluation/performance.py",
    "machine.py",
    "model_files.py",
)


@dataclass(frozen=True, slots=True)
class PolicyWorkshop:
    """Where versions are made and kept."""

    store: ModelStore
    register: TrialRegister
    checkpoints: Checkpoints
    software: Mapping[str, str]
    """Commit and library versions, for the card."""
    device: str
    say: Callable[[str, Progress], None] = lambda _training, _progress: None
    """Told the name of a training and how far it is."""


@cache
def code_hash(package: Path = PACKAGE) -> str:
    """sha256 of the code that decides what a training gives, 64 hex digits; read once in a process."""
    own = [path for path in sorted((package / "allocation" / "rl").glob("*.py")) if path.stem not in TELLING]
    return hash_of_code((*own, *(package / name for name in SHARED)), package)


def data_hash(history: PolicyHistory) -> str:
    """sha256 of all that a training can see, 64 hex digits."""
    total = hashlib.sha256(json.dumps(history.symbols).encode())
    parts = ("mondays", "name", "features", "forecast", "returns", "closes", "halted", "hrp")
    for block in (getattr(history, part) for part in parts):
        total.update(f"{block.dtype.str}{block.shape}".encode())
        total.update(np.ascontiguousarray(block).tobytes())
    return total.hexdigest()
