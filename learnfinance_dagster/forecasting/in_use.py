"""Which version a week's forecasts come from: never one that knows the week."""

from learnfinance_dagster import in_use
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting.card import Card, card_of
from learnfinance_dagster.forecasting.versions import newest_before
from learnfinance_dagster.ports import ModelStore
from learnfinance_dagster.values import Week


def promoted_for(store: ModelStore, forecaster: str, week: Week) -> Card | None:
    """The version that is in use, as far as the week may know it; None when nothing had been promoted."""
    return in_use.promoted_for(store, forecaster, week, card_of)


def version_for(store: ModelStore, forecaster: str, week: Week) -> Card:
    """The version that forecasts a week: the one in use; before anything was promoted, the newest yearly snapshot.

    Raises:
        ConfigurationError: there is neither; the message says what to run.
    """
    card = promoted_for(store, forecaster, week)
    if card is not None:
        return card
    snapshot = newest_before(store.versions(forecaster), week.monday)
    if snapshot is not None:
        return card_of(store.read(forecaster, snapshot))
    msg = (
        f"no {forecaster} model had been trained by {week.key}: run make train WEEK={week.key}"
        f" FORECASTER={forecaster}, or materialize {forecaster}_model for that week in the web UI"
    )
    raise ConfigurationError(msg)
