"""What vendors do wrong, one list for all of them, and the table of what came of it.

A test of an adapter walks `FAULTS`, lets its local server answer with `fault.spoil(good answer)`, and gives what
happened to `check_table`, which holds `docs/results/faults.md` to it.
`LEARNFINANCE_TEST_WRITE_FAULTS=1` writes the table anew.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vendor_server import Reply

TABLE = Path(__file__).resolve().parents[2] / "docs" / "results" / "faults.md"
LONGER_THAN_ANY_PATIENCE = 3.0
"""Seconds of silence; adapters under test are given less time than this."""
SHORT, LONG = 0.4, 20.0
"""Seconds of patience: short with whom never answers, so that tests are quick; long with all others, who answer at
once, but perhaps to a busy machine."""
HEAD = """# What happens when a vendor fails

Written by the tests (`LEARNFINANCE_TEST_WRITE_FAULTS=1`), which fail when it is not what they see. Each vendor stands
on this machine as a local server and misbehaves in the same ways.
"""


@dataclass(frozen=True)
class Fault:
    """One way to fail."""

    name: str
    spoil: Callable[[Reply], Reply]
    """The good answer → what goes out instead."""
    done: bool = False
    """The vendor did what it was asked before it failed; for a question this makes no difference."""

    @property
    def patience(self) -> float:
        """Seconds that an adapter under test should be given."""
        spoilt = self.spoil(Reply({}))
        return SHORT if spoilt.delay or spoilt.drip else LONG


def _status(code: int, **headers: str) -> Callable[[Reply], Reply]:
    return lambda _good: Reply({"message": "scripted fault"}, status=code, headers=headers)


FAULTS = (
    Fault("no answer, nothing done", lambda good: replace(good, delay=LONGER_THAN_ANY_PATIENCE)),
    Fault("no answer, but done", lambda good: replace(good, delay=LONGER_THAN_ANY_PATIENCE), done=True),
    Fault("connection reset, nothing done", lambda good: replace(good, reset=True)),
    Fault("connection reset, but done", lambda good: replace(good, reset=True), done=True),
    Fault("429 with Retry-After", _status(429, **{"Retry-After": "1"})),
    Fault("429 without Retry-After", _status(429)),
    Fault("500, nothing done", _status(500)),
    Fault("500, but done", _status(500), done=True),
    Fault("503", _status(503)),
    Fault("504, but done", _status(504), done=True),
    Fault("slow drip", lambda good: replace(good, drip=0.3), done=True),
    Fault("truncated JSON", lambda good: Reply(good.content[: len(good.content) // 2]), done=True),
    Fault("wrong-typed JSON", lambda _good: Reply(["not", {"what": "was"}, 7]), done=True),
    Fault("empty list", lambda _good: Reply([]), done=True),
    Fault(
        "clock an hour ahead",
        lambda good: replace(good, headers={**good.headers, "Date": "Mon, 01 Jan 2035 00:00:00 GMT"}),
        done=True,
    ),
)


def check_table(vendor: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Hold the vendor's section of the table to what was seen, or write it."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *(f"| {' | '.join(row)} |" for row in rows)]
    section = "\n".join(lines)
    sections = _read()
    if os.environ.get("LEARNFINANCE_TEST_WRITE_FAULTS"):
        _write(sections | {vendor: section})
        return
    assert sections.get(vendor) == section, (
        f"docs/results/faults.md, section {vendor}, is not what happened:\n{section}"
    )


def _read() -> dict[str, str]:
    if not TABLE.exists():
        return {}
    parts = TABLE.read_text(encoding="utf-8").split("\n## ")[1:]
    return {name.strip(): body.strip() for name, _, body in (part.partition("\n") for part in parts)}


def _write(sections: dict[str, str]) -> None:
    told = [f"\n## {name}\n\n{sections[name]}\n" for name in sorted(sections)]
    TABLE.write_text(HEAD + "".join(told), encoding="utf-8")
