"""The whole graph with accounts at brokers on the wall clock: who may send, what follows, and what is told."""

import warnings
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pytest
from tiny_forecasts import PLAIN
from wall_broker import WallBroker

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.commands.running import QUIET
from learnfinance_dagster.definitions import build
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.orchestration.choices import RunChoices, config_of
from learnfinance_dagster.orchestration.follow import SHARED, steps_of
from learnfinance_dagster.values import Mode, OrderStatus
from learnfinance_dagster.wiring import ledger_door
from resources.kill_switch import FILE

STEPS = ("portfolio", "order_plan", "submission", "fills")
BRANCHES = [f"{account}_{step}" for account in PLAIN for step in STEPS]
KEY = "2021-06-21"
WEEK = week_from_key(KEY)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass
class Wall:
    """A house whose accounts are at brokers on the wall clock; the test says what time it is."""

    house: object
    brokers: dict[str, WallBroker]
    now: object = WEEK.as_of
    cursor: str | None = None
    instance: dg.DagsterInstance = field(init=False)

    def __post_init__(self):
        self.instance = self.house.instance
        made = build(self.house.settings)
        self.floor = replace(made.resources["floor"], brokers=self, clock=lambda: self.now)
        shelf = replace(made.resources["shelf"], floor=self.floor)
        resources = made.resources | {"floor": self.floor, "shelf": shelf}
        self.defs = dg.Definitions(assets=made.assets, jobs=made.jobs, sensors=made.sensors, resources=resources)

    def open(self, account):
        """As a door of brokers."""
        return self.brokers[account]

    def run(self, job, select, *, week=KEY, tags=None, choices=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = self.defs.resolve_job_def(job).execute_in_process(
                partition_key=week,
                instance=self.instance,
                asset_selection=[dg.AssetKey(name) for name in select],
                tags=tags,
                run_config={**QUIET, **(config_of(choices) if choices else {})},
                raise_on_error=False,
            )
        assert result.success
        checks = result.get_asset_check_evaluations()
        return {(c.asset_key.path[-1], c.check_name): c.description for c in checks if not c.passed}

    def monday(self, *more, **told):
        return self.run("monday", [*BRANCHES, *more], **told)

    def follow(self, account, **told):
        return self.run("follow", [*steps_of(account, ()), *SHARED], **told)

    def tick(self):
        """What the sensor wants: its requests, or why there are none."""
        sensor = self.defs.resolve_sensor_def("follow_orders")
        resources = {name: self.defs.resources[name] for name in ("floor", "market")}
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.defs, resources=resources
        ) as context:
            data = sensor.evaluate_tick(context)
        self.cursor = data.cursor
        return data.run_requests or data.skip_message

    def read(self, asset, week=KEY):
        return self.house.read(asset, week)

    def letter(self):
        return " ".join((self.house.root / "outbox" / f"weekly-{KEY}.html").read_text(encoding="utf-8").split())

    def attempt(self, account="hrp", week=KEY):
        return ledger_door(self.house.settings).open().latest_attempt(account, f"paper:{week}")

    @property
    def sent(self):
        return {account: len(broker.sent) for account, broker in self.brokers.items() if broker.sent}


@pytest.fixture(scope="module")
def decided(traded, build_house):
    """The evidence of a Monday, in a house whose accounts are new."""
    house = build_house(traded.house)
    assert house.run("research", KEY).success
    (house.root / "ledger.sqlite").unlink()
    return house


def brokers_of(house, **given):
    """`hrp` holds one name and little cash, so that it sells before it buys; `equal_weight` has cash alone."""
    bars = house.read("daily_bars", "2021-06-14")
    held = bars["symbol"].iloc[0]
    price = Decimal(str(round(float(bars.loc[bars["symbol"] == held, "close"].iloc[-1]), 2)))
    shares = (Decimal(98_000) / price).quantize(Decimal(1))
    return {
        "hrp": WallBroker(cash=Decimal(2_000), positions={held: shares}, today=WEEK.monday, **given),
        "equal_weight": WallBroker(today=WEEK.monday, **given),
    }


@pytest.fixture
def wall(decided, build_house) -> Wall:
    house = build_house(decided)
    return Wall(house, brokers_of(house))


