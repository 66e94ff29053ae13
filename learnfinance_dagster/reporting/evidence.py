"""What was known of each name besides its price: news and filings, and what the house's own halal screen says."""

from dataclasses import dataclass
from datetime import date, datetime

from learnfinance_dagster.reporting.formats import percent

NEWS_DAYS = 7
"""News days that a week's decision learns of."""
NOTHING_PUBLIC = ("no public filing is known", "no filing that was public")
"""How a reason says that the source answered and there was nothing; any other reason is a failure."""
SAYS_ITSELF = ("filings ", "news ", "no ")
"""A failure that begins so tells by itself that something is missing."""


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
    filing_reason: str
    """Why there is no filing; empty when there is one."""
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

    @property
    def unfiled(self) -> str:
        """Why there is no filing, in two words; empty when there is one."""
        if self.filed_on is not None:
            return ""
        nothing = not self.filing_reason or any(words in self.filing_reason for words in NOTHING_PUBLIC)
        return "no filing" if nothing else "not fetched"


@dataclass(frozen=True, slots=True)
class EvidenceSummary:
    """News, filings and screen of a week, and how much of them is missing."""

    news_source: str
    filings_source: str
    model: str
    """What scored the news, name@revision."""
    readers: tuple[str, ...]
    """Accounts whose allocator reads news and filings; the others do not know them."""
    names: tuple[NameEvidence, ...]
    """The screened names."""
    not_fetched_share: float
    """Of the news of all names and days, the share without an answer."""
    most_not_fetched: float
    """The share above which the reader is warned."""
    news_failures: tuple[str, ...]
    """Why news was not fetched, e.g. `no credentials for Alpaca: set ... (7 of 7 days of 37 names)`."""
    failures: tuple[str, ...]
    """What else went wrong, e.g. `filings of 172 of 280 names: the directory holds no filing that was public then`."""
    basis: str
    """What the screen's ratios are taken of: `total_assets` or `market_value`."""
    passed: int
    """Names that the house's own halal screen passes; with the next two, all that it was asked about."""
    failed: int
    unknown: int
    """Names that it could not judge."""
    disagreements: tuple[tuple[str, str], ...]
    """Symbol and reason: a halal fund holds the name, and the house's own screen fails it."""

    @property
    def asked(self) -> int:
        """Names that the screen was asked about; 0 where it was not run."""
        return self.passed + self.failed + self.unknown

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the reader should know before trusting the scores and ratios, each fact once."""
        why = tuple(dict.fromkeys(self.news_failures))
        if self.not_fetched_share <= self.most_not_fetched:
            return tuple(map(_missing, dict.fromkeys((*why, *self.failures))))
        line = (
            f"News of {percent(self.not_fetched_share, 0)} of all names and days was not fetched:"
            " no news there does not mean nothing happened."
        )
        if why:
            line += f" {_capital('; '.join(why)).rstrip('.')}."
        return (line, *(_missing(failure) for failure in dict.fromkeys(self.failures) if failure not in why))


def _missing(failure: str) -> str:
    """A line of its own, which says that something is missing."""
    return _capital(failure) if failure.startswith(SAYS_ITSELF) else f"News or filings are missing: {failure}"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
