import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import Fundamentals as Statements
from learnfinance_dagster.schemas.signals import Fundamentals
from learnfinance_dagster.signals.filings import ITEMS, newest_filings
from learnfinance_dagster.signals.fundamentals import RATIOS, fundamentals

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CASES = SHARED / "spec" / "cases.json"
REAL = SHARED / "data" / "market" / "fundamentals.parquet"
COLUMNS = list(Statements.to_schema().columns)
NAMES = [ratio.name for ratio in RATIOS]
ENDS = [date(2020, 6, 30), date(2020, 9, 30), date(2020, 12, 31), date(2021, 3, 31)]
TODAY = date(2021, 6, 7)
GOOD = {
    "total_revenue": 100.0,
    "gross_profit": 40.0,
    "operating_income": 20.0,
    "net_income": 10.0,
    "total_current_assets": 30.0,
    "total_current_liabilities": 20.0,
    "total_debt": 15.0,
    "total_shareholder_equity": 60.0,
}


def golden(case_id):
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    return next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith(case_id))


def statement(end, symbol="AAPL", public=None, source="edgar", **items):
    """A healthy statement, public 35 days after its quarter, but for the items given."""
    dates = {"fiscal_date_ending": end, "available_on": public or end + timedelta(days=35)}
    return {"symbol": symbol, **dates, **dict.fromkeys(ITEMS, np.nan), **GOOD, **items, "source": source}


def frame(*rows):
    table = pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(ITEMS, "float64"))
    return table.astype({"symbol": "str", "source": "str", "fiscal_date_ending": object, "available_on": object})


def points(*pairs):
    """(symbol, today) → rows; the week is the Monday before."""
    rows = [(str(today - timedelta(days=today.weekday())), symbol, today) for symbol, today in pairs]
    return pd.DataFrame(rows, columns=["week", "symbol", "today"]).astype({"week": "str", "symbol": "str"})


def known(*rows, today=TODAY, symbol="AAPL"):
    """The one row of fundamentals of a name on a day."""
    table = Fundamentals.validate(fundamentals(frame(*rows), points((symbol, today))))
    return table.iloc[0]


def clauses(row):
    return [clause for clause in row["reason"].split("; ") if clause]


# What the ratios are.


def test_ratios_of_a_quarter_and_of_a_year_by_hand():
    sales = (100.0, 200.0, 300.0, 400.0)
    profits = (10.0, 0.0, -30.0, 60.0)
    row = known(
        *[statement(end, total_revenue=s, net_income=p) for end, s, p in zip(ENDS, sales, profits, strict=True)]
    )
    assert row["net_margin_quarter"] == 0.15  # 60 / 400
    assert row["net_margin_ttm"] == 0.04  # (10 + 0 - 30 + 60) / 1000
    assert row["gross_margin_quarter"] == 0.1
    assert row["gross_margin_ttm"] == 0.16
    assert (row["current_ratio"], row["debt_to_equity"]) == (1.5, 0.25)
    assert (row["fiscal_date_ending"], row["available_on"], row["source"]) == (ENDS[-1], date(2021, 5, 5), "edgar")
    assert row["reason"] == ""


def test_the_age_is_counted_in_quarters_from_the_day_it_became_public():
    filed = statement(ENDS[-1], public=date(2021, 5, 5))
    assert known(filed, today=date(2021, 5, 6))["fundamental_age"] == 0.011  # 1 / 91.3125
    assert known(filed, today=date(2022, 5, 5))["fundamental_age"] == 3.9973  # 365 / 91.3125


def test_there_is_a_row_for_every_point_in_the_order_of_the_points():
    asked = points(("MSFT", TODAY), ("AAPL", TODAY), ("ZZZ", TODAY), ("AAPL", date(2021, 5, 5)))
    table = fundamentals(frame(statement(ENDS[-1]), statement(ENDS[-1], "MSFT")), asked)
    assert table["symbol"].tolist() == ["MSFT", "AAPL", "ZZZ", "AAPL"]
    assert table["available_on"].notna().tolist() == [True, True, False, False]


def test_no_points_and_no_filings_are_empty_frames_that_can_be_stored():
    assert len(Fundamentals.validate(fundamentals(frame(statement(ENDS[-1])), points()))) == 0
    assert known()["reason"] == "no public filing is known"
    nothing = pd.DataFrame(columns=pd.Index(COLUMNS))
    assert fundamentals(nothing, points(("AAPL", TODAY)))["reason"].tolist() == ["no public filing is known"]


# Why ratios are null.


