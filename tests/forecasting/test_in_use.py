from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_models import MemoryModelStore
from plain_forecaster import PARAMETERS, a_forecaster, a_panel, a_workshop

from learnfinance_dagster.calendar import week_from_key, week_of
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.forecaster import METADATA
from learnfinance_dagster.forecasting.in_use import promoted_for, version_for
from learnfinance_dagster.forecasting.promotion import Decision
from learnfinance_dagster.forecasting.recipe import Material, Recipe

MARCH, APRIL, MAY = "2021-03-01", "2021-04-05", "2021-05-03"


@cache
def some_card() -> Card:
    workshop = a_workshop()
    recipe = Recipe.of(a_forecaster(), PARAMETERS, Material(a_panel()), 7, 8)
    return recipe.card("v", date(2019, 7, 1), recipe.train("v", workshop), workshop)


def a_candidate(monday, *, promoted=True, digit="a", before=""):
    """The card of a version that was trained for that Monday."""
    week = week_from_key(monday)
    version = f"v{week.monday - timedelta(days=1)}-{digit * 12}"
    decision = Decision(promoted, "", version, 1.0, before, None, 8, 0.0)
    return replace(some_card(), version=version, serves=week.monday, known_until=week.last_session, decision=decision)


def a_snapshot(year):
    return replace(some_card(), version=f"snapshot-{year}-12-31", known_until=date(year, 12, 31), decision=None)


def a_store(*cards, current=None):
    """A store of those versions; `current` is the newest candidate's where nothing else is said."""
    store = MemoryModelStore()
    for card in cards:
        store.write("plain", card.version, {METADATA: card.content()})
    if current:
        store.set_current("plain", current.version)
    return store


def version_of(store, monday):
    return version_for(store, "plain", week_from_key(monday)).version


MARCHS, APRILS, MAYS = (a_candidate(monday) for monday in (MARCH, APRIL, MAY))


@pytest.mark.parametrize("monday", [MAY, "2021-05-10", "2022-05-02"])
def test_the_version_in_use_forecasts_the_monday_it_was_trained_for_and_every_later_one(monday):
    assert version_of(a_store(MARCHS, APRILS, MAYS, current=MAYS), monday) == MAYS.version


@pytest.mark.parametrize(
    ("monday", "card"), [("2021-04-26", APRILS), (APRIL, APRILS), ("2021-03-29", MARCHS), (MARCH, MARCHS)]
)
def test_a_past_week_is_forecast_by_the_newest_version_that_had_been_promoted_by_then(monday, card):
    assert version_of(a_store(MARCHS, APRILS, MAYS, current=MAYS), monday) == card.version


def test_a_version_that_was_never_promoted_forecasts_no_past_week():
    refused = a_candidate(APRIL, promoted=False)
    assert version_of(a_store(MARCHS, refused, MAYS, current=MAYS), "2021-04-26") == MARCHS.version


def test_a_person_may_put_a_version_in_use_that_was_not_promoted():
    refused = a_candidate(APRIL, promoted=False)
    assert version_of(a_store(MARCHS, refused, current=refused), MAY) == refused.version


def test_after_a_rollback_the_earlier_version_forecasts_all_weeks_that_it_does_not_know():
    store = a_store(MARCHS, APRILS, MAYS, current=MARCHS)
    assert {version_of(store, monday) for monday in (MARCH, APRIL, MAY, "2021-06-07")} == {MARCHS.version}


def test_before_the_version_that_was_rolled_back_to_the_ones_before_it_forecast():
    assert version_of(a_store(MARCHS, APRILS, MAYS, current=APRILS), "2021-03-29") == MARCHS.version


def test_of_two_for_one_monday_the_one_that_took_the_others_place_forecasts_past_weeks():
    """Both were promoted, and the digits of their names say nothing of the order."""
    first = a_candidate(APRIL, digit="f")
    better = a_candidate(APRIL, digit="a", before=first.version)
    assert version_of(a_store(first, better, MAYS, current=MAYS), "2021-04-26") == better.version


@pytest.mark.parametrize(
    ("monday", "version"),
    [
        ("2020-12-28", "snapshot-2019-12-31"),
        ("2021-01-04", "snapshot-2020-12-31"),
        ("2021-02-22", "snapshot-2020-12-31"),
        ("2019-12-30", "snapshot-2018-12-31"),
    ],
)
def test_before_the_first_promotion_the_newest_snapshot_strictly_before_the_monday_forecasts(monday, version):
    snapshots = [a_snapshot(year) for year in (2018, 2019, 2020)]
    assert version_of(a_store(*snapshots, MARCHS, current=MARCHS), monday) == version
    assert version_of(a_store(*snapshots), monday) == version


def test_a_promoted_version_goes_before_a_newer_snapshot():
    store = a_store(MARCHS, a_snapshot(2021), current=MARCHS)
    assert version_of(store, "2022-01-10") == MARCHS.version


@pytest.mark.parametrize("cards", [(), (MAYS,), (a_snapshot(2021),)], ids=["nothing", "a later model", "a later year"])
def test_where_nothing_had_been_trained_the_error_says_what_to_run(cards):
    store = a_store(*cards, current=MAYS if MAYS in cards else None)
    with pytest.raises(ConfigurationError) as error:
        version_for(store, "plain", week_from_key(APRIL))
    assert str(error.value) == (
        "no plain model had been trained by 2021-04-05: run make train WEEK=2021-04-05 FORECASTER=plain, or materialize"
        " plain_model for that week in the web UI"
    )


MONDAYS = [week_of(date(2021, 1, 4) + timedelta(days=7 * n)) for n in range(30)]
CANDIDATES = st.lists(
    st.tuples(st.sampled_from(MONDAYS), st.booleans(), st.sampled_from("abc")), min_size=1, max_size=6, unique=True
)


@given(CANDIDATES, st.data())
def test_no_week_is_ever_forecast_by_a_version_that_knows_it(candidates, data):
    """Whatever was trained, promoted and rolled back, in whatever order."""
    by_version = {
        card.version: card
        for card in (a_candidate(week.key, promoted=promoted, digit=digit) for week, promoted, digit in candidates)
    }
    cards = list(by_version.values())
    store = a_store(*cards, a_snapshot(2020), current=data.draw(st.sampled_from(cards)))
    week = data.draw(st.sampled_from(MONDAYS))
    assert version_for(store, "plain", week).known_until <= week.last_session
    found = promoted_for(store, "plain", week)
    if found is not None and found.version != store.current("plain"):
        assert found.promoted
        assert found.serves <= week.monday
        assert not [card for card in cards if card.promoted and found.serves < card.serves <= week.monday]
