import json
import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import mondays_between, week_from_key, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.forecasts import asked_of, directions, forecast_rows, no_forecasts
from learnfinance_dagster.forecasting.panel import panel_of
from learnfinance_dagster.schemas.forecasts import Forecast

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
WEEK = week_from_key("2019-06-03")
ENOUGH = "; at least 55 are needed"
NUMBERS = ["weekly_return", "day_1", "day_2", "day_3", "day_4", "day_5"]


class Fixed:
    """Answers every window with the same five days, or with what a function makes of the windows."""

    def __init__(self, days):
        self.days, self.asked = days, []

    def predict(self, windows):
        self.asked.append(windows)
        return (
            self.days(windows) if callable(self.days) else np.tile(np.array(self.days, dtype=float), (len(windows), 1))
        )


@pytest.fixture(scope="module")
def panel(make_bars, days):
    """At WEEK: two with all their history, one listed 37 sessions ago, one halted, one paid out, one just gone."""
    at = days.index(WEEK.last_session)
    frames = [
        make_bars("AAA"),
        make_bars("BBB"),
        make_bars("YOUNG", days[at - 36 :]),
        make_bars("HALT", without=range(at - 20, at - 10)),
        make_bars("PAID", days[: at - 2], paid_out={at - 3: 40.0}),
        make_bars("GONE", days[: at - 9]),
        make_bars("OLD", days[:50]),
        make_bars("LATER", days[at + 1 :]),
        make_bars("ONE", days[at : at + 1]),
    ]
    return panel_of(pd.concat(frames))


def one(symbol, panel, days=(0.01, -0.005, 0.002, 0.0, 0.004), week=WEEK):
    return forecast_rows([week], {week.key: [symbol]}, panel, Fixed(days), "v1").iloc[0]


def case(identity):
    if not CASES.exists():
        pytest.skip("no cases beside the repository (../shared/spec/cases.json)")
    return next(each for each in json.loads(CASES.read_text())["cases"] if each["id"] == identity)


def test_a_weekly_return_is_its_five_days_compounded(panel):
    """fc-03; in fractions, as everywhere in the house, where the predecessor had percent."""
    known = case("fc-03-weekly-return")
    row = one("AAA", panel, known["input"]["daily_log_returns"])
    expected = known["expected"][1]
    assert 100 * row["weekly_return"] == pytest.approx(
        expected["predicted_weekly_return_pct"], abs=known["abs_tolerance"]
    )
    assert row["direction"] == expected["direction"]
    assert [row[name] for name in NUMBERS[1:]] == expected["daily_returns"]
    assert row["history_used"] == 60
    assert row["reason"] == ""


def test_a_name_with_too_little_history_has_no_numbers_and_no_direction_but_a_reason(panel, days):
    """fc-03: the predecessor called it FLAT, which is an opinion."""
    row = one("YOUNG", panel)
    assert row[NUMBERS].isna().all()
    assert row["direction"] == ""
    assert row["history_used"] == 36
    assert row["data_end_date"] == WEEK.last_session
    assert row["reason"] == "36 of 60 sessions have a bar" + ENOUGH
    assert row["model_version"] == "v1"


def test_directions_of_the_predecessors_case():
    """fc-04: a thousandth is still flat."""
    known = case("fc-04-direction")
    assert directions(np.array(known["input"]["returns"])).tolist() == known["expected"]


def test_a_direction_needs_more_than_a_thousandth():
    edges = np.array([np.nextafter(0.001, 1), 0.001, 0.0, -0.0, -0.001, np.nextafter(-0.001, -1), np.nan])
    assert directions(edges).tolist() == ["UP", "FLAT", "FLAT", "FLAT", "FLAT", "DOWN", ""]


def test_a_direction_is_that_of_the_return_and_not_of_the_logs(panel):
    assert one("AAA", panel, [math.log1p(0.001) + 1e-12, 0, 0, 0, 0])["direction"] == "UP"
    assert one("AAA", panel, [0.0009990, 0, 0, 0, 0])["direction"] == "FLAT"


