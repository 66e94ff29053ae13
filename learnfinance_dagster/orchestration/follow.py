"""The job that completes the sending and follows open orders, and the sensor that starts it.

For brokers on the wall clock; simulated accounts have their fate in the run that trades them.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import MarketDoor
from learnfinance_dagster.orchestration.job_names import FOLLOW_JOB, LIVE_JOB
from learnfinance_dagster.orchestration.jobs import IN_PROCESS, MAX_RUNTIME, MOST_SECONDS, PRIORITY
from learnfinance_dagster.orchestration.labels import experience_name
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.ports import BrokerClock
from learnfinance_dagster.trading.following import Moment, Standing, standing
from learnfinance_dagster.trading.turns import buy_deadline
from learnfinance_dagster.values import Week

MINUTE = 60
PATIENCE_SECONDS = 40.0
"""How long one tick waits for all accounts together; who does not answer by then is asked again later."""
LONGEST_WAIT = timedelta(minutes=15)
AGAIN = timedelta(minutes=10)
"""How long a step that sends is left to its run; when the same is still to be done then, that run failed or died."""
MARKED_AGAIN = timedelta(hours=6)
"""The same of a step that sends nothing, which may be tried for a whole week."""
SHARED = ("reconciliation", "weekly_report")
"""Made after the accounts: what remains must be in the report."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def steps_of(account: str, learned: Sequence[str]) -> list[str]:
    """Assets of one account that following makes anew."""
    names = [f"{account}_submission", f"{account}_fills"]
    return [*names, experience_name(account)] if account in learned else names


def follow_job(accounts: Sequence[str], learned: Sequence[str]) -> Any:  # Dagster keeps this type to itself
    """The job over the last two steps of every account and what is made of them."""
    names = [name for account in accounts for name in steps_of(account, learned)]
    return dg.define_asset_job(
        FOLLOW_JOB,
        selection=dg.AssetSelection.assets(*names, *SHARED),
        executor_def=IN_PROCESS,
        tags={PRIORITY: "2", MAX_RUNTIME: MOST_SECONDS},  # an open session does not wait for a queue
        description=(
            "Completes what `monday` recorded: sends the orders that wait for their turn, follows open ones until each"
            " is final, and marks the account when the session is over. It plans nothing and sends nothing that was"
            " not recorded. Running it again does no harm."
        ),
    )


# ---- looking -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at some accounts found."""

    standings: tuple[Standing, ...]
    failures: Mapping[str, str]
    """Account → why it could not be looked at."""


def followed(floor: TradingFloor) -> tuple[list[str], dict[str, str]]:
    """Accounts whose broker lives on the wall clock, and those whose broker cannot be opened, with the reason."""
    found, failures = [], {}
    for account in floor.accounts:
        try:
            if floor.brokers.open(account).clock is BrokerClock.WALL:
                found.append(account)
        except LearnFinanceError as error:
            failures[account] = str(error)
    return found, failures


def look(
    floor: TradingFloor, market: MarketDoor, week: Week, accounts: Sequence[str], patience: float = PATIENCE_SECONDS
) -> Seen:
    """Look at all accounts at once: one that is slow or fails keeps no other waiting."""
    deadline = buy_deadline(week, floor.parameters.orders)
    if deadline is None or not accounts:
        return Seen((), {})
    moment = Moment(floor.clock(), deadline, lambda: market.open().info.last_session)
    ledger = floor.ledger.open()

    def one(account: str) -> Standing:
        return standing(account, floor.brokers.open(account), ledger, week, moment)

    pool = ThreadPoolExecutor(len(accounts), thread_name_prefix="follow")
    asked = {account: pool.submit(one, account) for account in accounts}
    done, _ = wait(asked.values(), timeout=patience)
    pool.shutdown(wait=False, cancel_futures=True)
    found: list[Standing] = []
    failures: dict[str, str] = {}
    for account, answer in asked.items():
        if answer not in done:
            failures[account] = f"no answer within {patience:g} s"
        elif (failure := _failure(answer)) is not None:
            failures[account] = failure
        else:
            found.append(answer.result())
    return Seen(tuple(found), failures)


