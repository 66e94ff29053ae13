"""Parameters of the stages, each with its default and its reason. Settings collect them; stages receive them."""

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_SESSIONS = 280
"""What the stored history of a Monday (60 weeks of bars) surely holds; more would silently find too little."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PracticeParameters(_Group):
    """The embedded practice market."""

    seed: int = 7
    symbols: int = Field(default=60, ge=12, le=2000)
    first: date = date(2010, 1, 4)
    last: date = date(2025, 12, 31)
    signal_strength: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="planted correlation between headline tone and next week's idiosyncratic return",
    )


class UniverseParameters(_Group):
    """Who may be held."""

    funds: tuple[str, ...] = ("SPUS", "HLAL", "SPTE", "SPRE", "SPWO", "UMMA")
    blocked: tuple[str, ...] = ()
    top: int = Field(default=15, ge=1, description="names chosen by rank, besides the current holdings")
    min_sessions: int = Field(default=252, ge=60, le=MOST_SESSIONS, description="sessions of history a candidate needs")
    min_dollar_volume: float = Field(default=5_000_000, ge=0, description="median daily USD volume over 60 sessions")
    min_price: float = Field(default=5.0, ge=0, description="USD; applies to as-traded prices only")
    stale_after_sessions: int = Field(default=5, ge=1, description="a name without a bar for longer is dropped")
    stale_holdings_days: int = Field(default=45, ge=1, description="fund holdings older than this raise a warning")


class AllocationParameters(_Group):
    """The common constraints and the evidence that allocators read."""

    lookback_returns: int = Field(default=252, ge=60, le=MOST_SESSIONS)
    min_returns: int = Field(default=60, ge=20)
    max_weight: float = Field(default=0.20, gt=0, le=1)
    min_cash: float = Field(default=0.02, ge=0, lt=1)

    @model_validator(mode="after")
    def _window_holds_what_is_needed(self) -> Self:
        """Otherwise every name would be left out, week after week, and everything stay in cash."""
        if self.min_returns > self.lookback_returns:
            msg = f"min_returns {self.min_returns} is more than lookback_returns {self.lookback_returns}"
            raise ValueError(msg)
        return self


class OrderParameters(_Group):
    """From weights to orders."""

    limit_offset: float = Field(default=0.02, ge=0, lt=0.5, description="limit = last price ± this share")
    min_notional: float = Field(default=10.0, ge=0, description="USD; smaller orders are not worth sending")
    dead_band: float = Field(
        default=0.01, ge=0, lt=1, description="changes below this share of NAV are left; exits exempt"
    )
    cash_buffer: float = Field(
        default=0.02, ge=0, lt=1, description="share of NAV that buys never touch: the floor of cash"
    )
    max_turnover: float = Field(
        default=1.0, gt=0, description="half-sum turnover a week may cause; first purchases: 0.5"
    )
    max_orders: int = Field(default=60, ge=1)
    max_position: float = Field(default=0.25, gt=0, le=1, description="share of NAV no buy may take a name beyond")
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    buy_deadline_minutes: int = Field(
        default=60,
        ge=0,
        le=150,  # the window for orders closes after 180
        description="minutes after the first open that buys wait for sells at a broker on the wall clock",
    )


class SignalParameters(_Group):
    """From evidence to signals."""

    news_decay_days: float = Field(default=7.0, ge=0.1, description="an article's weight is exp(-age / this)")
    min_articles: int = Field(default=3, ge=1, description="fewer are `insufficient_news`")
    top_articles: int = Field(default=3, ge=1, le=10, description="articles named beside each score")
    max_not_fetched: float = Field(
        default=0.2, ge=0, le=1, description="share of (day, name) pairs not fetched above which the check warns"
    )
    stale_filing_quarters: float = Field(
        default=1.6,
        gt=0,
        description="a newest filing older than this is late: quarters end every 1.0, and most"
        " companies report within 0.5",
    )
    history_symbols: tuple[str, ...] = Field(
        default=(), description="names whose daily sentiment is kept besides the week's halal universe"
    )
    halal_basis: Literal["total_assets", "market_value"] = Field(
        default="total_assets", description="what the screen's ratios are taken of"
    )
    dc_threshold: float = Field(default=0.04, gt=0, lt=1, description="move that makes a directional change")


class FinbertParameters(_Group):
    """The FinBERT sentiment model."""

    model: str = Field(default="ProsusAI/finbert", description="Hugging Face id, or a folder")
    revision: str = Field(default="main", description="branch, tag or commit")
    precision: Literal["auto", "float32", "bfloat16", "int8"] = Field(
        default="auto",
        description="arithmetic on a CPU; auto takes the smallest that keeps accuracy within half a point",
    )
    tokens_per_batch: int = Field(default=4096, ge=512, description="padded tokens a forward pass may hold")


class EndpointParameters(_Group):
    """Addresses of the vendors; other ones serve tests and proxies."""

    alpaca_data: str = "https://data.alpaca.markets"
    alpaca_paper: str = Field(
        default="https://paper-api.alpaca.markets", description="orders go nowhere else but to this machine, for tests"
    )
    yahoo: str = "https://finance.yahoo.com"
    """Any other stands for all hosts of Yahoo, those of prices and fund data too."""
    sp_funds: str = "https://www.sp-funds.com/wp-content/uploads/data/TidalFG_Holdings_{fund}.csv"
    wahed: str = "https://docs.google.com/spreadsheets/d/{sheet}/gviz/tq?tqx=out:csv"
    edgar: str = "https://data.sec.gov"
    edgar_files: str = "https://www.sec.gov"
    alpha_vantage: str = "https://www.alphavantage.co"
    hugging_face: str = "https://huggingface.co"


class MailParameters(_Group):
    """Who gets the letters, and how. Address and password of the sender are SMTP_USER and SMTP_PASSWORD."""

    send: Literal["outbox", "smtp"] = Field(
        default="outbox", description="outbox: letters are files in the outbox and go nowhere; smtp: they are sent"
    )
    to: tuple[str, ...] = Field(default=(), description="who gets them; also EMAIL_TO, separated by commas")
    cc: tuple[str, ...] = Field(default=(), description="who gets copies; also EMAIL_CC, separated by commas")
    sender: str = Field(default="", description="address in From; default: SMTP_USER")
    host: str = Field(default="", description="mail server; smtp.gmail.com where SMTP_USER ends with gmail.com")
    port: int = Field(default=0, ge=0, le=65535, description="0: what is usual, 465 for ssl and 587 for starttls")
    security: Literal["ssl", "starttls", "none"] = Field(
        default="ssl", description="none is for servers on this machine only"
    )
    timeout: float = Field(default=20.0, gt=0, description="seconds of silence after which a server is given up")
    failures: bool = Field(default=True, description="whether a run that failed for good is told by mail")
    ui: str = Field(default="http://127.0.0.1:3000", description="address of the web UI, for links to runs")

    @model_validator(mode="after")
    def _passwords_travel_encrypted(self) -> Self:
        if self.security == "none" and self.host not in {"localhost", "127.0.0.1", "::1"}:
            msg = f"security=none is for servers on this machine only, and {self.host or 'no host'} is none"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _addresses_are_addresses(self) -> Self:
        """What would break a header must not wait for the first Monday to be found out."""
        for address in (*self.to, *self.cc, *filter(None, [self.sender])):
            if not address.isprintable() or address.count("@") != 1 or address != address.strip() or "," in address:
                msg = f"{address!r} is no address"
                raise ValueError(msg)
        return self


class LanguageParameters(_Group):
    """Who writes the summary's words, and what may be spent on them."""

    adapter: Literal["template", "openai", "ollama", "compatible"] = Field(
        default="template", description="who writes; compatible: any address that speaks as OpenAI's does"
    )
    model: str = Field(default="", description="name of the model; none: gpt-4o-mini for openai, llama3.2 for ollama")
    base_url: str = Field(default="", description="address; none: that of OpenAI, or http://localhost:11434 for ollama")
    api: Literal["responses", "chat"] = Field(default="responses", description="which of OpenAI's interfaces is used")
    max_tokens: int = Field(default=4000, ge=200, description="tokens that an answer may have")
    seconds: float = Field(default=60.0, gt=0, description="for an answer, all tries together")
    price_in: float = Field(default=0.0, ge=0, description="USD for a million tokens that are sent; 0: cost unknown")
    price_out: float = Field(default=0.0, ge=0, description="USD for a million tokens that are received; likewise")
    analyst_notes: bool = Field(default=False, description="write a note about every screened name each Monday")

    @model_validator(mode="after")
    def _compatible_needs_a_place(self) -> Self:
        if self.adapter == "compatible" and not (self.base_url and self.model):
            msg = "adapter=compatible needs base_url and model"
            raise ValueError(msg)
        return self


