"""What learned allocators need, in order: yearly snapshots, past Mondays, and the policies of a Sunday."""

import sys
import time
from datetime import date, timedelta

import dagster as dg

from learnfinance_dagster.allocation import chosen
from learnfinance_dagster.allocation.rl.outcome import PolicyOutcome
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.commands.running import Result, run_monday, run_range, short
from learnfinance_dagster.definitions import artifact_store, build
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.orchestration.jobs import POLICY_EVIDENCE
from learnfinance_dagster.orchestration.partitions import FIRST_MONDAY, FIRST_SNAPSHOT_YEAR, HISTORY_WEEKS, TRAINING
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.values import Week
from learnfinance_dagster.wiring import market_door


def sunday(key: str, *, full: bool) -> int:
    """`make sunday`: gather what past Mondays are missing, train and judge every policy for a Monday."""
    settings, week = Settings.from_environment(), week_from_key(key)
    with dg.DagsterInstance.get() as instance:
        return 0 if learn(settings, week, instance, full=full) else 1


def learn(settings: Settings, week: Week, instance: dg.DagsterInstance, *, full: bool = False) -> bool:
    """Snapshots, history and policies for one Monday; False as soon as something fails. Each step is told in a line.

    Raises:
        ConfigurationError: no allocator learns, or the market is too short.
    """
    learned = [allocator.name for allocator in chosen(settings.allocators) if allocator.policy]
    if not learned:
        raise ConfigurationError("no allocator among LEARNFINANCE_ALLOCATORS learns")
    return gather(settings, week, instance) and _policies(settings, week, instance, learned, full=full)


def gather(settings: Settings, week: Week, instance: dg.DagsterInstance) -> bool:
    """Yearly snapshots and past Mondays, where they are missing; False as soon as something fails.

    Raises:
        ConfigurationError: the market is too short.
    """
    info = market_door(settings).open().info
    if info.last_session < week.last_session or not TRAINING.has_partition_key(week.key):
        msg = (
            f"policies for {week.key} are trained once {week.last_session} is known, on the weekend before it;"
            f" {info.name} ends {info.last_session}"
        )
        raise ConfigurationError(msg)
    first = _first_monday(settings, week)
    return _snapshots(settings, first, week, instance) and _history(settings, first, week, instance)


def _first_monday(settings: Settings, week: Week) -> date:
    """As much history as settings ask for, the market holds and snapshots can forecast."""
    info = market_door(settings).open().info
    known = info.first_session + timedelta(weeks=HISTORY_WEEKS)
    wanted = week.monday - timedelta(weeks=settings.policies.history_weeks)
    first = max(wanted, known, date(FIRST_SNAPSHOT_YEAR, 12, 31), FIRST_MONDAY)
    first += timedelta(days=-first.weekday() % 7)
    if first >= week.monday:
        msg = f"{info.name} begins {info.first_session}: there is no past Monday to learn from before {week.key}"
        raise ConfigurationError(msg)
    return first


def _snapshots(settings: Settings, first: date, week: Week, instance: dg.DagsterInstance) -> bool:
    """Yearly forecasters for the weeks of the history; those that are there are kept."""
    years = range(first.year - 1, (week.monday - timedelta(days=7)).year)
    ends = [f"{year}-12-31" for year in years]
    for forecaster in settings.forecasting.enabled:
        began = time.perf_counter()
        asset = f"{forecaster}_snapshot"
        result = run_range(build(settings), instance, (ends[0], ends[-1]), [asset])
        if not _told(f"{asset}, {len(ends)} years", result, began):
            return False
    return True


def _history(settings: Settings, first: date, week: Week, instance: dg.DagsterInstance) -> bool:
    """Past Mondays as a decision saw them, in runs of those that are missing."""
    store = artifact_store(settings)
    count = (week.monday - first).days // 7
    mondays = [first + timedelta(weeks=n) for n in range(count)]
    missing = [each for each in mondays if not all(store.has(name, each.isoformat()) for name in POLICY_EVIDENCE)]
    for begin, end in _runs(missing):
        began = time.perf_counter()
        span = (begin.isoformat(), end.isoformat())
        result = run_range(build(settings), instance, span, POLICY_EVIDENCE)
        if not _told(f"past Mondays {begin} to {end}", result, began):
            return False
    return True


def _runs(mondays: list[date]) -> list[tuple[date, date]]:
    """Weeks in a row."""
    out: list[tuple[date, date]] = []
    for monday in mondays:
        if out and monday - out[-1][1] == timedelta(days=7):
            out[-1] = (out[-1][0], monday)
        else:
            out.append((monday, monday))
    return out


def _policies(settings: Settings, week: Week, instance: dg.DagsterInstance, learned: list[str], *, full: bool) -> bool:
    began = time.perf_counter()
    config = {f"{name}_policy": {"config": {"full": True}} for name in learned} if full else {}
    result = run_monday(build(settings).resolve_job_def("sunday"), instance, week.key, config=config)
    if not _told(f"policies for {week.key}", result, began):
        return False
    store, failed = artifact_store(settings), False
    for name in learned:
        outcome: PolicyOutcome = store.read(f"{name}_policy", [week.key])
        decision = outcome.card.decision if outcome.card else None
        told = outcome.failure or (decision.reason if decision else "")
        sys.stdout.write(f"    {name}: {told}\n")
        failed = failed or bool(outcome.failure)
    sys.stdout.write(f"  e-mail: {short(settings.root / 'outbox' / f'training-{week.key}.html')}\n")
    return not failed


def _told(what: str, result: Result, began: float) -> bool:
    took = time.perf_counter() - began
    sys.stdout.write(f"  {what}  {'failed' if result.failures else 'ok'}  {took:.1f} s\n")
    for line in result.failures:
        sys.stdout.write(f"    {line}\n")
    sys.stdout.flush()
    return not result.failures
