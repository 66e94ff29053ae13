"""A market directory answers as `ports.Market` asks: in words of the day, and never with the future."""

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import (
    decision_time,
    last_closed_session,
    session_close,
    sessions_between,
    week_of,
)
from learnfinance_dagster.ports import Market, PriceBasis
from learnfinance_dagster.schemas.market import MARKET_FILES
from resources.market_directory import DirectoryMarket, MarketFrames, load
from resources.market_directory.poison import Poison
from resources.market_directory.poison import poisoned as poisoned_future

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market"
DAYS = sessions_between(date(2020, 1, 2), date(2020, 1, 31))
COLUMNS = ["date", "symbol", "open", "high", "low", "close", "volume", "split_ratio", "dividend", "delisting"]
LATE = datetime(2020, 3, 1, tzinfo=UTC)
AS_TRADED = {"name": "mine", "kind": "practice", "price_basis": "as_traded", "caveats": ["small"], "seed": 7}


def bars(symbols=("AAPL", "MSFT"), days=DAYS, *, adjusted=True):
    close = np.concatenate([10.0 * (i + 1) + np.arange(len(days)) / 8 for i in range(len(symbols))])
    frame = pd.DataFrame(
        {
            "date": list(days) * len(symbols),
            "symbol": np.repeat(list(symbols), len(days)),
            "open": close - 0.25,
            "high": close + 0.5,
            "low": close - 0.5,
            "close": close,
            "adj_close": close,
            "volume": np.arange(len(close)) + 100,
        }
    )
    return frame if adjusted else frame.drop(columns="adj_close")


def actions(*rows):
    return pd.DataFrame(list(rows), columns=["symbol", "ex_date", "kind", "value"])


HOLDINGS = pd.DataFrame(
    [
        ("SPUS", date(2020, 1, 6), "MSFT", 6.0),
        ("SPUS", date(2020, 1, 6), "AAPL", 6.0),
        ("SPUS", date(2020, 1, 6), "NVDA", 7.0),
        ("SPUS", date(2020, 1, 13), "AAPL", 50.0),
        ("HLAL", date(2020, 1, 8), "MSFT", 3.0),
    ],
    columns=["fund", "date", "symbol", "weight_pct"],
)
MEMBERSHIP = pd.DataFrame(
    [
        ("S&P 500", "AAPL", date(1982, 11, 30), None),
        ("S&P 500", "MSFT", date(2000, 1, 3), date(2020, 1, 14)),
        ("NASDAQ-100", "MSFT", date(2020, 1, 21), None),
        ("S&P 500", "GONE", date(2010, 1, 4), date(2015, 1, 5)),
        ("S&P 500", "LATER", date(2020, 6, 1), None),
    ],
    columns=["index", "symbol", "start_date", "end_date"],
)


@pytest.fixture
def market(tmp_path):
    """Write a directory and open it."""

    def opened(manifest=None, **frames):
        for stem, frame in ({"bars": bars()} | frames).items():
            frame.to_parquet(tmp_path / f"{stem}.parquet", index=False)
        if manifest is not None:
            (tmp_path / "market.json").write_text(json.dumps(manifest))
        return DirectoryMarket.from_directory(tmp_path)

    return opened


def everything(source: Market, known_at=LATE, symbols=None):
    return source.bars(date(2010, 1, 1), date(2030, 1, 1), known_at, symbols)


def test_bars_come_by_symbol_and_date_with_the_columns_of_the_port(market):
    frame = everything(market(bars=bars(("AAPL", "MSFT"))))
    assert list(frame.columns) == COLUMNS
    assert frame["symbol"].tolist() == ["AAPL"] * len(DAYS) + ["MSFT"] * len(DAYS)
    assert frame["date"].tolist() == list(DAYS) * 2
    assert type(frame["date"][0]) is date
    assert frame["volume"].dtype == np.int64
    assert (frame["split_ratio"] == 1).all()
    assert (frame["dividend"] == 0).all()
    assert (frame["delisting"] == 0).all()
    pd.testing.assert_series_equal(frame["close"], bars()["close"])


def test_first_and_last_are_both_included(market):
    frame = market().bars(DAYS[3], DAYS[5], LATE)
    assert sorted(set(frame["date"])) == list(DAYS[3:6])


