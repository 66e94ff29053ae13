"""Only the job `monday`, started for its own week, trades. Everything else computes, and touches no money."""

import warnings

import dagster as dg
import pytest
from tiny_forecasts import PLAIN

from learnfinance_dagster.definitions import build
from learnfinance_dagster.parameters import AllocationParameters, UniverseParameters
from learnfinance_dagster.schemas.artifacts import HISTORY
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.values import Mode

RESEARCH = build(Settings(allocators=PLAIN)).resolve_job_def("research")
ASSETS = sorted(key.path[-1] for key in RESEARCH.asset_layer.selected_asset_keys)
ACCOUNTS = list(PLAIN)
BRANCH = [f"hrp_{step}" for step in ("portfolio", "order_plan", "submission", "fills")]


@pytest.fixture(scope="module")
def researched(traded, build_house):
    """The research job for the Monday after two that were traded; and what the money looked like before."""
    house = build_house(traded.house)
    before = house.money()
    return house, before, house.run("research", traded.next_week)


def plan_of(house, week):
    return house.read("hrp_order_plan", week)


def test_research_stores_every_artifact_and_a_report(researched, traded):
    house, _, went = researched
    assert went.success, went.errors
    assert [asset for asset in ASSETS if not house.store.has(asset, traded.next_week)] == []
    assert (house.root / "outbox" / f"weekly-{traded.next_week}.html").exists()


def test_research_plans_orders_as_a_dry_run_and_touches_no_money(researched, traded):
    house, before, _ = researched
    for account in ACCOUNTS:
        plan = house.read(f"{account}_order_plan", traded.next_week)
        assert plan.orders
        assert plan.mode is Mode.DRY_RUN
        assert "only the job 'monday' trades" in plan.mode_reason
        assert house.read(f"{account}_submission", traded.next_week).accepted == ()
        assert house.read(f"{account}_fills", traded.next_week).mark is None
    assert house.money() == before


def test_a_forged_schedule_tag_does_not_let_research_trade(researched, traded):
    house, before, _ = researched
    went = house.run("research", traded.next_week, select=BRANCH, tags={"dagster/schedule_name": "monday"})
    assert went.success, went.errors
    assert plan_of(house, traded.next_week).mode is Mode.DRY_RUN
    assert house.money() == before


def test_a_back_fill_of_the_monday_job_does_not_trade(researched, traded):
    house, before, _ = researched
    went = house.run("monday", traded.next_week, select=BRANCH, tags={"dagster/backfill": "abcdefgh"})
    assert went.success, went.errors
    assert plan_of(house, traded.next_week).mode is Mode.DRY_RUN
    assert "back-fills never trade" in plan_of(house, traded.next_week).mode_reason
    assert house.money() == before


def test_the_monday_job_does_not_trade_while_trading_is_switched_off(researched, traded):
    house, before, _ = researched
    went = house.with_settings(trading="off").run("monday", traded.next_week, select=BRANCH)
    assert went.success, went.errors
    assert plan_of(house, traded.next_week).mode is Mode.DRY_RUN
    assert "switched off" in plan_of(house, traded.next_week).mode_reason
    assert house.money() == before


def test_an_asset_picked_by_hand_never_trades(researched, traded):
    house, before, _ = researched
    everything = build(house.settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = dg.materialize(
            [asset for asset in everything.assets if isinstance(asset, dg.AssetsDefinition)],
            selection=BRANCH,
            partition_key=traded.next_week,
            resources=everything.resources,
            instance=house.instance,
        )
    assert result.success
    assert plan_of(house, traded.next_week).mode is Mode.DRY_RUN
    assert house.money() == before


def test_a_plan_that_says_live_is_not_sent_by_any_other_job(researched, traded, build_house):
    house = build_house(researched[0])
    before = house.money()
    store, week = house.store, traded.next_week
    house.run("monday", week, select=["hrp_portfolio", "hrp_order_plan"])
    assert plan_of(house, week).mode is Mode.LIVE, "planned by the monday job, and not sent yet"
    went = house.run("research", week, select=["hrp_submission"])
    assert went.success, went.errors
    assert store.read("hrp_submission", [week]).accepted == ()
    assert house.ledger_rows() == before[0]


def test_the_same_selection_in_the_monday_job_trades(researched, traded, build_house):
    house = build_house(researched[0])
    before = house.money()
    went = house.run("monday", traded.next_week, select=BRANCH)
    assert went.success, went.errors
    assert plan_of(house, traded.next_week).mode is Mode.LIVE
    assert len(house.read("hrp_submission", traded.next_week).accepted) == len(plan_of(house, traded.next_week).orders)
    assert house.money()[0] != before[0]
    assert house.money()[1] != before[1]


def test_research_on_a_traded_week_leaves_what_it_was_traded_on_and_the_letter(traded, build_house):
    """With other settings it replaced the universe, the weights and the letter, beside orders of the old ones."""
    house = build_house(traded.house)
    week, folders = traded.weeks[-1], ("artifacts", "outbox", "broker")
    before = house.files(*folders)
    strict = house.with_settings(allocation=AllocationParameters(max_weight=0.05), universe=UniverseParameters(top=3))
    went = strict.run("research", week)
    assert went.success, went.errors
    changed = {name for name, content in house.files(*folders).items() if before.get(name) != content}
    repeats_warnings = {"weekly_report"}
    assert {name.split("/")[1] for name in changed} <= repeats_warnings | HISTORY, "no decision reads the history"
    assert plan_of(house, week).orders, "the recorded plan is shown, whatever the weights would be now"


def test_a_range_of_nothing_but_traded_weeks_replaces_nothing_and_succeeds(traded, build_house):
    house = build_house(traded.house)
    before = house.files("artifacts")
    names = ("daily_bars", "halal_universe", "screened_universe", "hrp_weights")
    result = house.run_range(traded.weeks, names)
    assert result.success
    assert house.files("artifacts") == before