def sides(broker):
    return [name.rsplit(":", 1)[1] for name in broker.sent]


def test_a_monday_from_the_first_sell_to_the_mark(wall):
    red = wall.monday(*SHARED)
    hrp, other = wall.brokers["hrp"], wall.brokers["equal_weight"]
    assert red == {}
    assert set(sides(hrp)) == {"SELL"}
    waiting = wall.read("hrp_submission").waiting
    assert waiting
    assert wall.read("equal_weight_submission").waiting == {}, "nothing to sell, so nothing to wait for"
    assert "waits for the sells of" in wall.letter()
    assert "open at the broker" in wall.read("hrp_fills").pending
    assert "orders" in wall.tick(), "nothing is due before the open"

    # The open: sells are filled, and the sensor asks for one run of that account.
    wall.now = WEEK.first_open + MINUTE
    for broker in (hrp, other):
        broker.fill_all()
    asked = wall.tick()
    assert [request.asset_selection[0].path[-1] for request in asked] == ["hrp_submission", "equal_weight_submission"]
    assert [request.run_key for request in wall.tick()] == [request.run_key for request in asked], "one step, one run"
    assert {request.partition_key for request in asked} == {KEY}
    assert wall.follow("hrp") == {}
    assert sides(hrp) == ["SELL"] * sides(hrp).count("SELL") + ["BUY"] * len(waiting)
    assert "waits for the sells of" not in wall.letter(), "the letter in the outbox has caught up"
    count = wall.sent
    for account in PLAIN:
        wall.follow(account)
    assert wall.sent == count

    # The close: everything is final, and both are marked.
    hrp.fill_all()
    wall.now = WEEK.first_close + MINUTE
    due = wall.tick()
    assert len(due) == 2
    for account in PLAIN:
        assert wall.follow(account) == {}
        fills = wall.read(f"{account}_fills")
        assert (fills.pending, {record.status for record in fills.orders}) == ("", {OrderStatus.FILLED})
        assert fills.mark.nav == fills.cash + sum(position.market_value for position in fills.positions)
    assert "the week is marked" in wall.tick()
    assert set(wall.read("reconciliation").compared) == set(PLAIN)


def test_a_follow_run_with_a_forged_tag_or_as_a_back_fill_sends_nothing(wall):
    wall.monday()
    before = wall.sent
    wall.now = WEEK.first_open + MINUTE
    wall.brokers["hrp"].fill_all()
    wall.follow("hrp", tags={"dagster/backfill": "abcdefgh", "dagster/schedule_name": "monday"})
    wall.run("research", ["hrp_submission"], tags={"learnfinance/follow": "hrp: the sells are done"})
    wall.follow("hrp", choices=RunChoices(dry_run=True))
    assert wall.sent == before
    assert any(record.status is OrderStatus.INTENDED for record in wall.attempt().orders), "and gives nothing up"


@pytest.mark.parametrize(
    ("late", "tags", "words"),
    [
        (timedelta(days=3), None, "the submission window closed"),
        (timedelta(days=700), {"dagster/schedule_name": "monday"}, "the submission window closed"),
        (-MINUTE, None, "has not come"),
        (timedelta(0), {"dagster/backfill": "x"}, "back-fills never trade"),
    ],
    ids=["a daemon back on Thursday", "years later with a forged tag", "early", "a back-fill"],
)
def test_runs_outside_the_window_and_back_fills_send_nothing(wall, late, tags, words):
    wall.now = WEEK.as_of + late
    wall.run("monday", BRANCHES[:4], tags=tags)
    assert wall.sent == {}
    plan = wall.read("hrp_order_plan")
    assert (plan.mode, words in plan.mode_reason) == (Mode.DRY_RUN, True)
    assert wall.attempt() is None


def test_following_plans_nothing_even_where_a_live_plan_lies_ready(wall):
    wall.run("monday", ["hrp_portfolio", "hrp_order_plan"])
    assert wall.read("hrp_order_plan").mode is Mode.LIVE
    red = wall.follow("hrp")
    assert wall.sent == {}
    assert wall.attempt() is None
    assert "there is nothing to follow" in red["hrp_submission", "completed"]


