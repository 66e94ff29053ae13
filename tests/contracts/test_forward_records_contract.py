"""What every `ports.ForwardRecords` must do, whatever it is written on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from memory_records import MemoryForwardRecords, a_chain, a_plan, a_week, made_at

from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.evaluation.forward_check import first_fault
from learnfinance_dagster.evaluation.forward_record import next_entry
from learnfinance_dagster.ports import ForwardRecords


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def reopen(request) -> Callable[[], ForwardRecords]:
    """Opens the same record again, as another object where it outlives its object."""
    return request.getfixturevalue(f"{request.param}_records")


@pytest.fixture
def records(reopen) -> ForwardRecords:
    return reopen()


@pytest.fixture
def memory_records() -> Callable[[], ForwardRecords]:
    records = MemoryForwardRecords()
    return lambda: records


@pytest.fixture
def sqlite_records(tmp_path: Path) -> Callable[[], ForwardRecords]:
    from resources.ledger import open_records

    return lambda: open_records(f"sqlite:///{tmp_path}/ledger.sqlite")


@pytest.fixture
def postgres_records(postgres_ledger: str) -> Callable[[], ForwardRecords]:
    from resources.ledger import open_records

    return lambda: open_records(postgres_ledger)


def test_an_empty_record_has_no_entry(records):
    assert records.entries() == ()


def test_entries_come_back_exactly_and_in_order_also_to_who_opens_it_again(reopen):
    chain = a_chain(3)
    for entry in chain:
        reopen().append(entry)
    assert reopen().entries() == chain
    assert first_fault(reopen().entries()) is None


def test_the_same_entry_again_changes_nothing(reopen):
    chain = a_chain(2)
    for entry in (*chain, *chain):
        reopen().append(entry)
    assert reopen().entries() == chain


def test_a_recorded_week_is_never_recorded_with_other_content(records):
    first, second = a_chain(2)
    records.append(first)
    records.append(second)
    other = next_entry(a_week(1), {"hrp": a_plan("hrp", 1, qty="8")}, made_at(1), 1, first)
    with pytest.raises(RefusedError, match="week 2025-11-10, entry 1: it is recorded with other content"):
        records.append(other)
    assert records.entries() == (first, second)


@pytest.mark.parametrize("spoil", [{"number": 3}, {"previous": "0" * 64}], ids=str)
def test_an_entry_that_does_not_follow_the_newest_is_refused(records, spoil):
    first, second = a_chain(2)
    records.append(first)
    with pytest.raises(RefusedError, match="does not follow the newest entry, 2025-11-03"):
        records.append(replace(second, **spoil))
    assert records.entries() == (first,)


def test_a_chain_begins_at_its_beginning(records):
    with pytest.raises(RefusedError, match="does not follow the newest entry, there is none"):
        records.append(a_chain(2)[1])
    assert records.entries() == ()


def test_an_entry_of_a_clock_that_ran_backwards_is_refused(records):
    (first,) = a_chain(1)
    records.append(first)
    early = next_entry(a_week(1), {"hrp": a_plan("hrp", 1)}, made_at(0) - timedelta(seconds=1), 1, first)
    with pytest.raises(RefusedError, match="the clock says 2025-11-03T12:30:59"):
        records.append(early)


def test_a_second_attempt_of_a_week_is_a_further_entry(records):
    (first,) = a_chain(1)
    again = next_entry(a_week(), {"hrp": a_plan(attempt=2)}, made_at() + timedelta(hours=1), 2, first)
    records.append(first)
    records.append(again)
    assert records.entries() == (first, again)


def test_the_same_entry_by_many_at_once_is_one_row(reopen):
    (first,) = a_chain(1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: reopen().append(first), range(6)))
    assert reopen().entries() == (first,)


def test_of_many_at_once_with_other_plans_one_stays(reopen):
    entries = [next_entry(a_week(), {"hrp": a_plan(qty=str(n))}, made_at(), 1, None) for n in range(1, 6)]

    def outcome(entry):
        try:
            reopen().append(entry)
        except RefusedError:
            return None
        return entry

    with ThreadPoolExecutor(4) as pool:
        won = [entry for entry in pool.map(outcome, entries) if entry]
    assert reopen().entries() == tuple(won)
    assert len(won) == 1