def test_symbols_narrow_the_answer_and_unknown_ones_are_nothing(market):
    assert set(everything(market(), symbols=["MSFT", "ZZZ"])["symbol"]) == {"MSFT"}
    assert everything(market(), symbols=[]).empty


def test_an_empty_answer_has_the_same_columns_and_dtypes(market):
    source = market()
    full, empty = everything(source), source.bars(DAYS[5], DAYS[3], LATE)
    assert empty.empty
    assert empty.dtypes.equals(full.dtypes)


def test_a_bar_is_known_at_the_close_of_its_session_and_not_a_second_before(market):
    source = market()
    close = session_close(DAYS[4])
    assert everything(source, close)["date"].max() == DAYS[4]
    assert everything(source, close - timedelta(seconds=1))["date"].max() == DAYS[3]


def test_a_moment_without_a_time_zone_is_refused(market):
    source = market(holdings=HOLDINGS, membership=MEMBERSHIP)
    naive = datetime(2020, 1, 13)  # noqa: DTZ001 - the fault under test
    for ask in (
        lambda: everything(source, naive),
        lambda: source.holdings(["SPUS"], naive),
        lambda: source.members(naive),
    ):
        with pytest.raises(ValueError, match="no time zone"):
            ask()


def test_the_adjusted_close_implies_the_dividend_on_its_ex_date(market):
    frame = bars(("AAPL",))
    frame.loc[:4, "adj_close"] *= 1 - 0.2 / frame["close"][4]
    found = everything(market(bars=frame))
    assert found["dividend"].to_numpy().nonzero()[0].tolist() == [5]
    assert found["dividend"][5] == pytest.approx(0.2, rel=1e-9)


def test_a_dividend_on_the_last_known_session_needs_no_later_row(market):
    frame = bars(("AAPL",))
    frame.loc[:4, "adj_close"] *= 1 - 0.2 / frame["close"][4]
    found = everything(market(bars=frame.iloc[:6]), session_close(DAYS[5]))
    assert found["dividend"].iloc[-1] == pytest.approx(0.2, rel=1e-9)


@pytest.mark.parametrize("noise", [4e-6, -4e-6])
def test_rounding_of_the_adjusted_close_is_no_dividend(market, noise):
    frame = bars(("AAPL",))
    frame.loc[:4, "adj_close"] *= 1 - noise
    assert (everything(market(bars=frame))["dividend"] == 0).all()


def test_a_dividend_of_half_a_basis_point_is_one(market):
    frame = bars(("AAPL",))
    frame.loc[:4, "adj_close"] *= 1 - 4.7e-5
    assert everything(market(bars=frame))["dividend"][5] == pytest.approx(4.7e-5 * frame["close"][4], rel=1e-6)


def test_a_new_symbol_pays_nothing_on_its_first_row(market):
    frame = bars()
    frame.loc[frame["symbol"] == "AAPL", "adj_close"] *= 0.5
    assert (everything(market(bars=frame))["dividend"] == 0).all()


def test_actions_of_as_traded_bars_stand_on_their_ex_dates(market):
    rows = actions(
        ("MSFT", DAYS[2], "split", 4.0), ("MSFT", DAYS[2], "dividend", 0.5), ("AAPL", DAYS[7], "dividend", 0.25)
    )
    frame = everything(market(AS_TRADED, bars=bars(adjusted=False), actions=rows)).set_index(["symbol", "date"])
    assert frame.loc[("MSFT", DAYS[2]), ["split_ratio", "dividend"]].tolist() == [4.0, 0.5]
    assert frame.loc[("AAPL", DAYS[7]), "dividend"] == 0.25
    assert (frame["split_ratio"] != 1).sum() == 1
    assert (frame["dividend"] != 0).sum() == 2


def test_the_adjusted_close_of_as_traded_bars_is_not_read(market):
    frame = bars()
    frame.loc[:4, "adj_close"] *= 0.5
    assert (everything(market(AS_TRADED, bars=frame, actions=actions()))["dividend"] == 0).all()


