"""`make verify-record`: whether the forward record is as it was written, and what each week of it is worth."""

import sys
from collections.abc import Sequence

from learnfinance_dagster.evaluation.forward_check import Fault, Standing, first_fault, standings, unrecorded
from learnfinance_dagster.ports import ForwardEntry
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.wiring import ledger_door, records_door

FEWEST_DIGITS = 8
"""Of a hash that somebody types from an e-mail."""


def verify_record(printed: Sequence[str] = ()) -> int:
    """Check the chain, hold it against the ledger, and show every entry; 1 when something is not as it was.

    Args:
        printed: hashes from e-mails, or their beginnings, that must be in the chain.
    """
    settings = Settings.from_environment()
    entries, traded = records_door(settings).open().entries(), ledger_door(settings).open().plans()
    fault = first_fault(entries)
    if fault:
        return _complain("BROKEN", (fault,))
    for standing in standings(entries, traded):
        sys.stdout.write(f"{_line(standing)}\n")
    faults = (*unrecorded(entries, traded), *_unknown(entries, printed))
    if faults:
        return _complain("WRONG", faults)
    newest = f", the newest {entries[-1].sha256}" if entries else ": nothing is recorded yet"
    sys.stdout.write(f"the chain of {len(entries)} is whole{newest}\n")
    return 0


def _line(standing: Standing) -> str:
    opened = f"{standing.first_open:%Y-%m-%dT%H:%MZ}" if standing.first_open else "never"
    worth = "before the open" if standing.in_time else "AFTER THE FACT: not a forward record"
    return (
        f"{standing.week}  entry {standing.sequence}  recorded {standing.recorded_at:%Y-%m-%dT%H:%MZ}"
        f"  first open {opened}  {standing.traded}/{standing.plans} plans traded so  {worth}"
    )


def _unknown(entries: Sequence[ForwardEntry], printed: Sequence[str]) -> tuple[Fault, ...]:
    return tuple(
        Fault("e-mail", f"{digits} is not in the chain")
        for digits in printed
        if len(digits) < FEWEST_DIGITS or not any(entry.sha256.startswith(digits.lower()) for entry in entries)
    )


def _complain(word: str, faults: Sequence[Fault]) -> int:
    for fault in faults:
        sys.stdout.write(f"{word} at {fault.week}: {fault.words}\n")
    return 1