def test_a_true_zero_stays_zero():
    row = known(statement(ENDS[-1], net_income=0.0, total_debt=0.0, total_current_assets=-0.0))
    assert (row["net_margin_quarter"], row["debt_to_equity"], row["current_ratio"]) == (0.0, 0.0, 0.0)
    assert not np.signbit(row["current_ratio"])


@pytest.mark.parametrize(
    ("items", "ratio", "why"),
    [
        ({"total_shareholder_equity": -10.0}, "debt_to_equity", "equity is negative"),
        ({"total_shareholder_equity": 0.0}, "debt_to_equity", "equity is zero"),
        ({"total_revenue": 0.0}, "gross_margin_quarter", "revenue is zero"),
        ({"total_revenue": -5.0}, "net_margin_quarter", "revenue is negative"),
        ({"total_current_liabilities": 0.0}, "current_ratio", "current liabilities are zero"),
        ({"gross_profit": np.nan}, "gross_margin_quarter", "gross_profit of 2021-03-31 is missing"),
        ({"total_revenue": np.nan}, "gross_margin_quarter", "total_revenue of 2021-03-31 is missing"),
        ({"total_debt": np.inf}, "debt_to_equity", "total_debt of 2021-03-31 is missing"),
        ({}, "gross_margin_ttm", "1 of 4 quarters were public"),
    ],
)
def test_a_ratio_that_cannot_be_formed_is_null_and_says_why(items, ratio, why):
    row = known(statement(ENDS[-1], **items))
    assert np.isnan(row[ratio])
    assert f"{ratio}: {why}" in clauses(row)


def test_each_null_has_one_clause_and_each_number_none():
    row = known(*[statement(end, operating_income=np.nan) for end in ENDS])
    null = [name for name in NAMES if np.isnan(row[name])]
    assert null == ["operating_margin_quarter", "operating_margin_ttm"]
    assert [clause.split(":")[0] for clause in clauses(row)] == null


def test_the_year_names_the_quarter_that_lacks_the_item():
    rows = [statement(end, gross_profit=np.nan if end == ENDS[1] else 40.0) for end in ENDS]
    row = known(*rows)
    assert row["gross_margin_quarter"] == 0.4
    assert clauses(row) == ["gross_margin_ttm: gross_profit of 2020-09-30 is missing"]


def test_a_year_with_losses_of_revenue_is_no_denominator():
    rows = [statement(end, total_revenue=-1.0) for end in ENDS[:3]]
    assert "net_margin_ttm: revenue is zero" in clauses(known(*rows, statement(ENDS[3], total_revenue=3.0)))


def test_what_a_newer_filing_lacks_is_never_taken_from_an_older_one():
    row = known(statement(ENDS[-2]), statement(ENDS[-1], total_debt=np.nan))
    assert np.isnan(row["debt_to_equity"])
    assert "debt_to_equity: total_debt of 2021-03-31 is missing" in clauses(row)


def test_a_year_with_a_hole_is_no_year():
    ends = [date(2020, 3, 31), *ENDS[1:]]
    row = known(*map(statement, ends))
    assert np.isnan(row["net_margin_ttm"])
    assert "net_margin_ttm: quarters ended on 2021-03-31, 2020-12-31, 2020-09-30, 2020-03-31: not four in a row" in (
        clauses(row)
    )


def test_quarters_of_twelve_and_sixteen_weeks_make_a_year():
    ends = [date(2021, 5, 8) - timedelta(weeks=weeks) for weeks in (36 + 4, 24, 12, 0)]
    assert known(*map(statement, ends), today=date(2021, 7, 5))["net_margin_ttm"] == 0.1


def test_two_sources_that_date_a_quarter_differently_are_one_quarter_and_the_fuller_speaks():
    excerpts = [
        statement(end - timedelta(days=4), source="excerpt", public=end + timedelta(days=50), gross_profit=np.nan)
        for end in ENDS
    ]
    row = known(*map(statement, ENDS), *excerpts)
    assert (row["gross_margin_ttm"], row["source"]) == (0.4, "edgar")


# What was known when.


def test_d8_a_filing_is_not_known_before_the_day_after_it_became_public():
    rows = [statement(ENDS[-2], net_income=1.0), statement(ENDS[-1], net_income=2.0, public=date(2021, 5, 5))]
    margins = {
        today: known(*rows, today=today)["net_margin_quarter"]
        for today in (ENDS[-1], date(2021, 5, 5), date(2021, 5, 6))
    }
    assert list(margins.values()) == [0.01, 0.01, 0.02]


