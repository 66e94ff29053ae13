"""Every Monday's plans are recorded, chained and told; no order waits for it, and a failure of it stops nobody."""

import sqlite3
import sys
from datetime import timedelta

import dagster as dg
import pytest
from tiny_forecasts import PLAIN

from assets.trading import STEPS
from learnfinance_dagster import __main__ as command_line
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.commands.running import run_monday
from learnfinance_dagster.definitions import build, defs
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.evaluation.forward_check import first_fault, unrecorded
from learnfinance_dagster.evaluation.forward_record import Made, plans_of
from learnfinance_dagster.wiring import ledger_door, records_door
from resources.ledger.forward_records import SqlForwardRecords


def record_of(house):
    return records_door(house.settings).open().entries()


@pytest.fixture(scope="module")
def in_time(traded, build_house):
    """The third Monday, run a minute after its decision by a clock of our own."""
    house, week = build_house(traded.house), week_from_key(traded.next_week)
    job = build(house.settings, clock=lambda: week.as_of + timedelta(minutes=1)).resolve_job_def("monday")
    # the weeks before were recorded by the true clock, years later, so this chain begins anew
    with sqlite3.connect(house.root / "ledger.sqlite") as connection:
        connection.execute("delete from forward_records")
    result = run_monday(job, house.instance, week.key)
    assert (result.failures, result.complaints) == ((), ())
    return house


def test_both_mondays_are_recorded_with_exactly_what_was_traded(traded):
    chain = record_of(traded.house)
    assert [entry.week for entry in chain] == list(traded.weeks)
    assert first_fault(chain) is None
    plans = ledger_door(traded.house.settings).open().plans()
    assert unrecorded(chain, plans) == ()
    assert len(plans) == len(traded.weeks) * len(PLAIN)
    assert all(set(plans_of(entry).plans) == set(PLAIN) for entry in chain)


def test_a_past_week_is_recorded_after_the_fact_and_the_e_mail_says_so_with_the_hash(traded):
    for entry in record_of(traded.house):
        assert plans_of(entry).made is Made.AFTER_THE_FACT
        page = (traded.house.root / "outbox" / f"weekly-{entry.week}.html").read_text(encoding="utf-8")
        assert entry.sha256 in page
        assert "not a forward record" in page
        assert entry.previous in page
        eml = (traded.house.root / "outbox" / f"weekly-{entry.week}.eml").read_text(encoding="utf-8")
        assert entry.sha256 in eml.split("text/html")[0], "the plain part tells it too"


def test_a_week_that_is_run_in_time_is_a_forward_record(in_time, traded):
    (entry,) = record_of(in_time)
    told = plans_of(entry)
    assert (told.made, told.after) == (Made.BEFORE_THE_OPEN, None)
    assert told.recorded_at < told.first_open
    page = (in_time.root / "outbox" / f"weekly-{traded.next_week}.html").read_text(encoding="utf-8")
    assert f"Recorded {told.recorded_at:%Y-%m-%dT%H:%MZ}, sha256 {entry.sha256}, the first of its chain" in page
    assert "not a forward record" not in page


def test_no_order_waits_for_the_record():
    after = dg.AssetSelection.assets("forward_record").downstream(include_self=False)
    waiting = {key.path[-1] for key in after.resolve(defs.resolve_asset_graph())}
    assert "weekly_report" in waiting
    assert not {name for name in waiting if name.endswith(tuple(STEPS))}


def test_plans_are_recorded_before_the_first_order_leaves(traded):
    for went in traded.went:
        ended = [e.step_key for e in went.result.all_events if e.event_type is dg.DagsterEventType.STEP_SUCCESS]
        assert ended.index("forward_record") < min(ended.index(f"{account}_submission") for account in PLAIN)


def test_a_dry_run_records_nothing(traded, build_house):
    house = build_house(traded.house).with_settings(trading="off")
    select = [*(f"{a}_{step}" for a in PLAIN for step in ("portfolio", "order_plan")), "forward_record"]
    before = record_of(house)
    evidence = ["daily_bars", "halal_universe", "screened_universe", *(f"{a}_weights" for a in PLAIN)]
    went = house.run("monday", traded.next_week, select=[*evidence, *select])
    assert went.success, went.errors
    assert record_of(house) == before
    assert house.read("forward_record", traded.next_week).link is None


def test_a_record_that_fails_is_a_red_check_and_a_line_in_the_report_and_everybody_trades(traded, build_house):
    house = build_house(traded.house)

    def full(*_):
        msg = "the disk of the record is full"
        raise ConfigurationError(msg)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlForwardRecords, "append", full)
        went = house.run("monday", traded.next_week)

    assert went.success, went.errors
    assert went.red == {("forward_record", "completed"): f"{traded.next_week}: the disk of the record is full"}
    page = (house.root / "outbox" / f"weekly-{traded.next_week}.html").read_text(encoding="utf-8")
    assert "plans are not in the forward record: the disk of the record is full" in page
    for account in PLAIN:
        assert house.read(f"{account}_submission", traded.next_week).accepted


# ---- make verify-record --------------------------------------------------------------------------------------------


@pytest.fixture
def verify(monkeypatch, capsys):
    """Runs the command on a house; exit status and what it printed."""

    def run(house, *hashes):
        monkeypatch.setenv("LEARNFINANCE_DATA", str(house.settings.data))
        monkeypatch.setenv("LEARNFINANCE_MARKET", "directory")
        monkeypatch.setenv("LEARNFINANCE_MARKET_DIRECTORY", str(house.settings.market_directory))
        monkeypatch.setattr(sys, "argv", ["learnfinance_dagster", "verify-record", *hashes])
        return command_line.main(), capsys.readouterr().out

    return run


def test_a_whole_chain_is_told_week_by_week(traded, in_time, verify):
    status, out = verify(traded.house)
    assert status == 0
    assert out.count("AFTER THE FACT: not a forward record") == 2
    assert f"{len(PLAIN)}/{len(PLAIN)} plans traded so" in out
    assert f"the chain of 2 is whole, the newest {record_of(traded.house)[-1].sha256}" in out
    status, out = verify(in_time)
    assert status == 0
    assert "before the open" in out


def test_a_hash_from_an_e_mail_must_be_in_the_chain(traded, verify):
    known = record_of(traded.house)[0].sha256
    assert verify(traded.house, known)[0] == 0
    assert verify(traded.house, known[:12].upper())[0] == 0
    status, out = verify(traded.house, "0" * 64)
    assert status == 1
    assert f"WRONG at e-mail: {'0' * 64} is not in the chain" in out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update forward_records set document = replace(document, 'buy', 'BUY') where number = 1", "BROKEN at {0}: "),
        ("delete from forward_records where number = 1", "BROKEN at {0}: it is missing"),
        ("delete from forward_records where number = 2", "WRONG at {1}: hrp: the plan of attempt 1 was never recorded"),
        ('update attempts set plan = replace(plan, \'"mode_reason": "\', \'"mode_reason": "x\')', "WRONG at {0}: "),
    ],
)
def test_what_was_changed_in_the_database_is_named(traded, build_house, verify, change, words):
    house = build_house(traded.house)
    with sqlite3.connect(house.root / "ledger.sqlite") as connection:
        connection.execute(change)
    status, out = verify(house)
    assert words.format(*traded.weeks) in out
    assert status == 1


def test_a_house_that_never_traded_has_nothing_to_verify(build_house, verify):
    status, out = verify(build_house())
    assert (status, out) == (0, "the chain of 0 is whole: nothing is recorded yet\n")
