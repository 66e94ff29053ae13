# ruff: noqa: PD011 - a panel is no pandas object, and its values are numpy's
from datetime import date

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import mondays_between, week_from_key, week_of
from learnfinance_dagster.errors import ConfigurationError, DataError, LookAheadError
from learnfinance_dagster.forecasting.forecasts import forecast_rows
from learnfinance_dagster.forecasting.panel import CLOSE, panel_of
from learnfinance_dagster.forecasting.walk_forward import MOMENTUM, outdated, plan, walk_forward_rows
from learnfinance_dagster.schemas.forecasts import WalkForward

FIRST = date(2016, 12, 31)
ALL = [f"snapshot-{year}-12-31" for year in range(2014, 2020)]
WEEKS = [week_of(monday) for monday in mondays_between(date(2018, 12, 3), date(2019, 12, 23))]


class Snapshot:
    """A predictor whose days tell which year it is of."""

    def __init__(self, version):
        self.year, self.asked = int(version[9:13]), []

    def predict(self, windows):
        self.asked.append(windows)
        return np.full((len(windows), 5), (self.year - 2000) / 1000)


class Shelf:
    """Loads snapshots and remembers which."""

    def __init__(self, known_until=None):
        self.loaded, self.known_until = {}, known_until

    def __call__(self, version):
        assert version not in self.loaded, "one batch a snapshot"
        self.loaded[version] = Snapshot(version)
        return self.loaded[version], self.known_until or date.fromisoformat(version[9:])


@pytest.fixture(scope="module")
def panel(make_bars, days):
    late = make_bars("LATE", days[200:])
    return panel_of(pd.concat([make_bars("AAA"), make_bars("BBB"), late]))


def weeks_of(*keys):
    return [week_from_key(key) for key in keys]


def sources(weeks, *, available=ALL, missing="error", first=FIRST):
    planned = plan(weeks, first, available, missing, "lstm")
    return {week.key: source for source, found in planned.items() for week in found}


def test_a_week_is_forecast_by_the_snapshot_of_the_year_before():
    assert sources(weeks_of("2018-03-05", "2019-03-04")) == {
        "2018-03-05": "snapshot-2017-12-31",
        "2019-03-04": "snapshot-2018-12-31",
    }


@pytest.mark.parametrize(
    ("monday", "source"),
    [
        ("2018-12-24", "snapshot-2017-12-31"),
        ("2018-12-31", "snapshot-2017-12-31"),  # decided on the year's last day, which it does not know yet
        ("2019-01-07", "snapshot-2018-12-31"),
        ("2019-12-30", "snapshot-2018-12-31"),  # straddles two years; decided in the first
        ("2020-01-06", "snapshot-2019-12-31"),
        ("2018-01-01", "snapshot-2017-12-31"),  # the new year's own first day
    ],
)
def test_the_week_between_two_years_uses_the_snapshot_that_ended_before_its_monday(monday, source):
    assert sources(weeks_of(monday)) == {monday: source}


def test_weeks_before_the_first_snapshot_are_momentums_whatever_is_there():
    """D15: the predecessor's first year was off by one, and moved with the youngest name."""
    found = sources(weeks_of("2016-06-06", "2016-12-26", "2017-01-02", "2017-06-05"))
    assert found == {
        "2016-06-06": MOMENTUM,
        "2016-12-26": MOMENTUM,
        "2017-01-02": "snapshot-2016-12-31",
        "2017-06-05": "snapshot-2016-12-31",
    }


def test_a_missing_snapshot_is_an_error_with_the_command_that_makes_it():
    """D15: the predecessor said nothing and took momentum."""
    with pytest.raises(ConfigurationError) as error:
        sources(weeks_of("2018-03-05", "2018-03-12", "2019-03-04", "2020-03-02"), available=["snapshot-2018-12-31"])
    command = "dagster asset materialize -m learnfinance_dagster.definitions --select lstm_snapshot --partition "
    told = str(error.value).splitlines()
    assert told[0].startswith("lstm has no snapshot of 2017-12-31, 2019-12-31: make it first")
    assert told[1:] == [command + "2017-12-31", command + "2019-12-31"]


def test_nothing_that_is_not_needed_has_to_be_there():
    assert sources(weeks_of("2016-03-07"), available=[]) == {"2016-03-07": MOMENTUM}
    assert plan([], FIRST, [], "error", "lstm") == {}


