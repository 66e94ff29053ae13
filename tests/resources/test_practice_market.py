import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import decision_time, monday_of, news_days, sessions_between, week_of
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.returns import adjusted
from learnfinance_dagster.schemas.market import MARKET_FILES
from resources.market_directory import DirectoryMarket
from resources.practice_market import PracticeSpec, ensure, generate
from resources.practice_market.generate import FILES
from resources.practice_market.headlines import TEMPLATES
from resources.practice_market.news import FIDELITY, news
from resources.practice_market.returns import returns
from resources.practice_market.roster import HALT_SESSIONS, roster
from resources.practice_market.timeline import timeline
from resources.sentiment.vader import VaderModel

SMALL = PracticeSpec(seed=11, symbols=14, first=date(2015, 1, 5), last=date(2017, 12, 29), signal_strength=0.15)
STRONG = PracticeSpec(seed=5, symbols=40, first=date(2015, 1, 5), last=date(2018, 12, 31), signal_strength=0.5)
GOOD = {
    *("beats", "wins", "upgrade", "growth", "gains", "profit", "strong", "record", "surges", "surge", "best", "great"),
    *(
        "approval",
        "improves",
        "better",
        "benefits",
        "healthy",
        "excellent",
        "triumph",
        "superb",
        "perfect",
        "fantastic",
    ),
}
BAD = {
    *("misses", "warns", "downgrade", "lawsuit", "loss", "complaints", "weak", "plunges", "crisis", "terrible", "bad"),
    *("worst", "losses", "disaster", "destroys", "fraud", "loses", "severe", "scandal", "fears", "criminal", "failed"),
    *("problems", "penalty", "struggles", "doubts", "disappoints", "disappointing"),
}


@pytest.fixture(scope="module")
def market():
    return generate(SMALL)


@pytest.fixture(scope="module")
def strong_market():
    return generate(STRONG)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "practice"
    assert ensure(path, SMALL)
    return path


def with_events(market):
    """Bars with the columns that a market adapter adds."""
    bars = market["bars"].copy()
    actions = market["actions"].rename(columns={"ex_date": "date"})
    for kind, column, none in (("split", "split_ratio", 1.0), ("dividend", "dividend", 0.0)):
        own = actions.loc[actions["kind"] == kind, ["symbol", "date", "value"]].rename(columns={"value": column})
        bars = bars.merge(own, how="left", on=["symbol", "date"]).fillna({column: none})
    return bars


def tone(headline):
    words = [word.strip(":,").lower() for word in headline.split()]
    return sum(word in GOOD for word in words) - sum(word in BAD for word in words)


