"""The one cost model: what trading takes away, in the simulator, the rewards and the scoreboard alike."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class CostModel:
    """Proportional costs: spread and slippage as a share of the traded value.

    5 bps on each side make a round trip 10 bps, which equals the 10 bps of (half-sum) turnover that weekly
    rebalancing studies of liquid US names commonly charge.
    """

    bps_per_side: float = 5.0

    @property
    def rate(self) -> float:
        """Cost per dollar traded, one side."""
        return self.bps_per_side / 10_000

    def of_trade(self, notional: Decimal) -> Decimal:
        """Cost in USD of trading `notional` USD, rounded to cents."""
        return (notional * Decimal(str(self.bps_per_side)) / 10_000).quantize(CENT, ROUND_HALF_UP)

    def of_turnover(self, turnover: float) -> float:
        """Cost as a fraction of NAV of a half-sum turnover (½ Σ|Δw|)."""
        return 2 * turnover * self.rate
