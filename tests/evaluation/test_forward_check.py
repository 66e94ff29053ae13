"""Whatever is done to a forward record is found, and the first week that was changed is named."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_records import a_chain, a_plan, a_week, made_at

from learnfinance_dagster.evaluation.forward_check import Fault, first_fault, standings, unrecorded
from learnfinance_dagster.evaluation.forward_record import (
    Link,
    Made,
    canonical,
    entry_of,
    hash_of,
    next_entry,
    plans_of,
)
from learnfinance_dagster.ports import ForwardEntry

WEEKS = 6
CHAIN = a_chain(WEEKS)
TRADED = [plan for entry in CHAIN for plan in plans_of(entry).plans.values()]
TEXTS = ("week", "recorded_at", "previous", "sha256", "document")
places = st.integers(0, WEEKS - 1)
quick = settings(max_examples=100, deadline=None)


def numbered(entries) -> list[ForwardEntry]:
    """As somebody would number them who wants to hide what he did."""
    return [replace(entry, number=place) for place, entry in enumerate(entries, 1)]


def named(entries) -> str:
    fault = first_fault(entries)
    return fault.week if fault else ""


def test_a_chain_as_it_was_written_has_no_fault():
    assert first_fault(CHAIN) is None
    assert first_fault(()) is None


def test_the_canonical_text_is_that_of_the_standard_and_its_hash_is_that_of_its_bytes():
    assert canonical({"b": 1.0, "a": ["€", 1e21]}) == '{"a":["€",1e+21],"b":1}'
    assert hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_entry_tells_all_that_is_in_its_row_and_reads_back_exactly():
    told = plans_of(CHAIN[1])
    assert told.after == Link(date(2025, 11, 3), 1, CHAIN[0].sha256)
    assert told.plans == {account: a_plan(account, 1) for account in ("hrp", "ppo_lstm")}
    assert entry_of(told, 2) == CHAIN[1]


@given(place=places, column=st.sampled_from(TEXTS), data=st.data())
@quick
def test_any_single_changed_character_is_found_and_its_week_is_named(place, column, data):
    text = getattr(CHAIN[place], column) or "-"
    at = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.characters(exclude_categories=("Cs",)).filter(lambda c: c != text[at]))
    spoilt = replace(CHAIN[place], **{column: text[:at] + char + text[at + 1 :]})
    assert named([*CHAIN[:place], spoilt, *CHAIN[place + 1 :]]) == CHAIN[place].week


@given(place=places, column=st.sampled_from(["number", "sequence"]), by=st.integers(-9, 9).filter(bool))
@quick
def test_any_changed_number_is_found_and_its_week_is_named(place, column, by):
    """A changed number puts a row in another place, because rows are read by number."""
    spoilt = replace(CHAIN[place], **{column: getattr(CHAIN[place], column) + by})
    rows = sorted([*CHAIN[:place], spoilt, *CHAIN[place + 1 :]], key=lambda entry: entry.number)
    first = next(n for n in range(WEEKS) if rows[n] != CHAIN[n])
    assert named(rows) in {CHAIN[place].week, CHAIN[first].week}


@given(place=st.integers(0, WEEKS - 2), renumber=st.booleans())
@quick
def test_a_dropped_week_is_found_and_named(place, renumber):
    left = [*CHAIN[:place], *CHAIN[place + 1 :]]
    assert named(numbered(left) if renumber else left) == CHAIN[place].week


def test_a_week_that_was_cut_off_at_the_end_is_missed_by_the_ledger():
    assert first_fault(CHAIN[:-1]) is None, "a chain alone cannot know how long it was"
    assert unrecorded(CHAIN[:-1], TRADED) == (
        Fault(CHAIN[-1].week, "hrp: the plan of attempt 1 was never recorded"),
        Fault(CHAIN[-1].week, "ppo_lstm: the plan of attempt 1 was never recorded"),
    )


@given(order=st.permutations(range(WEEKS)).filter(lambda order: order != sorted(order)))
@quick
def test_weeks_in_another_order_are_found_and_the_first_that_is_not_in_its_place_is_named(order):
    first = next(n for n in range(WEEKS) if order[n] != n)
    assert named(numbered(CHAIN[n] for n in order)) == CHAIN[first].week


def forged(place: int, qty: str) -> ForwardEntry:
    """A row that is right in itself and continues the chain there."""
    newest = CHAIN[place - 1] if place else None
    return next_entry(a_week(place), {"hrp": a_plan("hrp", place, qty=qty)}, made_at(place), 1, newest)


@given(place=places)
@quick
def test_a_forged_week_that_was_put_in_is_found_and_named(place):
    rows = numbered([*CHAIN[:place], forged(place, "8"), *CHAIN[place:]])
    fault = first_fault(rows)
    assert fault is not None
    assert fault.week == CHAIN[place].week
    assert "put in between" in fault.words


@given(source=places, place=st.integers(0, WEEKS))
@quick
def test_a_week_that_stands_there_twice_is_found_and_named(source, place):
    rows = numbered([*CHAIN[:place], CHAIN[source], *CHAIN[place:]])
    first = next((n for n in range(WEEKS) if replace(rows[n], number=n + 1) != CHAIN[n]), WEEKS)
    assert named(rows) in {CHAIN[source].week, CHAIN[min(first, WEEKS - 1)].week}


@given(place=st.integers(0, WEEKS - 2))
@quick
def test_a_week_that_was_written_anew_with_a_fitting_hash_is_found_by_the_week_after_it(place):
    rows = [*CHAIN[:place], forged(place, "8"), *CHAIN[place + 1 :]]
    fault = first_fault(rows)
    assert fault is not None
    assert fault.week == CHAIN[place].week
    assert "written anew" in fault.words


def test_the_last_week_written_anew_is_found_because_it_is_not_what_was_traded():
    rows = [*CHAIN[:-1], forged(WEEKS - 1, "8")]
    assert first_fault(rows) is None
    assert unrecorded(rows, TRADED) == (
        Fault(CHAIN[-1].week, "hrp: the plan of attempt 1 differs from the recorded one"),
        Fault(CHAIN[-1].week, "ppo_lstm: the plan of attempt 1 was never recorded"),
    )


def test_a_row_of_nonsense_is_named_by_its_column():
    nonsense = replace(CHAIN[2], document="{}", sha256=hash_of("{}"))
    assert named([*CHAIN[:2], nonsense, *CHAIN[3:]]) == CHAIN[2].week


def test_the_same_document_in_another_spelling_is_not_the_document():
    spaced = CHAIN[2].document.replace('":', '": ', 1)
    fault = first_fault([*CHAIN[:2], replace(CHAIN[2], document=spaced, sha256=hash_of(spaced)), *CHAIN[3:]])
    assert fault is not None
    assert fault.week == CHAIN[2].week


# ---- what an entry is worth ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "made", "in_time"), [(-1, Made.BEFORE_THE_OPEN, True), (0, Made.AFTER_THE_FACT, False)]
)
def test_an_entry_is_in_time_when_it_is_older_than_the_first_open(seconds, made, in_time):
    moment = a_week().first_open + timedelta(seconds=seconds)
    entry = next_entry(a_week(), {"hrp": a_plan()}, moment, 1, None)
    assert plans_of(entry).made is made
    (standing,) = standings([entry], [a_plan()])
    assert (standing.in_time, standing.plans, standing.traded) == (in_time, 1, 1)


def test_an_entry_that_calls_itself_early_is_held_to_the_calendar():
    late = replace(plans_of(CHAIN[0]), recorded_at=a_week().first_close, made=Made.BEFORE_THE_OPEN)
    (standing,) = standings([entry_of(late, 1)], ())
    assert not standing.in_time
    assert standing.traded == 0


def test_weeks_before_the_first_recorded_one_are_not_missed():
    later = next_entry(a_week(3), {"hrp": a_plan("hrp", 3)}, made_at(3), 1, None)
    assert unrecorded([later], [a_plan("hrp", 2), a_plan("hrp", 3)]) == ()
    assert unrecorded([], TRADED) == ()


def test_a_plan_that_was_made_anew_in_the_same_week_counts_as_recorded_when_one_of_the_entries_holds_it():
    first = next_entry(a_week(), {"hrp": a_plan(qty="1")}, made_at(), 1, None)
    second = next_entry(a_week(), {"hrp": a_plan()}, made_at() + timedelta(minutes=5), 2, first)
    assert unrecorded([first, second], [a_plan()]) == ()
    assert [standing.traded for standing in standings([first, second], [a_plan()])] == [0, 1]