def test_a_dry_run_shows_what_would_be_sent_and_touches_nothing(wall):
    wall.monday(*SHARED, choices=RunChoices(dry_run=True))
    assert wall.sent == {}
    assert wall.attempt() is None
    plan = wall.read("hrp_order_plan")
    assert plan.orders
    assert plan.mode_reason == "this run was asked to be a dry run (trading.dry_run)"
    seen = wall.instance.get_latest_materialization_event(dg.AssetKey("hrp_submission")).asset_materialization.metadata
    assert seen["would_be_sent"].value == len(plan.orders)
    for order in plan.orders:
        told = f"{order.client_order_id} | would be sent: {order.side.value} {order.qty} at {order.limit_price}"
        assert told in seen["table"].value
    assert "this run was asked to be a dry run" in wall.letter()


def test_a_kill_switch_file_stops_everything_and_the_letter_says_so(wall):
    wall.house.settings.data.mkdir(exist_ok=True)
    (wall.house.settings.data / FILE).touch()
    wall.monday(*SHARED)
    assert wall.sent == {}
    assert f"Trading is switched off (the file {FILE} in the data folder): no orders are sent." in wall.letter()


def test_a_kill_switch_file_that_appears_after_the_first_order_stops_the_second(wall):
    broker = wall.brokers["equal_weight"]
    inner = broker.take

    def take(order, day):
        (wall.house.settings.data / FILE).touch()
        return inner(order, day)

    broker.take = take
    wall.run("monday", [name for name in BRANCHES if name.startswith("equal_weight")])
    assert wall.sent == {"equal_weight": 1}
    refused = wall.read("equal_weight_submission").refused
    assert len(refused) == len(wall.attempt("equal_weight").orders) - 1
    assert all(FILE in reason for reason in refused.values())


def test_real_money_is_spent_only_by_a_run_that_names_the_week(wall):
    for broker in wall.brokers.values():
        broker.is_real_money = True
    for said in ("", "2021-06-14", "yes"):
        wall.monday(choices=RunChoices(confirm_real_money=said), tags={"dagster/schedule_name": "monday"})
        assert wall.sent == {}
        assert "real money is confirmed by the schedule" in wall.read("hrp_order_plan").mode_reason
    wall.monday(choices=RunChoices(confirm_real_money=KEY))
    assert set(wall.sent) == set(PLAIN)


def test_an_account_whose_broker_fails_keeps_no_other_from_trading(wall):
    dead = wall.brokers["hrp"]
    dead.dead = True
    red = wall.run("monday", [*(name for name in BRANCHES if name.startswith("equal_weight")), *SHARED])
    assert set(wall.sent) == {"equal_weight"}
    assert "hrp could not be compared: the broker does not answer" in red["reconciliation", "agrees"]
    assert "hrp could not be compared" in wall.letter()

    dead.dead = False
    wall.run("monday", [name for name in BRANCHES if name.startswith("hrp")])
    wall.now = WEEK.first_open + MINUTE
    wall.brokers["equal_weight"].fill_all()
    dead.dead = True
    (request,) = wall.tick()
    assert request.run_key.startswith(f"{KEY}:equal_weight:")
    questions = dead.asked
    wall.tick()
    assert dead.asked == questions, "it is left in peace for a minute"
    wall.now += 2 * MINUTE
    wall.tick()
    assert dead.asked == questions + 1


def test_what_is_at_a_broker_and_not_in_the_ledger_turns_the_check_red_and_is_in_the_letter(wall):
    wall.monday()
    before = wall.house.ledger_rows()
    wall.brokers["equal_weight"].positions["ZZZ"] = Decimal(7)
    red = wall.run("monday", SHARED)
    assert red == {
        ("reconciliation", "agrees"): "equal_weight, position ZZZ: 0 shares in the ledger, 7 shares at the broker"
    }
    assert "Ledger and broker differ: equal_weight, position ZZZ" in wall.letter()
    assert wall.house.ledger_rows() == before


