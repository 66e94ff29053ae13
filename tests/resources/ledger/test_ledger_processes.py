"""What becomes of the ledger when processes die or meet. Each child is a real process."""

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from learnfinance_dagster.errors import RefusedError
from resources.ledger import open_ledger

CHILD = Path(__file__).with_name("ledger_child.py")
DIED = 9
RUN = "paper:2025-12-29"
ON_A_FILE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""A process takes a second to start, so what another test shows on a server is shown there once."""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    """A ledger that nobody has opened yet."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path}/ledger.sqlite"


@pytest.fixture
def start(url):
    children = []

    def begin(scene: str) -> subprocess.Popen:
        child = subprocess.Popen(
            [sys.executable, str(CHILD), url, scene],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(CHILD.parents[3]), *sys.path]))},
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def play(start):
    def to_the_end(scene: str) -> int:
        child = start(scene)
        child.communicate()
        return child.returncode

    return to_the_end


@pytest.mark.parametrize(
    ("url", "scene"),
    [
        ("sqlite", "die between attempt and orders"),
        ("sqlite", "die before the commit"),
        ("postgres", "die before the commit"),
    ],
    indirect=["url"],
)
def test_a_crash_while_an_intent_is_written_leaves_no_part_of_it(url, play, scene):
    assert play(scene) == DIED

    assert open_ledger(url).latest_attempt("hrp", RUN) is None
    assert play("intend") == 0, "the same intent can be recorded afterwards"
    attempt = open_ledger(url).latest_attempt("hrp", RUN)
    assert attempt is not None
    assert len(attempt.orders) == 1


@ON_A_FILE
def test_a_crash_while_an_outcome_is_corrected_leaves_the_old_one_whole(url, play):
    assert (play("intend"), play("settle")) == (0, 0)
    ledger = open_ledger(url)

    def outcome():
        return ledger.fills("hrp", RUN), ledger.positions("hrp", RUN), ledger.marks("hrp", date(2025, 12, 29))

    before = outcome()
    assert play("die while settling") == DIED

    assert len(before[0]) == 1
    assert outcome() == before


def test_a_week_claimed_by_another_process_is_refused_until_that_process_is_killed(url, start):
    child = start("hold")
    assert child.stdout.readline() == "held\n"
    ledger = open_ledger(url)

    with pytest.raises(RefusedError, match="another run is trading it now"), ledger.claim("hrp", RUN):
        pytest.fail("claimed twice")
    child.send_signal(signal.SIGKILL)
    child.wait()

    with ledger.claim("hrp", RUN):
        pass


@ON_A_FILE
def test_a_process_that_exits_inside_its_claim_leaves_it_free(url, play):
    assert play("hold") == DIED
    with open_ledger(url).claim("hrp", RUN):
        pass


def test_processes_that_open_a_fresh_ledger_at_once_all_succeed(start):
    children = [start("open on command") for _ in range(3)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()

    assert [child.communicate()[0] for child in children] == ["None\n"] * 3
    assert [child.returncode for child in children] == [0] * 3