def _failure(answer: Future[Standing]) -> str | None:
    """The words of an error that this house raises on purpose; any other is a bug, and is raised."""
    error = answer.exception()
    if error is None:
        return None
    if isinstance(error, LearnFinanceError):
        return f"{type(error).__name__}: {error}"
    raise error


# ---- back-off ------------------------------------------------------------------------------------------------------


class BackOff:
    """Which accounts to leave in peace for a while, kept in the sensor's cursor: one that fails is asked less often."""

    def __init__(self, cursor: str | None, week: str) -> None:
        """Remember what the cursor says about this week."""
        known = json.loads(cursor) if cursor else {}
        self._week, self._failed = week, dict(known["failed"]) if known.get("week") == week else {}

    def is_due(self, account: str, now: datetime) -> bool:
        """Whether the account is to be asked now."""
        return account not in self._failed or now >= datetime.fromisoformat(self._failed[account][1])

    def note(self, account: str, now: datetime, *, failed: bool) -> None:
        """After each failure in a row the wait doubles."""
        if not failed:
            self._failed.pop(account, None)
            return
        times = self._failed.get(account, [0, ""])[0] + 1
        until = now + min(timedelta(minutes=2 ** (times - 1)), LONGEST_WAIT)
        self._failed[account] = [times, until.isoformat()]

    def __str__(self) -> str:
        """As a cursor."""
        return json.dumps({"week": self._week, "failed": self._failed}, sort_keys=True)


# ---- the sensor ----------------------------------------------------------------------------------------------------


def follow_orders(job: Any, learned: Sequence[str], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Asks every minute whether an account's week wants something done, and starts `job` for it, once for each step."""

    @dg.sensor(
        name="follow_orders",
        job=job,
        minimum_interval_seconds=MINUTE,
        default_status=status,
        description=(
            f"Every minute, for brokers on the wall clock, while something of the current week is open or waits; runs"
            f" '{FOLLOW_JOB}' for an account when its sells are done, a deadline has passed, orders have moved on, or"
            " the session is over. Once for each step, and again where it is still to be done later; an account that"
            " does not answer is asked less and less often, and keeps no other waiting."
        ),
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        floor: dg.ResourceParam[TradingFloor],
        market: dg.ResourceParam[MarketDoor],
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = floor.clock()
        key = next(reversed(WEEKLY.get_partition_keys(now)), None)
        accounts, failures = followed(floor)
        if key is None or not (accounts or failures):
            return dg.SkipReason("every account is simulated: there is nothing to follow")
        if _trades_now(context.instance, key):
            return dg.SkipReason(f"'{LIVE_JOB}' is at work on {key}")
        back_off = BackOff(context.cursor, key)
        asked = [account for account in accounts if back_off.is_due(account, now)]
        seen = look(floor, market, week_from_key(key), asked)
        for account in asked:
            back_off.note(account, now, failed=account in seen.failures)
        wanted = [each for each in seen.standings if each.due]
        words = [f"{each.account}: {each.due or each.told}" for each in seen.standings]
        words += [f"{account}: {why}" for account, why in {**failures, **seen.failures}.items()]
        words += [f"{account}: did not answer, is asked again later" for account in accounts if account not in asked]
        context.update_cursor(str(back_off))
        return [_request(each, key, learned, now) for each in wanted] or dg.SkipReason("; ".join(words))

    return sensor


def _trades_now(instance: dg.DagsterInstance, key: str) -> bool:
    """Whether the week's own run is not over yet: it sends by itself, and holds the claim."""
    filters = dg.RunsFilter(job_name=LIVE_JOB, tags={"dagster/partition": key}, statuses=UNFINISHED)
    return bool(instance.get_run_records(filters, limit=1))


def _request(each: Standing, key: str, learned: Sequence[str], now: datetime) -> dg.RunRequest:
    names = [*steps_of(each.account, learned), *SHARED]
    turn = int(now.timestamp() // (AGAIN if each.unsent else MARKED_AGAIN).total_seconds())
    return dg.RunRequest(
        run_key=f"{each.step}:{turn}",
        partition_key=key,
        asset_selection=[dg.AssetKey(name) for name in names],
        tags={"learnfinance/follow": f"{each.account}: {each.due}"[:200]},
    )
