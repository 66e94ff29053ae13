"""The sentences of a training summary, so that the letter, its plain twin and its subject say the same."""

from collections.abc import Sequence

from learnfinance_dagster.evaluation.gate import GateDecision
from learnfinance_dagster.ports import TrialKind
from learnfinance_dagster.reporting.formats import SPACE, count, day, percent, plain, score, signed_percent, weekday
from learnfinance_dagster.reporting.policy_rows import briefly
from learnfinance_dagster.reporting.training import (
    Behaved,
    ForecasterTraining,
    NewPolicy,
    PolicyTraining,
    TrainingSummary,
)

RULE = (
    "A new version takes over only when it did better than the version in use, by more than luck explains, on weeks"
    " from which neither of them learned, and not worse than the simple allocators on the same weeks."
)
LEGEND = (
    "Below, everything is net of costs, and under each number stands its bootstrap interval. Sharpe ratio: return for"
    " risk, a year. Deepest fall: from a peak. Weeks up: how often a week made money."
)
PICTURE = "Each dot is a new version on weeks that it did not learn from, each bar the bootstrap interval around it."
KINDS = {
    TrialKind.TRAINING: "full training",
    TrialKind.FINE_TUNE: "fine-tune",
    TrialKind.SWEEP: "sweep",
}
NOBODY = "No policy is trained."


def subject(summary: TrainingSummary) -> str:
    """E.g. `LearnFinance training for 2025-12-29: 1 of 4 policies promoted (practice market)`."""
    news = f"{len(summary.promoted)} of {_policies(len(summary.policies))} promoted"
    if summary.failed:
        news += f", {len(summary.failed)} failed"
    place = " (practice market)" if summary.market.is_practice else ""
    return plain(f"LearnFinance training for {summary.week.key}: {news}{place}")


def title(summary: TrainingSummary) -> str:
    """The heading."""
    return f"Training for the week of {day(summary.week.monday)}"


def timing(summary: TrainingSummary) -> str:
    """What was known."""
    return f"On data up to the close of {weekday(summary.week.last_session)}; nothing of the week itself was known."


def lead(summary: TrainingSummary) -> str:
    """What came of it, in a few sentences."""
    if not summary.policies:
        return NOBODY
    kept = [policy for policy in summary.policies if not policy.promoted and not policy.failure]
    parts = (
        _who(summary.promoted, "has a new version in use", "have new versions in use"),
        _who(kept, "was trained and not promoted", "were trained and not promoted"),
        _who(summary.failed, "could not be trained", "could not be trained"),
    )
    return " ".join(f"{part}." for part in parts if part)


def verdict(policy: PolicyTraining) -> str:
    """In two words or one."""
    if policy.failure:
        return "failed"
    return "promoted" if policy.promoted else "not promoted"


def in_use(policy: PolicyTraining) -> str:
    """Which version decides from now on."""
    if not policy.in_use:
        return "No version is in use: the account is left alone until one is promoted."
    word = "is now in use" if policy.promoted else "stays in use"
    return f"{policy.in_use} {word}."


def made(new: NewPolicy) -> str:
    """What was done."""
    weeks = (new.last_week - new.first_week).days // 7 + 1
    kind = KINDS.get(new.kind, str(new.kind)).capitalize()
    again = "; it had been made before and was not made again" if new.is_cached else ""
    learned = f"learned from {count(weeks, 'week')}, {day(new.first_week)} to {day(new.last_week)}"
    return f"{kind} {new.version}, begun with {new.begun_with or 'random weights'}; {learned}{again}."


def decided(new: NewPolicy, decision: GateDecision) -> str:
    """Whether it takes over, and why."""
    return briefly(decision.reason, new.version)


def judged(new: NewPolicy) -> str:
    """On which weeks, or that it was not."""
    if new.decision is None:
        return "It was not judged, and so it is not in use."
    weeks = [row.weeks for row in new.decision.rows.values()]
    if not weeks:
        return new.decision.reason
    return f"Judged on {count(weeks[0], 'week')}, {new.decision.first_week} to {new.decision.last_week}:"