def tone_and_next_return(market, spec):
    """Per name-week with headlines: mean tone before the decision, and the demeaned holding-week return after it."""
    opens = adjusted(with_events(market)).pivot_table(index="date", columns="symbol", values="open", aggfunc="last")
    told = market["news"].assign(tone=[tone(headline) for headline in market["news"]["headline"]])
    pairs = []
    for number in range(2, (spec.last - spec.first).days // 7 - 1):
        week = week_of(spec.first + timedelta(days=7 * number))
        moves = (opens.loc[week.next_session] / opens.loc[week.sessions[0]] - 1).dropna()
        since = decision_time(week.monday - timedelta(days=7))
        heard = told.loc[(told["published_at"] >= since) & (told["published_at"] < week.as_of)]
        mean = heard.groupby("symbol")["tone"].mean()
        pairs.append(pd.DataFrame({"tone": mean, "move": moves - moves.mean()}).dropna())
    return pd.concat(pairs)


def correlation(market, spec):
    pairs = tone_and_next_return(market, spec)
    return float(np.corrcoef(pairs["tone"], pairs["move"])[0, 1])


def test_the_same_seed_gives_the_same_bytes(directory, tmp_path):
    again = tmp_path / "again"
    ensure(again, SMALL)
    files = sorted(path.name for path in directory.iterdir())
    assert files == sorted([*(f"{stem}.parquet" for stem in FILES), "market.json"])
    for name in files:
        assert (again / name).read_bytes() == (directory / name).read_bytes(), name


def test_another_seed_gives_another_market(market):
    other = generate(PracticeSpec(12, SMALL.symbols, SMALL.first, SMALL.last, SMALL.signal_strength))
    same = {stem for stem, frame in market.items() if frame.equals(other[stem])}
    assert same == {"news_coverage"}, "the same span of days"


def test_signal_strength_changes_the_news_and_nothing_else(market):
    silent = generate(PracticeSpec(SMALL.seed, SMALL.symbols, SMALL.first, SMALL.last, 0.0))
    changed = {stem for stem, frame in market.items() if not frame.equals(silent[stem])}
    assert changed == {"news"}


@pytest.mark.parametrize("stem", FILES)
def test_every_file_keeps_the_rules_of_the_market_directory(directory, stem):
    rules = MARKET_FILES[stem]
    frame = pd.read_parquet(directory / f"{stem}.parquet")
    key = list(rules.key)
    rules.schema.validate(frame)
    assert len(frame) > 0
    assert not (rules.unique and frame.duplicated(key).any())
    assert not rules.ordered or frame[key].equals(frame[key].sort_values(key, ignore_index=True))


def test_dates_and_frames_survive_the_disk(directory, market):
    for stem, frame in market.items():
        pd.testing.assert_frame_equal(pd.read_parquet(directory / f"{stem}.parquet"), frame)


def test_bars_are_consistent_and_on_sessions(market):
    bars = market["bars"]
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert set(bars["date"]) == set(sessions_between(SMALL.first, SMALL.last))
    assert bars["symbol"].nunique() == SMALL.symbols
    assert bars["close"].between(1, 500).all()
    cents = bars[["open", "high", "low", "close"]] * 100
    assert np.allclose(cents, cents.round(), atol=1e-6)


def test_tickers_look_like_exchange_listed_us_names(market):
    symbols = market["bars"]["symbol"].drop_duplicates()
    assert symbols.str.fullmatch(r"[A-Z]{1,5}").all()
    assert not symbols.str.fullmatch(r"[A-Z]{4}[YF]").any()


def test_volume_rises_with_the_size_of_the_move(strong_market):
    bars = strong_market["bars"]
    move = np.log(bars["close"] / bars["open"]).abs()
    volume = np.log(bars["volume"])
    correlations = [move[rows].corr(volume[rows]) for rows in bars.groupby("symbol").indices.values()]
    assert np.mean(correlations) > 0.2


def test_returns_have_fat_tails_and_volatility_that_clusters(strong_market):
    closes = adjusted(with_events(strong_market)).pivot_table(index="date", columns="symbol", values="close")
    market_return = closes.pct_change(fill_method=None).mean(axis=1).dropna()
    size = market_return.abs()
    assert float(((market_return - market_return.mean()) ** 4).mean() / market_return.var() ** 2) > 4
    assert size.rolling(20).mean().autocorr(20) > 0.2


def test_some_names_list_late_and_have_no_bars_before(market):
    first = market["bars"].groupby("symbol")["date"].min()
    assert (first > SMALL.first).sum() == round(0.15 * SMALL.symbols)


def test_one_name_is_delisted_after_its_last_bar_and_pays_about_its_last_price(market):
    (row,) = market["actions"].query("kind == 'delisting'").itertuples()
    own = market["bars"].query("symbol == @row.symbol")
    sessions = sessions_between(SMALL.first, SMALL.last)
    assert own["date"].iloc[-1] == sessions[sessions.index(row.ex_date) - 1]
    assert row.value == pytest.approx(own["close"].iloc[-1], rel=0.05)
    assert (market["fundamentals"].query("symbol == @row.symbol")["available_on"] < row.ex_date).all()
    assert (market["holdings"].query("symbol == @row.symbol")["date"] < row.ex_date).all()
    (member,) = market["membership"].query("symbol == @row.symbol").itertuples()
    assert member.end_date == row.ex_date


def test_one_name_is_halted_for_a_few_sessions_in_the_middle_of_its_life(market):
    sessions = pd.Series({day: n for n, day in enumerate(sessions_between(SMALL.first, SMALL.last))})
    gaps = {
        symbol: np.diff(sessions[own["date"]]).max() - 1 for symbol, own in market["bars"].groupby("symbol", sort=False)
    }
    assert sorted(gaps.values())[-2:] == [0, HALT_SESSIONS]


def test_a_split_changes_the_price_and_leaves_the_wealth(strong_market):
    bars = with_events(strong_market)
    split = bars["split_ratio"] > 1
    assert split.any()
    raw = bars["open"] / bars.groupby("symbol")["close"].shift()
    flat = adjusted(bars)
    true = flat["open"] / flat.groupby("symbol")["close"].shift() - 1
    assert (raw[split] < 0.6).all()
    assert (true[split].abs() < 0.1).all()


def test_a_dividend_leaves_the_price_on_its_ex_date(strong_market):
    bars = with_events(strong_market)
    before = bars.groupby("symbol")["close"].shift()
    paid = bars["dividend"] > 0
    assert (bars.loc[paid, "dividend"] / before[paid]).between(0.0005, 0.02).all()
    fall = (bars["open"] / before - 1)[paid].mean()
    assert fall == pytest.approx(-(bars["dividend"] / before)[paid].mean(), abs=0.002)


def test_statements_become_public_20_to_60_days_after_their_period(market):
    filings = market["fundamentals"]
    lag = (pd.to_datetime(filings["available_on"]) - pd.to_datetime(filings["fiscal_date_ending"])).dt.days
    assert lag.between(20, 60).all()
    assert filings["available_on"].max() <= SMALL.last
    assert filings.groupby("symbol")["fiscal_date_ending"].min().min() < SMALL.first - timedelta(days=300)


def test_statements_balance_and_differ_enough_for_a_screen(strong_market):
    filings = strong_market["fundamentals"]
    balance = filings["total_liabilities"] + filings["total_shareholder_equity"]
    assert np.allclose(filings["total_assets"], balance)
    assert not (filings["gross_profit"] > filings["total_revenue"]).any()
    assert not (filings["total_debt"] > filings["total_liabilities"]).any()
    assert not (filings["total_current_assets"] > filings["total_assets"]).any()
    under_water = filings.groupby("symbol")["total_shareholder_equity"].max() < 0
    assert 0 < under_water.mean() < 0.3
    assert 0 < filings["net_receivables"].isna().mean() < 0.2
    indebted = (filings["total_debt"] / filings["total_assets"]).groupby(filings["symbol"]).mean() > 0.33
    assert 0.05 < indebted.mean() < 0.6


def test_fund_weights_sum_to_at_most_100_and_drift_from_week_to_week(market):
    holdings = market["holdings"]
    total = holdings.groupby(["fund", "date"])["weight_pct"].sum()
    assert set(holdings["fund"]) == {"SPUS", "HLAL", "SPTE"}
    assert total.between(99, 100).all()
    weekly = holdings.query("fund == 'SPUS'").pivot_table(index="date", columns="symbol", values="weight_pct")
    assert (weekly.index.to_series().diff().dropna() <= timedelta(days=9)).all()
    names = weekly.columns[weekly.columns.isin(market["bars"]["symbol"])]
    assert (weekly[names].diff().abs().sum(axis=1).iloc[1:] > 0).all()


def test_fund_files_have_rows_that_are_no_tradable_us_stock(market):
    held = set(market["holdings"]["symbol"])
    assert {"2330.TW", "Cash&Other", "FOX", "FOXA", "BAZOY"} <= held - set(market["bars"]["symbol"])


def test_a_fund_holds_only_names_that_are_listed(market):
    first = market["bars"].groupby("symbol")["date"].min()
    holdings = market["holdings"]
    own = holdings.loc[holdings["symbol"].isin(first.index)]
    assert (own["date"] >= own["symbol"].map(first)).all()


def test_the_index_keeps_its_size_while_names_join_and_leave(strong_market):
    members = strong_market["membership"]
    assert set(members["index"]) == {"PRACTICE-40"}
    assert members["end_date"].notna().sum() > 1
    for day in sessions_between(STRONG.first, STRONG.last)[::40]:
        inside = (members["start_date"] <= day) & (members["end_date"].isna() | (members["end_date"] > day))
        assert inside.sum() == 26


def test_the_news_of_a_market_stays_inside_its_span(market):
    published = market["news"]["published_at"]
    assert published.min() >= pd.Timestamp(SMALL.first, tz="UTC")
    assert published.max() < pd.Timestamp(SMALL.last + timedelta(days=1), tz="UTC")
    assert published.is_monotonic_increasing


@pytest.mark.parametrize("last", [date(2017, 12, 29), date(2017, 12, 25), date(2018, 1, 2)])
@pytest.mark.parametrize("first", [date(2016, 12, 5), date(2016, 12, 8)])
def test_the_news_is_complete_on_the_days_that_the_market_says_and_no_others(first, last):
    made = generate(PracticeSpec(seed=11, symbols=14, first=first, last=last, signal_strength=0.15))
    (span,) = made["news_coverage"].itertuples(index=False)
    sessions, published = sessions_between(first, last), made["news"]["published_at"]
    assert span.symbol == "*"
    begins, ends = decision_time(span.first_day - timedelta(days=1)), decision_time(span.last_day)
    files = [pd.Timestamp(day, tz="UTC") for day in (sessions[0], sessions[-1] + timedelta(days=1))]
    assert files[0] <= begins, "nothing of the first day was cut"
    assert ends <= files[1], "nothing of the last day was cut"
    assert decision_time(span.first_day - timedelta(days=2)) < files[0], "the day before was cut"
    assert decision_time(span.last_day + timedelta(days=1)) > files[1], "the day after was cut"
    assert published[(published > begins) & (published <= ends)].dt.day_of_week.nunique() == 7


def test_the_news_of_a_whole_week_is_known_and_what_the_market_cut_is_not_fetched(directory):
    market = DirectoryMarket.from_directory(directory)
    listed = market.frames.bars.groupby("symbol")["date"].min()
    names = sorted(listed[listed == SMALL.first].index)
    for monday, fetched in ((SMALL.first, 0), (SMALL.first + timedelta(days=7), 7), (date(2017, 12, 25), 7)):
        week = week_of(monday)
        days = news_days(week)
        answer = market.news.articles(names, days[0], days[-1], week.as_of)
        covered = answer.coverage["state"] != "not_fetched"
        assert covered.sum() == fetched * len(names)
        assert len(answer.articles) > 0 or not fetched
    assert market.news.name == market.statements.name == "practice market"


def test_the_news_of_a_name_is_known_once_it_is_listed(directory):
    market = DirectoryMarket.from_directory(directory)
    listed = market.frames.bars.groupby("symbol")["date"].min()
    late = listed[listed > SMALL.first]
    assert len(late)
    for name, day in zip(late.index.to_list(), late.to_list(), strict=True):
        monday = monday_of(day)
        for week, known in ((week_of(monday), False), (week_of(monday + timedelta(days=14)), True)):
            days = news_days(week)
            answer = market.news.articles([name], days[0], days[-1], week.as_of)
            assert set(answer.coverage["state"] != "not_fetched") == {known}


def told_a_week(market, spec):
    """Number of headlines by name and news week, with a column for every name that has bars."""
    told = market["news"]
    week = (told["published_at"] - pd.Timestamp(decision_time(spec.first))).dt.days // 7
    counts = pd.crosstab(week, told["symbol"])
    return counts.reindex(columns=sorted(set(market["bars"]["symbol"])), fill_value=0)


def test_half_of_the_weeks_of_a_name_have_three_headlines_and_some_names_hardly_ever_have(market, strong_market):
    for made, spec in ((market, SMALL), (strong_market, STRONG)):
        first = made["bars"].groupby("symbol")["date"].min()
        enough = (told_a_week(made, spec)[first.index[first == spec.first]] >= 3).mean()
        assert 0.4 < enough.mean() < 0.6
        assert enough.min() < 0.15
        assert enough.max() > 0.9


def test_a_name_repeats_a_sentence_in_a_week_only_when_there_is_no_other(strong_market):
    told = strong_market["news"]
    week = (told["published_at"] - pd.Timestamp(decision_time(STRONG.first))).dt.days // 7
    numberless = told["headline"].str.replace(r"\d+", "#", regex=True)
    said = pd.DataFrame({"week": week, "symbol": told["symbol"], "sentence": numberless})
    again = said.groupby(["week", "symbol"])["sentence"].agg(["size", "nunique"])
    assert (again["size"] > 8).sum() > 100, "there are busy weeks"
    few = again["size"] <= min(len(texts) for texts in TEMPLATES.values())
    assert (again["size"] == again["nunique"])[few].all()
    assert (again["size"] > again["nunique"]).mean() < 0.005


def test_every_tone_has_as_many_sentences_and_each_is_there_once():
    assert len({len(texts) for texts in TEMPLATES.values()}) == 1
    texts = [text for level in TEMPLATES.values() for text in level]
    assert len(set(texts)) == len(texts)
    assert all("{name}" in text for text in texts)


def test_a_word_list_hears_every_tone():
    for value, texts in TEMPLATES.items():
        heard = [VaderModel().score([text.format(name="Kevo Tools", n=7)])["score"].iloc[0] for text in texts]
        assert {float(np.sign(one)) for one in heard} == {float(np.sign(value))}
    louder = [np.mean([tone(text) for text in TEMPLATES[value]]) for value in sorted(TEMPLATES)]
    assert louder == sorted(louder)


def test_statements_of_the_practice_market_are_known_from_the_day_after(directory):
    market = DirectoryMarket.from_directory(directory)
    names = sorted(set(market.frames.bars["symbol"]))
    answer = market.statements.filings(names, week_of(date(2017, 3, 6)).as_of)
    assert answer.filings["available_on"].max() < date(2017, 3, 6)
    assert len(answer.filings) > 4 * len(names)


def test_tone_leads_the_next_holding_week_with_about_the_planted_strength(strong_market):
    # Demeaning leaves sector and beta differences in the returns, and a word list hears less than the tone itself.
    assert 0.78 < correlation(strong_market, STRONG) / STRONG.signal_strength < 0.95


def correlation_with(surprise, headlines, spec):
    """Of the mean tone in which a name-week's headlines were written, and the (W, N) `surprise` that it leads."""
    line = timeline(spec)
    ahead = pd.DataFrame(surprise, index=list(line.mondays), columns=list(roster(spec, len(line)).symbols))
    level = {
        re.escape(text).replace(r"\{name\}", ".+").replace(r"\{n\}", r"\d+"): value
        for value, texts in TEMPLATES.items()
        for text in texts
    }
    tones = [next(v for pattern, v in level.items() if re.fullmatch(pattern, text)) for text in headlines["headline"]]
    leads = (headlines["published_at"] - pd.Timedelta(hours=12, minutes=30)).dt.tz_localize(None).dt.to_period("W-SUN")
    monday = (leads.dt.start_time + pd.Timedelta(days=7)).dt.date
    told = (
        pd.DataFrame({"week": monday, "symbol": headlines["symbol"], "tone": tones}).groupby(["week", "symbol"]).mean()
    )
    rows = told.reset_index().itertuples(index=False, name=None)
    pairs = [(value, ahead.loc[week, symbol]) for week, symbol, value in rows if week in ahead.index]
    assert len(pairs) > 1000
    return np.corrcoef(np.array(pairs).T)[0, 1]


def test_the_planted_strength_is_exact_against_the_true_idiosyncratic_return(strong_market):
    line = timeline(STRONG)
    surprise = returns(STRONG, line, roster(STRONG, len(line))).surprise
    found = correlation_with(surprise, strong_market["news"], STRONG)
    assert found == pytest.approx(STRONG.signal_strength, abs=0.02)


def test_fidelity_is_what_the_tone_of_a_week_tells_of_its_hidden_tone():
    # With all the strength there is, the hidden tone is the surprise itself; it is normal when nothing is planted.
    spec = PracticeSpec(STRONG.seed, STRONG.symbols, STRONG.first, STRONG.last, 1.0)
    line = timeline(spec)
    surprise = np.random.default_rng(1).standard_normal((len(line.mondays), spec.symbols))
    told = news(spec, line, roster(spec, len(line)), surprise)
    assert correlation_with(surprise, told, spec) == pytest.approx(FIDELITY, abs=0.01)


def test_without_signal_strength_tone_leads_nothing():
    silent = PracticeSpec(STRONG.seed, STRONG.symbols, STRONG.first, STRONG.last, 0.0)
    assert correlation(generate(silent), silent) == pytest.approx(0, abs=0.04)


def test_tone_says_nothing_about_the_week_that_is_already_over(strong_market):
    moved_back = {**strong_market, "news": strong_market["news"].copy()}
    moved_back["news"]["published_at"] -= timedelta(days=7)
    assert correlation(moved_back, STRONG) == pytest.approx(0, abs=0.04)


def test_a_complete_market_is_left_untouched(directory):
    before = {path.name: path.stat().st_mtime_ns for path in directory.iterdir()}
    assert ensure(directory, SMALL) is False
    assert {path.name: path.stat().st_mtime_ns for path in directory.iterdir()} == before


def test_progress_is_told_in_words_and_nothing_is_left_beside_the_market(tmp_path):
    told = []
    assert ensure(tmp_path / "deep" / "practice", SMALL, told.append)
    assert any("bars" in words for words in told)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["practice"]


def test_an_empty_folder_is_filled(tmp_path):
    assert ensure(tmp_path, SMALL)
    assert (tmp_path / "market.json").is_file()


def test_a_market_of_another_spec_is_refused_with_what_to_do(directory):
    other = PracticeSpec(99, SMALL.symbols, SMALL.first, SMALL.last, SMALL.signal_strength)
    with pytest.raises(ConfigurationError, match=r"seed 11 instead of 99.*delete the folder, or set the settings back"):
        ensure(directory, other)


def test_foreign_files_are_refused_and_kept(tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("mine")
    with pytest.raises(ConfigurationError, match="no market directory"):
        ensure(tmp_path, SMALL)
    assert note.read_text() == "mine"


def test_a_market_that_lost_a_file_is_refused_by_name(tmp_path):
    ensure(tmp_path, SMALL)
    (tmp_path / "news.parquet").unlink()
    with pytest.raises(ConfigurationError, match=r"lacks news\.parquet"):
        ensure(tmp_path, SMALL)


def test_of_two_that_make_the_same_market_at_once_the_first_one_stays(directory, tmp_path):
    target = tmp_path / "practice"

    def overtake(words):
        if "fundamentals" in words:
            shutil.copytree(directory, target)

    assert ensure(target, SMALL, overtake) is False
    assert [path.name for path in tmp_path.iterdir()] == ["practice"]


def test_a_failure_in_the_middle_leaves_nothing(tmp_path):
    def fail(words):
        if "news" in words:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure(tmp_path / "practice", SMALL, fail)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_says_what_the_market_is(directory):
    text = Path(directory / "market.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert list(manifest) == sorted(manifest)
    assert manifest["kind"] == "practice"
    assert manifest["price_basis"] == "as_traded"
    assert manifest["caveats"] == []
    assert (manifest["first"], manifest["last"]) == ("2015-01-05", "2017-12-29")


@pytest.mark.parametrize(
    "change",
    [{"symbols": 11}, {"symbols": 2001}, {"seed": -1}, {"signal_strength": 1.5}, {"last": date(2015, 3, 1)}],
)
def test_a_spec_that_cannot_be_made_is_refused(change):
    values = {"seed": 1, "symbols": 14, "first": SMALL.first, "last": SMALL.last, "signal_strength": 0.1}
    with pytest.raises(ConfigurationError, match="practice market"):
        PracticeSpec(**{**values, **change})