def test_a_delisting_the_session_after_the_last_bar_becomes_a_row_at_the_price_paid(market):
    frame = bars(adjusted=False)
    frame = frame[(frame["symbol"] == "MSFT") | (frame["date"] < DAYS[6])]
    source = market(AS_TRADED, bars=frame, actions=actions(("AAPL", DAYS[6], "delisting", 12.5)))
    row = source.bars(DAYS[6], DAYS[6], LATE, ["AAPL"])
    assert row.to_dict("records") == [
        dict(zip(COLUMNS, [DAYS[6], "AAPL", 12.5, 12.5, 12.5, 12.5, 0, 1.0, 0.0, 12.5], strict=True))
    ]
    assert everything(source)[["symbol", "date"]].apply(tuple, axis=1).is_monotonic_increasing
    assert DAYS[6] not in set(everything(source, session_close(DAYS[5]))["date"])


def test_a_delisting_on_the_last_bar_stands_beside_it(market):
    frame = bars(("AAPL",), adjusted=False)
    source = market(AS_TRADED, bars=frame, actions=actions(("AAPL", DAYS[-1], "delisting", 12.5)))
    last = everything(source).iloc[-1]
    assert last["delisting"] == 12.5
    assert last["close"] == frame["close"].iloc[-1]
    assert len(everything(source)) == len(frame)


def test_split_adjusted_bars_may_take_dividends_from_actions(market):
    source = market(bars=bars(adjusted=False), actions=actions(("AAPL", DAYS[3], "dividend", 0.3)))
    frame = everything(source)
    assert frame["dividend"][3] == 0.3
    assert (frame["dividend"] != 0).sum() == 1


def test_the_newest_holdings_of_each_fund_come_heaviest_first_in_the_order_asked(market):
    frame = market(holdings=HOLDINGS).holdings(["HLAL", "SPUS", "SPTE"], decision_time(date(2020, 1, 13)))
    assert frame.to_numpy().tolist() == [
        ["HLAL", date(2020, 1, 8), "MSFT", 3.0],
        ["SPUS", date(2020, 1, 6), "NVDA", 7.0],
        ["SPUS", date(2020, 1, 6), "AAPL", 6.0],
        ["SPUS", date(2020, 1, 6), "MSFT", 6.0],
    ]


def test_holdings_are_known_from_the_day_after_their_date_in_new_york(market):
    source = market(holdings=HOLDINGS)
    midnight = datetime(2020, 1, 14, 5, tzinfo=UTC)
    assert source.holdings(["SPUS"], midnight - timedelta(seconds=1))["date"][0] == date(2020, 1, 6)
    assert source.holdings(["SPUS"], midnight)["date"][0] == date(2020, 1, 13)


def test_no_holdings_are_an_empty_frame_of_the_same_shape(market):
    before = datetime(2020, 1, 3, tzinfo=UTC)
    full = market(holdings=HOLDINGS).holdings(["SPUS"], LATE)
    for empty in (market(holdings=HOLDINGS).holdings(["SPUS"], before), market(holdings=HOLDINGS).holdings([], LATE)):
        assert empty.empty
        assert empty.dtypes.equals(full.dtypes)


def test_a_market_without_a_holdings_file_has_no_holdings(market):
    frame = market().holdings(["SPUS"], LATE)
    assert frame.empty
    assert list(frame.columns) == ["fund", "date", "symbol", "weight_pct"]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2020, 1, 13), {"AAPL", "MSFT"}),
        (date(2020, 1, 14), {"AAPL"}),
        (date(2020, 1, 20), {"AAPL"}),
        (date(2020, 1, 21), {"AAPL", "MSFT"}),
    ],
)
def test_members_are_those_of_that_day_in_new_york(market, day, expected):
    source = market(membership=MEMBERSHIP)
    assert source.members(datetime(day.year, day.month, day.day, 5, tzinfo=UTC)) == expected
    assert source.members(datetime(day.year, day.month, day.day, 13, tzinfo=UTC)) == expected


def test_a_market_without_a_membership_file_has_no_members_to_tell(market):
    assert market().members(LATE) is None


def test_a_manifest_says_who_the_market_is(market):
    info = market(AS_TRADED, bars=bars(adjusted=False), actions=actions()).info
    assert (info.name, info.is_practice, info.price_basis) == ("mine", True, PriceBasis.AS_TRADED)
    assert (info.first_session, info.last_session, info.caveats) == (DAYS[0], DAYS[-1], ("small",))