def test_while_the_week_s_own_run_is_at_work_nobody_else_starts(wall):
    wall.monday()
    wall.now = WEEK.first_open + MINUTE
    wall.brokers["hrp"].fill_all()
    run = dg.DagsterRun(job_name="monday", tags={"dagster/partition": KEY}, status=dg.DagsterRunStatus.STARTED)
    wall.instance.add_run(run)
    assert wall.tick() == f"'monday' is at work on {KEY}"
    wall.instance.delete_run(run.run_id)
    assert not isinstance(wall.tick(), str)


def test_a_follow_run_that_died_is_started_again_before_the_deadline(wall):
    """Its run key is used up; the sight is the same, because nothing was done."""
    wall.monday()
    wall.now = WEEK.first_open + MINUTE
    wall.brokers["hrp"].fill_all()
    first = {request.run_key for request in wall.tick()}
    wall.now += 11 * MINUTE
    again = {request.run_key for request in wall.tick()}
    assert len(first) == len(again) > 0
    assert not first & again


def test_runs_that_trade_are_taken_from_the_queue_before_any_other(wall):
    """A hundred weeks of research that wait in it would outlast the window for orders."""
    jobs = {job.name: wall.defs.resolve_job_def(job.name) for job in wall.defs.jobs}
    ranks = {name: int(job.tags.get("dagster/priority", "0")) for name, job in jobs.items()}
    assert sorted(ranks, key=lambda name: -ranks[name])[:2] == ["follow", "monday"]
    assert {rank for name, rank in ranks.items() if name not in ("follow", "monday")} == {0}


def test_a_research_run_does_not_wipe_out_what_a_live_run_found_to_differ(wall):
    wall.monday()
    wall.brokers["equal_weight"].positions["ZZZ"] = Decimal(7)
    wall.run("monday", SHARED)
    questions = wall.brokers["equal_weight"].asked
    red = wall.run("research", SHARED)
    assert "equal_weight, position ZZZ" in red["reconciliation", "agrees"]
    assert wall.read("reconciliation").compared["hrp"].startswith("orders, and cash and positions with")
    assert wall.brokers["equal_weight"].asked == questions, "and asks no vendor"


def test_an_answer_that_nobody_foresaw_costs_the_comparison_and_not_the_report(wall):
    def broken(_day):
        raise KeyError("qty")

    wall.monday()
    wall.brokers["hrp"].orders_since = broken
    red = wall.run("monday", SHARED)
    assert red["reconciliation", "agrees"] == "hrp could not be compared: unexpected KeyError: 'qty'"
    assert "hrp could not be compared" in wall.letter()
    assert "equal_weight" in wall.read("reconciliation").compared


def test_a_stand_in_that_a_failed_run_left_does_not_hide_what_was_sent(wall, monkeypatch):
    """A research run without the credentials fails harmlessly; the week is followed and marked all the same."""
    wall.monday()

    def no_key(account):
        raise ConfigurationError(account)

    with monkeypatch.context() as patch:
        patch.setattr(Wall, "open", lambda _self, account: no_key(account))
        wall.run("research", [f"hrp_{step}" for step in STEPS])
    assert wall.read("hrp_order_plan").mode is Mode.DRY_RUN
    wall.now = WEEK.first_open + MINUTE
    wall.brokers["hrp"].fill_all()
    wall.follow("hrp")
    wall.brokers["hrp"].fill_all()
    wall.now = WEEK.first_close + MINUTE
    assert wall.follow("hrp") == {}
    fills = wall.read("hrp_fills")
    assert (fills.mode, fills.pending, len(fills.orders)) == (Mode.LIVE, "", len(wall.attempt().orders))
    assert fills.mark is not None


def test_a_run_that_nobody_confirmed_does_not_give_up_what_a_confirmed_one_left_waiting(wall):
    """Whoever looks at a week of real money by hand must not lose the buys that wait for their sells."""
    for broker in wall.brokers.values():
        broker.is_real_money = True
    wall.monday(choices=RunChoices(confirm_real_money=KEY))
    before, waiting = wall.attempt(), wall.read("hrp_submission").waiting
    assert waiting
    wall.run("monday", [f"hrp_{step}" for step in STEPS])
    assert wall.attempt() == before
    wall.now = WEEK.first_open + MINUTE
    wall.brokers["hrp"].fill_all()
    wall.follow("hrp")
    assert sides(wall.brokers["hrp"]).count("BUY") == len(waiting)
