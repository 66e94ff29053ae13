"""The line of the report about the forward record: with it a reader can prove that the plans are what they were."""

from datetime import datetime

from learnfinance_dagster.evaluation.forward_record import Made, WeekRecord


def record_caveats(record: WeekRecord | None) -> tuple[str, ...]:
    """What a reader must know at once: that nothing could be recorded."""
    if record is None or not record.failure:
        return ()
    return (f"The week's plans are not in the forward record: {record.failure}",)


def record_lines(record: WeekRecord | None) -> tuple[tuple[str, str], ...]:
    """Label and line; none where the report is silent about it."""
    return () if record is None else (("Forward record", _line(record)),)


def _line(record: WeekRecord) -> str:
    if record.failure:
        return f"failed, nothing was recorded: {record.failure}"
    if record.link is None or record.recorded_at is None:
        return "nothing was recorded, because no plan of this run is live"
    again = f", entry {record.link.sequence} of the week" if record.link.sequence > 1 else ""
    after = "the first of its chain"
    if record.after:
        after = f"after week {record.after.week} sha256 {record.after.sha256}"
    return f"Recorded {_minute(record.recorded_at)}{again}{_late(record)}, sha256 {record.link.sha256}, {after}"


def _late(record: WeekRecord) -> str:
    if record.made is Made.BEFORE_THE_OPEN:
        return ""
    opened = f", after the first open {_minute(record.first_open)}" if record.first_open else ""
    return f"{opened}: not a forward record"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"
