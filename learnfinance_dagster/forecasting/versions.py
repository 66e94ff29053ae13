"""Names of versions: whatever decides what a training gives is hashed into them."""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.fingerprints import code_hash as hash_of_code
from learnfinance_dagster.forecasting.panel import Panel

PACKAGE = Path(__file__).parents[1]
SNAPSHOT = "snapshot-"
_YEAR_END = re.compile(r"[12][0-9]{3}-12-31")


def data_hash(panel: Panel) -> str:
    """sha256 of all that a training can see of the market, 64 hex digits: no number of it can change unseen."""
    total = hashlib.sha256(json.dumps([panel.symbols, panel.channels]).encode())
    for block in (panel.sessions, panel.values, panel.traded, panel.over):
        total.update(f"{block.dtype.str}{block.shape}".encode())
        total.update(np.ascontiguousarray(block).tobytes())
    return total.hexdigest()


SERVING = {"forecasts", "in_use", "plots", "walk_forward"}
"""Modules of the stage that no trained version depends on."""
SHARED = ("returns.py", "calendar.py", "machine.py", "model_files.py")
"""Modules of the kernel that it does depend on."""


@cache
def code_hash(package: Path = PACKAGE) -> str:
    """sha256 of the code that decides what a training gives, 64 hex digits; read once in a process.

    Args:
        package: folder with `forecasting/` and the modules in `SHARED`; modules that only serve what was trained do not
            count.
    """
    stage = [path for path in sorted((package / "forecasting").glob("*.py")) if path.stem not in SERVING]
    return hash_of_code((*stage, *(package / name for name in SHARED)), package)


def snapshot_name(year_end: date) -> str:
    """`snapshot-2019-12-31`: learned from nothing after that day.

    Raises:
        DataError: the day does not end a year.
    """
    if not _YEAR_END.fullmatch(year_end.isoformat()):
        msg = f"snapshots are made of whole years: {year_end} is not the last day of one"
        raise DataError(msg)
    return f"{SNAPSHOT}{year_end}"


def newest_before(snapshots: Iterable[str], day: date) -> str | None:
    """The newest snapshot that ended strictly before `day`; None when there is none.

    Args:
        snapshots: names of versions; those of no snapshot are passed over.
        day: of a decision. On 31 December that day's bar is not known yet, so it takes the year before.
    """
    ends = {name.removeprefix(SNAPSHOT): name for name in snapshots if name.startswith(SNAPSHOT)}
    usable = [end for end in ends if _YEAR_END.fullmatch(end) and date.fromisoformat(end) < day]
    return ends[max(usable)] if usable else None


def year_end_before(day: date) -> date:
    """The last 31 December strictly before `day`."""
    return date(day.year - 1, 12, 31)
