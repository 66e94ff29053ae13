"""What was known of each name besides its price: news and filings, and what the house's own halal screen says."""

from dataclasses import dataclass
from datetime import date, datetime

from learnfinance_dagster.reporting.formats import percent

NEWS_DAYS = 7
"""News days that a week's decision learns of."""
MOST_NOT_FETCHED = 0.2
"""Share of (day, name) pairs without an answer above which the reader is warned."""


@dataclass(frozen=True, slots=True)
class NameEvidence:
    """One name at the decision. None is not known, and stays so: no number stands in for a missing one."""

    symbol: str
    sentiment: float | None
    """Tone of the week's articles, -1 to +1, the newest counting most; None without a score."""
    scoring_failed: bool
    """There is no score because the model failed."""
    articles: int
    """Articles scored."""
    insufficient_news: bool
    """Too few articles for the score to mean much."""
    days_missing: int
    """News days of the week's seven that were not fetched."""
    headline: str
    """Foreign text: the headline that moved the score most; empty without one."""
    headline_score: float | None
    """That article's own score, -1 to +1."""
    headline_at: datetime | None
    """When it was published, with a time zone."""
    publisher: str
    gross_margin: float | None
    """Gross profit / revenue, four quarters."""
    operating_margin: float | None
    """Operating income / revenue, four quarters."""
    net_margin: float | None
    """Net income / revenue, four quarters."""
    current_ratio: float | None
    """Current assets / current liabilities."""
    debt_to_equity: float | None
    """Total debt / shareholder equity."""
    fundamental_age: float | None
    """Quarters from the newest filing's day to the decision."""
    filed_on: date | None
    """Day on which the newest filing became public."""
    screen: str
    """`pass`, `fail` or `unknown`; empty where the screen was not run."""
    screen_reason: str
    """Which ratio fails or is missing; empty for a pass."""

    @property
    def unscored(self) -> str:
        """Why there is no score, in two words; empty when there is one."""
        if self.sentiment is not None:
            return ""
        if self.scoring_failed:
            return "not scored"
        return "not fetched" if self.days_missing >= NEWS_DAYS else "no articles"


@dataclass(frozen=True, slots=True)
class EvidenceSummary:
    """News, filings and screen of a week, and how much of them is missing."""

    news_source: str
    filings_source: str
    model: str
    """What scored the news, name@revision."""
    names: tuple[NameEvidence, ...]
    """The screened names."""
    not_fetched_share: float
    """Of all (day, name) pairs of the universe's news, those without an answer."""
    disagreements: tuple[tuple[str, str], ...]
    """Symbol and reason: a halal fund holds the name, and the house's own screen fails it."""
    unknown: int
    """Names that the screen could not judge."""
    failures: tuple[str, ...]
    """What went wrong when news or filings were asked for or scored."""

    @property
    def was_screened(self) -> bool:
        """Whether the house's own halal screen ran at all."""
        return bool(self.disagreements or self.unknown or any(name.screen for name in self.names))

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the reader should know before trusting the scores and ratios."""
        found = [f"News or filings are missing: {failure}" for failure in self.failures]
        if self.not_fetched_share > MOST_NOT_FETCHED:
            share = percent(self.not_fetched_share, 0)
            found.append(
                f"News of {share} of (name, day) pairs was not fetched: no news there does not mean nothing happened."
            )
        return tuple(found)
