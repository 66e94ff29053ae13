"""What the assets of the stage have in common."""

from typing import Any

import dagster as dg
import pandas as pd

from assets.gathering import misfit
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import column_schema
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.values import Week

SHOWN = 16
"""Rows of a table in the UI; the rest is in the file."""
TRIED = "Red: this failed, and what is stored is a stand-in without any signal."
SCHEMA = "schema"
"""Name of the check that a frame is what its schema says."""


def spec(name: str) -> dict[str, Any]:
    """What every frame of the stage tells the web UI."""
    return {
        "group_name": "signals",
        "owners": ["team:signals"],
        "kinds": {"parquet", "pandas"},
        "metadata": {"dagster/column_schema": column_schema(FRAMES[name])},
    }


WEEKLY_FRAME: dict[str, Any] = {"partitions_def": WEEKLY, "backfill_policy": dg.BackfillPolicy.single_run()}


def names_of(halal_universe: pd.DataFrame, week: Week) -> list[str]:
    """The names that may be held in a week, in alphabetical order."""
    may = (halal_universe["week"] == week.key) & (halal_universe["excluded"] == "")
    return sorted(halal_universe.loc[may, "symbol"])


def of_week(frame: pd.DataFrame, week: Week) -> pd.DataFrame:
    """A week's rows."""
    return frame[frame["week"] == week.key]


def schema_check(asset: str, frame: pd.DataFrame) -> dg.AssetCheckResult:
    """Whether a frame is what its schema says."""
    faults = misfit(asset, frame)
    told = faults or f"{len(frame)} rows fit"
    return dg.AssetCheckResult(check_name=SCHEMA, asset_key=asset, passed=not faults, description=told)


def warned(name: str, asset: str, week: str, *, passed: bool, told: str) -> dg.AssetCheckResult:
    """A check that colours the asset yellow and stops nothing."""
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=asset,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{week}: {told}",
    )
