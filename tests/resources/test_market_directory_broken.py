"""Each fault of a market directory is one DataError that names the file, the column and the row."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from learnfinance_dagster.errors import DataError
from resources.market_directory import load, read_bars_csv

DAYS = (date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6))
BROKEN = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "broken" / "multi_ticker_header_CSCO.csv"


def bars(symbols=("AAPL", "MSFT")):
    n = len(DAYS) * len(symbols)
    return pd.DataFrame(
        {
            "date": DAYS * len(symbols),
            "symbol": np.repeat(list(symbols), len(DAYS)),
            "open": np.full(n, 10.0),
            "high": np.full(n, 11.0),
            "low": np.full(n, 9.0),
            "close": np.full(n, 10.5),
            "adj_close": np.full(n, 10.5),
            "volume": np.full(n, 1000, dtype=np.int64),
        }
    )


def actions(*rows):
    return pd.DataFrame(list(rows), columns=["symbol", "ex_date", "kind", "value"])


def with_value(frame, row, column, value):
    changed = frame.copy()
    changed.loc[row, column] = value
    return changed


AS_TRADED = {"name": "mine", "kind": "real", "price_basis": "as_traded"}


@pytest.fixture
def fault(tmp_path):
    """Write a directory, load it, and return the words of the error; fails where there is none."""

    def words(manifest=None, **frames):
        for stem, frame in ({"bars": bars()} | frames).items():
            frame.to_parquet(tmp_path / f"{stem}.parquet", index=False)
        if manifest is not None:
            (tmp_path / "market.json").write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
        with pytest.raises(DataError) as caught:
            load(tmp_path)
        return str(caught.value)

    return words


def test_the_unbroken_directory_loads(tmp_path):
    bars().to_parquet(tmp_path / "bars.parquet", index=False)
    assert len(load(tmp_path).bars) == 6


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no folder .*nowhere"):
        load(tmp_path / "nowhere")


def test_missing_bars_are_named(tmp_path):
    with pytest.raises(DataError, match=r"bars\.parquet is missing"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"Date,Symbol\n", b"", b"PAR1 and then nothing PAR1"])
def test_a_file_that_is_not_parquet_is_named(tmp_path, content):
    (tmp_path / "bars.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"bars\.parquet (is not a Parquet file|cannot be read)"):
        load(tmp_path)


def test_a_folder_in_the_place_of_a_file_cannot_be_read(tmp_path):
    (tmp_path / "bars.parquet").mkdir()
    with pytest.raises(DataError, match=r"bars\.parquet cannot be read"):
        load(tmp_path)


def test_a_misspelt_file_does_not_pass_unnoticed(fault):
    assert fault(action=actions()).startswith("action.parquet is unknown; the files of a market directory are bars, ")


def test_a_missing_column_is_named_with_what_was_found(fault):
    assert fault(bars=bars().drop(columns="close")) == (
        "bars.parquet: column close is missing; found date, symbol, open, high, low, adj_close, volume"
    )


def test_an_unknown_column_is_named_with_those_that_are_known(fault):
    words = fault(bars=bars().assign(vwap=1.0))
    assert words.startswith("bars.parquet: unknown column vwap; the columns are date, symbol, open")


def test_a_saved_index_is_an_unknown_column_with_a_hint(tmp_path):
    bars().iloc[[0, 1, 4]].to_parquet(tmp_path / "bars.parquet")
    with pytest.raises(DataError, match="save with index=False"):
        load(tmp_path)


def test_timestamps_for_dates_are_refused_with_the_conversion(fault):
    words = fault(bars=bars().assign(date=lambda frame: pd.to_datetime(frame["date"])))
    assert words.startswith("bars.parquet: column date has dtype timestamp")
    assert 'frame["date"] = pd.to_datetime(frame["date"]).dt.date' in words


@pytest.mark.parametrize(
    ("column", "dtype", "hint"),
    [
        ("close", "float32", 'astype("float64")'),
        ("volume", "float64", 'astype("int64")'),
        ("symbol", "category", "str"),
    ],
)
def test_a_wrong_dtype_is_refused_with_the_conversion(fault, column, dtype, hint):
    words = fault(bars=bars().astype({column: dtype}))
    assert f"column {column} has dtype" in words
    assert hint in words


def test_news_without_a_time_zone_is_refused(fault):
    news = pd.DataFrame(
        {
            "published_at": pd.to_datetime(["2020-01-02"]).astype("datetime64[us]"),
            "symbol": ["AAPL"],
            "headline": ["h"],
            "summary": [""],
            "source": ["s"],
        }
    )
    assert "news.parquet: column published_at has dtype timestamp[us] and must be timestamp[us, tz=UTC]" in fault(
        news=news
    )


def news(*symbols):
    frame = pd.DataFrame({"symbol": pd.Series(symbols, dtype="str"), "headline": "h", "summary": "", "source": "s"})
    moment = pd.Timestamp("2020-01-02 14:00", tz="UTC")
    return frame.assign(published_at=pd.Series([moment] * len(frame), dtype="datetime64[us, UTC]"))


def spans(*rows):
    return pd.DataFrame(list(rows), columns=["symbol", "first_day", "last_day"])


def test_a_span_that_ends_before_it_starts_is_named(fault):
    words = fault(news=news("AAPL"), news_coverage=spans(("*", date(2020, 1, 7), date(2020, 1, 6))))
    assert words == (
        "news_coverage.parquet, column last_day, row 0 (* 2020-01-07): 2020-01-06 is before first_day 2020-01-07"
    )


@pytest.mark.parametrize("start", [date(2020, 1, 3), date(2020, 1, 6)])
def test_overlapping_spans_of_a_symbol_are_refused_with_both_spans(fault, start):
    rows = [
        ("MSFT", date(2020, 1, 2), date(2020, 1, 6)),
        ("AAPL", start, date(2020, 1, 9)),
        ("AAPL", date(2020, 1, 2), date(2020, 1, 6)),
    ]
    assert fault(news=news("AAPL"), news_coverage=spans(*rows)) == (
        f"news_coverage.parquet, column first_day, row 1 (AAPL {start}): "
        "is inside the span 2020-01-02..2020-01-06 of the same symbol; write one span"
    )


def test_a_second_span_from_the_same_day_is_a_second_row(fault):
    rows = [("*", date(2020, 1, 2), date(2020, 1, day)) for day in (6, 7)]
    words = fault(news=news("AAPL"), news_coverage=spans(*rows))
    assert words.endswith("row 1 (* 2020-01-02): a second row for the same symbol, first_day")


def test_timestamps_for_the_days_of_a_span_are_refused_with_the_conversion(fault):
    frame = spans(("*", pd.Timestamp("2020-01-02"), date(2020, 1, 6)))
    words = fault(news=news("AAPL"), news_coverage=frame)
    assert words.startswith("news_coverage.parquet: column first_day has dtype timestamp")
    assert 'frame["first_day"] = pd.to_datetime(frame["first_day"]).dt.date' in words


def test_spans_without_the_headlines_that_they_speak_of_are_refused(fault):
    words = fault(news_coverage=spans(("*", date(2020, 1, 2), date(2020, 1, 6))))
    assert words.startswith("news.parquet is missing: news_coverage.parquet says for which days it is complete")


def test_spans_that_touch_or_belong_to_others_load_and_so_do_no_headlines_at_all(tmp_path):
    bars().to_parquet(tmp_path / "bars.parquet", index=False)
    news().to_parquet(tmp_path / "news.parquet", index=False)
    rows = [
        ("*", date(2020, 1, 2), date(2020, 1, 6)),
        ("AAPL", date(2020, 1, 2), date(2020, 1, 3)),
        ("AAPL", date(2020, 1, 4), date(2020, 1, 4)),
    ]
    spans(*rows).to_parquet(tmp_path / "news_coverage.parquet", index=False)
    assert load(tmp_path).news_coverage.to_numpy().tolist() == [list(row) for row in rows]


def test_a_null_is_named_with_its_row(fault):
    words = fault(bars=with_value(bars(), 1, "symbol", None))
    assert words == "bars.parquet, column symbol, row 1 (None 2020-01-03): is null; every row needs a value"


def test_a_nan_price_is_named_with_its_row(fault):
    words = fault(bars=with_value(bars(), 4, "open", np.nan))
    assert words.startswith("bars.parquet, column open, row 4 (MSFT 2020-01-03): is ")


def test_a_nan_that_arrow_does_not_call_null_is_named_all_the_same(tmp_path):
    frame = with_value(bars(), 4, "open", np.nan)
    table = pa.table({name: pa.array(frame[name].to_numpy(), from_pandas=False) for name in frame})
    assert table.column("open").null_count == 0
    pq.write_table(table, tmp_path / "bars.parquet")
    with pytest.raises(DataError, match=r"column open, row 4 \(MSFT 2020-01-03\): is nan, not a finite number"):
        load(tmp_path)


def test_infinity_is_named_with_its_row(fault):
    words = fault(bars=with_value(bars(), 5, "high", np.inf))
    assert words == "bars.parquet, column high, row 5 (MSFT 2020-01-06): is inf, not a finite number"


def test_infinity_is_refused_even_where_nan_means_not_in_the_source(fault, fundamentals):
    fundamentals.loc[0, "net_income"] = -np.inf
    assert "column net_income, row 0 (AAPL 2019-12-28 2020-01-28)" in fault(fundamentals=fundamentals)


def test_a_negative_price_is_named_with_its_row(fault):
    words = fault(bars=with_value(bars(), 3, "close", -1.0))
    assert words == "bars.parquet, column close, row 3 (MSFT 2020-01-02): -1.0 must be above 0"


def test_a_price_of_zero_is_refused(fault):
    assert "column low, row 0 (AAPL 2020-01-02): 0.0 must be above 0" in fault(bars=with_value(bars(), 0, "low", 0.0))


def test_a_negative_volume_is_refused(fault):
    assert "column volume, row 2 (AAPL 2020-01-06): -5" in fault(bars=with_value(bars(), 2, "volume", -5))


def test_a_blank_symbol_is_refused(fault):
    assert "column symbol, row 0 ( AAPL 2020-01-02)" in fault(bars=bars().replace("AAPL", " AAPL"))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("low", 10.2, "column low, row 1 (AAPL 2020-01-03): low 10.2 is above open 10"),
        ("close", 8.5, "column low, row 1 (AAPL 2020-01-03): low 9 is above close 8.5"),
        ("high", 10.2, "column high, row 1 (AAPL 2020-01-03): high 10.2 is below close 10.5"),
        ("open", 11.5, "column high, row 1 (AAPL 2020-01-03): high 11 is below open 11.5"),
    ],
)
def test_open_and_close_outside_of_low_and_high_are_named_with_their_row(fault, column, value, words):
    assert words in fault(bars=with_value(bars(), 1, column, value))


def test_the_rounding_of_providers_is_no_fault(tmp_path):
    with_value(bars(), 1, "high", 10.5 * (1 - 5e-7)).to_parquet(tmp_path / "bars.parquet", index=False)
    assert len(load(tmp_path).bars) == 6


def test_a_doubled_row_is_named(fault):
    words = fault(bars=with_value(bars(), 2, "date", DAYS[1]))
    assert words == "bars.parquet, column date, row 2 (AAPL 2020-01-03): a second row for the same symbol, date"


def test_unsorted_dates_are_named_with_the_row_before(fault):
    words = fault(bars=bars().iloc[[0, 2, 1, 3, 4, 5]])
    assert words.startswith("bars.parquet, column date, row 2 (AAPL 2020-01-03): is out of order after ")
    assert "row 1 (AAPL 2020-01-06); sort with frame.sort_values(['symbol', 'date'])" in words


def test_unsorted_symbols_are_named(fault):
    assert "row 3 (AAPL 2020-01-02): is out of order" in fault(bars=bars(("MSFT", "AAPL")))


@pytest.mark.parametrize("day", [date(2020, 1, 4), date(2020, 1, 20)])
def test_a_weekend_or_a_holiday_is_no_session(fault, day):
    frame = with_value(bars(("AAPL",)), 2, "date", day).sort_values("date")
    row = frame["date"].tolist().index(day)
    assert f"row {row} (AAPL {day}): {day} is no session of the New York Stock Exchange" in fault(bars=frame)


@pytest.mark.parametrize(("row", "day"), [(0, date(1999, 1, 4)), (2, date(2120, 1, 2))])
def test_a_date_beyond_the_exchange_calendar_is_named_with_its_row(fault, row, day):
    words = fault(bars=with_value(bars(("AAPL",)), row, "date", day))
    assert words.startswith(f"bars.parquet, column date, row {row} (AAPL {day}): no exchange calendar")


def test_a_falling_adjustment_would_be_a_negative_dividend(fault):
    words = fault(bars=with_value(bars(), 4, "adj_close", 10.4))
    assert words.startswith("bars.parquet, column adj_close, row 4 (MSFT 2020-01-03): adj_close/close fell by 0.0096")


def test_bars_without_rows_are_refused(fault):
    assert fault(bars=bars().iloc[:0]) == "bars.parquet has no rows"


def test_split_adjusted_bars_need_the_dividends_from_somewhere(fault):
    assert fault(bars=bars().drop(columns="adj_close")) == (
        "bars.parquet: column adj_close is missing: it is needed where there is no actions.parquet"
    )


def test_as_traded_bars_need_their_actions(fault):
    assert fault(AS_TRADED).startswith("actions.parquet is missing: market.json says as_traded")


def test_as_traded_bars_may_have_no_action_at_all(tmp_path):
    bars().to_parquet(tmp_path / "bars.parquet", index=False)
    actions().to_parquet(tmp_path / "actions.parquet", index=False)
    (tmp_path / "market.json").write_text(json.dumps(AS_TRADED))
    assert load(tmp_path).actions.empty


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("AAPL", DAYS[1], "merger", 1.0), "column kind, row 0 (AAPL 2020-01-03 merger): 'merger' must be one of"),
        (("AAPL", DAYS[1], "split", 0.0), "column value, row 0 (AAPL 2020-01-03 split): 0.0 must be above 0"),
        (("APPL", DAYS[1], "split", 2.0), "column symbol, row 0 (APPL 2020-01-03 split): APPL has no bars"),
        (("AAPL", date(2020, 1, 4), "split", 2.0), "2020-01-04 is no session"),
        (("AAPL", date(2020, 1, 7), "dividend", 2.0), "AAPL has no bar on 2020-01-07"),
        (("AAPL", DAYS[1], "delisting", 2.0), "AAPL has bars until 2020-01-06; a ticker that was used again"),
    ],
)
def test_an_action_that_meets_no_bar_is_named(fault, row, words):
    assert words in fault(AS_TRADED, actions=actions(row))


def test_a_second_delisting_is_named(fault):
    rows = [("AAPL", day, "delisting", 5.0) for day in (date(2020, 1, 7), date(2020, 1, 8))]
    assert "row 1 (AAPL 2020-01-08 delisting): AAPL is delisted twice" in fault(AS_TRADED, actions=actions(*rows))


def test_a_split_of_split_adjusted_prices_is_refused(fault):
    assert "leave splits out" in fault(actions=actions(("AAPL", DAYS[1], "split", 2.0)))


def test_two_sources_of_dividends_are_refused(fault):
    assert "bars.parquet has adj_close" in fault(actions=actions(("AAPL", DAYS[1], "dividend", 0.1)))


def test_a_weight_above_one_hundred_percent_is_named(fault):
    holdings = pd.DataFrame({"fund": ["SPUS"], "date": [DAYS[0]], "symbol": ["AAPL"], "weight_pct": [101.0]})
    words = fault(holdings=holdings)
    assert words == ("holdings.parquet, column weight_pct, row 0 (SPUS 2020-01-02 AAPL): 101.0 must be at most 100")


def test_a_membership_that_ends_before_it_starts_is_named(fault):
    membership = pd.DataFrame({"index": ["X"], "symbol": ["AAPL"], "start_date": [DAYS[1]], "end_date": [DAYS[0]]})
    assert "column end_date, row 0 (X AAPL 2020-01-03): 2020-01-02 is not after" in fault(membership=membership)


def test_a_membership_in_which_all_still_are_members_loads(tmp_path):
    bars().to_parquet(tmp_path / "bars.parquet", index=False)
    pd.DataFrame({"index": ["X"], "symbol": ["AAPL"], "start_date": [DAYS[1]], "end_date": [None]}).to_parquet(
        tmp_path / "membership.parquet", index=False
    )
    assert load(tmp_path).membership["end_date"].tolist() == [None]


@pytest.fixture
def fundamentals():
    from learnfinance_dagster.schemas.market import Fundamentals

    frame = pd.DataFrame({name: [1.0] for name in Fundamentals.to_schema().columns})
    return frame.assign(
        symbol="AAPL", fiscal_date_ending=date(2019, 12, 28), available_on=date(2020, 1, 28), source="test"
    )


def test_statements_that_were_public_before_their_quarter_ended_are_refused(fault, fundamentals):
    words = fault(fundamentals=fundamentals.assign(available_on=date(2019, 12, 28)))
    assert "column available_on, row 0" in words


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("{", "market.json cannot be read as JSON"),
        ("[]", "market.json must hold an object"),
        (AS_TRADED | {"name": " "}, "market.json, key name"),
        (AS_TRADED | {"kind": "paper"}, "market.json, key kind: must be one of practice, real, found 'paper'"),
        (AS_TRADED | {"kind": ["real"]}, "market.json, key kind"),
        (AS_TRADED | {"price_basis": None}, "market.json, key price_basis: must be one of as_traded, split_adjusted"),
        (AS_TRADED | {"caveats": "none"}, "market.json, key caveats: must be a list of texts"),
    ],
)
def test_a_broken_manifest_is_named_with_its_key(fault, manifest, words):
    assert fault(manifest).startswith(words)


def test_only_the_first_fault_is_told_in_the_order_of_the_files(fault):
    holdings = pd.DataFrame({"fund": ["SPUS"], "date": [DAYS[0]], "symbol": ["AAPL"], "weight_pct": [-1.0]})
    broken = with_value(with_value(bars(), 0, "close", -1.0), 1, "open", -1.0)
    words = fault(bars=broken, holdings=holdings)
    assert words.startswith("bars.parquet, column open, row 1 ")
    assert "close" not in words
    assert "holdings" not in words


HEADER = "Date,Symbol,Open,High,Low,Close,Adj Close,Volume"


def csv_of(tmp_path, *lines, header=HEADER):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_csv_of_bars_becomes_a_file_that_loads(tmp_path):
    path = csv_of(
        tmp_path,
        "2020-01-02,TRUE,10,11,9,10.5,10.5,100",
        "2020-01-03,NA,10,11,9,10.5,10.5,7",
        "2020-01-02,NA,10,11,9,10.5,10.5,5",
    )
    frame = read_bars_csv(path)
    frame.to_parquet(tmp_path / "bars.parquet", index=False)
    pd.testing.assert_frame_equal(load(tmp_path).bars, frame)
    assert frame["symbol"].tolist() == ["NA", "NA", "TRUE"]
    assert frame["volume"].tolist() == [5, 7, 100]


def test_one_csv_that_carries_several_tickers_is_named_with_its_doubled_columns(tmp_path):
    header = "Date,Symbol,Open,Open,High,High,Low,Low,Close,Close,Adj Close,Adj Close,Volume,Volume"
    with pytest.raises(DataError, match="columns Open, High, Low, Close, Adj Close, Volume appear more than once"):
        read_bars_csv(csv_of(tmp_path, "2020-01-02,CSCO" + ",1" * 12, header=header))


def test_doubled_columns_that_pandas_has_numbered_are_still_doubled(tmp_path):
    with pytest.raises(DataError, match="columns Open appear more than once"):
        read_bars_csv(csv_of(tmp_path, header=HEADER.replace("Open", "Open,Open.1")))


@pytest.mark.skipif(not BROKEN.exists(), reason="../shared/data is not here")
def test_the_real_csv_of_several_tickers_is_refused():
    with pytest.raises(DataError, match=r"multi_ticker_header_CSCO\.csv: columns Open, High, Low, Close, Adj Close"):
        read_bars_csv(BROKEN)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2020-01-02,A,x,11,9,10,10,5", r"column Open, row 0 \(A 2020-01-02\): 'x' is no number"),
        ("02/01/2020,A,10,11,9,10,10,5", r"column Date, row 0 \(A 02/01/2020\): .* is no date like"),
        ("2020-01-02,A,10,11,9,10,10,5.5", r"column Volume, row 0 \(A 2020-01-02\): '5.5' is no whole number"),
        ("2020-01-02,A,10,11,9,10,10,inf", r"column Volume, row 0 \(A 2020-01-02\): 'inf' is no whole number"),
        ("2020-01-02,A,10,11,9,-10,10,5", r"column close, row 0 \(A 2020-01-02\): -10.0 must be above 0"),
        ("2020-01-02,A,10,11,9", "row 0: 5 fields under 8 columns"),
        ("2020-01-04,A,10,11,9,10,10,5", "2020-01-04 is no session"),
    ],
)
def test_a_wrong_row_of_a_csv_is_named(tmp_path, line, words):
    with pytest.raises(DataError, match=words):
        read_bars_csv(csv_of(tmp_path, line))


def test_a_csv_without_a_column_is_refused(tmp_path):
    with pytest.raises(DataError, match="column Symbol is missing; found Date, Open"):
        read_bars_csv(csv_of(tmp_path, header=HEADER.replace("Symbol,", "")))


def test_a_csv_that_is_not_there_or_empty_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read"):
        read_bars_csv(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="column Date is missing"):
        read_bars_csv(tmp_path / "empty.csv")
