"""Whether a model's world, or its luck, is still the one that it was trained and judged in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from learnfinance_dagster.errors import DataError

SKILL, INPUTS = "skill", "inputs"
"""Kinds of findings."""
HEALTHY_SHIFT, CRITICAL_SHIFT = 1.0, 2.0
"""Training standard deviations that a mean has moved: healthy below the first, critical from the second on."""
HEALTHY_RATIO, CRITICAL_RATIO = (0.6, 1.5), (0.4, 2.5)
"""Standard deviation over that of training: healthy within the first pair, critical outside the second. The ends of a
pair belong to the better side."""
WEEKS = 4
"""Bad weeks in a row that are more than bad luck."""
WORRYING_WEEKS = 2
"""Bad weeks in a row that are told."""
FEWEST_ROWS = 30
"""A ratio of standard deviations of 30 independent rows has an error of 1/√60 = 13 %: the limits are three of them off.
Rows of one week, or of one name, say less than that; with fewer than 30 nothing can be said."""
FLAT = 1e-12
"""Spread below this share of a value's own size is rounding."""


class Health(StrEnum):
    """How far something is from what it was."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """What is found of one model."""

    model: str
    """E.g. `ppo_lstm` or `lstm`."""
    version: str
    """In use that Monday; empty when there was none."""
    kind: str
    """`skill` or `inputs`."""
    health: Health
    told: str
    """One sentence for a reader."""
    retrain: bool
    """It should be trained anew."""
    figures: dict[str, float]
    """What was measured, by name."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One Monday's findings."""

    week: str
    findings: tuple[DriftFinding, ...]


def not_measured(model: str, version: str, kind: str, why: str) -> DriftFinding:
    """What stands in for a finding that could not be made. Nobody knows, so it is not healthy."""
    return DriftFinding(model, version, kind, Health.DEGRADED, f"not measured: {why}", retrain=False, figures={})


# Skill.


def skill_finding(  # noqa: PLR0913 - what it is about, what was seen, and what that is held against
    model: str,
    version: str,
    realised: Sequence[float | None],
    low: float,
    weeks: int = WEEKS,
    *,
    measure: str = "skill",
    form: str = "+.3g",
) -> DriftFinding:
    """Hold a version's newest weeks against what it could do before it was in use.

    A week is bad when it is below `low`; one at `low` is not. `weeks` bad ones in a row are critical and ask for a
    training, two or more are told. A week whose skill is not known says nothing: if it ended a row, one holiday a month
    would keep the alarm silent for ever, and if it counted as bad, a broken source would ask for trainings. So it is
    passed over, and the caller bounds how far back the series reaches.

    `low` bounds a *mean*, and a single week is far noisier: a version that is as good as ever is below it in four
    weeks of ten. Measured on 20 000 versions with independent normal weeks, judged on 104 held-out weeks with a 95 %
    interval (two-sided): 3.4 % of all weeks are critical without a reason, and a false alarm begins in 1.9 % of weeks,
    about once a year. When the mean falls by one weekly standard deviation, 39 % are found after 4 weeks, 72 % within 8
    and 90 % within 13; half of that fall: 15, 38 and 58 %. With 52 held-out weeks 2.7 % of weeks are critical without a
    reason, and 34, 66 and 86 % of the falls are found. So an alarm asks for a training, whose version has to pass the
    gate, and takes nothing out of use.

    Args:
        model: e.g. `ppo_lstm`.
        version: in use now; `realised` are weeks of this version alone.
        realised: a figure a week, oldest first; None where it is not known. Higher is better.
        low: lower end of the held-out interval of the mean of that figure.
        weeks: bad weeks in a row that are critical; with fewer known ones it is too early to tell.
        measure: what the figure is, for the reader.
        form: how a figure is written.

    Raises:
        DataError: a figure is not finite.
    """
    known = {len(realised) - place: float(each) for place, each in enumerate(realised) if each is not None}
    if not np.isfinite([low, *known.values()]).all():
        msg = f"{measure} of {model} {version} is not finite: {[low, *known.values()]}"
        raise DataError(msg)
    newest = list(known.values())[::-1]
    bad = next((place for place, each in enumerate(newest) if each >= low), len(newest))
    figures = {"low": float(low), "known_weeks": float(len(known)), "bad_weeks": float(bad)}
    figures |= {f"{ago}_weeks_ago": each for ago, each in known.items()}
    if len(known) < weeks:
        told = f"too early to tell: of {weeks} weeks that it takes, {measure} is known for {len(known)}"
        return DriftFinding(model, version, SKILL, Health.HEALTHY, told, retrain=False, figures=figures)
    health = Health.CRITICAL if bad >= weeks else Health.DEGRADED if bad >= WORRYING_WEEKS else Health.HEALTHY
    last = ", ".join(f"{each:{form}}" for each in newest[: max(bad, 1)][::-1])
    limit = f"{low:{form}}, the lower end of its held-out interval"
    row = "the newest week is" if bad == 1 else f"the newest {bad} weeks are"
    told = f"{measure}: {row} below {limit}: {last}" if bad else f"{measure}: {last}, not below {limit}"
    return DriftFinding(model, version, SKILL, health, told, retrain=health is Health.CRITICAL, figures=figures)