@pytest.mark.parametrize(
    ("symbol", "reason", "used", "last"),
    [
        ("HALT", "50 of 60 sessions have a bar" + ENOUGH, 50, 0),
        ("GONE", "50 of 60 sessions have a bar" + ENOUGH, 50, -10),
        ("PAID", "delisted on 2019-05-28", 57, -3),
        ("OLD", "0 of 60 sessions have a bar" + ENOUGH, 0, None),
        ("LATER", "fewer than two bars up to 2019-05-31", 0, None),
        ("ONE", "fewer than two bars up to 2019-05-31", 0, None),
        ("NOBODY", "fewer than two bars up to 2019-05-31", 0, None),
    ],
)
def test_a_name_that_cannot_be_forecast_is_a_row_that_says_why(panel, days, symbol, reason, used, last):
    """D24: a name without any prices crashed the predecessor."""
    row = one(symbol, panel)
    assert row["reason"] == reason
    assert row["history_used"] == used
    assert row[NUMBERS].isna().all()
    assert row["direction"] == ""
    if symbol == "OLD":
        assert row["data_end_date"] == days[49]
    elif last is None:
        assert row["data_end_date"] is None
    else:
        assert row["data_end_date"] == days[days.index(WEEK.last_session) + last]


def test_five_missing_sessions_are_bridged(make_bars, days):
    at = days.index(WEEK.last_session)
    for missing, is_forecast in ((5, True), (6, False)):
        halted = panel_of(pd.concat([make_bars("A"), make_bars("H", without=range(at - 9, at - 9 + missing))]))
        assert pd.notna(one("H", halted)["weekly_return"]) == is_forecast


def test_sixty_sessions_are_not_enough_without_the_one_before_them(make_bars, days):
    at = days.index(WEEK.last_session)
    row = one("A", panel_of(make_bars("A", days[at - 59 :])))
    assert row["reason"] == "no bars were loaded of 61 sessions up to 2019-05-31"
    assert pd.isna(row["weekly_return"])
    assert pd.notna(one("A", panel_of(make_bars("A", days[at - 60 :])))["weekly_return"])


def test_every_name_that_was_asked_for_has_one_row_in_the_order_of_names(panel):
    names = ["YOUNG", "BBB", "NOBODY", "AAA", "BBB"]
    rows = forecast_rows([WEEK], {WEEK.key: names}, panel, Fixed([0.01] * 5), "v1")
    assert rows["symbol"].tolist() == ["AAA", "BBB", "NOBODY", "YOUNG"]
    assert set(rows["week"]) == {WEEK.key}
    assert tuple(rows.columns) == tuple(Forecast.to_schema().columns)
    pd.testing.assert_frame_equal(Forecast.validate(rows), rows)


def test_rows_survive_being_stored(panel, tmp_path):
    rows = forecast_rows([WEEK], {WEEK.key: ["AAA", "NOBODY"]}, panel, Fixed([0.01] * 5), "v1")
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    pd.testing.assert_frame_equal(Forecast.validate(pd.read_parquet(tmp_path / "rows.parquet")), rows)


def test_many_weeks_are_one_batch_and_read_like_one_week_at_a_time(panel):
    weeks = [week_of(monday) for monday in mondays_between(date(2019, 3, 4), date(2019, 6, 24))]
    names = {week.key: ["AAA", "HALT", "PAID", "YOUNG", "NOBODY"][: 2 + n % 4] for n, week in enumerate(weeks)}

    def sums(windows):
        return windows.inputs(panel.values)[:, -5:, 3].astype(float)

    together, alone = Fixed(sums), Fixed(sums)
    rows = forecast_rows(weeks[::-1], names, panel, together, "v1")
    one_by_one = [forecast_rows([week], names, panel, alone, "v1") for week in weeks]
    pd.testing.assert_frame_equal(rows, pd.concat(one_by_one, ignore_index=True))
    assert len(together.asked) == 1
    assert len(rows) == sum(map(len, names.values()))
    assert rows["weekly_return"].notna().sum() == len(together.asked[0])