def test_a_restatement_is_used_from_the_day_after_it_and_not_before():
    first, again = statement(ENDS[-1]), statement(ENDS[-1], public=date(2021, 6, 1), net_income=5.0)
    rows = [*map(statement, ENDS[:3]), first, again]
    assert known(*rows, today=date(2021, 6, 1))[["net_margin_quarter", "net_margin_ttm"]].tolist() == [0.1, 0.1]
    assert known(*rows, today=date(2021, 6, 2))[["net_margin_quarter", "net_margin_ttm"]].tolist() == [0.05, 0.0875]


def test_a_restatement_of_an_older_quarter_changes_the_year_but_neither_the_quarter_nor_the_age():
    rows = list(map(statement, ENDS))
    again = statement(ENDS[0], public=date(2021, 6, 1), net_income=50.0)
    before, after = known(*rows), known(*rows, again)
    assert (before["net_margin_ttm"], after["net_margin_ttm"]) == (0.1, 0.2)
    same = ["net_margin_quarter", "fundamental_age", "available_on", "fiscal_date_ending"]
    assert before[same].tolist() == after[same].tolist()


def test_d28_what_became_public_the_day_before_the_decision_is_used():
    assert known(statement(ENDS[-1], public=TODAY - timedelta(days=1)))["net_margin_quarter"] == 0.1


def test_d31_names_and_days_are_joined_by_key_whatever_the_order_of_rows():
    rows = [
        statement(end, symbol, net_income=n + 10.0 * k)
        for k, symbol in enumerate(("AAPL", "MSFT", "NVDA"))
        for n, end in enumerate(ENDS[k:])
    ]
    asked = points(*[(s, TODAY - timedelta(weeks=w)) for w in range(30) for s in ("NVDA", "AAPL", "ZZZ", "MSFT")])
    straight = fundamentals(frame(*rows), asked)
    turned = fundamentals(frame(*reversed(rows)), asked.iloc[::-1]).iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(straight, turned)


def test_a_name_that_its_week_calls_missing_stays_unknown_that_week_whatever_later_weeks_found():
    weeks = [date(2021, 5, 31), TODAY]
    source = [statement(end) for end in ENDS]
    down = newest_filings(frame(), ["AAPL"], weeks[0], {"AAPL": "edgar: 503"}).assign(week=str(weeks[0]))
    up = newest_filings(frame(*source), ["AAPL"], weeks[1], {}).assign(week=str(weeks[1]))
    table = fundamentals(pd.concat([down, up], ignore_index=True), points(*[("AAPL", day) for day in weeks]))
    assert table["reason"].tolist() == ["edgar: 503", ""]
    assert table["net_margin_ttm"].isna().tolist() == [True, False]
    assert table["source"].tolist() == ["", "edgar"]


def test_a_point_without_a_day_is_refused():
    with pytest.raises(DataError, match="no day of decision for AAPL"):
        fundamentals(frame(statement(ENDS[-1])), points(("AAPL", TODAY)).assign(today=None))


amounts = st.sampled_from([np.nan, -3.0, 0.0, 1.0, 2.5, 1e12])
DAY_ONE = date(2018, 1, 1)


@st.composite
def wild_statements(draw):
    """Statements at any distance, restated, dated differently by two sources, with any item missing."""
    keys = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["AAPL", "MSFT"]),
                st.integers(0, 6).map(lambda n: 91 * n) | st.integers(0, 600),
                st.integers(1, 150),
                st.sampled_from(["edgar", "other"]),
            ),
            unique=True,
            max_size=16,
        )
    )
    return [
        statement(
            DAY_ONE + timedelta(days=end),
            symbol,
            DAY_ONE + timedelta(days=end + lag),
            source,
            **{item: draw(amounts) for item in ("total_revenue", "net_income", "total_debt")},
        )
        for symbol, end, lag, source in keys
    ]


mondays = st.lists(st.integers(0, 120).map(lambda n: DAY_ONE + timedelta(weeks=n)), min_size=1, max_size=3, unique=True)


@settings(max_examples=25, deadline=None)
@given(rows=wild_statements(), today=mondays.map(min))
def test_what_is_not_yet_public_never_changes_the_answer(rows, today):
    asked = points(("AAPL", today), ("MSFT", today))
    honest = Fundamentals.validate(fundamentals(frame(*rows), asked))
    known_then = [row for row in rows if row["available_on"] < today]
    garbled = [
        row | {"net_income": 1e9, "total_revenue": -1.0, "source": row["source"] + " garbled"}
        for row in rows
        if row not in known_then
    ]
    pd.testing.assert_frame_equal(fundamentals(frame(*known_then), asked), honest)
    pd.testing.assert_frame_equal(fundamentals(frame(*garbled, *known_then), asked), honest)


