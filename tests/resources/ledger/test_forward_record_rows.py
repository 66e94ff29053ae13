"""What somebody may make of a row with a database client."""

import sqlite3

import pytest
from memory_records import a_chain

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.evaluation.forward_check import first_fault
from resources.ledger import open_ledger, open_records

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
