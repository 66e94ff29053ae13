"""Some processes that live and die together."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

LOOK_SECONDS = 0.2
GRACE_SECONDS = 15.0
"""How long a process may take to end before it is killed."""


@dataclass(frozen=True, slots=True)
class Process:
    """What to start, and what a person is told of it."""

    name: str
    command: tuple[str, ...]
    address: str
    ready: Callable[[], bool] = lambda: True
    """Asked until it is true; only then the next process is started."""


class _Stopped(Exception):  # noqa: N818 - no error
    """Somebody asked for the end."""


def supervise(processes: Sequence[Process], say: Callable[[str], None], grace: float = GRACE_SECONDS) -> int:
    """Start all in order, wait until one ends or somebody stops us (Ctrl-C, SIGTERM), then end all, the last first.

    Returns:
        0 when stopped; 1 when one ended by itself.
    """
    started: list[tuple[Process, subprocess.Popen[bytes]]] = []
    # A handler of our own, because a process started with `&` ignores Ctrl-C, and its children would inherit that.
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for process in processes:
            # In a session of its own: Ctrl-C is for us alone, and we end the others in order.
            child = subprocess.Popen(process.command, start_new_session=True)  # noqa: S603 - our own programs
            started.append((process, child))
            while not process.ready():
                if dead := _first_dead(started):
                    return _told(dead, say)
                time.sleep(LOOK_SECONDS)
            say(f"{process.name}: {process.address}")
        say("Ctrl-C stops all of it")
        while not (dead := _first_dead(started)):
            time.sleep(LOOK_SECONDS)
        return _told(dead, say)
    except _Stopped:
        say("stopping")
        return 0
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of them behind
        for _, child in reversed(started):
            _end(child, grace)
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: object) -> NoReturn:
    raise _Stopped


def _first_dead(started: Sequence[tuple[Process, "subprocess.Popen[bytes]"]]) -> tuple[Process, int] | None:
    return next(((process, code) for process, child in started if (code := child.poll()) is not None), None)


def _told(dead: tuple[Process, int], say: Callable[[str], None]) -> int:
    process, code = dead
    say(f"{process.name} ended with {code}: the others are stopped too")
    return 1


def _end(child: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask the process to end; then kill it, and whatever it has left behind."""
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    with suppress(ProcessLookupError):  # nobody is left, as it should be
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
