"""Processes that live and die together. Each child is a real one."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from learnfinance_dagster.commands.supervisor import Process, supervise


def noting(path: Path, *, stubborn: bool = False) -> tuple[str, ...]:
    """A process that writes down its id, and when it was asked to end; a stubborn one does not end."""
    end = "" if stubborn else "exit 0"
    return "sh", "-c", f"trap 'echo ended >> {path}; {end}' TERM; echo $$ > {path}; while :; do sleep 0.05; done"


def is_alive(path: Path) -> bool:
    try:
        os.kill(int(path.read_text().split()[0]), 0)
    except ProcessLookupError:
        return False
    return True


def test_when_one_dies_the_others_are_stopped_and_it_is_said_which(tmp_path):
    said, note = [], tmp_path / "note"
    first = Process("first", noting(note), "here", note.exists)
    second = Process("second", ("sh", "-c", "exit 3"), "there")
    assert supervise([first, second], said.append) == 1
    assert said[0] == "first: here"
    assert said[-1] == "second ended with 3: the others are stopped too"
    assert note.read_text().split()[1:] == ["ended"]
    assert not is_alive(note)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_and_is_no_failure(tmp_path, number):
    notes = [tmp_path / "one", tmp_path / "two"]

    def said(line):
        if line.startswith("Ctrl-C"):
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()

    before = signal.getsignal(number)
    assert supervise([Process(note.name, noting(note), "here", note.exists) for note in notes], said) == 0
    assert not any(is_alive(note) for note in notes)
    assert signal.getsignal(number) is before


def test_nothing_is_started_after_one_that_died_before_it_was_ready(tmp_path):
    never = tmp_path / "never"
    dies = Process("dies", ("sh", "-c", "exit 7"), "nowhere", lambda: False)
    said = []
    assert supervise([dies, Process("never", noting(never), "there")], said.append) == 1
    assert said == ["dies ended with 7: the others are stopped too"]
    assert not never.exists()


def test_one_that_does_not_end_is_killed(tmp_path):
    note = tmp_path / "note"
    stubborn = Process("stubborn", noting(note, stubborn=True), "here", note.exists)
    assert supervise([stubborn, Process("dies", ("sh", "-c", "exit 1"), "there")], lambda _: None, grace=0.1) == 1
    assert not is_alive(note)


def test_children_hear_a_signal_although_the_supervisor_was_started_in_the_background(tmp_path):
    """A shell starts background processes deaf to Ctrl-C, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        told = tmp_path / "told"
        script = f"import signal; open({str(told)!r}, 'w').write(str(signal.getsignal(signal.SIGINT)))"
        supervise([Process("asks", (sys.executable, "-S", "-c", script), "here", told.exists)], lambda _: None)
        assert "default_int_handler" in told.read_text()
    finally:
        signal.signal(signal.SIGINT, before)