@settings(max_examples=20, deadline=None)
@given(rows=wild_statements(), weeks=mondays)
def test_d10_a_week_alone_is_its_slice_of_a_long_call_also_from_stored_evidence(rows, weeks):
    symbols = ["AAPL", "MSFT"]
    source = frame(*rows)
    asked = points(*[(symbol, day) for day in weeks for symbol in symbols])
    stored = {day: newest_filings(source, symbols, day, {}).assign(week=str(day)) for day in weeks}
    together = fundamentals(pd.concat(stored.values(), ignore_index=True), asked)
    pd.testing.assert_frame_equal(fundamentals(source, asked), together)
    for n, day in enumerate(weeks):
        alone = fundamentals(stored[day], points(*[(symbol, day) for symbol in symbols]))
        pd.testing.assert_frame_equal(together.iloc[2 * n : 2 * n + 2].reset_index(drop=True), alone)


@settings(max_examples=20, deadline=None)
@given(rows=wild_statements(), today=mondays.map(max))
def test_a_ratio_is_null_exactly_where_the_reason_names_it(rows, today):
    row = known(*rows, today=today)
    if row["available_on"] is None:
        assert row["reason"] == "no public filing is known"
        assert row[[*NAMES, "fundamental_age"]].isna().all()
    else:
        assert [clause.split(":")[0] for clause in clauses(row)] == [name for name in NAMES if np.isnan(row[name])]


# The predecessor's cases.


def amount(text):
    return np.nan if text in {"None", ""} else float(text)


def of_case(inputs, lag):
    """The statements of case fund-01, public `lag` days after their quarter."""
    words = {
        "totalRevenue": "total_revenue",
        "grossProfit": "gross_profit",
        "operatingIncome": "operating_income",
        "netIncome": "net_income",
        "totalCurrentAssets": "total_current_assets",
        "totalCurrentLiabilities": "total_current_liabilities",
        "shortLongTermDebtTotal": "total_debt",
        "totalShareholderEquity": "total_shareholder_equity",
    }
    pairs = zip(inputs["income"]["quarterlyReports"], inputs["balance"]["quarterlyReports"], strict=True)
    for income, balance in pairs:
        end = date.fromisoformat(income["fiscalDateEnding"])
        items = {words[key]: amount(text) for key, text in (income | balance).items() if key in words}
        yield statement(end, "X", end + timedelta(days=lag), **items)


def test_the_predecessors_quarter_ratios_are_the_same_once_the_filing_is_public():
    case = golden("fund-01")
    rows = list(of_case(case["input"], lag=35))
    names = {
        "gross_margin": "gross_margin_quarter",
        "operating_margin": "operating_margin_quarter",
        "net_margin": "net_margin_quarter",
        "current_ratio": "current_ratio",
        "debt_to_equity": "debt_to_equity",
    }
    for expected in filter(None, case["expected"]):
        end = date.fromisoformat(expected["as_of_date"])
        row = known(*rows, today=end + timedelta(days=36), symbol="X")
        assert row["fiscal_date_ending"] == end
        for theirs, ours in names.items():
            assert row[ours] == pytest.approx(
                expected[theirs] or (0.0 if expected[theirs] == 0 else np.nan), nan_ok=True
            )


def test_d8_where_the_predecessor_used_a_quarter_on_the_day_after_it_ended_we_wait_for_its_filing():
    case = golden("fund-01")
    rows = list(of_case(case["input"], lag=35))
    ends = [
        known(*rows, today=date.fromisoformat(day), symbol="X")["fiscal_date_ending"] for day in case["input"]["as_of"]
    ]
    assert [expected and expected["as_of_date"] for expected in case["expected"]] == ["2025-09-30", "2025-06-30", None]
    assert ends == [date(2025, 6, 30), date(2025, 6, 30), None]


def test_where_the_predecessor_lost_a_zero_and_guessed_percent_we_divide_amounts():
    case = golden("fund-02")
    lost, passed_on = case["expected"]
    assert (lost["net_margin"], passed_on["debt_to_equity"]) == (None, 8.0)
    margin = case["input"]["info"][0]["profitMargins"]
    percent = case["input"]["info"][1]["debtToEquity"]
    row = known(statement(ENDS[-1], net_income=100 * margin, total_debt=percent, total_shareholder_equity=100.0))
    assert (row["net_margin_quarter"], row["debt_to_equity"]) == (0.0, 0.08)


