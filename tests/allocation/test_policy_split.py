"""Which weeks judge a policy: none that it, what it began with, or what is in use has learned from."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from policy_world import made_up

from learnfinance_dagster.allocation.rl.card import Span
from learnfinance_dagster.allocation.rl.split import fine_tune_split, full_split
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import PolicyParameters
from learnfinance_dagster.settings import Settings

FIRST = date(2015, 1, 5)
USUAL = PolicyParameters()
LONG = made_up(700, 1, 1)


def weeks(count, gaps=()):
    """So many Mondays of which some are missing."""
    kept = np.setdiff1d(np.arange(count), np.array(sorted(gaps), dtype=int))
    mondays = np.datetime64(FIRST) + 7 * np.arange(count)
    return replace(LONG[:count], mondays=mondays)[kept]


def mondays_of(history, at):
    return [each.item() for each in history.mondays[at]]


def far_from(judged, spans, embargo):
    """Days between the judged weeks and the spans."""
    apart = timedelta(days=7 * embargo)
    return all(day < span.first - apart or day > span.last + apart for day in judged for span in spans)


def monday(number):
    return FIRST + timedelta(days=7 * number)


spans = st.lists(st.tuples(st.integers(-20, 320), st.integers(0, 200)), max_size=4).map(
    lambda pairs: tuple(Span(monday(first), monday(first + more)) for first, more in pairs)
)
parameters = st.builds(
    PolicyParameters,
    held_out_weeks=st.integers(8, 120),
    fine_tune_weeks=st.integers(4, 60),
    embargo_weeks=st.integers(1, 6),
    min_training_weeks=st.integers(8, 40),
    min_judged_weeks=st.integers(8, 60),
)
histories = st.builds(weeks, st.integers(60, 300), st.frozensets(st.integers(0, 299), max_size=60))


@settings(deadline=None)
@given(history=histories, chosen=parameters, seen=spans)
def test_a_full_training_never_judges_a_week_that_it_or_the_version_in_use_learned_from(history, chosen, seen):
    try:
        found = full_split(history, chosen, seen)
    except DataError:
        reject()
    judged, learned = mondays_of(history, found.judged), mondays_of(history, found.training)
    assert found.trained_on == Span(learned[0], learned[-1])
    assert found.seen == (found.trained_on,)
    assert far_from(judged, (*seen, found.trained_on), chosen.embargo_weeks)
    assert len(learned) >= chosen.min_training_weeks
    assert len(judged) <= len(history) - len(learned) - chosen.embargo_weeks
    assert (np.diff(found.judged) > 0).all()


@settings(deadline=None)
@given(history=histories, chosen=parameters, start=spans, current=spans)
def test_a_fine_tune_never_judges_a_week_that_anything_before_it_learned_from(history, chosen, start, current):
    try:
        found = fine_tune_split(history, chosen, start, current)
    except DataError:
        reject()
    judged, learned = mondays_of(history, found.judged), mondays_of(history, found.training)
    assert learned == mondays_of(history, slice(-chosen.fine_tune_weeks, None))
    assert far_from(judged, (*start, *current, *found.seen), chosen.embargo_weeks)
    for span in (*start, found.trained_on):
        assert any(one.first <= span.first and span.last <= one.last for one in found.seen), "nothing is forgotten"
    assert not any(one.first <= day <= one.last for one in found.seen for day in judged), "what is joined hides nothing"


def test_the_first_training_learns_from_all_but_the_newest_weeks():
    history = weeks(400)
    found = full_split(history, USUAL, ())
    assert (len(found.training), found.judged[0], found.judged[-1]) == (295, 296, 399)
    assert len(found.judged) == USUAL.held_out_weeks
    assert found.trained_on == Span(monday(0), monday(294))


def test_spans_that_touch_are_told_as_one():
    history = weeks(400)
    found = fine_tune_split(history, USUAL, (Span(monday(0), monday(294)), Span(monday(370), monday(373))))
    assert found.seen == (Span(monday(0), monday(294)), Span(monday(370), monday(399)))


FEWEST = USUAL.held_out_weeks - USUAL.fine_tune_weeks - 2 * USUAL.embargo_weeks


@pytest.mark.parametrize("promoted", [1.0, 0.5, 0.05, 0.0])
def test_a_year_of_fine_tunes_always_leaves_weeks_that_nobody_saw(promoted):
    """52 Sundays: what is promoted has seen more each time."""
    rng = np.random.default_rng(3)
    seen = full_split(weeks(400), USUAL, ()).seen
    for sunday in range(1, 53):
        history = weeks(400 + sunday)
        found = fine_tune_split(history, USUAL, seen)
        assert len(found.judged) >= FEWEST
        seen = found.seen if rng.random() < promoted else seen
        full = full_split(history, USUAL, seen)
        assert len(full.judged) >= USUAL.min_judged_weeks, "and a full training can still take its place"
        assert len(full.training) >= USUAL.min_training_weeks


def test_a_full_training_holds_out_more_where_the_version_in_use_has_seen_the_newest_weeks():
    seen = (Span(monday(0), monday(294)), Span(monday(374), monday(451)))
    found = full_split(weeks(452), USUAL, seen)
    assert (len(found.judged), found.judged[-1]) == (USUAL.min_judged_weeks, 372)
    assert found.training[-1] == found.judged[0] - 2
    assert len(full_split(weeks(452), USUAL, ()).judged) == USUAL.held_out_weeks


def test_a_gap_in_the_history_is_no_embargo():
    """Positions may be far apart in time, but never nearer than the embargo."""
    history = weeks(400, gaps=range(300, 320))
    found = fine_tune_split(history, USUAL, (Span(monday(0), monday(299)),))
    assert mondays_of(history, found.judged)[0] == monday(320)


# Too few.


def test_too_few_weeks_to_learn_from_say_what_to_do():
    with pytest.raises(DataError) as told:
        full_split(weeks(200), USUAL, ())
    assert str(told.value) == (
        "200 weeks of history leave 95 to learn from, 156 are needed: run the job history for earlier weeks, or lower"
        " LEARNFINANCE_POLICIES__HELD_OUT_WEEKS (now 104)"
    )
    with pytest.raises(DataError, match="leave 0 to learn from"):
        full_split(weeks(60), USUAL, ())


def test_too_few_weeks_to_fine_tune_say_what_to_do():
    with pytest.raises(DataError, match="20 weeks of history, 26 are needed to fine-tune: run the job history"):
        fine_tune_split(weeks(20), USUAL, ())


@pytest.mark.parametrize("name", ["HELD_OUT_WEEKS", "FINE_TUNE_WEEKS", "MIN_TRAINING_WEEKS", "PROFILE"])
def test_the_settings_that_messages_name_are_there(name, monkeypatch):
    wanted = "quick" if name == "PROFILE" else 30
    monkeypatch.setenv(f"LEARNFINANCE_POLICIES__{name}", str(wanted))
    assert getattr(Settings().policies, name.lower()) == wanted
