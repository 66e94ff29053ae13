"""`python -m learnfinance_dagster trials [MODEL]`: everything that was tried, in the order in which it was."""

import sys
from collections.abc import Sequence

from learnfinance_dagster.ports import Trial
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.wiring import trials_door

HEADER = ("model", "version", "kind", "serves", "seeds", "config", "data", "code", "result", "promoted", "why")
SHORT = 8
"""Hex digits of a hash: enough to see what differs. The database has all of them."""
NOTHING = "nothing was tried yet: make train\n"


def list_trials(model: str | None) -> int:
    """A line for every trial, of one model or of all."""
    register = trials_door(Settings.from_environment()).open()
    found = register.trials(model)
    if found:
        sys.stdout.writelines(f"{line}\n" for line in _table([HEADER, *map(_cells, found)]))
        return 0
    others = ", ".join(sorted({trial.model for trial in register.trials()}))
    sys.stdout.write(f"no trial of {model} was recorded; there are trials of {others}\n" if others else NOTHING)
    return 0


def _cells(trial: Trial) -> tuple[str, ...]:
    hashes = (trial.config_hash[:SHORT], trial.data_hash[:SHORT], trial.code_hash[:SHORT])
    result = " ".join(f"{name}={value:.4g}" for name, value in trial.result.items()) or "none"
    return (
        trial.model,
        trial.version,
        trial.kind.value,
        trial.serves.isoformat(),
        ",".join(map(str, trial.seeds)),
        *hashes,
        result,
        "yes" if trial.promoted else "no",
        trial.reason,
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
