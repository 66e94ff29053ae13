"""What policies learn from: past Mondays as decisions saw them, made in one run, and joined for a training."""

import shutil
import warnings
from datetime import date, timedelta

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from forecast_scene import one_thread
from tiny_forecasts import TINY

from assets.policies import history as history_module
from learnfinance_dagster.allocation.rl.history import history_of
from learnfinance_dagster.calendar import session_close, week_from_key, week_of
from learnfinance_dagster.commands.running import QUIET
from learnfinance_dagster.definitions import build
from learnfinance_dagster.orchestration.jobs import POLICY_EVIDENCE
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.returns import holding_returns
from learnfinance_dagster.schemas.policies import PolicyHistory
from learnfinance_dagster.schemas.signals import StateFeatures
from learnfinance_dagster.wiring import models_door
from resources.market_directory import DirectoryMarket
from resources.market_directory.poison import Poison, poisoned

MONDAYS = tuple((date(2021, 4, 5) + timedelta(weeks=n)).isoformat() for n in range(6))
SERVED = week_from_key("2021-05-17")
MOMENTUM = TINY.model_copy(update={"missing_snapshot": "momentum"})
FORECASTS, WEIGHTS = "walk_forward_forecasts", "hrp_weights"
FEATURES = [name for name in StateFeatures.to_schema().columns if name not in ("week", "symbol")]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_thread():
        yield


def settle(house, **changes):
    return house.with_settings(forecasting=MOMENTUM.model_copy(update=changes))


