"""What a policy's training came to: a card, or why there is none."""

from dataclasses import dataclass

from learnfinance_dagster.allocation.rl.card import PolicyCard


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """One allocator's training for one Monday. A training that failed must not keep the others from being told."""

    allocator: str
    """E.g. `ppo_lstm`."""
    card: PolicyCard | None
    """Of the version that was made; None when there is none."""
    is_cached: bool
    """The same training had been done before, and was not done again."""
    failure: str
    """Why there is no version; empty when there is one."""