def test_without_a_manifest_the_market_is_real_and_its_caveats_are_measured(market, tmp_path):
    info = market(membership=MEMBERSHIP).info
    assert info.name == f"market directory {tmp_path.name}"
    assert not info.is_practice
    assert info.price_basis is PriceBasis.SPLIT_ADJUSTED
    assert info.caveats == (
        "prices are split-adjusted to the end of the file",
        "survivorship: bars exist for 2 of 3 names that were ever index members; names that left are missing",
    )


def test_members_that_all_have_bars_are_no_caveat(market):
    assert len(market(membership=MEMBERSHIP[MEMBERSHIP["symbol"].isin(["AAPL", "MSFT", "LATER"])]).info.caveats) == 1


def poisoned(frame, column, cut, noise):
    """Replace everything but the keys of rows dated from `cut` on."""
    frame = frame.copy()
    later = (frame[column] >= cut).to_numpy()
    for name in set(frame.columns) - {"date", "symbol", "fund", "ex_date", "kind", "index", "start_date"}:
        if name == "end_date":
            frame.loc[later, name] = None
            continue
        frame[name] = np.where(later, noise(frame[name].to_numpy(dtype=float)), frame[name].to_numpy(dtype=float))
    return frame


def poisoned_frames(frames: MarketFrames, cut, noise) -> MarketFrames:
    dated = {"bars": "date", "actions": "ex_date", "holdings": "date", "membership": "start_date"}
    changed = {
        stem: poisoned(getattr(frames, stem), column, cut, noise)
        for stem, column in dated.items()
        if getattr(frames, stem) is not None
    }
    return dataclasses.replace(frames, **changed)


POISONS = {
    "nan": lambda values: values * np.nan,
    "times ten": lambda values: values * 10,
    "minus infinity": lambda values: np.full_like(values, -np.inf),
}


def assert_same_answers(honest, other, known_at):
    pd.testing.assert_frame_equal(everything(honest, known_at), everything(other, known_at), check_exact=True)
    funds = ["SPUS", "HLAL"]
    pd.testing.assert_frame_equal(honest.holdings(funds, known_at), other.holdings(funds, known_at), check_exact=True)
    assert honest.members(known_at) == other.members(known_at)


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("manifest", [None, AS_TRADED])
def test_nothing_after_known_at_changes_an_answer(market, poison, manifest):
    frame = bars()
    frame.loc[frame["date"] < DAYS[6], "adj_close"] *= 0.99
    frame = frame[(frame["symbol"] == "MSFT") | (frame["date"] < DAYS[12])]
    rows = [("AAPL", DAYS[12], "delisting", 12.5)]
    if manifest:
        rows += [
            ("MSFT", DAYS[6], "split", 2.0),
            ("MSFT", DAYS[8], "dividend", 0.5),
            ("AAPL", DAYS[6], "dividend", 0.4),
        ]
    honest = market(manifest, bars=frame, actions=actions(*rows), holdings=HOLDINGS, membership=MEMBERSHIP)
    assert (everything(honest)["dividend"] > 0).sum() == 2
    for session in DAYS[2:-1]:
        known_at = session_close(session)
        cut = session + timedelta(days=1)
        other = DirectoryMarket.from_frames(poisoned_frames(honest.frames, cut, POISONS[poison]))
        assert_same_answers(honest, other, known_at)
    last = DirectoryMarket.from_frames(poisoned_frames(honest.frames, DAYS[-1], POISONS[poison]))
    with np.errstate(invalid="ignore"):
        assert everything(last)["close"].iloc[-1] != everything(honest)["close"].iloc[-1]  # the poison is strong


def test_rows_after_known_at_need_not_exist(market):
    frame = bars()
    frame.loc[frame["date"] < DAYS[6], "adj_close"] *= 0.99
    honest = market(bars=frame, holdings=HOLDINGS, membership=MEMBERSHIP)
    for session in DAYS[2:-1]:
        cut = dataclasses.replace(
            honest.frames,
            bars=honest.frames.bars[honest.frames.bars["date"] <= session],
            holdings=HOLDINGS[HOLDINGS["date"] < session],
            membership=MEMBERSHIP[MEMBERSHIP["start_date"] <= session],
        )
        assert_same_answers(honest, DirectoryMarket.from_frames(cut), session_close(session))


