"""The job that labels experience, and the sensor that starts it: labels never wait in vain."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from learnfinance_dagster.calendar import last_closed_session
from learnfinance_dagster.orchestration.drift_sensor import retrain_on_drift
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.follow import follow_orders
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor
from learnfinance_dagster.orchestration.job_names import FOLLOW_JOB
from learnfinance_dagster.orchestration.jobs import IN_PROCESS
from learnfinance_dagster.orchestration.labels import Records, experience_name, reward_name, unlabelled
from learnfinance_dagster.orchestration.mail_sensors import mail_sensors
from learnfinance_dagster.values import Week

LABEL_JOB = "rewards"
HOUR = 3600


def sensors_of(
    jobs: Mapping[str, Any], forecasters: Sequence[str], learned: Sequence[str], status: dg.DefaultSensorStatus
) -> list[dg.SensorDefinition]:
    """Every sensor; those of learned allocators only where there are any."""
    everywhere = [follow_orders(jobs[FOLLOW_JOB], learned, status), *mail_sensors(status)]
    if not learned:
        return everywhere
    return [
        *everywhere,
        label_rewards(jobs[LABEL_JOB], learned, status),
        retrain_on_drift(jobs["retrain"], jobs["policies"], forecasters, learned, status),
    ]


def rewards_job(accounts: Sequence[str]) -> Any:  # Dagster keeps this type to itself
    """The job over the experience and the labels of learned allocators."""
    names = [name(account) for account in accounts for name in (experience_name, reward_name)]
    return dg.define_asset_job(
        LABEL_JOB,
        selection=dg.AssetSelection.assets(*names),
        executor_def=IN_PROCESS,
        description=(
            "Labels what learned allocators lived through, once the holding week is over. Writes to no account; what"
            " is labelled stays as it is."
        ),
    )


def label_rewards(job: Any, accounts: Sequence[str], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Asks every hour which weeks can be labelled, and starts `job` once for each.

    A label that was never stored is asked for at most once a day, so a failed run is tried again tomorrow. One that was
    stored as pending, because a return is not known, is asked for again whenever the market holds twice as many days
    after the holding week as before: late prices are found, and a week that never gets them costs little.
    """

    @dg.sensor(
        name="label_rewards",
        job=job,
        minimum_interval_seconds=HOUR,
        default_status=status,
        description=(
            f"Every hour; runs '{LABEL_JOB}' for each week of a learned allocator that was traded, is over, and has no"
            " label."
        ),
    )
    def sensor(
        market: dg.ResourceParam[MarketDoor],
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
    ) -> list[dg.RunRequest] | dg.SkipReason:
        records = Records(artifacts, floor.ledger.open())
        closed = last_closed_session(floor.clock())
        due = unlabelled(records, accounts, closed)
        if not due:
            return dg.SkipReason("every week that is over has its label")
        known = min(closed, market.open().info.last_session)  # asked late: loading a market takes its time
        asked: dict[str, list[tuple[str, Week]]] = defaultdict(list)
        for account, week in due:
            if week.next_session <= known:
                asked[week.key].append((account, week))
        if not asked:
            return dg.SkipReason(f"the market source ends with {known}, before the next open")
        today = floor.clock().date()
        return [_request(records, pairs, known, today) for pairs in asked.values()]

    return sensor


def _request(records: Records, pairs: Sequence[tuple[str, Week]], known: date, today: date) -> dg.RunRequest:
    """One run for a week: its labels, and the experience of those that do not know yet how it went."""
    week = pairs[0][1]
    names, tried = [reward_name(account) for account, _ in pairs], True
    for account, _ in pairs:
        if records.damage(account, week):  # the run that tries says what it is
            tried = False
            continue
        experience = records.experience(account, week)
        if experience is not None and experience.pending:
            names.append(experience_name(account))
        tried = tried and records.reward(account, week) is not None
    doublings = (known - week.next_session).days.bit_length()
    turn = f"doubled-{doublings}" if tried else today.isoformat()
    return dg.RunRequest(
        run_key=f"{week.key}:{turn}", partition_key=week.key, asset_selection=[dg.AssetKey(name) for name in names]
    )
