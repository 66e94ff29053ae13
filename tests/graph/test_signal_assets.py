"""The Monday graph reads: what it learns of news and filings, and what it does when it cannot."""

from datetime import timedelta
from importlib import import_module

import pandas as pd
import pytest

from learnfinance_dagster.calendar import news_days, week_from_key
from learnfinance_dagster.parameters import FinbertParameters, SignalParameters
from learnfinance_dagster.schemas.artifacts import FRAMES, HISTORY

SIGNALS = (
    "news_articles",
    "news_coverage",
    "news_sentiment",
    "filings",
    "fundamentals",
    "halal_screen",
    "state_features",
    "technical_features",
    "daily_sentiment",
    "sentiment_gaps",
)
NEWS = ("news_articles", "news_coverage", "news_sentiment", "daily_sentiment", "sentiment_gaps")


@pytest.fixture(scope="module")
def remembered(traded, build_house):
    """The traded house, with the history of its weeks."""
    house = build_house(traded.house)
    assert all(house.run("fill_sentiment_gaps", week).success for week in traded.weeks)
    return house


@pytest.fixture(scope="module")
def monday(traded, remembered):
    """The newest traded Monday's frames, by asset."""
    return {name: remembered.read(name, traded.weeks[-1]) for name in SIGNALS}


def test_every_signal_of_a_monday_is_stored_and_fits_its_schema(monday):
    for name, frame in monday.items():
        FRAMES[name].validate(frame)
    assert all(len(monday[name]) for name in SIGNALS)


def test_every_name_of_the_universe_has_a_row_in_every_signal(traded, monday):
    universe = traded.house.read("halal_universe", traded.weeks[-1])
    names = set(universe.loc[universe["excluded"] == "", "symbol"])
    for asset in ("news_coverage", "news_sentiment", "filings", "fundamentals", "halal_screen", "state_features"):
        assert set(monday[asset]["symbol"]) == names


def test_articles_are_of_the_seven_news_days_before_the_decision(traded, monday):
    week = week_from_key(traded.weeks[-1])
    assert set(monday["news_articles"]["day"]) <= set(news_days(week))
    assert (monday["news_articles"]["published_at"] <= week.as_of).all()


def test_the_practice_market_has_news_for_every_day_of_every_name_that_it_knows(monday):
    coverage = monday["news_coverage"]
    unknown = coverage[coverage["reason"] == "the market does not know this name"]
    assert set(coverage.drop(unknown.index)["state"]) == {"articles", "no_articles"}
    assert set(monday["sentiment_gaps"]["symbol"]) == set(unknown["symbol"]) == {"FOXA"}, "a holding without bars"


def test_a_name_without_an_article_has_no_score_instead_of_a_neutral_one(monday):
    silent = monday["news_sentiment"][monday["news_sentiment"]["article_count"] == 0]
    assert len(silent)
    assert silent["sentiment"].isna().all()
    assert (silent["reason"] != "").all()


def test_no_filing_is_used_on_the_day_on_which_it_became_public(traded, monday):
    """D8: ratios were usable from the end of the fiscal period, weeks before anybody could read them."""
    week = week_from_key(traded.weeks[-1])
    known = monday["filings"].dropna(subset="available_on")
    assert all(day < week.monday for day in known["available_on"])


def test_the_raw_answer_of_every_name_is_kept(traded, monday):
    folder = traded.house.root / "raw" / f"paper_{traded.weeks[-1]}" / "1"
    assert len(list(folder.rglob("*.json.gz"))) == monday["news_coverage"]["symbol"].nunique()


def test_the_same_monday_in_another_house_gives_the_same_bytes(traded, remembered, build_house):
    other = build_house()
    week = traded.weeks[0]
    assert other.run("research", week, select=["daily_bars", "halal_universe", *SIGNALS]).success
    for name in SIGNALS:
        stored = remembered.store.path(name, week).read_bytes()
        assert other.store.path(name, week).read_bytes() == stored, name


def test_the_checks_of_the_signals_are_there_and_pass_on_the_practice_market(traded):
    done = traded.went[-1].result.get_asset_check_evaluations()
    names = {check.check_name for check in done if check.asset_key.path[-1] in SIGNALS}
    assert names == {"completed", "coverage", "freshness", "schema", "score_range", "stale_filings"}
    assert traded.went[-1].red == {}