def test_a_market_without_news_and_statements_answers_with_empty_frames_and_says_why(market):
    source = market()
    answer = source.news.articles(["AAPL"], DAYS[0], DAYS[0], LATE)
    assert answer.articles.empty
    assert answer.coverage["reason"].tolist() == ["this market has no news"]
    assert source.statements.filings(["AAPL"], LATE).missing == {"AAPL": "this market has no filings"}
    assert source.news.name == source.statements.name == source.info.name


CUT = date(2020, 1, 15)
NEWS = pd.DataFrame(
    [
        (pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=hour), "AAPL", f"{day} {hour}", "all is well", "wire")
        for day in DAYS
        for hour in (12, 14)
    ],
    columns=["published_at", "symbol", "headline", "summary", "source"],
).astype({"published_at": "datetime64[us, UTC]"})
SPANS = pd.DataFrame(
    [
        ("*", DAYS[0], date(2020, 1, 10)),
        ("AAPL", date(2020, 1, 9), DAYS[-1]),
        ("MSFT", date(2020, 1, 11), date(2020, 1, 12)),
        ("MSFT", date(2020, 1, 20), date(2020, 1, 24)),
    ],
    columns=["symbol", "first_day", "last_day"],
)
FUNDAMENTALS = pd.DataFrame(
    {
        name: ["AAPL"] * len(DAYS) if str(column.dtype).startswith("str") else np.arange(1.0, len(DAYS) + 1)
        for name, column in MARKET_FILES["fundamentals"].schema.to_schema().columns.items()
    }
).assign(fiscal_date_ending=[day - timedelta(days=40) for day in DAYS], available_on=list(DAYS))
NOTES = pd.DataFrame(
    [
        (decision_time(CUT - timedelta(days=1)), "holdings", "SPUS of yesterday"),
        (decision_time(CUT), "caveat", "one name is missing"),
        (decision_time(CUT) + timedelta(hours=1), "caveat", "two names are missing"),
    ],
    columns=["known_at", "topic", "text"],
).astype({"known_at": "datetime64[us, UTC]"})
FULL = {
    "bars": bars(adjusted=False),
    "actions": actions(("MSFT", DAYS[2], "split", 4.0), ("AAPL", DAYS[-2], "dividend", 0.25)),
    "holdings": pd.concat([HOLDINGS, HOLDINGS[:3].assign(date=DAYS[-1])]),
    "membership": MEMBERSHIP,
    "news": NEWS,
    "news_coverage": SPANS,
    "fundamentals": FUNDAMENTALS,
    "notes": NOTES,
}
"""Every file, each with rows before and after `CUT`."""


@pytest.mark.parametrize("how", list(Poison))
@pytest.mark.parametrize("stem", [field.name for field in dataclasses.fields(MarketFrames) if field.name != "info"])
def test_poison_reaches_every_file_of_a_market(market, stem, how):
    frames = market(AS_TRADED, **FULL).frames
    assert getattr(frames, stem) is not None, "a new file needs rows here, and a place in `poisoned`"
    spoilt = poisoned_future(frames, decision_time(CUT), how)
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(getattr(spoilt, stem), getattr(frames, stem), check_dtype=False)


@pytest.mark.parametrize("how", list(Poison))
def test_no_later_headline_keeps_a_word_of_its_own(market, how):
    spoilt = poisoned_future(market(AS_TRADED, **FULL).frames, decision_time(CUT), how).news
    later = spoilt["published_at"] > decision_time(CUT)
    for column in ("headline", "summary", "source"):
        assert (spoilt.loc[~later, column] == NEWS.loc[~later, column]).all()
        assert spoilt.loc[later, column].str.startswith("POISON").all()


