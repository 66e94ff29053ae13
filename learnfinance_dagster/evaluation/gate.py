"""Whether a candidate takes the place of the version in use: paired, on the same weeks, with an error rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.bootstrap import Floats, Measured, block_indexes, interval, p_value
from learnfinance_dagster.evaluation.metrics import FLAT
from learnfinance_dagster.evaluation.performance import Performance, Score, Scored, performance, scored

CANDIDATE, CURRENT, EQUAL_WEIGHT = "candidate", "current", "equal_weight"


@dataclass(frozen=True, slots=True)
class Contender:
    """What one version or baseline earned on the judged weeks."""

    name: str
    """A version, or the name of a baseline."""
    returns: Floats
    """(n,) weekly simple net returns, fractions."""
    turnover: Floats
    """(n,) half-sum turnover of each week."""


@dataclass(frozen=True, slots=True)
class GateRule:
    """How is judged."""

    score: Score
    significance: float
    """Share of candidates without improvement that may pass."""
    min_effect: float
    """By how much a candidate must be better, in units of the score: annual Sharpe, or growth a year as a fraction."""
    block_weeks: int
    resamples: int
    min_weeks: int
    """With fewer weeks nothing is promoted."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something else that must hold."""

    name: str
    passed: bool
    told: str
    """What was found, for a reader."""


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


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Whether one contender scores higher than another, by more than some minimum."""

    higher: str
    lower: str
    score: float
    """Of `higher`."""
    effect: float
    """Its score less that of `lower`."""
    same: bool
    """Nothing tells one from the other."""
    p_value: float
    proven: bool


def judge(  # noqa: PLR0913 - who, against whom, when, how, and what else must hold
    candidate: Contender,
    current: Contender | None,
    baselines: Sequence[Contender],
    mondays: NDArray[np.datetime64],
    rule: GateRule,
    seed: int,
    conditions: Sequence[Condition],
) -> GateDecision:
    """Promote a candidate that meets all conditions, beats the current version and is not worse than a baseline.

    All contenders are resampled in the same weeks, so what a hard week does to each of them is taken out. A candidate
    that cannot be told from the current version stays out; one that cannot be told from a baseline may pass.

    Args:
        candidate: the new version.
        current: the version in use, evaluated anew on the same weeks; None: there is none, and the rest decides.
        baselines: `equal_weight` and any others.
        mondays: (n,) datetime64[D], increasing: the weeks of all series.
        rule: how is judged.
        seed: of the resamples.
        conditions: what else must hold, such as the certificate of the trainer.

    Raises:
        DataError: series are not as long as the weeks, a number is missing or infinite, an account lost everything, a
            contender is there twice, there is no `equal_weight`, or there are fewer weeks than two blocks hold.
    """
    field = _field(candidate, current, baselines, mondays)
    weeks = len(mondays)
    indexes = block_indexes(weeks, rule.block_weeks, rule.resamples, seed)
    entries = {role: (each, scored(each.returns, indexes, rule.score)) for role, each in field.items()}
    better = None if current is None else _compared(entries[CANDIDATE], entries[CURRENT], rule, rule.min_effect)
    worse = [_compared(entries[each.name], entries[CANDIDATE], rule, least=0.0) for each in baselines]
    failed = [f"{each.name} did not pass ({each.told})" for each in conditions if not each.passed]
    if weeks < rule.min_weeks:
        failed.append(f"only {weeks} weeks could be judged and {rule.min_weeks} are needed")
    beats = better is None or better.proven
    promoted = beats and not failed and not any(each.proven for each in worse)
    mine = f"on {weeks} weeks its {_NAMES[rule.score]} is {_plain(entries[CANDIDATE][1].score, rule)}"
    told = [*failed, f"{mine}, {_beside_current(better, rule)}", *_beside_baselines(worse, rule)]
    excess = candidate.returns - field[EQUAL_WEIGHT].returns
    return GateDecision(
        promoted=promoted,
        reason=f"{candidate.name} is {'promoted' if promoted else 'not promoted'}: {'; '.join(told)}",
        score=rule.score.value,
        candidate=candidate.name,
        current="" if current is None else current.name,
        first_week=str(mondays[0]),
        last_week=str(mondays[-1]),
        effect=None if better is None else better.effect,
        p_value=None if better is None else better.p_value,
        rows={role: performance(each.returns, each.turnover, indexes) for role, each in field.items()},
        weekly_excess=interval(float(excess.mean()), excess[indexes].mean(axis=1)),
    )


def learned(candidate: Contender, others: Sequence[Contender], rule: GateRule, seed: int) -> Condition:
    """Whether a version that has nobody to beat learned anything: in its own training weeks it beats each of these.

    In these weeks it may shine by heart, so this is no praise: it only tells a policy that was trained from one that
    was not. Someone who learned nothing passes as often as the level says.

    Args:
        candidate: the new version, on the weeks that it learned from.
        others: its own network before the training, and whatever else needs no training.
        rule: the score, the level, and the blocks.
        seed: of the resamples.

    Raises:
        DataError: there are fewer weeks than two blocks hold, or a return is missing or infinite.
    """
    indexes = block_indexes(len(candidate.returns), rule.block_weeks, rule.resamples, seed)
    field = [(each, scored(each.returns, indexes, rule.score)) for each in (candidate, *others)]
    found = [_compared(field[0], each, rule, least=0.0) for each in field[1:]]
    beside = " and ".join(f"{each.lower} by {_apart(each.effect, rule)} (p = {each.p_value:.2g})" for each in found)
    told = f"in the weeks that it learned from its {_NAMES[rule.score]} beats {beside}"
    return Condition("learned", passed=all(each.proven for each in found), told=told)


def _field(
    candidate: Contender, current: Contender | None, baselines: Sequence[Contender], mondays: NDArray[np.datetime64]
) -> dict[str, Contender]:
    """Role → contender, all of them fit to be compared."""
    roles = [(CANDIDATE, candidate), *([] if current is None else [(CURRENT, current)])]
    roles += [(each.name, each) for each in baselines]
    field = dict(roles)
    if len(field) < len(roles) or EQUAL_WEIGHT not in field:
        msg = f"to be judged: {', '.join(role for role, _ in roles)}; each once, and equal_weight must be among them"
        raise DataError(msg)
    if not (np.diff(mondays) > np.timedelta64(0, "D")).all():
        raise DataError("the judged weeks are not in order, or one is there twice")
    for role, each in field.items():
        _check(role, each, len(mondays))
    return field


def _check(role: str, contender: Contender, weeks: int) -> None:
    who = f"{role} {contender.name}" if role in {CANDIDATE, CURRENT} else role
    for kind, values in (("returns", contender.returns), ("turnover", contender.turnover)):
        if values.shape != (weeks,):
            msg = f"{who}: {kind} of shape {values.shape} for {weeks} weeks"
            raise DataError(msg)
        if not np.isfinite(values).all():
            msg = f"{who}: {kind} of week {int(np.argmin(np.isfinite(values)))} missing or infinite"
            raise DataError(msg)
    if (contender.returns <= -1).any():
        week = int(np.argmax(contender.returns <= -1))
        msg = f"{who}: everything is lost in week {week}, and what follows means nothing"
        raise DataError(msg)


def _compared(
    higher: tuple[Contender, Scored], lower: tuple[Contender, Scored], rule: GateRule, least: float
) -> _Comparison:
    """Test whether `higher` scores higher than `lower` by more than `least`, on the same weeks and resamples."""
    (one, more), (other, less) = higher, lower
    effect = more.score - less.score
    same = bool(np.abs(one.returns - other.returns).max() < FLAT)
    p = p_value(
        effect - least,
        more.weekly - less.weekly,
        more.scores - less.scores - least,
        more.weeklies - less.weeklies,
        rule.block_weeks,
    )
    proven = not same and effect > least and p <= rule.significance
    return _Comparison(one.name, other.name, more.score, effect, same, 1.0 if same else p, proven)


_NAMES = {Score.SHARPE: "annual Sharpe ratio", Score.CAGR: "growth a year"}


def _beside_current(found: _Comparison | None, rule: GateRule) -> str:
    if found is None:
        return "and there is no version before it"
    if found.same:
        return f"and week by week it earns what {found.lower} earns"
    side = "above" if found.effect > 0 else "below"
    minimum = f" of more than {_apart(rule.min_effect, rule)}" if rule.min_effect else ""
    return (
        f"{_apart(abs(found.effect), rule)} {side} that of {found.lower}: {'an' if found.proven else 'no'} improvement"
        f"{minimum} beyond chance (p = {found.p_value:.2g}, {rule.significance:.2g} or less is needed)"
    )


def _beside_baselines(found: Sequence[_Comparison], rule: GateRule) -> list[str]:
    sentences = []
    for proven, words in ((True, "it is worse beyond chance than"), (False, "it is not worse beyond chance than")):
        named = [
            f"{each.higher} with {_plain(each.score, rule)} (p = {each.p_value:.2g})"
            for each in found
            if each.proven is proven
        ]
        if named:
            sentences.append(f"{words} {' and '.join(named)}")
    return sentences


def _plain(score: float, rule: GateRule) -> str:
    return f"{score:.2f}" if rule.score is Score.SHARPE else f"{score:.1%}"


def _apart(effect: float, rule: GateRule) -> str:
    return f"{effect:.2f}" if rule.score is Score.SHARPE else f"{100 * effect:.1f} points"
