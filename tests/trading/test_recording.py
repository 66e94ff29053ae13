"""When a run writes into the forward record, and when it does not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from memory_records import MemoryForwardRecords, a_chain, a_plan, a_week, made_at

from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.evaluation.forward_record import Made, plans_of
from learnfinance_dagster.trading.recording import remember
from learnfinance_dagster.values import Mode

WEEK = a_week(2)
PLANS = (a_plan("hrp", 2), a_plan("ppo_lstm", 2))


@pytest.fixture
def records():
    return MemoryForwardRecords(a_chain(2))


def clock():
    return made_at(2)


def test_the_live_plans_are_added_after_the_newest_entry(records):
    found = remember(records, WEEK, PLANS, clock)
    entry = records.entries()[-1]
    assert plans_of(entry).plans == {"hrp": PLANS[0], "ppo_lstm": PLANS[1]}
    assert (found.link.sha256, found.made, found.recorded_at) == (entry.sha256, Made.BEFORE_THE_OPEN, made_at(2))
    assert (found.after.sha256, found.accounts) == (records.entries()[-2].sha256, ("hrp", "ppo_lstm"))


def test_the_same_plans_again_add_nothing_and_show_what_is_recorded(records):
    first = remember(records, WEEK, PLANS, clock)
    again = remember(records, WEEK, PLANS, lambda: WEEK.first_close)
    assert again == first
    assert len(records.entries()) == 3


def test_a_dry_run_adds_nothing(records):
    found = remember(records, WEEK, [a_plan("hrp", 2, mode=Mode.DRY_RUN)], clock)
    assert (found.link, found.failure) == (None, "")
    assert len(records.entries()) == 2


def test_accounts_that_are_left_alone_are_left_out(records):
    found = remember(records, WEEK, [PLANS[0], a_plan("ppo_lstm", 2, mode=Mode.DRY_RUN)], clock)
    assert found.accounts == ("hrp",)


def test_a_run_that_may_write_nothing_shows_what_is_recorded(records):
    assert remember(records, WEEK, PLANS, clock, read_only="research").link is None
    first = remember(records, WEEK, PLANS, clock)
    assert remember(records, WEEK, [a_plan("hrp", 2, attempt=2)], clock, read_only="research") == first


def test_a_second_attempt_is_a_further_entry_with_every_live_plan(records):
    remember(records, WEEK, PLANS, clock)
    found = remember(records, WEEK, [a_plan("hrp", 2, attempt=2), PLANS[1]], lambda: made_at(2) + timedelta(hours=1))
    assert (found.link.sequence, found.accounts) == (2, ("hrp", "ppo_lstm"))
    assert found.after.sequence == 1


def test_an_account_that_failed_the_second_time_adds_nothing(records):
    first = remember(records, WEEK, PLANS, clock)
    assert remember(records, WEEK, PLANS[:1], clock) == first


def test_plans_that_are_recorded_after_the_open_say_so(records):
    found = remember(records, WEEK, PLANS, lambda: WEEK.first_open)
    assert found.made is Made.AFTER_THE_FACT


class Faster(MemoryForwardRecords):
    """Somebody else records, each time between the look and the append."""

    def __init__(self, entries, others) -> None:
        super().__init__(entries)
        self._others = list(others)

    def append(self, entry):
        if self._others:
            remember(MemoryOf(self), *self._others.pop())
        super().append(entry)


class MemoryOf(MemoryForwardRecords):
    """The same entries, without anybody in between."""

    def __init__(self, inner) -> None:
        super().__init__()
        self._entries = inner._entries


def test_of_two_runs_at_once_with_the_same_plans_both_show_the_one_entry():
    records = Faster(a_chain(2), [(WEEK, PLANS, lambda: made_at(2) - timedelta(seconds=5))])
    found = remember(records, WEEK, PLANS, clock)
    assert len(records.entries()) == 3
    assert found.recorded_at == made_at(2) - timedelta(seconds=5)


def test_of_two_runs_at_once_with_other_plans_the_slower_makes_a_further_entry():
    records = Faster(a_chain(2), [(WEEK, [a_plan("hrp", 2, qty="1")], clock)])
    assert remember(records, WEEK, PLANS, clock).link.sequence == 2


def test_a_clock_that_runs_backwards_is_refused_at_once(records):
    with pytest.raises(RefusedError, match="the clock says"):
        remember(records, WEEK, PLANS, lambda: made_at(0))


def test_a_week_whose_record_cannot_be_read_is_not_written_on(records):
    remember(records, WEEK, PLANS, clock)
    spoilt = MemoryForwardRecords((*records.entries()[:-1], replace(records.entries()[-1], document="{}")))
    with pytest.raises(DataError):
        remember(spoilt, WEEK, PLANS, clock)
