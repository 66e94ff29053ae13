"""The weekly drift report, and the sensor that asks for trainings."""

import json
import shutil
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pandas as pd
import plain_forecaster
import policy_cards
import pytest
from memory_models import MemoryModelStore

from assets.policies.drift import drift_asset
from assets.policies.drift_findings import forecaster_inputs, policy_window
from learnfinance_dagster.allocation import EQUAL_WEIGHT, HRP, PPO_LSTM
from learnfinance_dagster.allocation.rl.card import METADATA, OBSERVER
from learnfinance_dagster.allocation.rl.experience import Experience
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.state import FEATURES
from learnfinance_dagster.calendar import sessions_between, week_from_key, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.drift import DriftFinding, DriftReport, Health
from learnfinance_dagster.forecasting.candidate import make_model
from learnfinance_dagster.forecasting.forecaster import SCALER
from learnfinance_dagster.forecasting.forecasts import no_forecasts
from learnfinance_dagster.forecasting.panel import OHLCV, panel_of
from learnfinance_dagster.forecasting.recipe import Material
from learnfinance_dagster.forecasting.windows import windows_at
from learnfinance_dagster.orchestration.drift_sensor import TAG, retrain_on_drift
from learnfinance_dagster.orchestration.partitions import TRAINING, WEEKLY
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.schemas.forecasts import Forecast
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.values import EquityMark, FillReport, Mode, TargetWeights
from learnfinance_dagster.wiring import parameters
from resources.artifacts import ArtifactIOManager, ArtifactStore

WEEK = "2010-06-14"
"""Early: its history is short, so there is little to store."""
MONDAYS = [week_of(date.fromisoformat(WEEK) - timedelta(weeks=ago)) for ago in range(23, -1, -1)]
NAMES = tuple("ABCDEFGHIJ")
ACCOUNTS = ("equal_weight", "ppo_lstm")
STORED: dict[str, type] = {f"{name}_fills": FillReport for name in ACCOUNTS}
STORED |= {"drift": DriftReport, "ppo_lstm_experience": Experience, "ppo_lstm_weights": TargetWeights}
LSTM = plain_forecaster.a_forecaster(name="lstm")
POLICY_READS = ("screened_universe", "state_features", "lstm_forecast")
PLAIN = (HRP, EQUAL_WEIGHT)
PARAMETERS = parameters(Settings())


def bars_of_market(volatility=0.01, last_months=None):
    """Random walks; with `last_months` the newest 60 sessions move that much instead."""
    first = week_of(MONDAYS[0].monday - timedelta(weeks=1)).last_session + timedelta(days=1)
    days = sessions_between(first, MONDAYS[-1].last_session)
    moves = np.random.default_rng(1).normal(0, volatility, (len(NAMES), len(days)))
    moves[:, -60:] *= (last_months or volatility) / volatility
    close = 100 * np.exp(moves.cumsum(axis=1))
    ends = np.array([week.last_session for week in MONDAYS])
    keys = [MONDAYS[int(np.searchsorted(ends, day))].key for day in days]
    columns = {name: np.tile(days, len(NAMES)) for name in ("date",)}
    prices = {name: close.ravel() for name in ("open", "high", "low", "close")}
    rest = {"volume": 1000.0, "split_ratio": 1.0, "dividend": 0.0, "delisting": 0.0}
    symbols = np.repeat(NAMES, len(days))
    return pd.DataFrame({"week": keys * len(NAMES), **columns, "symbol": symbols, **prices, **rest})


def realised(bars):
    """(week, symbol) → what came in the five sessions after each decision, where that is known."""
    panel = panel_of(bars)
    windows = windows_at(panel, [week for week in MONDAYS if week.last_session in panel.sessions], with_targets=True)
    keys = pd.MultiIndex.from_arrays([windows.monday.astype(str), np.array(NAMES)[windows.name]])
    return pd.Series(windows.weekly_returns(), index=keys)


def forecast_rows(week, said, version):
    empty = dict.fromkeys(("day_1", "day_2", "day_3", "day_4", "day_5"), np.nan)
    rows = {"week": week.key, "symbol": NAMES, "weekly_return": said, **empty, "direction": "", "history_used": 60}
    return Forecast.validate(
        pd.DataFrame({**rows, "data_end_date": week.last_session, "model_version": version, "reason": ""})
    )