def run_job(house, job, tags, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return job.execute_in_process(
            instance=house.instance, tags=tags, run_config=QUIET, raise_on_error=False, **options
        )


def train_for(house, week=SERVED.key, market=None):
    """Make `policy_history`; its answer has `success`, `errors` and `metadata`."""
    return house.run_range((week, week), ["policy_history"], market=market)


def rows_for(house, week=SERVED.key):
    return house.read("policy_history", week)


def drop(house, asset, weeks=None):
    """Forget stored weeks."""
    folder = house.root / "artifacts" / asset
    for path in [path for path in folder.glob("*") if weeks is None or path.stem in weeks]:
        path.unlink()


@pytest.fixture(scope="module")
def past(build_house):
    """The job `history` over six weeks, in one run."""
    house = settle(build_house())
    span = {"dagster/asset_partition_range_start": MONDAYS[0], "dagster/asset_partition_range_end": MONDAYS[-1]}
    job = build(house.settings).resolve_job_def("history")
    return house, run_job(house, job, span)


@pytest.fixture(scope="module")
def made(past, build_house):
    """Look only."""
    house = settle(build_house(past[0]))
    return house, train_for(house)


# ---- the job -------------------------------------------------------------------------------------------------------


def test_the_job_makes_every_week_of_a_range_in_one_run(past):
    house, result = past
    assert result.success
    for asset in POLICY_EVIDENCE:
        assert house.instance.get_materialized_partitions(dg.AssetKey(asset)) >= set(MONDAYS), asset
    assert len(house.instance.get_runs()) == 1


def test_everything_in_it_may_go_in_one_run_and_nothing_in_it_trades(past):
    defs = build(past[0].settings)
    held = {key.path[-1] for key in defs.resolve_job_def("history").asset_layer.selected_asset_keys}
    assert held == set(POLICY_EVIDENCE)
    for name in held:
        asset = defs.resolve_assets_def(name)
        assert asset.partitions_def == WEEKLY
        assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_it_leaves_no_account_and_no_letter(past):
    house, _ = past
    assert not house.files("broker", "outbox")
    assert not any(rows for table, rows in house.ledger_rows().items() if table != "alembic_version")


def test_weeks_of_a_range_are_the_weeks_that_are_made_one_by_one(past, build_house):
    """Filings are looked up again only where something was published; that must not show."""
    house = settle(build_house())
    weeks = (MONDAYS[2], MONDAYS[5])
    signals = [name for name in POLICY_EVIDENCE if name not in (FORECASTS, WEIGHTS)]
    for week in weeks:
        went = house.run_range((week, week), signals)
        assert went.success, went.errors
    for asset in signals:
        for week in weeks:
            path = past[0].store.path(asset, week).relative_to(past[0].root)
            assert (house.root / path).read_bytes() == (past[0].root / path).read_bytes(), (asset, week)


# ---- what it holds -------------------------------------------------------------------------------------------------


def test_every_stored_monday_before_the_one_served_has_its_kept_names(made):
    house, went = made
    assert went.success, went.errors
    rows = rows_for(house)
    assert rows.columns.tolist() == list(PolicyHistory.to_schema().columns)
    assert set(rows["week"]) == {SERVED.key}
    universe = house.store.read("screened_universe", MONDAYS)
    kept = universe.loc[universe["kept"], ["week", "symbol", "rank"]].reset_index(drop=True)
    found = rows[["monday", "symbol", "rank"]].assign(week=rows["monday"].astype(str))[["week", "symbol", "rank"]]
    pd.testing.assert_frame_equal(found.astype({"week": "str"}), kept)


def test_features_are_those_that_were_stored_for_that_monday(made):
    house, _ = made
    rows = rows_for(house)
    state = house.store.read("state_features", MONDAYS).set_index(["week", "symbol"])[FEATURES]
    keys = pd.MultiIndex.from_arrays([rows["monday"].astype(str), rows["symbol"]])
    np.testing.assert_array_equal(rows[FEATURES].to_numpy(), state.reindex(keys).to_numpy())


def test_forecasts_are_the_walk_forward_ones_of_each_forecaster(made):
    house, went = made
    rows, stored = rows_for(house), house.store.read(FORECASTS, MONDAYS)
    for name in ("lstm", "patchtst"):
        answers = stored[stored["forecaster"] == name].set_index(["week", "symbol"])["weekly_return"]
        keys = pd.MultiIndex.from_arrays([rows["monday"].astype(str), rows["symbol"]])
        np.testing.assert_array_equal(rows[f"{name}_forecast"].to_numpy(), answers.reindex(keys).to_numpy())
        assert f"| {name} | momentum | {len(rows)} |" in went.metadata["policy_history"]["forecasts_from"].value


def test_hrp_weights_are_its_targets_and_names_not_in_them_have_none(made):
    house, _ = made
    for monday, rows in rows_for(house).groupby("monday"):
        target = house.read(WEIGHTS, str(monday))
        assert dict(zip(rows["symbol"], rows["hrp_weight"], strict=True)) == {
            symbol: target.weights.get(symbol, 0.0) for symbol in rows["symbol"]
        }


def test_a_return_is_null_while_its_week_is_not_over(made):
    """The newest week ends with an open that the training must not know."""
    rows = rows_for(made[0])
    is_null = rows.groupby("monday")["holding_return"].apply(lambda week: week.isna().all())
    assert is_null.to_dict() == {date.fromisoformat(key): key == MONDAYS[-1] for key in MONDAYS}


def test_a_return_is_from_open_to_open(made):
    house, _ = made
    week = week_from_key(MONDAYS[1])
    bars = house.store.read("daily_bars", MONDAYS).set_index(["date", "symbol"])
    plain = bars.groupby("symbol")[["split_ratio", "dividend", "delisting"]].agg(["min", "max"])
    quiet = plain.index[(plain == [1, 1, 0, 0, 0, 0]).all(axis=1)]
    rows = rows_for(house)
    rows = rows[(rows["monday"] == week.monday) & rows["symbol"].isin(quiet)]
    assert len(rows)
    for symbol, found in zip(rows["symbol"], rows["holding_return"], strict=True):
        ratio = bars.loc[(week.next_session, symbol), "open"] / bars.loc[(week.sessions[0], symbol), "open"]
        assert found == pytest.approx(ratio - 1, rel=1e-12)


def test_policies_can_read_it(made):
    history = history_of(rows_for(made[0]), "lstm")
    assert len(history) == len(MONDAYS) - 1, "the newest week has no return yet"
    assert history.mask.all()


# ---- what is missing -----------------------------------------------------------------------------------------------


def test_missing_forecasts_are_made_stored_and_told_and_are_those_of_the_asset(made, build_house):
    house = settle(build_house(made[0]))
    stored = house.files(f"artifacts/{FORECASTS}")
    drop(house, FORECASTS, MONDAYS[1:4])
    went = train_for(house)
    assert went.success, went.errors
    assert house.files(f"artifacts/{FORECASTS}") == stored
    assert rows_for(house).equals(rows_for(made[0]))
    assert went.metadata["policy_history"]["weeks_of_forecasts_made"].value == 3
    assert house.instance.get_materialized_partitions(dg.AssetKey(FORECASTS)) == set(MONDAYS[1:4])


def test_a_week_that_lacks_an_enabled_forecaster_is_made_anew(past, build_house):
    house = settle(build_house(past[0]), enabled=("lstm",))
    drop(house, FORECASTS)
    went = train_for(house)
    assert went.success, went.errors
    assert rows_for(house)["patchtst_forecast"].isna().all(), "it is not enabled"
    assert rows_for(house)["lstm_forecast"].notna().all()
    both = settle(house)
    assert train_for(both).success
    assert both.files(f"artifacts/{FORECASTS}") == past[0].files(f"artifacts/{FORECASTS}")
    assert rows_for(both)["patchtst_forecast"].notna().all()


def test_forecasts_made_as_momentum_are_made_anew_when_their_snapshot_is_there(past, build_house):
    house = settle(build_house(past[0]))
    models = models_door(house.settings).open()
    models.write("lstm", "snapshot-2020-12-31", models.read("lstm", models.current("lstm")))
    others = {name: content for name, content in house.files("artifacts").items() if FORECASTS not in name}
    went = train_for(house)
    assert went.success, went.errors
    assert went.metadata["policy_history"]["weeks_of_forecasts_made"].value == len(MONDAYS)
    sources = house.store.read(FORECASTS, MONDAYS).groupby("forecaster")["source"].agg(set).to_dict()
    assert sources == {"lstm": {"snapshot-2020-12-31"}, "patchtst": {"momentum"}}
    files = house.files("artifacts")
    assert {name: files[name] for name in others} == others, "and nothing else is touched"
    assert train_for(house).metadata["policy_history"]["weeks_of_forecasts_made"].value == 0


def test_a_missing_snapshot_is_an_error_with_its_command_and_nothing_is_stored(past, build_house):
    """D15: every failure silently became momentum."""
    house = settle(build_house(past[0]), missing_snapshot="error")
    drop(house, FORECASTS)
    went = train_for(house)
    assert "lstm has no snapshot of 2020-12-31: make it first" in went.errors["policy_history"]
    assert not house.store.has("policy_history", SERVED.key)


def test_a_week_in_which_hrp_failed_or_did_not_run_has_null_and_not_zero(past, build_house):
    house = settle(build_house(past[0]))
    drop(house, WEIGHTS, MONDAYS[1:2])
    target = house.read(WEIGHTS, MONDAYS[2])
    failed = type(target)(target.allocator, target.week, {}, {}, {}, "no covariance")
    house.store.write(WEIGHTS, MONDAYS[2], failed)
    assert train_for(house).success
    weights = rows_for(house).groupby("monday")["hrp_weight"]
    assert weights.apply(lambda week: week.isna().all()).tolist() == [False, True, True, False, False, False]
    assert weights.apply(lambda week: week.isna().any()).tolist() == [False, True, True, False, False, False]


def test_a_week_without_signals_is_left_out(past, build_house):
    house = settle(build_house(past[0]))
    drop(house, "state_features", MONDAYS[3:4])
    assert train_for(house).success
    assert {str(monday) for monday in rows_for(house)["monday"]} == {*MONDAYS} - {MONDAYS[3]}


def test_without_any_week_the_error_says_what_to_run(build_house):
    went = train_for(settle(build_house()))
    told, command = went.errors["policy_history"].splitlines()
    assert (
        "no Monday before 2021-05-17 has a stored screened_universe and state_features: run the job `history`" in told
    )
    assert command == (
        "dagster asset materialize -m learnfinance_dagster.definitions --select"
        f" {','.join(POLICY_EVIDENCE)} --partition-range 2020-03-02...2021-05-10"
    )


# ---- nothing later -------------------------------------------------------------------------------------------------


def test_later_weeks_that_are_stored_are_not_in_it(made, build_house):
    house = settle(build_house(made[0]))
    earlier = MONDAYS[4]
    assert train_for(house, earlier).success
    rows = rows_for(house, earlier)
    assert max(rows["monday"]).isoformat() == MONDAYS[3]
    later = rows_for(house).drop(columns="week")
    same = later[later["monday"] < date.fromisoformat(MONDAYS[3])].reset_index(drop=True)
    assert rows[rows["monday"] < date.fromisoformat(MONDAYS[3])].drop(columns="week").equals(same)


def trained_on(house, market):
    """Bytes of the history, made anew on another market; the served week itself is spoilt too."""
    for asset in ("daily_bars", FORECASTS, "policy_history"):
        drop(house, asset)
    for asset in set(POLICY_EVIDENCE) - {"daily_bars"}:  # the served week's bars are all known
        path = house.store.path(asset, SERVED.key)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"spoilt")
    went = train_for(house, market=market)
    assert went.success, went.errors
    return house.store.path("policy_history", SERVED.key).read_bytes()


