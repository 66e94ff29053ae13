"""Stage forecasting: models, yearly snapshots, and what they say of next week."""

from collections.abc import Mapping, Sequence

import dagster as dg

from assets.forecasting.forecasts import forecast_asset
from assets.forecasting.models import model_asset
from assets.forecasting.snapshots import snapshot_asset
from assets.forecasting.walk_forward import walk_forward_asset
from learnfinance_dagster.forecasting.forecaster import Forecaster


def forecasting_assets(
    forecasters: Sequence[Forecaster],
    enabled: Sequence[Forecaster],
    reads: Mapping[str, Sequence[str]],
) -> list[dg.AssetsDefinition]:
    """Three assets for every forecaster, and the walk-forward history of those that are enabled.

    `reads` names the signals that each forecaster reads, if any.
    """
    each = [
        asset
        for forecaster in forecasters
        for asset in (
            model_asset(forecaster),
            snapshot_asset(forecaster),
            forecast_asset(forecaster, reads.get(forecaster.name, ())),
        )
    ]
    return [*each, walk_forward_asset(tuple(enabled))]
