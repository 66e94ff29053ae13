"""The asset graph, one module per stage. Thin: what is decided, is decided in `learnfinance_dagster`."""

from collections.abc import Sequence

import dagster as dg

from assets.allocation import weights_assets
from assets.analyst_notes import analyst_notes_asset
from assets.forecasting import forecasting_assets
from assets.forecasting.signals import reads_signals
from assets.forward_record import NAME, forward_record_asset
from assets.mailing import training_mail, weekly_mail
from assets.market_data import daily_bars
from assets.policies import policies_assets, stored_policy_values
from assets.reconciliation import NAME as RECONCILIATION
from assets.reconciliation import reconciliation_asset
from assets.reporting import weekly_report
from assets.signals import signal_assets
from assets.summary import weekly_summary_asset
from assets.trading import STEPS, trading_assets
from assets.universe import halal_universe, screened_universe_asset
from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.commentary.notes import AnalystNotes
from learnfinance_dagster.evaluation.forward_record import WeekRecord
from learnfinance_dagster.forecasting import FORECASTERS
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.orchestration.handles import Parameters
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.post import MailOutcome
from learnfinance_dagster.trading.reconciliation import Reconciliation
from learnfinance_dagster.values import Narration, TargetWeights


def all_assets(
    allocators: Sequence[Allocator],
    enabled: Sequence[Forecaster],
    parameters: Parameters,
) -> Sequence[dg.AssetsDefinition]:
    """Every asset of the house.

    Args:
        allocators: those that have an account.
        enabled: forecasters of the Monday graph.
        parameters: say which forecasters read signals.
    """
    reads = {each.name: ["state_features"] for each in FORECASTERS if reads_signals(each, parameters)}
    notes = [analyst_notes_asset(allocators, enabled)] if parameters.language.analyst_notes else []
    shared = [
        halal_universe,
        screened_universe_asset([allocator.name for allocator in allocators]),
        daily_bars,
        weekly_mail,
        forward_record_asset([allocator.name for allocator in allocators]),
        reconciliation_asset(allocators),
        weekly_summary_asset(allocators, enabled),
        weekly_report(allocators, enabled, ("weekly_summary", *(["analyst_notes"] if notes else []))),
    ]
    return [
        *shared,
        *notes,
        *signal_assets(),
        *forecasting_assets(FORECASTERS, enabled, reads),
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
        NAME: WeekRecord,
        "weekly_summary": Narration,
        "analyst_notes": AnalystNotes,
        RECONCILIATION: Reconciliation,
        **{f"{forecaster.name}_{kind}": Card for forecaster in FORECASTERS for kind in ("model", "snapshot")},
        **{f"{allocator.name}_{step}": kind for allocator in ALLOCATORS for step, kind in steps.items()},
        **stored_policy_values(ALLOCATORS),
    }
