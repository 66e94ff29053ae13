"""The asset graph, one module per stage. Thin: what is decided, is decided in `learnfinance_dagster`."""

from collections.abc import Sequence

import dagster as dg

from assets.allocation import weights_assets
from assets.market_data import daily_bars
from assets.reporting import weekly_report
from assets.signals import signal_assets
from assets.trading import STEPS, trading_assets
from assets.universe import halal_universe, screened_universe
from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.values import TargetWeights


def all_assets() -> Sequence[dg.AssetsDefinition]:
    """Every asset of the house."""
    shared = [halal_universe, screened_universe, daily_bars, weekly_report(ALLOCATORS)]
    return [*shared, *signal_assets(), *weights_assets(ALLOCATORS), *trading_assets(ALLOCATORS)]


def stored_values() -> dict[str, type]:
    """Asset → the dataclass that it stores, for every asset that stores no frame."""
    steps = {"weights": TargetWeights, **STEPS}
    return {
        "weekly_report": WeeklyReport,
        **{f"{allocator.name}_{step}": kind for allocator in ALLOCATORS for step, kind in steps.items()},
    }