def test_no_credentials_make_days_that_were_not_fetched_and_never_days_without_news(build_house, monkeypatch):
    """D11: without Alpaca's key, the predecessor stored zero-article days that counted as covered for ever."""
    monkeypatch.delenv("ALPACA_API_KEY", raising=False)
    monkeypatch.delenv("ALPACA_API_SECRET", raising=False)
    house = build_house().with_settings(news="alpaca")
    week = "2021-06-07"
    went = house.run("monday", week)
    assert went.success, went.errors
    coverage = house.read("news_coverage", week)
    assert set(coverage["state"]) == {"not_fetched"}
    assert coverage["reason"].str.contains("ALPACA_API_KEY").all()
    assert house.read("news_sentiment", week)["sentiment"].isna().all()
    assert house.run("fill_sentiment_gaps", week).success
    assert house.read("sentiment_gaps", week)["missing"].sum() > 0
    assert set(went.red) == {("news_coverage", "coverage"), ("news_articles", "freshness")}
    report = house.read("weekly_report", week)
    assert report.evidence.not_fetched_share == 1.0
    assert any("ALPACA_API_KEY" in told for told in report.evidence.news_failures)


def test_a_planted_misfit_turns_the_check_red_and_stores_nothing(traded, build_house, monkeypatch):
    """Stored first and checked afterwards, no check could ever turn red: the store refused before."""
    from assets.signals import features

    house, whole = build_house(), features.state_of
    monkeypatch.setattr(features, "state_of", lambda *frames: whole(*frames).assign(news_sentiment=3.0))
    went = house.run("research", traded.weeks[0], select=["halal_universe", *SIGNALS])
    assert not went.success
    assert ("state_features", "schema") in went.red
    assert not house.store.has("state_features", traded.weeks[0])


def test_scores_that_are_none_cost_neither_the_orders_nor_the_report(build_house, monkeypatch):
    """The store refused them, and the step, and with it the report, was lost after the accounts had traded."""
    news = import_module("assets.signals.news")  # the package's own `news` is the asset
    house, week, whole = build_house(), "2021-06-07", news.weekly_sentiment
    monkeypatch.setattr(news, "weekly_sentiment", lambda *given: whole(*given).assign(sentiment=3.0))
    went = house.run("monday", week)
    assert went.success, went.errors
    assert not went.checks["news_sentiment"][0]
    assert "does not fit its schema" in went.checks["news_sentiment"][1]
    assert house.read("news_sentiment", week)["sentiment"].isna().all()
    assert house.read("hrp_submission", week).accepted
    assert any("does not fit" in told for told in house.read("weekly_report", week).evidence.failures)


def test_a_model_that_says_the_same_of_everything_is_noticed():
    from assets.signals.news import _score_range

    def passes(*scores):
        return _score_range(pd.Series(scores), "2021-06-07").passed

    assert passes(*[0.1, 0.5, -0.3] * 5)
    assert not passes(*[0.25] * 15)
    assert not passes(*[1.0, -1.0] * 8)
    assert passes(*[0.25] * 3), "three scores prove nothing"


@pytest.fixture(scope="module")
def speechless(build_house, tmp_path_factory):
    """A house whose model has no weights, and a Monday in it."""
    nowhere = FinbertParameters(model=str(tmp_path_factory.mktemp("nowhere")))
    house = build_house().with_settings(sentiment="finbert", finbert=nowhere)
    return house, house.run("monday", "2021-06-07")


def test_a_model_that_fails_gives_nobody_a_score_and_the_report_says_so(speechless):
    """D29: a failed model call became a neutral score, and was cached as one."""
    house, went = speechless
    sentiment = house.read("news_sentiment", "2021-06-07")
    assert sentiment["sentiment"].isna().all()
    assert [asset for asset, (passed, _) in went.checks.items() if not passed] == ["news_sentiment"]
    assert house.read("weekly_report", "2021-06-07").evidence.failures


def test_accounts_that_read_no_news_trade_although_the_model_fails(speechless):
    """D32: a failing language model left orders sent but no mail."""
    house, _ = speechless
    assert house.read("hrp_submission", "2021-06-07").accepted
    assert (house.root / "outbox" / "weekly-2021-06-07.html").exists()


@pytest.fixture
def untraded(build_house, tmp_path):
    """A house with the signals of a week that nobody traded, and the same house with a model that fails."""
    house = build_house()
    assert house.run_range(("2021-05-24", "2021-05-31"), ["halal_universe", *NEWS]).success
    return house, house.with_settings(sentiment="finbert", finbert=FinbertParameters(model=str(tmp_path)))


def test_a_back_fill_fails_on_a_model_that_fails_and_keeps_what_was_there(untraded):
    house, broken = untraded
    before = house.files("artifacts/news_sentiment")
    assert not broken.run_range(("2021-05-24", "2021-05-31"), ["news_sentiment"]).success
    assert not broken.run("research", "2021-05-31", select=["news_sentiment"]).success
    back_fill = {"dagster/backfill": "abcdefgh"}
    assert not broken.run("monday", "2021-05-31", select=["news_sentiment"], tags=back_fill).success
    assert house.files("artifacts/news_sentiment") == before


