"""What learned allocators and forecasters read: the state, and the optional technical features."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from assets.signals.shared import SCHEMA, WEEKLY_FRAME, names_of, of_week, schema_check, spec
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.handles import Parameters
from learnfinance_dagster.orchestration.partitions import HISTORY_WEEKS, history, weeks_of
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.returns import History
from learnfinance_dagster.signals.state import FEATURES
from learnfinance_dagster.signals.state import state_features as state_of
from learnfinance_dagster.signals.technical import technical_features as technical_of

BLOCKING = {
    "blocking": True,
    "description": "Columns, types and ranges. Red stops everything that would trade on these numbers.",
}


@dg.asset(
    check_specs=[dg.AssetCheckSpec(SCHEMA, asset="state_features", **BLOCKING)],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec("state_features"),
)
def state_features(
    context: dg.AssetExecutionContext, news_sentiment: pd.DataFrame, fundamentals: pd.DataFrame
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """One row per name, the features in a fixed order: the only door through which signals reach learned allocators.

    Missing values stay missing here. They are filled by one imputation, fitted in training and stored with the model.
    """
    with translated(context):
        found = state_of(news_sentiment, fundamentals)
    yield schema_check("state_features", found)
    newest = of_week(found, weeks_of(context)[-1])
    yield dg.MaterializeResult(
        value=found, metadata={"dagster/row_count": len(found), "features": _known(newest, FEATURES)}
    )


@dg.asset(
    ins={"daily_bars": dg.AssetIn(partition_mapping=history())},
    check_specs=[dg.AssetCheckSpec(SCHEMA, asset="technical_features", **BLOCKING)],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec("technical_features"),
)
def technical_features(
    context: dg.AssetExecutionContext,
    halal_universe: pd.DataFrame,
    daily_bars: pd.DataFrame,
    parameters: dg.ResourceParam[Parameters],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """What prices alone say: RSI, MACD, true range, volatility, momentum, and directional changes.

    An optional group: nothing has to read it. Every value is made of sessions that had closed, from 60 weeks of
    dividend- and split-adjusted bars; a name with too short a history has nulls.
    """
    weeks = weeks_of(context)
    with translated(context):
        bars = History(daily_bars)
        found = pd.concat(
            [
                technical_of(
                    bars.of(week, HISTORY_WEEKS), names_of(halal_universe, week), week, parameters.signals
                ).assign(week=week.key)
                for week in weeks
            ],
            ignore_index=True,
        )
    features = [column for column in found.columns if column not in ("week", "symbol")]
    yield schema_check("technical_features", found)
    newest = of_week(found, weeks[-1])
    yield dg.MaterializeResult(
        value=found, metadata={"dagster/row_count": len(found), "features": _known(newest, features)}
    )


def _known(rows: pd.DataFrame, features: list[str] | tuple[str, ...]) -> dg.MetadataValue:
    """How many names have each feature, and where their middle lies."""
    table = [
        (n, name, f"{rows[name].notna().mean():.0%}" if len(rows) else "n/a", _middle(rows[name]))
        for n, name in enumerate(features)
    ]
    return markdown(["#", "feature", "known", "median (10 % … 90 %)"], table)


def _middle(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return "n/a"
    low, middle, high = known.quantile([0.1, 0.5, 0.9])
    return f"{middle:.3f} ({low:.3f} … {high:.3f})"
