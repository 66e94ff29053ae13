"""The forward record: what was planned, written down before anybody could know what would come of it.

Each entry's document is canonical JSON (RFC 8785) of every account's plan of a week, of the moment of recording, and of
the hash of the entry before. Whoever has an entry's hash, from an e-mail, can prove that it and all before it are as
they were. `forward_check` does so.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import rfc8785

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.ports import ForwardEntry
from learnfinance_dagster.values import OrderPlan, Week


class Made(StrEnum):
    """Whether a recording proves anything about foresight."""

    BEFORE_THE_OPEN = "before the first open"
    AFTER_THE_FACT = "after the fact"
    """The session had opened, or there was none: not a forward record."""


@dataclass(frozen=True, slots=True)
class Link:
    """How one entry names another."""

    week: date
    sequence: int
    sha256: str


@dataclass(frozen=True, slots=True)
class WeekPlans:
    """The document of an entry: all that is hashed."""

    week: date
    sequence: int
    recorded_at: datetime
    first_open: datetime | None
    made: Made
    after: Link | None
    """The entry before; None for the first."""
    plans: dict[str, OrderPlan]
    """Account → its live plan."""


@dataclass(frozen=True, slots=True)
class WeekRecord:
    """What the record holds of a week, for the report."""

    week: str
    link: Link | None = None
    """The week's newest entry; None: nothing is recorded."""
    recorded_at: datetime | None = None
    first_open: datetime | None = None
    made: Made | None = None
    after: Link | None = None
    accounts: tuple[str, ...] = ()
    failure: str = ""
    """Why nothing could be recorded."""


def canonical(value: Any) -> str:
    """The one text of a value, whoever writes it: RFC 8785 over `documents.to_json`."""
    return rfc8785.dumps(json.loads(to_json(value))).decode()


def hash_of(document: str) -> str:
    """sha256 of a document's bytes, 64 hex digits."""
    return hashlib.sha256(document.encode()).hexdigest()


def plans_of(entry: ForwardEntry) -> WeekPlans:
    """The document of an entry, read.

    Raises:
        DataError: it is no such document.
    """
    return from_json(WeekPlans, entry.document)


def link_of(entry: ForwardEntry) -> Link:
    """How the next entry will name this one.

    Raises:
        DataError: its document cannot be read.
    """
    told = plans_of(entry)
    return Link(told.week, told.sequence, hash_of(entry.document))


def entry_of(told: WeekPlans, number: int) -> ForwardEntry:
    """The row in which a document is stored."""
    document = canonical(told)
    return ForwardEntry(
        number=number,
        week=told.week.isoformat(),
        sequence=told.sequence,
        recorded_at=told.recorded_at.isoformat(),
        previous=told.after.sha256 if told.after else "",
        sha256=hash_of(document),
        document=document,
    )


def next_entry(
    week: Week, plans: Mapping[str, OrderPlan], now: datetime, sequence: int, newest: ForwardEntry | None
) -> ForwardEntry:
    """The entry that follows `newest`: it says itself whether it was made in time.

    Args:
        week: whose plans they are.
        plans: account → its live plan.
        now: the wall clock.
        sequence: which entry of that week it is, from 1.
        newest: the last entry of the chain, if there is one.
    """
    recorded_at = now.astimezone(UTC).replace(microsecond=0)
    in_time = week.first_open is not None and recorded_at < week.first_open
    told = WeekPlans(
        week=week.monday,
        sequence=sequence,
        recorded_at=recorded_at,
        first_open=week.first_open.astimezone(UTC) if week.first_open else None,
        made=Made.BEFORE_THE_OPEN if in_time else Made.AFTER_THE_FACT,
        after=link_of(newest) if newest else None,
        plans=dict(plans),
    )
    return entry_of(told, newest.number + 1 if newest else 1)