def test_numbers_stand_beside_the_name_and_week_they_belong_to(panel):
    weeks = [week_from_key("2019-05-06"), WEEK]
    names = {each.key: ["BBB", "AAA", "YOUNG"] for each in weeks}

    def tell(windows):
        days = np.zeros((len(windows), 5))
        days[:, 0] = windows.name / 100
        days[:, 1] = (windows.monday == np.datetime64(WEEK.monday)) / 10
        return days

    rows = forecast_rows(weeks, names, panel, Fixed(tell), "v1").dropna(subset="weekly_return")
    assert (100 * rows["day_1"]).round().tolist() == [panel.symbols.index(name) for name in rows["symbol"]]
    assert (rows["day_2"] > 0).tolist() == [key == WEEK.key for key in rows["week"]]


def test_bars_after_the_decision_change_no_row(panel):
    names = {WEEK.key: [*panel.symbols, "NOBODY"]}

    def echo(windows):
        return windows.inputs(windows.panel.values)[:, -5:, 3].astype(float)

    whole = forecast_rows([WEEK], names, panel, Fixed(echo), "v1")
    known = forecast_rows([WEEK], names, panel.until(WEEK.last_session), Fixed(echo), "v1")
    pd.testing.assert_frame_equal(whole, known)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 800.0, -800.0])
def test_an_answer_that_is_no_return_is_never_a_row(panel, wrong):
    def spoil(windows):
        days = np.zeros((len(windows), 5))
        days[windows.name == panel.symbols.index("BBB"), 3] = wrong
        return days

    with pytest.raises(DataError, match="v1: the forecast of BBB for 2019-06-03 is"):
        forecast_rows([WEEK], {WEEK.key: ["AAA", "BBB"]}, panel, Fixed(spoil), "v1")


@pytest.mark.parametrize("shape", [(1, 5), (2, 4), (2,), (2, 5, 1)])
def test_an_answer_of_another_shape_is_refused(panel, shape):
    with pytest.raises(DataError, match="v1 answered 2 windows with numbers of the shape"):
        forecast_rows([WEEK], {WEEK.key: ["AAA", "BBB"]}, panel, Fixed(lambda _: np.zeros(shape)), "v1")


def test_a_model_is_not_asked_when_nobody_has_enough_history(panel):
    model = Fixed([0.0] * 5)
    rows = forecast_rows([WEEK], {WEEK.key: ["NOBODY", "YOUNG"]}, panel, model, "v1")
    assert model.asked == []
    assert rows["weekly_return"].isna().all()


@pytest.mark.parametrize(("weeks", "names"), [([], {}), ([WEEK], {WEEK.key: []})])
def test_nothing_asked_is_an_empty_table_with_its_columns(panel, weeks, names):
    rows = forecast_rows(weeks, names, panel, Fixed([0.0] * 5), "v1")
    assert len(Forecast.validate(rows)) == 0
    assert tuple(rows.columns) == tuple(Forecast.to_schema().columns)


def test_a_decision_without_bars_is_refused(panel):
    with pytest.raises(DataError, match="no bars of the session 2025-05-30"):
        asked_of([week_from_key("2025-06-02")], {"2025-06-02": ["AAA"]}, panel)


def test_what_stands_in_for_forecasts_has_rows_reasons_and_no_numbers():
    rows = no_forecasts(WEEK, ["BBB", "AAA", "BBB"], "failed: the model is broken")
    assert rows["symbol"].tolist() == ["AAA", "BBB"]
    assert rows[NUMBERS].isna().all(axis=None)
    assert set(rows["direction"]) == set(rows["model_version"]) == {""}
    assert set(rows["reason"]) == {"failed: the model is broken"}
    assert rows["data_end_date"].tolist() == [None, None]
    pd.testing.assert_frame_equal(Forecast.validate(rows), rows)
    assert len(Forecast.validate(no_forecasts(WEEK, [], "failed"))) == 0