@pytest.mark.parametrize(
    ("monday", "source", "missing", "is_outdated"),
    [
        ("2019-03-04", MOMENTUM, "error", True),
        ("2019-03-04", "snapshot-2017-12-31", "error", True),
        ("2019-03-04", "snapshot-2018-12-31", "error", False),
        ("2020-03-02", MOMENTUM, "momentum", False),  # its own is still missing
        ("2020-03-02", "snapshot-2017-12-31", "closest", True),
        ("2020-03-02", "snapshot-2019-12-31", "closest", False),  # it is no longer there, and nothing is better
        ("2016-03-07", MOMENTUM, "closest", False),
    ],
)
def test_a_week_is_outdated_when_what_was_wanted_for_it_is_there_now(monday, source, missing, is_outdated):
    (week,) = weeks_of(monday)
    there = ["snapshot-2014-12-31", "snapshot-2017-12-31", "snapshot-2018-12-31"]
    assert outdated({week: source}, FIRST, there, missing) == ([week] if is_outdated else [])


def test_momentum_stands_in_where_the_settings_say_so():
    found = sources(weeks_of("2018-03-05", "2019-03-04"), available=["snapshot-2017-12-31"], missing="momentum")
    assert found == {"2018-03-05": "snapshot-2017-12-31", "2019-03-04": MOMENTUM}


@pytest.mark.parametrize(
    ("available", "source"),
    [
        (["snapshot-2016-12-31", "snapshot-2017-12-31", "snapshot-2019-12-31"], "snapshot-2017-12-31"),
        (["snapshot-2019-12-31", "snapshot-2020-12-31"], MOMENTUM),  # closest would know the future
        (["v2018-12-30-0123456789ab"], MOMENTUM),
        ([], MOMENTUM),
    ],
)
def test_the_closest_snapshot_is_an_earlier_one_or_none(available, source):
    assert sources(weeks_of("2019-03-04"), available=available, missing="closest") == {"2019-03-04": source}


def test_a_plan_is_in_the_order_of_time_and_holds_each_week_once():
    planned = plan(WEEKS[::-1] + WEEKS[:3], FIRST, ALL, "error", "lstm")
    assert list(planned) == ["snapshot-2017-12-31", "snapshot-2018-12-31"]
    assert [week for weeks in planned.values() for week in weeks] == WEEKS


def test_every_row_says_where_its_number_comes_from(panel):
    planned = plan(WEEKS, date(2018, 12, 31), ALL, "error", "lstm")
    shelf = Shelf()
    names = {week.key: ["BBB", "AAA", "LATE", "NOBODY"] for week in WEEKS}
    rows = walk_forward_rows("lstm", planned, names, panel, shelf)
    pd.testing.assert_frame_equal(WalkForward.validate(rows), rows)
    assert len(rows) == 4 * len(WEEKS)
    assert rows[["week", "symbol"]].apply(tuple, axis=1).is_monotonic_increasing
    assert set(rows["forecaster"]) == {"lstm"}
    assert set(rows["source"][rows["week"] <= "2018-12-31"]) == {MOMENTUM}
    assert set(rows["source"][rows["week"] > "2018-12-31"]) == {"snapshot-2018-12-31"}
    told = rows[(rows["source"] != MOMENTUM) & rows["weekly_return"].notna()]
    np.testing.assert_allclose(told["weekly_return"], np.expm1(5 * 0.018))


def test_one_batch_a_snapshot(panel):
    shelf = Shelf()
    planned = plan(WEEKS, FIRST, ALL, "error", "lstm")
    walk_forward_rows("lstm", planned, {week.key: ["AAA", "BBB"] for week in WEEKS}, panel, shelf)
    assert list(shelf.loaded) == list(planned)
    for version, snapshot in shelf.loaded.items():
        assert [len(windows) for windows in snapshot.asked] == [2 * len(planned[version])]


def test_momentum_is_the_mean_of_the_last_four_weeks(panel):
    week = week_from_key("2019-06-03")
    rows = walk_forward_rows("lstm", {MOMENTUM: [week]}, {week.key: ["AAA"]}, panel, Shelf())
    at = panel.position(week.last_session)
    changes = panel.values[0, at - 19 : at + 1, CLOSE].astype(float)
    assert rows["weekly_return"].tolist() == pytest.approx([np.expm1(changes.sum() / 4)])


