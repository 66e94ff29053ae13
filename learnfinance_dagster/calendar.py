"""When things happen: NYSE sessions, the decision time, and the week that a decision is held.

A decision belongs to a Monday and is made at 18:00 in Kolkata (`as_of`), one to two hours before New York opens.
India has no daylight saving and New York has, so `as_of` is 08:30 in New York in summer and 07:30 in winter.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.values import Week

KOLKATA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
DECISION_TIME = time(18, 0, tzinfo=KOLKATA)
CLOSED = "NYSE is closed all week: nothing is ordered"
"""What a week without a session is told in plans and reports."""
NOT_OVER = "the day is not over"
"""Why the news of a day cannot be complete."""
FIRST_DAY = date(2009, 1, 1)
LAST_DAY = date(2040, 12, 31)
"""Pinned: the library's own last day moves with the clock, and the same Monday must read the same in every year."""


class _Sessions:
    """NYSE sessions with their opens and closes, in parallel sorted lists."""

    def __init__(self) -> None:
        import exchange_calendars

        schedule = exchange_calendars.get_calendar("XNYS", FIRST_DAY.isoformat(), LAST_DAY.isoformat()).schedule
        self.days: list[date] = [stamp.date() for stamp in schedule.index]
        self.opens: list[datetime] = [stamp.to_pydatetime() for stamp in schedule["open"]]
        self.closes: list[datetime] = [stamp.to_pydatetime() for stamp in schedule["close"]]


@cache
def _sessions() -> _Sessions:
    return _Sessions()


def sessions_between(first: date, last: date) -> tuple[date, ...]:
    """Sessions from `first` to `last`, both included.

    Raises:
        DataError: the exchange calendar does not reach that far.
    """
    _check_covered(first, last)
    days = _sessions().days
    return tuple(days[bisect_left(days, first) : bisect_right(days, last)])


def _check_covered(first: date, last: date) -> None:
    if first < FIRST_DAY or last > LAST_DAY:
        msg = f"no exchange calendar for {first}..{last}: it covers {FIRST_DAY}..{LAST_DAY}"
        raise DataError(msg)


def session_open(session: date) -> datetime:
    """Opening time of a session, UTC."""
    return _sessions().opens[_index(session)]


def session_close(session: date) -> datetime:
    """Closing time of a session, UTC; early closes included."""
    return _sessions().closes[_index(session)]


def _index(session: date) -> int:
    days = _sessions().days
    position = bisect_left(days, session)
    if position == len(days) or days[position] != session:
        msg = f"{session} is no NYSE session"
        raise DataError(msg)
    return position


def last_closed_session(moment: datetime) -> date:
    """The last session that closed at or before `moment`: the newest bar that may be known then.

    Raises:
        DataError: `moment` lies outside the exchange calendar.
    """
    day = moment.astimezone(NEW_YORK).date()
    _check_covered(day, day)
    position = bisect_right(_sessions().closes, moment)
    if position == 0:
        msg = f"no session closed before {moment.isoformat()}"
        raise DataError(msg)
    return _sessions().days[position - 1]


def next_session(day: date) -> date:
    """The first session on or after `day`.

    Raises:
        DataError: `day`, or that session, lies outside the exchange calendar.
    """
    _check_covered(day, day)
    days = _sessions().days
    position = bisect_left(days, day)
    if position == len(days):
        msg = f"no session known on or after {day}"
        raise DataError(msg)
    return days[position]


def sessions_back(session: date, count: int) -> date:
    """The session `count` sessions before `session`, clipped to the calendar's first."""
    return _sessions().days[max(0, _index(session) - count)]


def decision_time(day: date) -> datetime:
    """18:00 in Kolkata on that day, in UTC."""
    return datetime.combine(day, DECISION_TIME).astimezone(UTC)


def news_day(published: datetime) -> date:
    """The day at whose 18:00 in Kolkata something published then is first known.

    A news day is the 24 hours that end at 12:30 UTC, in winter and in summer, so a week's decision knows exactly seven
    whole days, and no day belongs to two weeks.
    """
    day = published.astimezone(KOLKATA).date()
    return day if published <= decision_time(day) else day + timedelta(days=1)


def news_days(week: Week) -> tuple[date, ...]:
    """The seven news days that a week's decision learns of: Tuesday to its Monday."""
    return tuple(week.monday - timedelta(days=n) for n in range(6, -1, -1))


def last_whole_news_day(moment: datetime) -> date:
    """The newest news day that was over at that moment."""
    day = news_day(moment)
    return day if decision_time(day) <= moment else day - timedelta(days=1)


def matters(day: date) -> bool:
    """Whether a news day touches trading: a session lies in it, or opens right after it.

    Nobody misses the news of a Sunday: its 24 hours lie between two days without a session.
    """
    return bool(sessions_between(day - timedelta(days=1), day))


def new_york_day(moment: datetime) -> date:
    """The date in New York at that moment."""
    return moment.astimezone(NEW_YORK).date()


def monday_of(day: date) -> date:
    """The Monday of the calendar week that contains `day`."""
    return day - timedelta(days=day.weekday())


@lru_cache(maxsize=4096)
def week_of(monday: date) -> Week:
    """Everything the calendar knows about the week that starts on `monday`.

    Raises:
        DataError: `monday` is not a Monday, or lies outside the exchange calendar.
    """
    if monday.weekday() != 0:
        msg = f"{monday} is a {monday:%A}; weeks are named by their Monday"
        raise DataError(msg)
    as_of = decision_time(monday)
    sessions = sessions_between(monday, monday + timedelta(days=6))
    return Week(
        monday=monday,
        as_of=as_of,
        sessions=sessions,
        last_session=last_closed_session(as_of),
        next_session=next_session(monday + timedelta(days=7)),
        first_open=session_open(sessions[0]) if sessions else None,
        first_close=session_close(sessions[0]) if sessions else None,
    )


def week_from_key(key: str) -> Week:
    """The week of a partition key such as `2025-12-29`.

    Raises:
        DataError: the key is no date, or no Monday, or not written like that.
    """
    try:
        monday = date.fromisoformat(key)
    except ValueError:
        monday = None
    if monday is None or monday.isoformat() != key:  # 20251229 is a date too, but would name a second run of the week
        msg = f"week {key!r} is not a date like 2025-12-29"
        raise DataError(msg)
    return week_of(monday)


def mondays_between(first: date, last: date) -> tuple[date, ...]:
    """Mondays from the week of `first` to `last`, both included."""
    start = monday_of(first)
    return tuple(start + timedelta(days=7 * n) for n in range((last - start).days // 7 + 1))
