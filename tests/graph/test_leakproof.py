"""Nothing knows the future: whatever came after the decision may be spoilt, and no artifact changes."""

from datetime import date, timedelta

import pandas as pd
import pytest
from tiny_forecasts import PLAIN

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.commands.leakproof import find_leak
from learnfinance_dagster.parameters import UniverseParameters
from learnfinance_dagster.ports import NewsAnswer
from learnfinance_dagster.settings import Settings
from resources.market_directory import DirectoryMarket, load
from resources.market_directory.filings import DirectoryFilings
from resources.market_directory.poison import Poison, poisoned
from resources.practice_market import PracticeSpec, ensure

WEEK = week_of(date(2020, 5, 4))
"""A week before an index review of this practice market."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market") / "practice"
    ensure(
        folder, PracticeSpec(seed=3, symbols=20, first=date(2019, 1, 7), last=date(2020, 12, 31), signal_strength=0.15)
    )
    return load(folder)


@pytest.fixture(scope="module")
def settings():
    return Settings(universe=UniverseParameters(top=8, min_dollar_volume=0, min_price=0), allocators=PLAIN)


def test_no_artifact_of_a_monday_changes_when_everything_after_it_is_spoilt(settings, frames):
    """A learned account trades too, and its policy is trained on the Sunday before: one shows what all may see."""
    learning = {
        "allocators": (*PLAIN, "sac_lstm"),
        "universe": settings.universe.model_copy(update={"min_sessions": 200}),  # policies need some Mondays before
    }
    checked, leak = find_leak(settings.model_copy(update=learning), frames, WEEK, horizons=("decision",))
    assert leak is None
    assert checked >= 42, "35 weekly assets, two forecasters, a history, a policy, and two letters in two forms"


def test_no_artifact_changes_when_everything_after_the_first_session_is_spoilt(settings, frames):
    checked, leak = find_leak(settings, frames, WEEK, horizons=("first_session",))
    assert leak is None
    assert checked >= 29, "27 weekly assets and two forms of the e-mail"


class PeeksAtHoldings(DirectoryMarket):
    """Planted: reads the funds' holdings of a week later."""

    def holdings(self, funds, known_at):
        return super().holdings(funds, known_at + timedelta(days=7)).assign(date=date(2020, 5, 1))


class PeeksAtMembers(DirectoryMarket):
    """Planted: asks who will be in the index in three months."""

    def members(self, known_at):
        return super().members(known_at + timedelta(days=90))


class AdjustsBackwards(DirectoryMarket):
    """Planted: scales the past by the last price of the file, as back-adjusted downloads do."""

    def bars(self, first, last, known_at, symbols=None):
        bars = super().bars(first, last, known_at, symbols)
        newest = float(self.frames.bars["close"].iloc[-1])
        return bars.assign(close=bars["close"] * newest, high=bars["high"] * newest)


class ReadsTomorrowsNews(DirectoryMarket):
    """Planted: sees the headlines of the next two days, and dates them back."""

    @property
    def news(self):
        return BackDatedNews(super().news)


class BackDatedNews:
    """A news source that looks two days ahead."""

    name = "back-dated"

    def __init__(self, source):
        self.source = source

    def articles(self, symbols, first, last, known_at):
        ahead, days = timedelta(days=2), [first + timedelta(days=n) for n in range((last - first).days + 1)]
        answer = self.source.articles(symbols, first + ahead, last + ahead, known_at + ahead)
        articles = answer.articles.assign(published_at=answer.articles["published_at"] - ahead)
        coverage = answer.coverage.assign(day=days * answer.coverage["symbol"].nunique())
        articles["day"] = [day - ahead for day in articles["day"]]
        return NewsAnswer(articles, coverage)


class UsesFilingsFromThePeriodsEnd(DirectoryMarket):
    """Planted, D8: a statement counts as public a day after the period it tells of."""

    @property
    def statements(self):
        early = self.frames.fundamentals.copy()
        early["available_on"] = [end + timedelta(days=1) for end in early["fiscal_date_ending"]]
        return DirectoryFilings("early", early)


class GivesTomorrowsBars(DirectoryMarket):
    """Planted: answers with the sessions after the decision."""

    def bars(self, first, last, known_at, symbols=None):
        later = timedelta(days=4)
        return super().bars(first, last + later, known_at + later, symbols)


@pytest.mark.parametrize(
    ("market", "first_artifact"),
    [
        (PeeksAtHoldings, "halal_universe"),
        (PeeksAtMembers, "screened_universe"),
        (AdjustsBackwards, "daily_bars"),
        (ReadsTomorrowsNews, "daily_sentiment"),
        (UsesFilingsFromThePeriodsEnd, "filings"),
    ],
)
def test_a_planted_leak_is_caught_and_the_first_artifact_that_knew_is_named(settings, frames, market, first_artifact):
    _, leak = find_leak(settings, frames, WEEK, make=market.from_frames, horizons=("decision",))
    assert leak is not None
    assert leak.artifact == first_artifact


def test_a_source_that_answers_with_tomorrows_bars_is_refused_before_anything_is_compared(settings, frames):
    with pytest.raises(Exception, match="LookAheadError"):
        find_leak(settings, frames, WEEK, make=GivesTomorrowsBars.from_frames, horizons=("decision",))


class GivesTomorrowsArticles(DirectoryMarket):
    """Planted: answers with articles after the decision, and does not even hide it."""

    @property
    def news(self):
        return Impatient(super().news)


class Impatient(BackDatedNews):
    """A news source that ignores `known_at`."""

    def articles(self, symbols, first, last, known_at):
        answer = self.source.articles(symbols, first, last, known_at)
        late = answer.articles["published_at"] + timedelta(days=9)
        return NewsAnswer(answer.articles.assign(published_at=late), answer.coverage)


def test_a_source_that_answers_with_tomorrows_articles_is_refused_before_anything_is_compared(settings, frames):
    with pytest.raises(Exception, match="LookAheadError"):
        find_leak(settings, frames, WEEK, make=GivesTomorrowsArticles.from_frames, horizons=("decision",))


@pytest.mark.parametrize("how", list(Poison))
def test_poison_spoils_the_future_and_nothing_else(frames, how):
    session = WEEK.last_session
    spoilt = poisoned(frames, WEEK.as_of, how)
    for name, column, limit in (("bars", "date", session), ("actions", "ex_date", session)):
        before, after = getattr(frames, name), getattr(spoilt, name)
        known = before[column] <= limit
        pd.testing.assert_frame_equal(
            before[known].reset_index(drop=True), after[known].reset_index(drop=True), check_dtype=False
        )
        number = "close" if name == "bars" else "value"
        assert (~known).any(), "there is a future to spoil"
        assert not (before.loc[~known, number] == after.loc[~known, number]).any()
