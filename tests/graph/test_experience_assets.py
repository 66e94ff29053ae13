"""Experience and its labels in the real graph, for an account that stands in for a learned allocator."""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pytest
from dagster import build_sensor_context

from assets import stored_values
from assets.policies import experience as experience_module
from assets.policies.experience import STEPS, experience_assets
from assets.policies.labelling import label_due
from learnfinance_dagster.allocation import HRP
from learnfinance_dagster.allocation.rl.algorithm import PPO, PolicySpec
from learnfinance_dagster.calendar import session_close, week_from_key
from learnfinance_dagster.commands.running import QUIET
from learnfinance_dagster.definitions import build
from learnfinance_dagster.orchestration.failures import COMPLETED
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.sensors import LABEL_JOB, label_rewards, rewards_job
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.wiring import ledger_door
from resources.artifacts import ArtifactIOManager, ArtifactStore

EXPERIENCE, REWARD = "hrp_experience", "hrp_reward"


STAND_IN = replace(HRP, policy=PolicySpec(PPO, "lstm"))
"""HRP, said to have learned from one forecaster's view: its account trades without any training."""


@dataclass(frozen=True)
class Spy:
    """The market, noting until when and at what time it was asked for bars; a name may be kept from it."""

    market: object
    asked: list
    without: str = ""

    @property
    def info(self):
        return self.market.info

    def bars(self, first, last, known_at, symbols=None):
        self.asked.append((first, last, known_at))
        found = self.market.bars(first, last, known_at, symbols)
        return found[found["symbol"] != self.without].reset_index(drop=True)

    def open(self):
        return self


@dataclass(frozen=True)
class NoDoor:
    """A market that nobody may open."""

    def open(self):
        raise AssertionError("the market was opened")


@dataclass(frozen=True)
class Lab:
    """A house with the stand-in's experience in its graph."""

    house: object
    defs: dg.Definitions
    spy: Spy

    @classmethod
    def of(cls, house, *extra, without="", now=None):
        made = build(house.settings)
        store = ArtifactStore(
            house.root / "artifacts", FRAMES, stored_values() | {f"hrp_{step}": kind for step, kind in STEPS.items()}
        )
        spy = Spy(made.resources["market"].open(), [], without)
        floor = made.resources["floor"]
        resources = made.resources | {
            "floor": replace(floor, clock=lambda: now) if now else floor,
            "artifacts": store,
            "io_manager": ArtifactIOManager(store, keeps=floor.keeps),
            "market": spy,
        }
        job = rewards_job(["hrp"])
        sensor = label_rewards(job, ["hrp"], dg.DefaultSensorStatus.STOPPED)
        graph = [*made.assets, *experience_assets([STAND_IN]), *extra]
        return cls(house, dg.Definitions(assets=graph, jobs=[job], sensors=[sensor], resources=resources), spy)

    @property
    def store(self):
        return self.defs.resources["artifacts"]

    @property
    def ledger(self):
        return ledger_door(self.house.settings).open()

    def make(self, week, *assets, job=None):
        """Materialize some assets of a week."""
        found = self.defs.resolve_job_def(job) if job else self.defs.resolve_implicit_global_asset_job_def()
        return found.execute_in_process(
            partition_key=week,
            instance=self.house.instance,
            asset_selection=[dg.AssetKey(name) for name in assets],
            run_config=QUIET,
            raise_on_error=False,
        )

    def read(self, asset, week):
        return self.store.read(asset, [week])

    def bytes_of(self, asset, week):
        return self.store.path(asset, week).read_bytes()

    def ask(self, **other):
        """What the sensor wants: a list of run requests, or why there is none."""
        sensor = self.defs.resolve_sensor_def("label_rewards")
        resources = {name: self.defs.resources[name] for name in ("market", "artifacts", "floor")} | other
        context = build_sensor_context(instance=self.house.instance, definitions=self.defs, resources=resources)
        data = sensor.evaluate_tick(context)
        return data.run_requests or data.skip_message


@pytest.fixture(scope="module")
def weeks(traded):
    return traded.weeks


@pytest.fixture
def fresh(traded, build_house):
    """A lab on a copy of the traded house."""
    return Lab.of(build_house(traded.house))


