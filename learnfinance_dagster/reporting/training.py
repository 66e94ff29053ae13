"""What a training summary says: what became of each policy's training, and what the forecasters stand at."""

from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.evaluation.gate import GateDecision
from learnfinance_dagster.ports import MarketInfo, TrialKind
from learnfinance_dagster.values import Narration, Week


@dataclass(frozen=True, slots=True)
class Behaved:
    """What kind of policy it is, over the judged weeks."""

    entropy: float
    """Of its weights over the largest possible: 0 one name, 1 all alike."""
    turnover: float
    """Mean half-sum turnover a week."""
    sensitivity: float
    """Share of the weights that moves when the inputs of a week are dealt out anew among its names."""
    closest: str
    """The allocator that it is most like; empty when it was compared with nobody."""
    distance: float | None
    """Share of the weights in which it differs from that one; None when there is none."""


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """A version that was made, and how it was judged."""

    version: str
    kind: TrialKind
    known_until: date
    """The last session of its data."""
    begun_with: str
    """The version whose weights it began with; empty: random weights."""
    first_week: date
    """First Monday that this training learned from."""
    last_week: date
    """Last one."""
    is_cached: bool
    """The same training had been done before, and was not done again."""
    certificate: str
    """What vouches for its trainer; empty when nothing does."""
    behaviour: Behaved | None
    decision: GateDecision | None
    """None when it was not judged."""


@dataclass(frozen=True, slots=True)
class PolicyTraining:
    """One learned allocator."""

    name: str
    summary: str
    """One line: what the allocator does."""
    new: NewPolicy | None
    failure: str
    """Why there is no new version; empty when there is one."""
    in_use: str
    """The version in use after the training; empty when there is none."""
    trials: dict[str, int]
    """Kind → how many versions of this policy have been tried, this one included."""

    @property
    def promoted(self) -> bool:
        """A new version took over."""
        return self.new is not None and self.new.decision is not None and self.new.decision.promoted

    @property
    def tried(self) -> int:
        """All trials."""
        return sum(self.trials.values())


@dataclass(frozen=True, slots=True)
class ForecasterTraining:
    """One forecaster: the version in use, and how its last training ended."""

    name: str
    in_use: str
    """Empty when there is none."""
    known_until: date | None
    """The last session of that version's data."""
    last_version: str
    """Of its last training; empty when there was none."""
    last_serves: date | None
    """The Monday which that was made for."""
    promoted: bool
    """The last training's version took over."""
    reason: str
    """Why, or why not."""
    tried: int
    """How many versions have been tried."""


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """Everything that one training summary tells; the same summary always gives the same bytes."""

    week: Week
    """That the training served."""
    market: MarketInfo
    policies: tuple[PolicyTraining, ...]
    forecasters: tuple[ForecasterTraining, ...]
    provenance: tuple[tuple[str, str], ...]
    """Label and value."""
    words: Narration | None = None
    """The trainings in words; None: not written."""

    @property
    def promoted(self) -> tuple[PolicyTraining, ...]:
        """Policies with a new version in use."""
        return tuple(policy for policy in self.policies if policy.promoted)

    @property
    def failed(self) -> tuple[PolicyTraining, ...]:
        """Policies without a new version."""
        return tuple(policy for policy in self.policies if policy.failure)
