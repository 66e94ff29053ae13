"""The asset graph, one module per stage. Thin: what is decided, is decided in `learnfinance_dagster`."""

from collections.abc import Sequence

import dagster as dg

from assets.allocation import weights_assets
from assets.forecasting import forecasting_assets
from assets.forecasting.signals import reads_signals
from assets.mailing import training_mail, weekly_mail
from assets.market_data import daily_bars
from assets.policies import policies_assets, stored_policy_values
from assets.reporting import weekly_report
from assets.signals import signal_assets
from assets.trading import STEPS, trading_assets
from assets.universe import halal_universe, screened_universe_asset
from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.forecasting import FORECASTERS
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.orchestration.handles import Parameters
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.post import MailOutcome
from learnfinance_dagster.values import TargetWeights


def all_assets(
    allocators: Sequence[Allocator],
    enabled: Sequence[Forecaster],
    years: dg.StaticPartitionsDefinition,
    parameters: Parameters,
) -> Sequence[dg.AssetsDefinition]:
    """Every asset of the house.

    Args:
        allocators: those that have an account.
        enabled: forecasters of the Monday graph.
        years: partitions of the yearly snapshots.
        parameters: say which forecasters read signals.
    """
    reads = {each.name: ["state_features"] for each in FORECASTERS if reads_signals(each, parameters)}
    shared = [
        halal_universe,
        screened_universe_asset([allocator.name for allocator in allocators]),
        daily_bars,
        weekly_report(allocators, enabled),
        weekly_mail,
    ]
    return [
        *shared,
        *signal_assets(),
        *forecasting_assets(FORECASTERS, enabled, years, reads),
        *weights_assets(allocators),
        *trading_assets(allocators),
        *policies_assets(allocators, enabled),
        *([training_mail] if any(allocator.policy for allocator in allocators) else []),
    ]


def stored_values() -> dict[str, type]:
    """Asset → the dataclass that it stores, for every asset that stores no frame."""
    steps = {"weights": TargetWeights, **STEPS}
    return {
        "weekly_report": WeeklyReport,
        "weekly_mail": MailOutcome,
        "training_mail": MailOutcome,
        **{f"{forecaster.name}_{kind}": Card for forecaster in FORECASTERS for kind in ("model", "snapshot")},
        **{f"{allocator.name}_{step}": kind for allocator in ALLOCATORS for step, kind in steps.items()},
        **stored_policy_values(ALLOCATORS),
    }
