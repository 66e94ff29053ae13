"""The artifact store: one checked file per asset and week, whole or not at all."""

import os
import warnings
from dataclasses import dataclass
from datetime import date

import dagster as dg
import pandas as pd
import pytest

from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.values import TargetWeights
from resources.artifacts import ArtifactIOManager, ArtifactStore

WEEK, NEXT = "2021-06-07", "2021-06-14"
WEIGHTS = TargetWeights("hrp", WEEK, {"AAPL": 0.1}, {"AAPL": 1.0}, {})


def universe(week=WEEK, symbols=("AAPL", "MSFT")):
    count = len(symbols)
    return pd.DataFrame(
        {
            "week": [week] * count,
            "symbol": list(symbols),
            "max_weight": [5.0] * count,
            "sources": ["SPUS"] * count,
            "holdings_date": [date(2021, 6, 4)] * count,
            "age_days": [3] * count,
            "excluded": [""] * count,
        }
    )


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "artifacts", FRAMES, {"hrp_weights": TargetWeights})


def files(store):
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def test_a_frame_comes_back_as_it_was_stored(store):
    store.write("halal_universe", WEEK, universe())
    assert store.read("halal_universe", [WEEK]).equals(FRAMES["halal_universe"].validate(universe()))


def test_a_value_comes_back_as_it_was_stored(store):
    store.write("hrp_weights", WEEK, WEIGHTS)
    assert store.read("hrp_weights", [WEEK]) == WEIGHTS


def test_equal_artifacts_are_equal_bytes(store):
    for asset, artifact in [("halal_universe", universe()), ("hrp_weights", WEIGHTS)]:
        first = store.write(asset, WEEK, artifact).read_bytes()
        assert store.write(asset, WEEK, artifact).read_bytes() == first


def test_weeks_are_read_below_each_other_in_the_order_asked(store):
    store.write("halal_universe", NEXT, universe(NEXT, ["NVDA"]))
    store.write("halal_universe", WEEK, universe())
    assert store.read("halal_universe", [WEEK, NEXT])["symbol"].tolist() == ["AAPL", "MSFT", "NVDA"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda frame: frame.drop(columns="sources"), "sources"),
        (lambda frame: frame.assign(extra=1), "extra"),
        (lambda frame: frame.assign(age_days=0), "age_days"),
        (lambda frame: frame.assign(max_weight=101.0), "max_weight"),
        (lambda frame: frame.assign(max_weight="much"), "max_weight"),
    ],
)
def test_a_frame_of_another_form_is_refused_by_asset_and_week_and_nothing_is_stored(store, spoil, words):
    with pytest.raises(DataError, match=rf"halal_universe {WEEK}: .*{words}"):
        store.write("halal_universe", WEEK, spoil(universe()))
    assert files(store) == []


def test_a_value_of_another_type_is_refused_by_asset_and_week_and_nothing_is_stored(store):
    with pytest.raises(DataError, match=f"hrp_weights {WEEK}: dict is not TargetWeights"):
        store.write("hrp_weights", WEEK, {"AAPL": 0.1})
    assert files(store) == []


def test_a_value_with_a_number_that_is_none_is_refused_and_the_old_one_stays(store):
    store.write("hrp_weights", WEEK, WEIGHTS)
    with pytest.raises(DataError, match="nan is not a finite number"):
        store.write("hrp_weights", WEEK, TargetWeights("hrp", WEEK, {"AAPL": float("nan")}, {}, {}))
    assert store.read("hrp_weights", [WEEK]) == WEIGHTS


def test_a_file_that_somebody_changed_is_refused_when_it_is_read(store):
    path = store.write("halal_universe", WEEK, universe())
    universe().drop(columns="excluded").to_parquet(path, index=False)
    with pytest.raises(DataError, match=f"halal_universe {WEEK}: .*excluded"):
        store.read("halal_universe", [WEEK])


def test_a_missing_artifact_says_what_to_run(store):
    with pytest.raises(ConfigurationError) as caught:
        store.read("hrp_weights", [WEEK])
    assert f"hrp_weights has no artifact for {WEEK}" in str(caught.value)
    assert (
        f"dagster asset materialize -m learnfinance_dagster.definitions --select hrp_weights --partition {WEEK}"
        in str(caught.value)
    )


def test_missing_weeks_are_counted(store):
    store.write("halal_universe", WEEK, universe())
    with pytest.raises(ConfigurationError, match="for 2 weeks from 2021-06-14 to 2021-06-21: materialize it first"):
        store.read("halal_universe", [WEEK, NEXT, "2021-06-21"])


def test_a_value_is_not_read_for_two_weeks_at_once(store):
    for week in (WEEK, NEXT):
        store.write("hrp_weights", week, WEIGHTS)
    with pytest.raises(ConfigurationError, match="one value a week"):
        store.read("hrp_weights", [WEEK, NEXT])


@pytest.mark.parametrize("asset", FRAMES)
def test_a_frame_without_rows_keeps_its_columns_and_dtypes(store, asset):
    empty = FRAMES[asset].empty()
    store.write(asset, WEEK, empty)
    read = store.read(asset, [WEEK])
    assert len(read) == 0
    assert dict(read.dtypes) == dict(empty.dtypes)


def test_a_week_without_rows_does_not_disturb_its_neighbours(store):
    store.write("halal_universe", WEEK, FRAMES["halal_universe"].empty())
    store.write("halal_universe", NEXT, universe(NEXT))
    both = store.read("halal_universe", [WEEK, NEXT])
    assert both.equals(store.read("halal_universe", [NEXT]))


def test_changing_what_was_read_does_not_change_the_next_reading(store):
    store.write("halal_universe", WEEK, universe())
    mine = store.read("halal_universe", [WEEK])
    mine.loc[0, "symbol"] = "SPOILT"
    assert store.read("halal_universe", [WEEK])["symbol"].tolist() == ["AAPL", "MSFT"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_writer_that_dies_leaves_the_old_file_whole(store, monkeypatch, step):
    path = store.write("hrp_weights", WEEK, WEIGHTS)
    before = path.read_bytes()

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", die) if step == "fsync" else monkeypatch.setattr("pathlib.Path.replace", die)
    with pytest.raises(KeyboardInterrupt):
        store.write("hrp_weights", WEEK, TargetWeights("hrp", WEEK, {}, {}, {}))
    assert path.read_bytes() == before
    assert files(store) == [path.name]


@dataclass
class Planted:
    """An asset over several weeks that returns whatever the test wants."""

    frame: pd.DataFrame

    def materialize(self, store):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)

            @dg.asset(partitions_def=WEEKLY, backfill_policy=dg.BackfillPolicy.single_run())
            def halal_universe():
                return self.frame

        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(
                [halal_universe],
                instance=instance,
                resources={"io_manager": ArtifactIOManager(store)},
                tags={"dagster/asset_partition_range_start": WEEK, "dagster/asset_partition_range_end": NEXT},
                raise_on_error=False,
            )


def test_a_run_over_many_weeks_is_split_by_week_and_a_week_without_rows_is_stored_too(store):
    assert Planted(universe()).materialize(store).success
    assert store.read("halal_universe", [WEEK])["symbol"].tolist() == ["AAPL", "MSFT"]
    assert len(store.read("halal_universe", [NEXT])) == 0


def test_rows_of_a_week_that_was_not_asked_for_are_refused_and_nothing_is_stored(store):
    result = Planted(pd.concat([universe(), universe("2021-05-31")])).materialize(store)
    assert not result.success
    assert files(store) == []