@pytest.fixture(scope="module")
def labelled(traded, build_house):
    """Both weeks' experience, and the first one's label. Look only."""
    lab = Lab.of(build_house(traded.house))
    runs = [lab.make(week, EXPERIENCE) for week in traded.weeks] + [lab.make(traded.weeks[0], REWARD)]
    assert all(run.success for run in runs)
    return lab, runs


def red(run):
    return {
        check.asset_key.path[-1]: check.description for check in run.get_asset_check_evaluations() if not check.passed
    }


# What is stored.


def test_experience_holds_what_was_stored_of_the_week(labelled, traded):
    lab, _ = labelled
    for week in traded.weeks:
        found, fills = lab.read(EXPERIENCE, week), lab.read("hrp_fills", week)
        screened, forecast = lab.read("screened_universe", week), lab.read("lstm_forecast", week).set_index("symbol")
        portfolio = lab.read("hrp_portfolio", week)
        assert not found.pending
        assert list(found.state.symbols) == screened.loc[screened["kept"], "symbol"].tolist()
        seen = {symbol: value for symbol, value in found.state.forecast.items() if value is not None}
        assert seen == forecast["weekly_return"].dropna().to_dict()
        assert found.state.weights.keys() == {position.symbol for position in portfolio.positions}
        assert found.intended == lab.read("hrp_weights", week).weights
        cash = float(fills.mark.cash / fills.mark.nav)
        assert sum(found.executed.values()) + cash == pytest.approx(1, abs=1e-12)


def test_the_page_shows_what_was_seen_wanted_and_got(labelled):
    _, (_, second, third) = labelled
    told = second.asset_materializations_for_node(EXPERIENCE)[0].metadata
    assert "| symbol | saw forecast | intended | executed |" in told["table"].value
    assert told["pending"].value == "nothing"
    assert told["turnover"].value > 0
    assert "log_return" in third.asset_materializations_for_node(REWARD)[0].metadata


def test_a_label_is_the_growth_of_the_accounts_equity(labelled, traded):
    lab, _ = labelled
    first, second = (lab.read("hrp_fills", week) for week in traded.weeks)
    week = week_from_key(traded.weeks[0])
    bars = lab.spy.market.bars(week.next_session, week.next_session, session_close(week.next_session))
    opens = dict(zip(bars["symbol"], bars["open"], strict=True))
    costs = [sum((fill.cost for fill in report.fills), Decimal(0)) for report in (first, second)]
    sold = [fill for fill in second.fills if fill.side.value == "sell"]
    better = sum(float(fill.qty) * (float(fill.price) - opens[fill.symbol]) for fill in sold)
    growth = (float(second.mark.nav + costs[1]) - better) / float(first.mark.nav + costs[0])
    label = lab.read(REWARD, week.key)
    assert math.exp(label.log_return) == pytest.approx(growth, abs=1e-6)
    assert label.next_state == lab.read(EXPERIENCE, traded.weeks[1]).state
    assert label.next_weights.keys() == lab.read(EXPERIENCE, week.key).executed.keys()


def test_a_label_looks_no_further_than_the_open_it_needs(labelled, traded):
    lab, _ = labelled
    week = week_from_key(traded.weeks[0])
    assert lab.spy.asked[-1] == (week.sessions[0], week.next_session, session_close(week.next_session))


# What is kept.


def test_an_experience_that_is_known_is_never_made_again(fresh, weeks):
    fresh.make(weeks[0], EXPERIENCE)
    before = fresh.bytes_of(EXPERIENCE, weeks[0])
    weights = fresh.read("hrp_weights", weeks[0])
    fresh.store.write("hrp_weights", weeks[0], replace(weights, weights={}, failure="planted later"))
    assert fresh.make(weeks[0], EXPERIENCE).success
    assert fresh.bytes_of(EXPERIENCE, weeks[0]) == before


def test_a_label_is_never_made_again(fresh, weeks):
    for asset, week in [(EXPERIENCE, weeks[0]), (EXPERIENCE, weeks[1]), (REWARD, weeks[0])]:
        fresh.make(week, asset)
    before = fresh.bytes_of(REWARD, weeks[0])
    later = fresh.read(EXPERIENCE, weeks[1])
    fresh.store.write(EXPERIENCE, weeks[1], replace(later, state=None))
    assert fresh.make(weeks[0], REWARD).success
    assert fresh.bytes_of(REWARD, weeks[0]) == before


# What waits, and for how long.