@pytest.mark.parametrize("how", list(Poison))
@pytest.mark.parametrize("hours", [0, 1, 9, 20])
@pytest.mark.parametrize("spans", [None, SPANS])
def test_a_spoilt_future_changes_no_answer_of_news_and_filings(market, how, hours, spans):
    known_at, names = decision_time(CUT) + timedelta(hours=hours), ["AAPL", "MSFT"]
    files = {stem: frame for stem, frame in FULL.items() if stem != "news_coverage" or spans is not None}
    honest = market(AS_TRADED, **files)
    other = DirectoryMarket.from_frames(poisoned_future(honest.frames, known_at, how))
    assert_same_answers(honest, other, known_at)
    for ask in (
        lambda source: source.news.articles(names, DAYS[0], DAYS[-1], known_at).articles,
        lambda source: source.news.articles(names, DAYS[0], DAYS[-1], known_at).coverage,
        lambda source: source.statements.filings(names, known_at).filings,
    ):
        pd.testing.assert_frame_equal(ask(honest), ask(other), check_exact=True)
        assert len(ask(honest)) > 5


@pytest.mark.parametrize("how", list(Poison))
def test_the_poison_is_strong_enough_to_show_in_news_and_filings_that_peek(market, how):
    honest = market(AS_TRADED, **FULL)
    other = DirectoryMarket.from_frames(poisoned_future(honest.frames, decision_time(CUT), how))
    later = decision_time(DAYS[-1])
    for ask in (
        lambda source: source.news.articles(["AAPL", "MSFT"], CUT, DAYS[-1], later).articles,
        lambda source: source.news.articles(["AAPL", "MSFT"], CUT, DAYS[-1], later).coverage,
        lambda source: source.statements.filings(["AAPL"], later).filings,
    ):
        assert not ask(honest).equals(ask(other))


@pytest.fixture(scope="module")
def real():
    if not REAL.is_dir():
        pytest.skip("../shared/data is not here")
    return DirectoryMarket(load(REAL))


def test_the_real_directory_tells_its_survivorship(real):
    assert real.info.caveats[1].startswith("survivorship: bars exist for 159 of 1,2")
    assert real.info.last_session == date(2026, 4, 24)


def test_the_special_dividend_of_kdp_is_there(real):
    frame = real.bars(date(2018, 7, 9), date(2018, 7, 13), decision_time(date(2018, 7, 16)), ["KDP"])
    assert frame.loc[frame["dividend"] > 0, "date"].tolist() == [date(2018, 7, 10)]
    assert frame["dividend"].max() == pytest.approx(103.75, abs=1e-4)


def test_apple_pays_what_it_paid(real):
    frame = real.bars(date(2024, 1, 1), date(2024, 12, 31), decision_time(date(2025, 1, 6)), ["AAPL"])
    paid = frame.loc[frame["dividend"] > 0, ["date", "dividend"]]
    assert paid["date"].tolist() == [date(2024, 2, 9), date(2024, 5, 10), date(2024, 8, 12), date(2024, 11, 8)]
    assert paid["dividend"].tolist() == pytest.approx([0.24, 0.25, 0.25, 0.25], abs=1e-4)


def test_tiny_dividends_are_found(real):
    frame = real.bars(date(2024, 3, 1), date(2024, 3, 8), decision_time(date(2024, 3, 11)), ["NVDA"])
    assert frame["dividend"].sum() == pytest.approx(0.004, abs=1e-4)


@pytest.mark.parametrize("monday", [date(2023, 5, 29), date(2023, 7, 3), date(2023, 7, 10), date(2018, 12, 10)])
def test_no_monday_sees_a_bar_that_had_not_closed(real, monday):
    week = week_of(monday)
    frame = real.bars(monday - timedelta(days=400), monday + timedelta(days=400), week.as_of)
    assert frame["date"].max() == week.last_session
    assert frame["date"].max() < monday


def test_the_bar_of_an_early_close_is_known_at_one_o_clock(real):
    early = date(2023, 7, 3)
    one = datetime(2023, 7, 3, 17, tzinfo=UTC)
    assert session_close(early) == one
    assert real.bars(early, early, one - timedelta(seconds=1)).empty
    assert last_closed_session(one) == early
    assert len(real.bars(early, early, one)) > 100


def test_the_real_future_may_be_nonsense(real):
    cut = date(2022, 3, 7)
    other = DirectoryMarket.from_frames(poisoned_frames(real.frames, cut, POISONS["nan"]))
    assert_same_answers(real, other, decision_time(cut))