def effect(decision: GateDecision) -> str:
    """Against the version in use, and against equal weight."""
    excess = decision.weekly_excess
    weekly = (
        f"Against equal weight: {signed_percent(excess.value)} a week, between {signed_percent(excess.low)} and"
        f" {signed_percent(excess.high)}."
    )
    if decision.effect is None or decision.p_value is None:
        return f"There was no version to compare it with. {weekly}"
    if decision.score == "cagr":
        difference = f"{signed_percent(decision.effect)} a year"
    else:
        difference = f"Sharpe ratio {score(decision.effect)}"
    luck = f"luck alone does as well {chance(decision.p_value)} (p = {decision.p_value:.3f})"
    return f"Against the version in use: {difference}; {luck}. {weekly}"


def chance(p_value: float) -> str:
    """E.g. `in 31 of 100 cases`."""
    if p_value < 0.01:  # noqa: PLR2004 - a share of a hundred
        return "in less than 1 of 100 cases"
    return f"in {round(100 * p_value)} of 100 cases"


def behaviour(found: Behaved) -> str:
    """What kind of policy it is."""
    like = ""
    if found.closest and found.distance is not None:
        like = (
            f" It is most like {found.closest}, from which it differs in {percent(found.distance, 1)} of the weights."
        )
    return (
        f"Its weights are spread {found.entropy:.2f} (0 one name, 1 all alike), it turns over"
        f" {percent(found.turnover, 1)} a week, and {percent(found.sensitivity, 1)} of the weights move when the"
        f" inputs are dealt out anew among the names.{like}"
    )


def certificate(new: NewPolicy) -> str:
    """What vouches for its trainer."""
    if not new.certificate:
        return "Nothing vouches for its trainer."
    return f"Its trainer found what there was to be found, and nothing in noise: certificate {new.certificate}."


def luck(policy: PolicyTraining) -> str:
    """How many were tried, and what that means; empty when nothing was recorded."""
    if not policy.tried:
        return ""
    kinds = ", ".join(
        count(number, KINDS.get(TrialKind(kind), kind.replace("_", " ")))
        for kind, number in policy.trials.items()
        if number
    )
    more = ": the more are tried, the better the best of them looks by luck" if policy.tried > 1 else ""
    return f"{ordinal(policy.tried)} version of {policy.name} that was tried ({kinds}){more}."


def forecaster(one: ForecasterTraining) -> tuple[str, ...]:
    """Its version in use, and how its last training ended."""
    if one.in_use:
        until = f", trained on data to {day(one.known_until)}" if one.known_until else ""
        standing = f"In use: {one.in_use}{until}."
    else:
        standing = "No version is in use."
    if not one.last_version:
        return standing, "It was never trained."
    for_week = f" for the week of {day(one.last_serves)}" if one.last_serves else ""
    tried = f"; {count(one.tried, 'version')} tried so far" if one.tried else ""
    return standing, f"Last training{for_week}: {briefly(one.reason, one.last_version)}{tried}."


def ordinal(number: int) -> str:
    """`12` → `12th`."""
    last = number % 10 if number % 100 not in {11, 12, 13} else 0
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def picture_text(summary: TrainingSummary) -> str:
    """What the picture shows, for those who do not see it."""
    lines = [
        f"{policy.name} {signed_percent(policy.new.decision.weekly_excess.value)}"
        for policy in summary.policies
        if policy.new and policy.new.decision
    ]
    return f"A week beyond equal weight, on weeks it did not learn from: {', '.join(lines)}.".replace(SPACE, " ")


def _who(policies: Sequence[PolicyTraining], one: str, many: str) -> str:
    """E.g. `a, b and c were trained and not promoted`."""
    names = [policy.name for policy in policies]
    if not names:
        return ""
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{listed} {one if len(names) == 1 else many}"


def _policies(number: int) -> str:
    return f"{number} {'policy' if number == 1 else 'policies'}"