# Inputs.


@dataclass(frozen=True, slots=True)
class InputMoments:
    """What each input was like in training."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    stds: tuple[float, ...]
    """0: it never varied, or was never known."""
    fills: tuple[float, ...] = ()
    """What stood in for missing values, where means and stds are of filled ones; empty: those were left out."""

    def __post_init__(self) -> None:
        """Refuse what could not be compared with."""
        lengths = {len(self.means), len(self.stds), len(self.fills) or len(self.names)}
        numbers = np.array([*self.means, *self.stds, *self.fills], dtype=float)
        if lengths != {len(self.names)} or not self.names or not np.isfinite(numbers).all() or min(self.stds) < 0:
            raise DataError("moments need a finite mean and a finite standard deviation for each of their inputs")


def moments(values: np.ndarray, names: Sequence[str]) -> InputMoments:
    """Mean and standard deviation (ddof 0) of what is known of each input.

    Args:
        values: (n, F) training rows, NaN where not known. An input that nobody had has mean and deviation 0.
        names: F names.

    Raises:
        DataError: a value is infinite, or there are not F of them in a row.
    """
    exact = _checked(values, len(names))
    columns = [column[~np.isnan(column)] for column in exact.T]
    return InputMoments(
        tuple(names),
        tuple(float(each.mean()) if len(each) else 0.0 for each in columns),
        tuple(float(each.std()) if len(each) and np.ptp(each) > 0 else 0.0 for each in columns),
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """One input."""

    health: Health
    far: float
    """How far it is; only for telling which of several is the worst."""
    told: str
    figures: dict[str, float]


def input_finding(  # noqa: PLR0913 - what it is about, two things to be compared, and how
    model: str,
    version: str,
    window: np.ndarray,
    training: InputMoments,
    *,
    only_mean: Collection[str] = (),
    fewest_rows: int = FEWEST_ROWS,
) -> DriftFinding:
    """Hold a version's newest inputs against those that it was trained on; the worst input decides.

    Per input: how many training standard deviations its mean has moved, and its standard deviation over that of
    training. What is found here is told and asks for no training: new weights would read the same inputs. Two things
    are degraded at most: an input that nobody has any more, and one that never varied in training and now does, because
    there is no unit to measure it in.

    On real bars (60 sessions of the 15 most traded of 159 names, against all names up to 18 months before; 619 Mondays
    2014 to 2026) 70 % are healthy, 29 % degraded and 1.3 % critical, all of those in 2020.

    Args:
        model: e.g. `ppo_lstm`.
        version: in use now.
        window: (n, F) newest rows in raw units, NaN where not known.
        training: of the version.
        only_mean: inputs whose spread is no measure of its own, such as marks of 0 or 1 that are rare: without any in
            the window it is 0, and nothing has changed. Only their mean is compared.
        fewest_rows: with fewer rows it is too early to tell; for an input that is not filled, with fewer known ones.

    Raises:
        DataError: the window does not fit `training`, or holds values that are infinite or too large to be compared.
    """
    rows = _checked(window, len(training.names))
    if len(rows) < fewest_rows:
        told = f"too early to tell: there are {len(rows)} recent rows, and {fewest_rows} are needed"
        figures = {"rows": float(len(rows))}
        return DriftFinding(model, version, INPUTS, Health.HEALTHY, told, retrain=False, figures=figures)
    found = [
        _compared(rows[:, place], training, place, fewest_rows, only_mean=name in only_mean)
        for place, name in enumerate(training.names)
    ]
    order = list(Health)
    worst = max(found, key=lambda each: (order.index(each.health), each.far))
    off = sum(each.health is not Health.HEALTHY for each in found)
    count = f"{off} of {len(found)} inputs {'is' if off == 1 else 'are'} not as in training"
    told = f"{count}: {worst.told}" if off else f"all inputs are as in training; furthest from it: {worst.told}"
    figures = {"rows": float(len(rows))}
    for each in found:
        figures |= each.figures
    return DriftFinding(model, version, INPUTS, worst.health, told, retrain=False, figures=figures)


def _compared(values: np.ndarray, training: InputMoments, place: int, fewest: int, *, only_mean: bool) -> _Compared:
    name = training.names[place]
    mean, std = training.means[place], training.stds[place]
    known = values[~np.isnan(values)]
    missing = {f"{name}_missing": 1 - len(known) / len(values)}
    if std <= FLAT * max(1.0, abs(mean)):
        return _of_constant(name, known, mean, missing)
    if not len(known):
        return _Compared(Health.DEGRADED, np.inf, f"{name}, which nobody has any more", missing)
    if len(known) < fewest and not training.fills:
        return _Compared(Health.HEALTHY, 0.0, f"{name}, which too few rows have to tell: {len(known)}", missing)
    filled = np.where(np.isnan(values), training.fills[place], values) if training.fills else known
    with np.errstate(over="ignore", invalid="ignore"):
        shift, ratio = float((filled.mean() - mean) / std), float(filled.std() / std)
    if not np.isfinite([shift, ratio]).all():
        msg = f"input {name} holds numbers too large to be compared, up to {np.abs(known).max():g}"
        raise DataError(msg)
    figures = {f"{name}_shift": shift, f"{name}_ratio": ratio, **missing}
    spread = "" if only_mean else f", its spread {ratio:.2f} times that of training"
    told = f"{name}, its mean {shift:+.2f} standard deviations from that of training{spread}"
    ratio = 1.0 if only_mean else ratio
    health = max(shift_health(shift), ratio_health(ratio), key=list(Health).index)
    return _Compared(health, max(abs(shift) / CRITICAL_SHIFT, _ratio_distance(ratio)), told, figures)


def _of_constant(name: str, known: np.ndarray, mean: float, missing: dict[str, float]) -> _Compared:
    """An input that never varied in training has no unit: all that can be said is whether it still is what it was."""
    other = float(np.mean(~np.isclose(known, mean, rtol=1e-9, atol=FLAT))) if len(known) else 0.0
    health = Health.DEGRADED if other else Health.HEALTHY
    told = f"{name}, which never varied in training, and now differs in {other:.0%} of rows"
    return _Compared(health, other, told if other else f"{name}, unchanged", {f"{name}_changed": other, **missing})


def shift_health(shift: float) -> Health:
    """Of a mean that moved by so many training standard deviations: healthy below 1.0, critical from 2.0 on."""
    return _graded(healthy=abs(shift) < HEALTHY_SHIFT, bearable=abs(shift) < CRITICAL_SHIFT)


def ratio_health(ratio: float) -> Health:
    """Of a spread relative to training's: healthy in [0.6, 1.5], critical outside [0.4, 2.5]."""
    return _graded(
        healthy=HEALTHY_RATIO[0] <= ratio <= HEALTHY_RATIO[1], bearable=CRITICAL_RATIO[0] <= ratio <= CRITICAL_RATIO[1]
    )


def _graded(*, healthy: bool, bearable: bool) -> Health:
    return Health.HEALTHY if healthy else Health.DEGRADED if bearable else Health.CRITICAL


def _ratio_distance(ratio: float) -> float:
    """1 at the critical ends, 0 where nothing changed."""
    if ratio <= 0:
        return np.inf
    return float(np.log(ratio) / np.log(CRITICAL_RATIO[ratio > 1]))


def _checked(values: np.ndarray, count: int) -> np.ndarray:
    exact = np.asarray(values, dtype=np.float64)
    if exact.ndim != 2 or exact.shape[1] != count:  # noqa: PLR2004 - rows and inputs
        msg = f"values of shape {exact.shape} do not fit {count} inputs"
        raise DataError(msg)
    if np.isinf(exact).any():
        msg = f"input {int(np.argmax(np.isinf(exact).any(axis=0)))} of {count} is infinite somewhere"
        raise DataError(msg)
    return exact