def test_the_example_of_the_documentation_loads(tmp_path):
    text = (Path(__file__).resolve().parents[2] / "docs" / "market-directory.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    exec(example, {"folder": tmp_path / "mine"})  # noqa: S102 - the reader would run it too
    assert len(load(tmp_path / "mine").bars) == 6


def test_the_documentation_names_every_file_and_column():
    text = (Path(__file__).resolve().parents[2] / "docs" / "market-directory.md").read_text()
    for stem, spec in MARKET_FILES.items():
        section = text.split(f"### {stem}.parquet")[1].split("\n### ")[0]
        table = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| "))
        named = set(table.replace(",", " ").split())
        assert set(spec.schema.to_schema().columns) <= named, stem


LATER = pd.Timestamp(decision_time(CUT) + timedelta(hours=1))


def arriving(frame, rows):
    """The frame, with these rows known from `LATER` on."""
    known = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    return frame.assign(known_at=known.mask(rows, LATER))


def test_a_row_is_not_known_before_it_arrived(market):
    is_late = lambda frame, column, day: (frame[column] == day) & (frame["symbol"] == "AAPL")  # noqa: E731
    late_bars = arriving(bars(adjusted=False), is_late(bars(), "date", DAYS[3]))
    late_holdings = arriving(HOLDINGS, HOLDINGS["fund"] == "HLAL")
    dividend = actions(("AAPL", DAYS[2], "dividend", 0.25), ("MSFT", DAYS[2], "split", 4.0))
    found = market(
        AS_TRADED, bars=late_bars, actions=arriving(dividend, dividend["symbol"] == "AAPL"), holdings=late_holdings
    )
    for moment, (names, paid, funds) in {
        decision_time(CUT): (["MSFT"], 0.0, {"SPUS"}),
        LATER.to_pydatetime(): (["AAPL", "MSFT"], 0.25, {"SPUS", "HLAL"}),
    }.items():
        assert found.bars(DAYS[3], DAYS[3], moment)["symbol"].tolist() == names
        event = found.bars(DAYS[2], DAYS[2], moment).set_index("symbol")
        assert (event.loc["AAPL", "dividend"], event.loc["MSFT", "split_ratio"]) == (paid, 4.0)
        assert set(found.holdings(["SPUS", "HLAL"], moment)["fund"]) == funds
    late = found.latecomers(LATER.to_pydatetime())
    assert late[["symbol", "date", "what"]].to_numpy().tolist() == [
        ["AAPL", DAYS[3], "bar"],
        ["AAPL", DAYS[2], "dividend"],
    ]
    assert found.latecomers(decision_time(CUT)).empty


def test_a_row_that_says_it_was_known_before_its_session_closed_is_known_from_the_close_on(market):
    early = bars(adjusted=False).assign(known_at=pd.Timestamp("2019-01-01", tz="UTC").as_unit("us"))
    found = market(AS_TRADED, bars=early, actions=actions())
    close = session_close(DAYS[3])
    assert found.bars(DAYS[3], DAYS[3], close - timedelta(seconds=1)).empty
    assert len(found.bars(DAYS[3], DAYS[3], close)) == 2


def test_notes_are_those_of_the_newest_moment(market):
    found = market(notes=NOTES)
    told = {hours: found.notes(decision_time(CUT) + timedelta(hours=hours)) for hours in (-48, -1, 0, 9)}
    assert [[note.text for note in notes] for notes in told.values()] == [
        [],
        ["SPUS of yesterday"],
        ["one name is missing"],
        ["two names are missing"],
    ]


@pytest.mark.parametrize("how", list(Poison))
def test_poison_reaches_a_row_that_arrives_later_although_its_session_is_over(market, how):
    late = arriving(bars(adjusted=False), bars()["date"] == DAYS[3])
    frames = market(AS_TRADED, bars=late, actions=actions()).frames
    spoilt = poisoned_future(frames, decision_time(CUT), how).bars
    rows = spoilt["date"] == DAYS[3]
    assert (spoilt.loc[rows, "close"].to_numpy() != frames.bars.loc[rows, "close"].to_numpy()).all()
    known = spoilt["date"] < DAYS[3]
    assert (spoilt.loc[known, "close"] == frames.bars.loc[known, "close"]).all()