@dataclass
class Scene:
    """Everything that a Monday's report is made of, healthy throughout; tests break one thing."""

    folder: object
    instance: dg.DagsterInstance
    models: MemoryModelStore = field(default_factory=MemoryModelStore)
    marks: dict = field(default_factory=dict)
    costs: dict = field(default_factory=dict)
    """Account and run → what its fills cost."""

    def __post_init__(self):
        self.store = ArtifactStore(self.folder, FRAMES, STORED)
        self.market(bars_of_market())
        self.lstm = self.a_forecaster()
        self.said(lambda truth: truth)
        self.read_by_policies()
        self.ppo = self.a_policy()
        self.accounts({"equal_weight": [0.0] * 8, "ppo_lstm": [0.01] * 8})

    def market(self, bars):
        self.bars = bars
        self.store.write_weeks("daily_bars", [week.key for week in MONDAYS], bars)

    def a_forecaster(self, **changes):
        """Held-out rank IC: 0.1 ± 0.04; trained on the market of the scene."""
        rng, known_until = np.random.default_rng(4), MONDAYS[10].last_session
        made = make_model(
            LSTM,
            Material(plain_forecaster.a_panel()),
            week_from_key("2019-07-01"),
            plain_forecaster.PARAMETERS,
            7,
            plain_forecaster.a_workshop(),
        ).card
        ranked = dict(zip([week.key for week in MONDAYS], rng.normal(0.1, 0.2, len(MONDAYS)), strict=True))
        usual = {"serves": MONDAYS[10].monday, "known_until": known_until, "version": "v2010-03-14-0123456789ab"}
        judged = replace(made.evaluation, weekly_rank_ic=ranked)
        card = replace(made, **{**usual, "evaluation": judged, **changes})
        panel = panel_of(bars_of_market())
        moves = panel.values[panel.traded].astype(float)  # noqa: PD011 - a panel is no pandas object
        scaler = {"channels": list(OHLCV), "mean": moves.mean(axis=0).tolist(), "scale": moves.std(axis=0).tolist()}
        scaler["scale"][-1] = 1.0  # volume never changes here
        self.models.write("lstm", card.version, {"metadata.json": card.content(), SCALER: json.dumps(scaler).encode()})
        self.models.set_current("lstm", card.version)
        return card

    def a_policy(self, **changes):
        """Gained 0.19 % a week beyond equal weight, 0.06 % at the least; trained on what it reads now."""
        usual = {"serves": date(2010, 3, 1), "known_until": date(2010, 2, 26), "decision": policy_cards.promotion()}
        card = policy_cards.policy_card(**{**usual, **changes})
        frames = [self.store.read(name, [week.key for week in MONDAYS[-4:]]) for name in POLICY_READS]
        seen = policy_window(*frames)
        stds = np.where(seen.std(axis=0) > 0, seen.std(axis=0), 1.0)
        observer = Observer(tuple(np.median(seen, axis=0)), tuple(seen.mean(axis=0)), tuple(stds))
        self.models.write(
            "ppo_lstm", card.version, {METADATA: card.content(), OBSERVER: json.dumps(observer.to_document()).encode()}
        )
        self.models.set_current("ppo_lstm", card.version)
        self.decided(card.version)
        return card

    def decided(self, version, failure=""):
        """Store the newest Monday's weights, which say who decided."""
        provenance = {"policy": version} if version else {}
        self.store.write("ppo_lstm_weights", WEEK, TargetWeights("ppo_lstm", WEEK, {}, {}, {}, failure, provenance))

    def said(self, of, weeks=MONDAYS[-9:], version=None):
        """Store forecasts: a function of what was to come."""
        truth = realised(self.bars)
        for week in weeks:
            come = truth.reindex(pd.MultiIndex.from_product([[week.key], NAMES])).fillna(0).to_numpy()
            self.store.write("lstm_forecast", week.key, forecast_rows(week, of(come), version or self.lstm.version))

    def read_by_policies(self, **changes):
        """Store screened names and features of the newest weeks; all names but the last are screened."""
        rng = np.random.default_rng(2)
        for week in MONDAYS[-4:]:
            features = {name: rng.uniform(0.1, 0.9, len(NAMES)) for name in FEATURES}
            marks = {"insufficient_news": 0.0, "news_unknown": 0.0}
            state = pd.DataFrame({"week": week.key, "symbol": NAMES, **features, **marks, **changes})
            self.store.write("state_features", week.key, state)
            kept = {"kept": [name != NAMES[-1] for name in NAMES], "held": False, "reason": "told"}
            rest = {"rank": 1, "sessions": 250, "dollar_volume": 1e6, "price": 10.0, "max_weight": 1.0}
            names = {"week": week.key, "symbol": NAMES, "price_date": week.last_session}
            self.store.write("screened_universe", week.key, pd.DataFrame({**names, **kept, **rest}))

    def accounts(self, growth, *, version=None, newest=True, costs=None):
        """Marks of nine Mondays by what came between, and the experience of the policy's account.

        With `newest` false the mark of the newest Monday was recorded by a later run.
        """
        self.costs = costs or {}
        for account, weekly in growth.items():
            navs = 100_000 * np.cumprod([1.0, *(1 + each for each in weekly)])
            self.marks[account] = [
                EquityMark(account, week.monday, week.sessions[0], Decimal(repr(float(nav))), Decimal(0))
                for week, nav in zip(MONDAYS[-9:], navs, strict=True)
            ]
            mark = self.marks[account][-1] if newest else None
            fills = FillReport(account, f"paper:{WEEK}", 1, Mode.LIVE, (), (), (), Decimal(0), mark)
            self.store.write(f"{account}_fills", WEEK, fills)
        for week in MONDAYS[-9:]:
            lived = Experience("ppo_lstm", week.key, version or self.ppo.version, None, {}, {}, 0.0, 0.0, "not over")
            self.store.write("ppo_lstm_experience", week.key, lived)

    def run(self, week=WEEK, allocators=(*PLAIN, PPO_LSTM)):
        """Materialize the report; model and kind → finding, and the result of the run."""
        ledger = SimpleNamespace(
            marks=lambda account, until: [m for m in self.marks[account] if m.monday <= until],
            fills=lambda account, run_id: [SimpleNamespace(cost=self.costs.get((account, run_id), Decimal(0)))],
        )
        upstream = ["daily_bars", "ppo_lstm_weights", *POLICY_READS]
        result = dg.materialize(
            [
                drift_asset(allocators, [LSTM]),
                *(dg.AssetSpec(name, partitions_def=WEEKLY) for name in upstream),
                *(dg.AssetSpec(f"{name}_fills", partitions_def=WEEKLY) for name in ACCOUNTS),
            ],
            partition_key=week,
            instance=self.instance,
            resources={
                "io_manager": ArtifactIOManager(self.store),
                "artifacts": self.store,
                "floor": SimpleNamespace(ledger=SimpleNamespace(open=lambda: ledger)),
                "training": SimpleNamespace(models=SimpleNamespace(open=lambda: self.models)),
                "parameters": PARAMETERS,
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert result.success
        report = self.store.read("drift", [week])
        assert report.week == week
        return {(each.model, each.kind): each for each in report.findings}, result


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Scene(tmp_path_factory.mktemp("healthy"), instance)


@pytest.fixture
def scene(healthy, tmp_path):
    """A healthy one of its own."""
    shutil.copytree(healthy.folder, tmp_path, dirs_exist_ok=True)
    own = copy(healthy)
    own.store, own.models = ArtifactStore(tmp_path, FRAMES, STORED), deepcopy(healthy.models)
    own.marks = {account: list(marks) for account, marks in healthy.marks.items()}
    return own


SKILLS, INPUTS = [("lstm", "skill"), ("ppo_lstm", "skill")], [("lstm", "inputs"), ("ppo_lstm", "inputs")]


def checks_of(result):
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_every_model_in_use_has_a_finding_on_skill_and_one_on_inputs(scene):
    found, result = scene.run()
    assert set(found) == {*SKILLS, *INPUTS}
    assert [each.told for each in found.values() if each.health is not Health.HEALTHY] == []
    assert {each.version for each in found.values()} == {scene.lstm.version, scene.ppo.version}
    assert all(check.passed for check in checks_of(result).values())
    (event,) = result.get_asset_materialization_events()
    table = event.materialization.metadata["findings"].value
    assert table.startswith("| model | kind | health | told |")
    assert table.count("healthy") == 4


def test_a_forecaster_that_ranks_names_backwards_for_four_weeks_is_to_be_trained_and_the_monday_goes_on(scene):
    scene.said(lambda truth: -truth, MONDAYS[-5:-1])
    found, result = scene.run()
    finding = found["lstm", "skill"]
    assert (finding.health, finding.retrain) == (Health.CRITICAL, True)
    assert [finding.figures[f"{ago}_weeks_ago"] for ago in (5, 4, 3, 2, 1)] == pytest.approx([1, -1, -1, -1, -1])
    check = checks_of(result)["lstm_skill"]
    assert (check.passed, check.severity, check.description) == (False, dg.AssetCheckSeverity.WARN, finding.told)
    assert found["lstm", "inputs"].health is Health.HEALTHY
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["retrain"].value == "lstm"


def test_the_limit_is_below_the_held_out_mean_and_the_same_in_every_run(scene):
    first, again = (scene.run()[0]["lstm", "skill"].figures["low"] for _ in range(2))
    held_out = list(scene.lstm.evaluation.weekly_rank_ic.values())
    error = np.std(held_out, ddof=1) / np.sqrt(len(held_out))
    assert first == again
    assert np.mean(held_out) - 3 * error < first < np.mean(held_out) - error


def test_weeks_that_another_version_forecast_say_nothing_about_this_one(scene):
    scene.said(lambda truth: -truth, MONDAYS[-9:-1], version="v2009-12-27-000000000000")
    scene.said(lambda truth: -truth, MONDAYS[-4:-1])
    finding = scene.run()[0]["lstm", "skill"]
    assert finding.health is Health.HEALTHY
    assert finding.figures["known_weeks"] == 3
    assert "too early" in finding.told


def test_a_week_whose_five_sessions_are_not_over_is_not_known_yet(scene):
    """Memorial Day: the fifth session after the decision of 31 May is 7 June, after the decision of that day."""
    figures = scene.run("2010-06-07", PLAIN)[0]["lstm", "skill"].figures
    assert "1_weeks_ago" not in figures
    assert "2_weeks_ago" in figures
    assert "2_weeks_ago" in scene.run()[0]["lstm", "skill"].figures, "a week later it is"


def test_a_bar_from_after_the_decision_changes_nothing(scene):
    """Planted: the stored week holds a session that the decision could not know."""
    before = scene.run()[0]
    late = scene.bars[scene.bars["date"] == MONDAYS[-1].last_session].assign(date=date(2010, 6, 14), close=1.0)
    scene.store.write("daily_bars", WEEK, pd.concat([scene.bars[scene.bars["week"] == WEEK], late]))
    assert scene.run()[0] == before


def test_prices_that_move_three_times_as_much_as_in_training_are_critical_inputs(scene):
    scene.market(bars_of_market(last_months=0.03))
    finding = scene.run()[0]["lstm", "inputs"]
    assert (finding.health, finding.retrain) == (Health.CRITICAL, False)
    assert finding.figures["close_ratio"] == pytest.approx(3, rel=0.1)
    assert finding.figures["rows"] == 60 * 9, "of screened names alone"


def test_of_a_forecaster_with_a_scaler_for_each_group_the_mixture_counts(scene):
    panel, week = panel_of(scene.bars), MONDAYS[-1]
    parts = {
        part: {"channels": list(OHLCV), "mean": [0.0] * 5, "scale": [scale] * 4 + [1.0]}
        for part, scale in (("index", 9.0), ("calm", 0.003), ("middling", 0.01), ("wild", 0.03))
    }
    found = forecaster_inputs(scene.lstm, {SCALER: json.dumps(parts).encode()}, panel, NAMES, week)
    mixture = np.sqrt(np.mean([0.003**2, 0.01**2, 0.03**2]))
    assert found.figures["close_ratio"] == pytest.approx(0.01 / mixture, rel=0.1)


def test_a_channel_that_bars_do_not_have_is_not_passed_over_in_silence(scene):
    scaler = {"channels": ["close", "news_sentiment"], "mean": [0.0, 0.0], "scale": [0.01, 0.5]}
    with pytest.raises(DataError, match="no channel news_sentiment"):
        forecaster_inputs(scene.lstm, {SCALER: json.dumps(scaler).encode()}, panel_of(scene.bars), NAMES, MONDAYS[-1])


def test_an_account_that_trails_equal_weight_for_four_weeks_is_to_be_trained(scene):
    scene.accounts({"equal_weight": [0.01] * 8, "ppo_lstm": [0.02] * 4 + [0.009] * 4})
    finding = scene.run()[0]["ppo_lstm", "skill"]
    assert (finding.health, finding.retrain) == (Health.CRITICAL, True)
    assert finding.figures["low"] == scene.ppo.decision.weekly_excess.low
    assert [finding.figures[f"{ago}_weeks_ago"] for ago in (8, 1)] == pytest.approx([0.01, -0.001])


def test_what_a_week_cost_is_missing_in_that_week_and_not_in_the_one_before(scene):
    """Prices stand still; 1 000 of 100 000 USD are paid for the trades that begin the week four weeks ago.

    The mark of that Monday is after costs: counted from mark to mark, the week before would have lost them.
    """
    paid = {("ppo_lstm", MONDAYS[-5].run_id): Decimal(1000)}
    scene.accounts({"equal_weight": [0.0] * 8, "ppo_lstm": [0.0] * 3 + [-0.01] + [0.0] * 4}, costs=paid)
    figures = scene.run()[0]["ppo_lstm", "skill"].figures
    found = [figures[f"{ago}_weeks_ago"] for ago in (5, 4, 3)]
    assert found == pytest.approx([0.0, -0.01, 0.0], abs=1e-12)


def test_an_account_that_loses_less_than_equal_weight_is_healthy(scene):
    scene.accounts({"equal_weight": [-0.05] * 8, "ppo_lstm": [-0.04] * 8})
    assert scene.run()[0]["ppo_lstm", "skill"].health is Health.HEALTHY


def test_a_mark_that_a_later_run_recorded_is_left_out(scene):
    worse = {"equal_weight": [0.0] * 8, "ppo_lstm": [0.01] * 5 + [-0.01] * 3}
    scene.accounts(worse)
    assert "1_weeks_ago" in scene.run()[0]["ppo_lstm", "skill"].figures
    scene.accounts(worse, newest=False)
    figures = scene.run()[0]["ppo_lstm", "skill"].figures
    assert "1_weeks_ago" not in figures
    assert figures["bad_weeks"] == 2


def test_weeks_that_another_policy_decided_say_nothing_about_this_one(scene):
    scene.accounts({"equal_weight": [0.0] * 8, "ppo_lstm": [-0.01] * 8}, version="v2009-12-27-000000000000")
    finding = scene.run()[0]["ppo_lstm", "skill"]
    assert (finding.health, finding.figures["known_weeks"]) == (Health.HEALTHY, 0)


def test_a_week_without_all_four_marks_is_not_known(scene):
    del scene.marks["equal_weight"][3]
    known = [name for name in scene.run()[0]["ppo_lstm", "skill"].figures if name.endswith("_ago")]
    assert sorted(known) == [f"{ago}_weeks_ago" for ago in (1, 2, 3, 4, 7, 8)]


def test_a_feature_that_nobody_has_any_more_is_told(scene):
    scene.read_by_policies(gross_margin=np.nan)
    finding = scene.run()[0]["ppo_lstm", "inputs"]
    assert (finding.health, finding.retrain) == (Health.DEGRADED, False)
    assert "gross_margin, which nobody has any more" in finding.told


def test_features_far_from_those_of_the_training_are_critical(scene):
    scene.read_by_policies(current_ratio=9.0)
    finding = scene.run()[0]["ppo_lstm", "inputs"]
    assert (finding.health, finding.retrain) == (Health.CRITICAL, False)
    assert "current_ratio" in finding.told
    assert finding.figures["rows"] == 4 * 9


def test_news_that_were_always_fetched_and_now_are_not_is_told(scene):
    scene.read_by_policies(news_unknown=1.0)
    finding = scene.run()[0]["ppo_lstm", "inputs"]
    assert finding.health is Health.DEGRADED
    assert "news_unknown, which never varied in training" in finding.told


# What cannot be measured.


def test_without_any_version_nothing_is_measured_and_nothing_fails(scene):
    scene.models = MemoryModelStore()
    nobody = no_forecasts(MONDAYS[-1], NAMES, "no lstm model had been trained by 2010-06-14")
    scene.store.write("lstm_forecast", WEEK, nobody)
    scene.decided("", "no ppo_lstm policy had been put in use by 2010-06-14")
    found, result = scene.run()
    assert {(each.health, each.retrain, each.version) for each in found.values()} == {(Health.DEGRADED, False, "")}
    assert "nobody forecast this Monday: no lstm model had been trained" in found["lstm", "skill"].told
    told = "not measured: nobody decided this Monday: no ppo_lstm policy had been put in use by 2010-06-14"
    assert found["ppo_lstm", "inputs"].told == told
    assert not any(check.passed for check in checks_of(result).values())


def test_a_version_that_cannot_be_read_is_not_measured_and_the_other_models_are(scene):
    scene.models.damage("ppo_lstm", scene.ppo.version, METADATA)
    found = scene.run()[0]
    for kind in ("skill", "inputs"):
        assert found["ppo_lstm", kind].health is Health.DEGRADED
        assert METADATA in found["ppo_lstm", kind].told
        assert found["lstm", kind].health is Health.HEALTHY


def test_a_version_that_was_never_judged_has_no_skill_to_compare_but_inputs(scene):
    scene.lstm = scene.a_forecaster(version="snapshot-2009-12-31", evaluation=None, decision=None)
    scene.said(lambda truth: truth)
    found = scene.run()[0]
    assert found["lstm", "skill"].told.startswith("not measured: snapshot-2009-12-31 was never judged")
    assert found["lstm", "skill"].version == "snapshot-2009-12-31"
    assert found["lstm", "inputs"].health is Health.HEALTHY


def test_what_is_put_in_use_later_changes_no_report(scene):
    """Planted: newer versions are in use, one of them said to have been trained for that very Monday."""
    before = scene.run()[0]
    usual = {"serves": MONDAYS[-1].monday, "known_until": MONDAYS[-1].last_session}
    scene.a_forecaster(version="v2010-06-13-000000000000", **usual)
    scene.a_policy(version="v2010-06-13-111111111111", **usual)
    scene.decided(scene.ppo.version)
    assert scene.run()[0] == before


def test_a_house_that_has_just_begun_is_too_early_to_tell(scene):
    for asset in ("lstm_forecast", "ppo_lstm_experience"):
        for week in MONDAYS[-9:-1]:
            scene.store.path(asset, week.key).unlink()
    found = scene.run()[0]
    for key in SKILLS:
        assert (found[key].health, found[key].figures["known_weeks"]) == (Health.HEALTHY, 0)
        assert "too early" in found[key].told


def test_a_house_without_learned_allocators_reports_on_its_forecasters(scene):
    found, _ = scene.run(allocators=PLAIN)
    assert set(found) == {("lstm", "skill"), ("lstm", "inputs")}


def test_a_second_run_stores_the_same_bytes(scene):
    scene.run()
    first = scene.store.path("drift", WEEK).read_bytes()
    scene.run()
    assert scene.store.path("drift", WEEK).read_bytes() == first


# The sensor.


def a_job(name, *assets):
    def made(asset):
        config = {"full": dg.Field(bool, default_value=False)} if asset.endswith("_policy") else {}

        @dg.asset(name=asset, partitions_def=TRAINING, config_schema=config)
        def nothing():
            pass

        return nothing

    definitions = [made(asset) for asset in assets]
    return definitions, dg.define_asset_job(name, selection=dg.AssetSelection.assets(*assets))


def critical(model, kind="skill", told="it is worse"):
    return DriftFinding(model, "v1", kind, Health.CRITICAL, told, retrain=True, figures={})


SATURDAY = datetime(2010, 6, 19, 12, tzinfo=UTC)


def asked(store, now=SATURDAY, market_until=date(2010, 12, 31)):
    """What the sensor answers: run requests that its jobs accept, or why there are none."""
    trained, retrain = a_job("retrain", "lstm_model", "patchtst_model")
    learned, policies = a_job("policies", "policy_history", "ppo_lstm_policy", "sac_lstm_policy")
    status = dg.DefaultSensorStatus.RUNNING
    sensor = retrain_on_drift(retrain, policies, ["lstm", "patchtst"], ["ppo_lstm", "sac_lstm"], status)
    info = SimpleNamespace(last_session=market_until)
    resources = {
        "artifacts": store,
        "market": SimpleNamespace(open=lambda: SimpleNamespace(info=info)),
        "floor": SimpleNamespace(clock=lambda: now),
    }
    definitions = dg.Definitions([*trained, *learned], jobs=[retrain, policies], sensors=[sensor], resources=resources)
    assert (sensor.default_status, bool(sensor.description)) == (status, True)
    with dg.build_sensor_context(definitions=definitions, resources=resources) as context:
        tick = sensor.evaluate_tick(context)
    return {each.run_key: each for each in tick.run_requests}, tick.skip_message


@pytest.fixture
def reports(tmp_path):
    """A store, and a way of storing reports."""
    store = ArtifactStore(tmp_path, FRAMES, {"drift": DriftReport})

    def report(*findings, week=WEEK):
        store.write("drift", week, DriftReport(week, findings))
        return store

    return report


def test_a_critical_forecaster_is_trained_for_the_next_monday(reports):
    requests, _ = asked(reports(critical("lstm", told="4 weeks below")))
    (request,) = requests.values()
    assert request.run_key == "drift:2010-06-14:lstm"
    assert (request.job_name, request.partition_key) == ("retrain", "2010-06-21")
    assert request.asset_selection == [dg.AssetKey("lstm_model")]
    assert request.tags[TAG] == "skill: 4 weeks below"


def test_a_critical_policy_is_trained_in_full_with_its_history(reports):
    requests, _ = asked(reports(critical("ppo_lstm")))
    (request,) = requests.values()
    assert (request.run_key, request.job_name) == ("drift:2010-06-14:ppo_lstm", "policies")
    assert set(request.asset_selection) == {dg.AssetKey("policy_history"), dg.AssetKey("ppo_lstm_policy")}
    assert request.run_config == {"ops": {"ppo_lstm_policy": {"config": {"full": True}}}}


def test_each_model_is_asked_for_once_however_many_findings_and_ticks(reports):
    told = "it is worse, and this is a long story: " * 9
    store = reports(critical("lstm"), critical("lstm", "inputs", told), critical("ppo_lstm"), critical("sac_lstm"))
    first, later = asked(store), asked(store, now=SATURDAY + timedelta(days=2))
    assert set(first[0]) == set(later[0]) == {f"drift:{WEEK}:{name}" for name in ("lstm", "ppo_lstm", "sac_lstm")}
    tag = first[0][f"drift:{WEEK}:lstm"].tags[TAG]
    assert tag.startswith("skill: it is worse; inputs: it is worse, and")
    assert len(tag) <= 200


@pytest.mark.parametrize(
    ("now", "market_until"),
    [
        (datetime(2010, 6, 14, 13, tzinfo=UTC), date(2010, 12, 31)),
        (datetime(2010, 6, 18, 19, 59, tzinfo=UTC), date(2010, 12, 31)),
        (SATURDAY, date(2010, 6, 17)),
    ],
)
def test_a_training_waits_until_its_last_session_is_known(reports, now, market_until):
    """Asked at once, it would be refused: a model for a Monday learns from every session before it."""
    requests, why = asked(reports(critical("lstm")), now, market_until)
    assert requests == {}
    assert why.startswith("lstm: trained for 2010-06-21 once 2010-06-18 is known")


def test_only_the_newest_report_counts(reports):
    reports(critical("lstm"), week="2010-06-07")
    requests, why = asked(reports(replace(critical("lstm"), retrain=False)))
    assert (requests, why) == ({}, "the drift report of 2010-06-14 asks for no training")


def test_nothing_is_asked_before_there_is_a_report_or_for_models_that_no_job_trains(reports, tmp_path):
    assert asked(ArtifactStore(tmp_path, FRAMES, {})) == ({}, "there is no drift report yet")
    assert asked(reports(critical("transfer_lstm"))) == ({}, "transfer_lstm: no job trains that")
    assert set(asked(reports(critical("transfer_lstm"), critical("lstm")))[0]) == {f"drift:{WEEK}:lstm"}