def test_a_label_for_an_experience_that_was_never_stored_says_what_to_run(fresh, weeks):
    """D21: the update of an experience ran before it was stored."""
    run = fresh.make(weeks[0], REWARD)
    assert not run.success
    assert f"{EXPERIENCE} has no artifact for {weeks[0]}: materialize it first" in told_by(run)
    assert not fresh.store.has(REWARD, weeks[0])


def told_by(run):
    errors = [event.step_failure_data.error for event in run.all_events if event.is_step_failure]
    return " ".join(str(error) for error in errors)


def test_a_label_waits_for_the_next_monday(fresh, weeks):
    fresh.make(weeks[1], EXPERIENCE)
    fresh.make(weeks[1], REWARD)
    label = fresh.read(REWARD, weeks[1])
    assert label.log_return is None
    assert label.pending.startswith("the Monday 2021-06-21 was not decided yet")


def test_a_week_whose_monday_was_lived_through_without_a_state_is_labelled_without_it(fresh, weeks):
    fresh.make(weeks[0], EXPERIENCE)
    assert fresh.make(weeks[0], REWARD).success
    label = fresh.read(REWARD, weeks[0])
    assert label.log_return is not None
    assert label.next_state is None


def test_a_week_that_is_not_over_waits(traded, build_house, weeks):
    week = week_from_key(weeks[0])
    lab = Lab.of(build_house(traded.house), now=session_close(week.next_session) - timedelta(minutes=1))
    lab.make(weeks[0], EXPERIENCE)
    lab.make(weeks[0], REWARD)
    waits = "the holding week ends with the open of 2021-06-14, which is not known yet"
    assert lab.read(REWARD, weeks[0]).pending == waits


def test_a_held_name_without_prices_leaves_the_label_pending_and_it_is_asked_for_again_rarely(
    traded, build_house, weeks
):
    house = build_house(traded.house)
    lab = Lab.of(house)
    lab.make(weeks[0], EXPERIENCE)
    held = next(iter(lab.read(EXPERIENCE, weeks[0]).executed))
    blind = Lab.of(house, without=held)
    assert blind.make(weeks[0], REWARD).success
    label = blind.read(REWARD, weeks[0])
    assert (label.log_return, label.pending) == (None, f"the return of {held} is not known")
    keys = [request.run_key for request in blind.ask()]
    assert keys == [f"{weeks[0]}:doubled-5"], "16 days of the market have passed since"
    assert lab.make(weeks[0], REWARD).success
    assert not lab.read(REWARD, weeks[0]).pending, "a pending label is replaced"


def test_an_experience_that_waited_for_its_open_is_completed_from_the_ledger(fresh, labelled, weeks):
    report = fresh.read("hrp_fills", weeks[0])
    waiting = replace(report, fills=(), positions=(), mark=None, pending="orders wait for the open of 2021-06-07")
    fresh.store.write("hrp_fills", weeks[0], waiting)
    fresh.make(weeks[0], EXPERIENCE)
    assert fresh.bytes_of(EXPERIENCE, weeks[0]) == labelled[0].bytes_of(EXPERIENCE, weeks[0])


# The sensor, and the job that it starts.


def test_the_sensor_asks_once_for_each_week_that_is_over_and_then_for_nothing(fresh, weeks):
    assert fresh.ask(market=NoDoor()) == "every week that is over has its label", "no experience, nothing to label"
    for week in weeks:
        fresh.make(week, EXPERIENCE)
    (request,) = fresh.ask()
    assert request.partition_key == weeks[0]
    assert [key.path[-1] for key in request.asset_selection] == [REWARD]
    assert request.run_key == f"{weeks[0]}:{fresh.defs.resources['floor'].clock().date()}", "once a day at most"
    money = fresh.house.money()
    run = fresh.make(request.partition_key, REWARD, job=LABEL_JOB)
    assert run.success
    assert fresh.house.money() == money
    assert fresh.ask(market=NoDoor()) == "every week that is over has its label"