def test_a_key_that_is_gone_does_not_wipe_what_was_fetched_with_it(untraded, monkeypatch):
    monkeypatch.delenv("ALPACA_API_KEY", raising=False)
    house, _ = untraded
    week, kept = "2021-05-31", ("news_articles", "news_coverage", "daily_sentiment")
    before = {name: house.read(name, week).assign(reason="") for name in kept}
    keyless = house.with_settings(news="alpaca", fundamentals="edgar")
    for job in ("research", "monday"):
        assert keyless.run(
            job, week, select=[name for name in NEWS if job == "research" or name not in HISTORY]
        ).success
    for name, frame in before.items():
        pd.testing.assert_frame_equal(house.read(name, week).assign(reason=""), frame, obj=name)


def test_statements_are_not_wiped_by_a_source_that_gives_none(untraded):
    house, _ = untraded
    week = "2021-05-31"
    assert house.run("research", week, select=["filings"]).success
    before = house.read("filings", week)
    assert (before["missing"] == "").any()
    assert house.with_settings(fundamentals="edgar").run("research", week, select=["filings"]).success
    pd.testing.assert_frame_equal(house.read("filings", week), before)


def test_a_damaged_archive_of_news_costs_neither_the_orders_nor_the_report(build_house, monkeypatch):
    """D32: what failed beside the orders must not cost the mail that tells of it."""
    monkeypatch.setenv("ALPACA_API_KEY", "some-key")
    monkeypatch.setenv("ALPACA_API_SECRET", "some-secret")
    house = build_house().with_settings(news="alpaca")
    house.root.mkdir(parents=True, exist_ok=True)
    (house.root / "news.sqlite").write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    went = house.run("monday", "2021-06-07", select=None)
    assert house.read("hrp_submission", "2021-06-07").accepted
    assert not went.checks["news_coverage"][0]
    assert any("news.sqlite" in told for told in house.read("weekly_report", "2021-06-07").evidence.news_failures)


def test_a_traded_week_shows_the_stand_in_that_it_was_traded_on_after_the_model_is_mended(speechless):
    """The check turned green and the metadata told of nine scores, while the stand-in was still what is stored."""
    house, _ = speechless
    mended = house.with_settings(sentiment="vader").run("monday", "2021-06-07")
    assert not mended.checks["news_sentiment"][0]
    assert house.read("news_sentiment", "2021-06-07")["sentiment"].isna().all()
    assert mended.metadata["news_sentiment"]["scored"].value == 0


def test_the_signals_of_a_traded_week_stay_although_settings_change(traded, build_house):
    house = build_house(traded.house).with_settings(signals=SignalParameters(news_decay_days=1.0, min_articles=9))
    week = traded.weeks[-1]
    evidence = [f"artifacts/{name}" for name in SIGNALS if name not in HISTORY]
    before = house.files(*evidence)
    assert house.run("research", week, select=list(SIGNALS)).success
    assert house.files(*evidence) == before


def test_the_history_of_sentiment_may_be_completed_for_a_traded_week(traded, build_house):
    house = build_house(traded.house).with_settings(signals=SignalParameters(history_symbols=("ZZZZ",)))
    week = traded.weeks[-1]
    assert house.run("fill_sentiment_gaps", week).success
    assert "ZZZZ" in set(house.read("daily_sentiment", week)["symbol"])


def test_many_weeks_in_one_run_give_what_each_week_gives_alone(traded, remembered, build_house):
    """D10: one definition for history and for today."""
    house, weeks = build_house(), list(traded.weeks)
    chosen = ["daily_bars", "halal_universe", *SIGNALS]
    assert house.run_range(weeks, chosen).success
    for week in weeks:
        for name in SIGNALS:
            together, alone = house.read(name, week), remembered.read(name, week)
            pd.testing.assert_frame_equal(together, alone, check_like=True, obj=f"{name} {week}")


def test_daily_sentiment_and_the_weekly_score_agree_on_what_was_published(monday):
    daily = monday["daily_sentiment"].groupby("symbol")["article_count"].sum()
    weekly = monday["news_sentiment"].set_index("symbol")["article_count"]
    assert daily.sort_index().to_dict() == weekly.sort_index().to_dict()


def test_the_week_before_knows_nothing_of_this_weeks_articles(traded, monday):
    """D2: the state of a week held the news of the week that it was to predict."""
    before = traded.house.read("news_articles", traded.weeks[0])
    assert before["published_at"].max() <= week_from_key(traded.weeks[0]).as_of
    assert monday["news_articles"]["published_at"].min() > week_from_key(traded.weeks[-1]).as_of - timedelta(days=7)
