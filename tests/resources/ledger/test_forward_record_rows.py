"""What somebody may make of a row with a database client."""

import sqlite3
from dataclasses import asdict

import pytest
from memory_records import a_chain, a_plan, a_week, made_at

from learnfinance_dagster.errors import ConfigurationError, RefusedError
from learnfinance_dagster.evaluation.forward_check import first_fault
from learnfinance_dagster.evaluation.forward_record import next_entry
from resources.ledger import forward_records, open_ledger, open_records

CHAIN = a_chain(3)


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    records = open_records(url)
    for entry in CHAIN:
        records.append(entry)
    return url


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("at", [0, 40, -1])
def test_any_flipped_bit_is_found_and_its_week_is_named_also_where_no_text_is_left(url, bit, at):
    spoilt = bytearray(CHAIN[1].document.encode())
    spoilt[at] ^= 1 << bit
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("update forward_records set document = cast(? as text) where number = 2", (bytes(spoilt),))
    fault = first_fault(open_records(url).entries())
    assert fault is not None
    assert fault.week == CHAIN[1].week


def test_the_ledger_itself_still_refuses_bytes_that_are_no_text(url):
    open_records(url).entries()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "insert into attempts values ('hrp', 'paper:2025-12-29', 1, '2025-12-29', '{}', cast(x'ff' as text))"
        )
    with pytest.raises(ConfigurationError, match="decode"):
        open_ledger(url).plans()


@pytest.fixture
def looked_too_early(monkeypatch):
    """The next look finds nothing, as on a server where another transaction is about to commit."""
    look, blind = forward_records._first, [True, True]
    monkeypatch.setattr(forward_records, "_first", lambda *asked: None if blind and blind.pop() else look(*asked))


def test_who_looked_too_early_finds_the_same_entry_after_all(tmp_path, looked_too_early):
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    with open_records(url).engine.begin() as connection:
        connection.execute(forward_records.table.insert(), asdict(CHAIN[0]))
    open_records(url).append(CHAIN[0])
    assert open_records(url).entries() == CHAIN[:1]


def test_who_looked_too_early_is_refused_when_it_was_another_entry(tmp_path, looked_too_early):
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    with open_records(url).engine.begin() as connection:
        connection.execute(forward_records.table.insert(), asdict(CHAIN[0]))
    other = next_entry(a_week(), {"hrp": a_plan(qty="8")}, made_at(), 1, None)
    with pytest.raises(RefusedError, match="it is recorded with other content"):
        open_records(url).append(other)
    assert open_records(url).entries() == CHAIN[:1]