def test_too_little_history_is_one_names_reason_and_no_other_names_loss(panel):
    """D15: one young name moved the bootstrap of all by years."""
    names = {week.key: ["AAA", "LATE"] for week in WEEKS}
    rows = walk_forward_rows("lstm", plan(WEEKS, FIRST, ALL, "error", "lstm"), names, panel, Shelf())
    old, young = (rows[rows["symbol"] == name] for name in ("AAA", "LATE"))
    assert old["weekly_return"].notna().all()
    assert (young["weekly_return"].isna() == (young["reason"] != "")).all()
    assert young["weekly_return"].isna().any()
    assert "sessions have a bar; at least 55 are needed" in " ".join(young["reason"])
    assert set(young["source"]) == set(old["source"]), "the source is that of the week, with or without a number"


def test_momentum_needs_the_same_history_as_a_model(panel):
    rows = walk_forward_rows("lstm", {MOMENTUM: WEEKS}, {week.key: ["LATE"] for week in WEEKS}, panel, Shelf())
    by_model = forecast_rows(WEEKS, {week.key: ["LATE"] for week in WEEKS}, panel, Snapshot("snapshot-2017"), "v")
    assert rows["reason"].tolist() == by_model["reason"].tolist()


@pytest.mark.parametrize("known_until", [date(2019, 3, 4), date(2019, 3, 11), date(2020, 12, 31)])
def test_a_snapshot_that_knows_the_week_may_not_forecast_it(panel, known_until):
    """Whatever its name says."""
    week = week_from_key("2019-03-04")
    with pytest.raises(LookAheadError, match=f"lstm snapshot-2018-12-31 was trained on data up to {known_until}"):
        walk_forward_rows("lstm", {"snapshot-2018-12-31": [week]}, {week.key: ["AAA"]}, panel, Shelf(known_until))


def test_a_snapshot_may_know_the_day_before_the_decision(panel):
    week = week_from_key("2019-03-04")
    shelf = Shelf(date(2019, 3, 3))
    rows = walk_forward_rows("lstm", {"snapshot-2018-12-31": [week]}, {week.key: ["AAA"]}, panel, shelf)
    assert rows["weekly_return"].notna().all()


def test_a_planted_future_does_not_reach_earlier_weeks(panel):
    """Bars after a decision may hold anything."""

    class Echo:
        def predict(self, windows):
            return windows.inputs(windows.panel.values)[:, -5:, CLOSE].astype(float)

    def load(version):
        return Echo(), date(2018, 1, 1)

    names = {week.key: list(panel.symbols) for week in WEEKS}
    weeks = [week for week in WEEKS if week.last_session <= date(2019, 6, 28)]
    planned = {MOMENTUM: weeks[:10], "snapshot-2018-12-31": weeks[10:]}
    whole = walk_forward_rows("lstm", planned, names, panel, load)
    known = walk_forward_rows("lstm", planned, names, panel.until(date(2019, 6, 28)), load)
    pd.testing.assert_frame_equal(whole, known)


def test_an_answer_that_is_no_return_is_refused_with_its_place(panel):
    class Broken:
        def predict(self, windows):
            return np.full((len(windows), 5), np.nan)

    week = week_from_key("2019-03-04")
    with pytest.raises(DataError, match="lstm snapshot-2018-12-31: the forecast of AAA for 2019-03-04 is nan"):
        walk_forward_rows(
            "lstm",
            {"snapshot-2018-12-31": [week]},
            {week.key: ["AAA"]},
            panel,
            lambda _: (Broken(), date(2018, 12, 31)),
        )


def test_a_snapshot_without_anything_to_forecast_is_not_even_loaded(panel):
    week, shelf = week_from_key("2019-03-04"), Shelf()
    rows = walk_forward_rows("lstm", {"snapshot-2018-12-31": [week]}, {week.key: ["NOBODY"]}, panel, shelf)
    assert shelf.loaded == {}
    assert rows["source"].tolist() == ["snapshot-2018-12-31"]
    assert rows["reason"].tolist() == ["fewer than two bars up to 2019-03-01"]
    assert len(WalkForward.validate(walk_forward_rows("lstm", {}, {}, panel, shelf))) == 0