def test_the_newest_report_holds_until_the_next_but_what_is_not_known_is_null_and_no_zero():
    case = golden("fund-03")
    reports, fridays = case["input"]["fundamentals"], [date.fromisoformat(day) for day in case["input"]["weeks"]]
    rows = [
        statement(
            date.fromisoformat(day) - timedelta(days=130 - 91 * n),
            public=date.fromisoformat(day),
            gross_profit=100 * report["gross_margin"],
            operating_income=np.nan if report["operating_margin"] is None else 100 * report["operating_margin"],
        )
        for n, (day, report) in enumerate(reports.items())
    ]
    table = fundamentals(frame(*rows), points(*[("AAPL", day) for day in fridays]))
    gross, operating = case["expected"]["gross_margin"], case["expected"]["operating_margin"]
    assert table["gross_margin_quarter"].tolist()[1:] == gross[1:]
    assert table["operating_margin_quarter"].tolist()[1:2] == operating[1:2]
    assert (gross[0], operating[2:]) == (0.0, [0.0, 0.0])
    assert np.isnan(table["gross_margin_quarter"][0])
    assert table["operating_margin_quarter"][2:].isna().all()
    ages = case["expected"]["fundamental_age"]
    assert table["fundamental_age"].tolist()[1:] == pytest.approx([age * 90 / 91.3125 for age in ages[1:]], abs=5e-5)
    assert ages[0] == 11.1
    assert np.isnan(table["fundamental_age"][0])


# Real filings.


@pytest.fixture(scope="module")
def real():
    """Every Monday of 2018 to 2021, every name of the real filings."""
    if not REAL.exists():
        pytest.skip("the real filings are not on this machine")
    filings = pd.read_parquet(REAL)
    mondays = [date(2018, 1, 1) + timedelta(weeks=n) for n in range(209)]
    return filings, points(*[(symbol, day) for day in mondays for symbol in sorted(filings["symbol"].unique())])


def test_of_real_filings_nearly_all_names_with_full_statements_have_plausible_margins(real):
    filings, asked = real
    table = Fundamentals.validate(fundamentals(filings, asked))
    full = set(filings.loc[filings["source"] == "alpha_vantage", "symbol"])
    some = table[table["symbol"].isin(full)]
    assert some["net_margin_ttm"].notna().mean() > 0.95
    assert some["debt_to_equity"].notna().mean() > 0.88
    assert some["current_ratio"].notna().mean() > 0.93
    margins = some[[name for name in NAMES if "margin" in name]].to_numpy()
    assert np.mean(np.abs(margins[~np.isnan(margins)]) <= 1) > 0.99
    assert some["gross_margin_ttm"].median() == pytest.approx(0.53, abs=0.05)
    assert (some["fundamental_age"] < 1.6).mean() > 0.95
    assert (table["available_on"].isna() | (table["available_on"] < asked["today"])).all()


def test_d10_a_real_monday_alone_is_its_slice(real):
    filings, asked = real
    table = fundamentals(filings, asked)
    one = asked["today"] == date(2020, 3, 2)
    names = asked.loc[one, "symbol"].tolist()
    stored = newest_filings(filings, names, date(2020, 3, 2), {}).assign(week="2020-03-02")
    alone = fundamentals(stored, asked[one])
    pd.testing.assert_frame_equal(table[one.to_numpy()].reset_index(drop=True), alone)


def test_a_debt_below_zero_is_an_error_of_the_source_and_no_ratio():
    """78 of 2 986 debts of a real source were negative."""
    row = known(statement(ENDS[-1], total_debt=-5.0))
    assert np.isnan(row["debt_to_equity"])
    assert "debt_to_equity: total_debt of" in row["reason"]
    assert "is negative" in row["reason"]


def test_a_week_does_not_read_what_a_later_week_learned_of_an_old_filing():
    """A source dated a quarter back when it learned of it; a back-fill over both weeks then knew it too early."""
    first, later = points(("AAPL", TODAY)), points(("AAPL", TODAY + timedelta(days=7)))
    then = frame(*[statement(end, net_income=9.0) for end in ENDS[:-1]])
    since = frame(*[statement(end, net_income=9.0) for end in ENDS[:-1]], statement(ENDS[-1], net_income=-99.0))
    stored = pd.concat(
        [
            newest_filings(known_then, ["AAPL"], point["today"][0], {}).assign(week=point["week"][0])
            for known_then, point in ((then, first), (since, later))
        ]
    )
    together = fundamentals(stored, pd.concat([first, later], ignore_index=True))
    assert together["net_margin_quarter"].tolist() == [0.09, -0.99]
    alone = fundamentals(stored[stored["week"] == first["week"][0]], first)
    pd.testing.assert_frame_equal(together.iloc[:1], alone)
