"""One branch that fails is recorded, checked and printed; the others trade and the report is written."""

from dataclasses import replace

import pytest

import assets
from learnfinance_dagster import allocation
from learnfinance_dagster.allocation import EQUAL_WEIGHT, HRP
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.errors import TransientError
from learnfinance_dagster.orchestration import failures
from learnfinance_dagster.values import Mode
from resources.doors import SqlLedgerDoor

CALLS = []


def forgets_a_key(_inputs, _parameters):
    return {}["momentum"]


def finds_nobody_there(_inputs, _parameters):
    CALLS.append(1)
    msg = "the signal service is busy"
    raise TransientError(msg)


BROKEN = Allocator("broken", "Planted: has a bug.", ("screened_universe",), forgets_a_key)
BUSY = Allocator("busy", "Planted: never gets an answer.", ("screened_universe",), finds_nobody_there)


@pytest.fixture(scope="module")
def hurt(traded, build_house):
    """A Monday with a buggy allocator, one that gets no answer, and an account whose file is damaged."""
    house = build_house(traded.house).with_settings(allocators=())
    (house.root / "broker" / "equal_weight.json").write_text('{"cash": "12', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for registry in (assets, allocation):
            patch.setattr(registry, "ALLOCATORS", (HRP, EQUAL_WEIGHT, BROKEN, BUSY))
        patch.setattr(failures, "FIRST_WAIT_SECONDS", 0)
        CALLS.clear()
        went = house.run("monday", traded.next_week)
        stored = {
            name: house.store.read(name, [traded.next_week])
            for name in ("broken_weights", "broken_order_plan", "broken_fills", "busy_weights", "weekly_report")
        }
    return house, went, stored


def test_the_run_succeeds_and_the_healthy_account_trades(hurt, traded):
    house, went, _ = hurt
    assert went.success, went.errors
    fills = house.read("hrp_fills", traded.next_week)
    assert fills.mode is Mode.LIVE
    assert fills.fills
    assert all(passed for asset, (passed, _) in went.checks.items() if asset.startswith("hrp_"))


def test_a_bug_in_an_allocator_fails_its_check_by_name(hurt):
    _, went, stored = hurt
    passed, said = went.checks["broken_weights"]
    assert not passed
    assert said.endswith("unexpected KeyError: 'momentum'")
    assert stored["broken_weights"].weights == {}
    assert stored["broken_weights"].failure == "unexpected KeyError: 'momentum'"


def test_an_account_without_weights_is_left_alone(hurt):
    _, _, stored = hurt
    assert stored["broken_order_plan"].orders == ()
    assert "no weights" in stored["broken_order_plan"].skipped
    assert stored["broken_fills"].fills == ()


def test_what_may_pass_is_tried_again_and_then_recorded(hurt):
    _, went, stored = hurt
    assert went.retries == ["busy_weights"] * failures.MAX_RETRIES
    assert len(CALLS) == failures.MAX_RETRIES + 1
    passed, said = went.checks["busy_weights"]
    assert not passed
    assert said.endswith("the signal service is busy (tried 4 times)")
    assert stored["busy_weights"].failure == "the signal service is busy (tried 4 times)"


def test_a_damaged_account_is_left_alone_and_its_file_is_kept(hurt, traded):
    house, went, _ = hurt
    passed, said = went.checks["equal_weight_portfolio"]
    assert not passed
    assert "SimulatedAccount" in said
    plan = house.read("equal_weight_order_plan", traded.next_week)
    assert plan.orders == ()
    assert "no portfolio" in plan.skipped
    assert house.read("equal_weight_submission", traded.next_week).accepted == ()
    assert (house.root / "broker" / "equal_weight.json").read_text(encoding="utf-8") == '{"cash": "12'


@pytest.mark.parametrize("words", ["KeyError", "the signal service is busy", "SimulatedAccount"])
def test_the_report_names_every_failure(hurt, traded, words):
    house, _, stored = hurt
    page = (house.root / "outbox" / f"weekly-{traded.next_week}.html").read_text(encoding="utf-8")
    assert words in page
    assert len(stored["weekly_report"].accounts) == 4


def test_only_the_healthy_account_has_orders(hurt, traded):
    ledger, run_id = SqlLedgerDoor(f"sqlite:///{hurt[0].root / 'ledger.sqlite'}").open(), f"paper:{traded.next_week}"
    accounts = ("hrp", "equal_weight", "broken", "busy")
    attempts = {account: ledger.latest_attempt(account, run_id) for account in accounts}
    assert [account for account, attempt in attempts.items() if attempt and attempt.orders] == ["hrp"]
    assert attempts["equal_weight"] is None, "an account that cannot be read has nothing to record"
    assert attempts["broken"].plan.skipped.startswith("no weights: "), "a skip is remembered"


def spoil_weights(house, week):
    """A document of the right form that says 50 % of one name, as a later run may find it."""
    weights = house.read("hrp_weights", week)
    greedy = next(iter(weights.weights))
    house.store.write("hrp_weights", week, replace(weights, weights={**weights.weights, greedy: 0.5}))
    return greedy


def test_an_order_plan_checks_stored_weights_again_and_nothing_is_sent(traded, build_house):
    house, week = build_house(traded.house), traded.next_week
    upstream = ["halal_universe", "daily_bars", "screened_universe", "hrp_weights", "hrp_portfolio"]
    assert house.run("research", week, select=upstream).success
    greedy = spoil_weights(house, week)
    before = house.money()
    went = house.run("monday", week, select=["hrp_order_plan", "hrp_submission"])
    assert went.success, went.errors
    passed, said = went.checks["hrp_order_plan"]
    assert not passed
    assert f"{greedy} is 0.5000, above the cap" in said
    assert house.read("hrp_order_plan", week).orders == ()
    submission = house.read("hrp_submission", week)
    assert (submission.accepted, submission.refused) == ((), {})
    assert house.money() == before
