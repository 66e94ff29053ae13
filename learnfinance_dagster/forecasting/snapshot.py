"""A yearly snapshot: what the forecaster would have been at a year's end."""

from dataclasses import replace
from datetime import date

import numpy as np

from learnfinance_dagster.forecasting.candidate import Made
from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.recipe import Material, Recipe, Workshop
from learnfinance_dagster.forecasting.trials import trial_of
from learnfinance_dagster.forecasting.versions import snapshot_name
from learnfinance_dagster.parameters import ForecastParameters
from learnfinance_dagster.ports import TrialKind
from learnfinance_dagster.trials import record


def make_snapshot(  # noqa: PLR0913 - what a version depends on
    forecaster: Forecaster,
    material: Material,
    year_end: date,
    parameters: ForecastParameters,
    seed: int,
    workshop: Workshop,
    *,
    force: bool = False,
) -> Made:
    """Train the model that knows nothing after a year's last day; one that is there is kept, unless forced.

    It begins with the weights of the snapshot of the year before, where that was made with the same configuration, and
    with random ones otherwise; the card says which.

    Raises:
        DataError: too little history before that day.
    """
    store, name = workshop.store, snapshot_name(year_end)
    if store.has(forecaster.name, name) and not force:
        return Made(card_of(store.read(forecaster.name, name)), is_cached=True)
    material = Material(_known(material.panel, year_end), material.extras)
    recipe = Recipe.of(forecaster, parameters, material, seed, held_out_weeks=0)
    recipe = recipe.warm(snapshot_name(date(year_end.year - 1, 12, 31)), store)
    trained = recipe.train(name, workshop)
    card = recipe.card(name, year_end, trained, workshop)
    record(trial_of(card, TrialKind.SNAPSHOT, recipe.config_hash), workshop.register)
    store.write(forecaster.name, name, recipe.files(trained, card), replace=force)
    return Made(card, is_cached=False)


def _known(panel: Panel, year_end: date) -> Panel:
    """What had been seen by then: no later session, and no name that was yet to be listed."""
    known = panel.until(year_end)
    rows = np.flatnonzero(known.traded.any(axis=1))
    symbols = tuple(known.symbols[row] for row in rows)
    return replace(known, symbols=symbols, values=known.values[rows], traded=known.traded[rows], over=known.over[rows])