def spoilt(folder, how):
    frames = DirectoryMarket.from_directory(folder).frames
    return DirectoryMarket.from_frames(poisoned(frames, session_close(SERVED.last_session), how))


@pytest.mark.parametrize("how", list(Poison))
def test_nothing_after_the_last_session_is_read(made, build_house, practice_folder, how):
    """Bars and forecasts are made anew, on a market whose future is spoilt; stored weeks to come are spoilt too."""
    found = trained_on(settle(build_house(made[0])), spoilt(practice_folder, how))
    assert found == made[0].store.path("policy_history", SERVED.key).read_bytes()


def test_a_planted_leak_is_caught(made, build_house, practice_folder, monkeypatch):
    """Planted: every Monday has the return of the week after it, and none is known that should not be."""
    found = []
    for market in (DirectoryMarket.from_directory(practice_folder), spoilt(practice_folder, Poison.SHOCK)):
        monkeypatch.setattr(history_module, "holding_returns", a_week_early(market))
        house = settle(build_house(made[0]))
        found.append(trained_on(house, market))
        rows = rows_for(house)
        assert max(rows.loc[rows["holding_return"].notna(), "monday"]).isoformat() == MONDAYS[-2]
    assert found[0] != found[1]


def a_week_early(market):
    def returns(bars, weeks):
        opens = SERVED.sessions[0]
        everything = market.bars(min(bars["date"]), opens, session_close(opens))
        later = {week_of(week.monday + timedelta(weeks=1)).key: week.key for week in weeks[:-1]}
        found = holding_returns(everything, [week_from_key(key) for key in later])
        return found.assign(week=found["week"].map(later).astype("str"))

    return returns


class GivesTomorrowsBars(DirectoryMarket):
    """Planted: answers with the sessions after the question."""

    def bars(self, first, last, known_at, symbols=None):
        later = timedelta(days=4)
        return super().bars(first, last + later, known_at + later, symbols)


def test_a_source_that_answers_with_later_bars_is_refused(made, build_house, practice_folder):
    house = settle(build_house(made[0]))
    drop(house, "daily_bars")
    went = train_for(house, market=GivesTomorrowsBars.from_directory(practice_folder))
    assert "LookAheadError" in went.errors["policy_history"]


def test_a_second_run_gives_the_same_bytes(made, build_house):
    house = settle(build_house(made[0]))
    before = house.files("artifacts")
    assert train_for(house).success
    assert house.files("artifacts") == before
    shutil.rmtree(house.root / "artifacts" / "policy_history")
    assert train_for(house).success
    assert house.files("artifacts") == before
