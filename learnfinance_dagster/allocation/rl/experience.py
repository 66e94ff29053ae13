"""What an account lived through: the state as its policy saw it, what it wanted, what it got, what came of it."""

from dataclasses import dataclass

from learnfinance_dagster.allocation.rl.state import PolicyState


@dataclass(frozen=True, slots=True)
class Experience:
    """One Monday of one learned allocator."""

    allocator: str
    week: str
    version: str
    """Of the policy; empty when there was none."""
    state: PolicyState | None
    """As the policy saw it; None when it could not decide."""
    intended: dict[str, float]
    """Target weights after the common constraints; the rest is cash."""
    executed: dict[str, float]
    """Shares of NAV after the week's fills, at the first session's open; the rest is cash. Empty while pending."""
    turnover: float
    """Half of the traded value over NAV, from fills."""
    cost: float
    """Costs of the week's fills over NAV before them."""
    pending: str = ""
    """Why nothing was executed or why it is not known yet; empty when `executed` holds."""


@dataclass(frozen=True, slots=True)
class Reward:
    """The label of an experience, once its holding week is over."""

    allocator: str
    week: str
    log_return: float | None
    """ln of growth from the first open to the next week's first open, costs of this week's fills paid."""
    next_weights: dict[str, float]
    """Where prices had carried the executed weights by then; the rest is cash."""
    next_state: PolicyState | None
    """The next Monday as the policy saw it; None when it did not decide then."""
    pending: str = ""
    """Why there is no label yet, or will be none; empty when there is one."""