class LiveParameters(_Group):
    """The live market: whom to ask for prices and fund holdings."""

    prices: Literal["yahoo", "alpaca"] = Field(
        default="yahoo", description="who is asked for daily bars; alpaca needs ALPACA_API_KEY and ALPACA_API_SECRET"
    )
    holdings: tuple[Literal["sp_funds", "wahed", "yahoo"], ...] = Field(
        default=("sp_funds", "wahed", "yahoo"),
        description="who is asked what funds hold, in this order; yahoo tells ten names a fund",
    )
    wahed_sheets: dict[str, str] = Field(
        default={}, description="fund → id of its public Google sheet, as JSON; none: Wahed is not asked"
    )
    fallback_after_days: int = Field(
        default=30,
        ge=0,
        description="while a better source's holdings are not older, they stay in use when it fails; a worse one's"
        " ten names would have the rest sold",
    )
    symbols: tuple[str, ...] = Field(default=(), description="names to keep bars of besides the funds', e.g. ^GSPC")
    history_first: date = Field(
        default=date(2010, 1, 4), ge=date(2009, 1, 2), description="first session asked for of a new name"
    )
    overlap_sessions: int = Field(
        default=5, ge=1, le=60, description="stored sessions that are asked for again, to notice revisions"
    )
    settle_minutes: int = Field(
        default=60, ge=15, description="a bar counts as final so long after its session's close"
    )
    yahoo_per_second: float = Field(default=4.0, gt=0, le=20, description="requests a second for prices")
    alpaca_feed: Literal["sip", "iex"] = Field(
        default="sip", description="sip: all exchanges, free for what is older than 15 minutes; iex: one exchange"
    )


