"""Whether a candidate takes the place of the version in use: paired, on the same weeks, with an error rate."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """A number and its block-bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Performance:
    """What a series of weekly net returns amounts to."""

    weeks: int
    sharpe: Measured
    cagr: Measured
    max_drawdown: Measured
    turnover: Measured
    hit_rate: Measured


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What was decided, on which numbers."""

    promoted: bool
    reason: str
    score: str
    """What it is judged by: `sharpe` or `cagr`."""
    candidate: str
    current: str
    """The version in use until now; empty when there was none."""
    first_week: str
    last_week: str
    effect: float | None
    """Candidate's score less the current version's, on the same weeks; None without a current version."""
    p_value: float | None
    """One-sided, of no improvement beyond the minimum effect; None without a current version."""
    rows: dict[str, Performance]
    """Contender → what it did on these weeks: `candidate`, `current`, and the baselines by name."""
    weekly_excess: Measured
    """Candidate's mean weekly net return beyond equal weight."""
