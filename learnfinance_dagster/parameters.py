"""Parameters of the stages, each with its default and its reason. Settings collect them; stages receive them."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PracticeParameters(_Group):
    """The embedded practice market."""

    seed: int = 7
    symbols: int = Field(60, ge=12, le=2000)
    first: date = date(2010, 1, 4)
    last: date = date(2025, 12, 31)
    signal_strength: float = Field(
        0.15, ge=0, le=1, description="planted correlation between headline tone and next week's idiosyncratic return"
    )


class UniverseParameters(_Group):
    """Who may be held."""

    funds: tuple[str, ...] = ("SPUS", "HLAL", "SPTE", "SPRE", "SPWO", "UMMA")
    blocked: tuple[str, ...] = ()
    top: int = Field(15, ge=1, description="names chosen by rank, besides the current holdings")
    min_sessions: int = Field(252, ge=60, description="sessions of history a candidate needs")
    min_dollar_volume: float = Field(5_000_000, ge=0, description="median daily USD volume over 60 sessions")
    min_price: float = Field(5.0, ge=0, description="USD; applies to as-traded prices only")
    stale_after_sessions: int = Field(5, ge=1, description="a name without a bar for longer is dropped")
    stale_holdings_days: int = Field(45, ge=1, description="fund holdings older than this raise a warning")


class AllocationParameters(_Group):
    """The common constraints and the evidence that allocators read."""

    lookback_returns: int = Field(252, ge=60)
    min_returns: int = Field(60, ge=20)
    max_weight: float = Field(0.20, gt=0, le=1)
    min_cash: float = Field(0.02, ge=0, lt=1)


class OrderParameters(_Group):
    """From weights to orders."""

    limit_offset: float = Field(0.02, ge=0, lt=0.5, description="limit = last price ± this share")
    min_notional: float = Field(10.0, ge=0, description="USD; smaller orders are not worth sending")
    dead_band: float = Field(0.01, ge=0, lt=1, description="changes below this share of NAV are left; exits exempt")
    cash_buffer: float = Field(0.02, ge=0, lt=1, description="share of NAV that buys never touch: the floor of cash")
    max_turnover: float = Field(1.0, gt=0, description="half-sum turnover a week may cause; first purchases: 0.5")
    max_orders: int = Field(60, ge=1)
    max_position: float = Field(0.25, gt=0, le=1, description="share of NAV no buy may take a name beyond")
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