def test_the_sensor_has_a_pending_experience_completed_with_its_label(fresh, weeks):
    fresh.make(weeks[0], EXPERIENCE)
    stand_in = replace(fresh.read(EXPERIENCE, weeks[0]), executed={}, pending="orders wait for the open of 2021-06-07")
    fresh.store.write(EXPERIENCE, weeks[0], stand_in)
    fresh.make(weeks[1], EXPERIENCE)
    (request,) = fresh.ask()
    names = [key.path[-1] for key in request.asset_selection]
    assert sorted(names) == [EXPERIENCE, REWARD]
    assert fresh.make(weeks[0], *names, job=LABEL_JOB).success
    assert not fresh.read(EXPERIENCE, weeks[0]).pending
    assert fresh.read(REWARD, weeks[0]).log_return is not None


@pytest.mark.parametrize("damaged", [EXPERIENCE, REWARD])
def test_the_sensor_asks_for_a_damaged_week_once_a_day_and_for_the_others_as_ever(fresh, weeks, damaged):
    for week in weeks:
        fresh.make(week, EXPERIENCE)
    path = fresh.store.path(damaged, weeks[0])
    path.parent.mkdir(exist_ok=True)
    path.write_text("{", encoding="utf-8")
    (request,) = fresh.ask()
    assert request.run_key == f"{weeks[0]}:{fresh.defs.resources['floor'].clock().date()}"
    run = fresh.make(weeks[0], REWARD, job=LABEL_JOB)
    assert not run.success
    assert f"{damaged} {weeks[0]}: " in told_by(run)


def test_a_skipped_week_is_never_asked_for(fresh, weeks, monkeypatch):
    fresh.make(weeks[0], EXPERIENCE)
    ledger = type(fresh.ledger)
    true = ledger.latest_attempt

    def skipped(self, account, run_id):
        found = true(self, account, run_id)
        return found and replace(found, plan=replace(found.plan, skipped="no weights: planted"))

    monkeypatch.setattr(ledger, "latest_attempt", skipped)
    assert fresh.ask(market=NoDoor()) == "every week that is over has its label"


# Nobody waits for it.


def test_a_bug_in_the_making_of_experience_fails_its_check_and_nothing_else(fresh, weeks, monkeypatch):
    def forgets(*_):
        return {}["state"]

    monkeypatch.setattr(experience_module, "state_of", forgets)
    run = fresh.make(weeks[0], EXPERIENCE)
    assert run.success
    assert red(run) == {EXPERIENCE: f"{weeks[0]}: unexpected KeyError: 'state'"}
    assert fresh.read(EXPERIENCE, weeks[0]).pending == "failed: unexpected KeyError: 'state'"
    monkeypatch.undo()
    assert fresh.make(weeks[0], EXPERIENCE).success
    assert not fresh.read(EXPERIENCE, weeks[0]).pending, "made anew"


def test_nothing_that_trades_or_mails_waits_for_experience(labelled):
    graph = labelled[0].defs.resolve_asset_graph()
    readers = {name: {key.path[-1] for key in graph.get(dg.AssetKey(name)).child_keys} for name in (EXPERIENCE, REWARD)}
    assert readers == {EXPERIENCE: {REWARD}, REWARD: set()}
    assert {spec.name for spec in graph.get_check_keys_for_assets({dg.AssetKey(EXPERIENCE)})} == {COMPLETED}


def test_an_allocator_that_learns_nothing_has_no_experience():
    assert experience_assets([replace(STAND_IN, policy=None)]) == []


# In passing, on a Sunday.


def test_a_training_labels_what_is_due_by_itself(traded, build_house, weeks):
    told = {}

    @dg.asset(partitions_def=WEEKLY)
    def sunday(
        context: dg.AssetExecutionContext,
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        market: dg.ResourceParam[MarketDoor],
    ) -> None:
        known = week_from_key(context.partition_key).last_session
        told.update(label_due(context, [STAND_IN], artifacts, floor, market.open(), known))

    lab = Lab.of(build_house(traded.house), sunday)
    for week in weeks:
        lab.make(week, EXPERIENCE)
        waiting = replace(lab.read(EXPERIENCE, week), executed={}, pending="orders wait for the open")
        lab.store.write(EXPERIENCE, week, waiting)
    assert lab.make(weeks[1], "sunday").success
    assert told == {}, "on the Monday whose open ends the first week, that open is not known"
    run = lab.make(traded.next_week, "sunday")
    assert run.success
    assert told == {("hrp", weeks[0]): ""}
    assert lab.read(REWARD, weeks[0]).log_return is not None
    stored = [event.asset_key.path[-1] for event in run.get_asset_materialization_events()]
    assert {EXPERIENCE, REWARD} <= set(stored)