class ForecastParameters(_Group):
    """Forecasters: how they are trained, judged and chosen."""

    profile: Literal["full", "quick"] = Field(
        default="full", description="quick: small networks and few epochs, for trying things"
    )
    enabled: tuple[str, ...] = Field(default=("lstm", "patchtst"), description="forecasters of the Monday graph")
    channels: Literal["ohlcv", "signals"] = Field(
        default="ohlcv", description="what patchtst reads; signals: `state_features` besides prices"
    )
    symbols: tuple[str, ...] = Field(default=(), description="names to train on; none: all that have bars")
    index: str = Field(
        default="^GSPC", description="what transfer_lstm learns first; where absent, the mean of all names"
    )
    transfer: Literal["freeze", "full"] = Field(
        default="full", description="what each group of names retrains: the head only, or everything"
    )
    validation_weeks: int = Field(default=52, ge=8, description="weeks that decide when training stops")
    held_out_weeks: int = Field(default=52, ge=8, description="newest weeks, on which candidates are judged")
    embargo_sessions: int = Field(
        default=5, ge=5, description="sessions left out between the parts, besides the horizon"
    )
    promotion_margin: float = Field(
        default=0.0, ge=0, lt=1, description="share of the current version's error by which a candidate must be better"
    )
    missing_snapshot: Literal["error", "momentum", "closest"] = Field(
        default="error", description="what stands in for a yearly snapshot that was never made"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: a GPU when torch sees one")
    max_epochs: int = Field(default=0, ge=0, description="fewer epochs than the profile's; 0: the profile's")


class PolicyParameters(_Group):
    """Learned allocators: how their policies are trained, judged, promoted and watched."""

    profile: Literal["full", "quick"] = Field(
        default="full", description="quick: few steps and small networks, for trying things"
    )
    max_steps: int = Field(default=0, ge=0, description="fewer steps than the profile's; 0: the profile's")
    history_weeks: int = Field(default=520, ge=16, description="past Mondays that `make sunday` gathers")
    held_out_weeks: int = Field(
        default=104, ge=8, description="newest weeks with a known return, on which full trainings are judged"
    )
    fine_tune_weeks: int = Field(default=26, ge=4, description="newest weeks, on which fine-tunes learn")
    embargo_weeks: int = Field(default=1, ge=1, description="weeks left out between training and judgement")
    min_training_weeks: int = Field(default=156, ge=8, description="fewer weeks of history are no training")
    min_judged_weeks: int = Field(
        default=52, ge=8, description="weeks that neither version learned from; with fewer nothing is promoted"
    )
    significance: float = Field(default=0.05, gt=0, lt=0.5, description="one-sided level of the gate")
    first_significance: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="one-sided level at which a first version beats its untrained network and equal weight in the weeks"
        " that it learned from; 1: not asked",
    )
    min_effect: float = Field(
        default=0.0, ge=0, description="by how much a candidate must be better: annual Sharpe for PPO, CAGR for SAC"
    )
    block_weeks: int = Field(default=4, ge=1, description="weeks that the bootstrap keeps together")
    resamples: int = Field(default=2000, ge=200, description="bootstrap samples")
    bad_weeks: int = Field(default=4, ge=2, description="weeks in a row below its held-out interval that warn")
    device: Literal["auto", "cpu", "cuda"] = Field(default="cpu", description="auto: a GPU when torch sees one")
