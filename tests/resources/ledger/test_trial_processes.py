"""Two processes, one register. Each child is a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from memory_trials import a_trial

from learnfinance_dagster.errors import RefusedError, TransientError
from resources.ledger import open_trials, trials

CHILD = Path(__file__).with_name("trial_child.py")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "postgres":
        return request.getfixturevalue("postgres_ledger")
    return f"sqlite:///{tmp_path}/ledger.sqlite"


def told_at_once(url, seeds):
    """What processes say that record the same version with these seeds, all at one command."""
    paths = os.pathsep.join(filter(None, [str(CHILD.parents[3]), *sys.path]))
    children = [
        subprocess.Popen(
            [sys.executable, str(CHILD), url, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )
        for seed in seeds
    ]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * len(children)
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    return [child.communicate()[0].strip() for child in children]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_two_processes_with_the_same_trial_leave_one_row(url):
    assert told_at_once(url, [7, 7]) == ["recorded", "recorded"]
    assert open_trials(url).trials() == (a_trial(),)


def test_of_two_processes_with_other_outcomes_one_is_refused(url):
    told = told_at_once(url, [7, 8])
    assert sorted(told, key=len) == [
        "recorded",
        "the trial lstm v2025-12-28-0123456789ab is recorded already, with other content: seeds",
    ]
    assert open_trials(url).trials() == (a_trial(seeds=((7, 8)[told.index("recorded")],)),)


@pytest.fixture
def looked_too_early(monkeypatch):
    """The next look finds nothing, as on a server where another transaction is about to commit."""
    look, blind = trials._find, [True]
    monkeypatch.setattr(trials, "_find", lambda *asked: None if blind and blind.pop() else look(*asked))


def test_who_looked_too_early_finds_the_same_trial_after_all(url, looked_too_early):
    register = open_trials(url)
    with register.engine.begin() as connection:
        connection.execute(trials.table.insert(), trials._row(a_trial()))
    register.record(a_trial())
    assert register.trials() == (a_trial(),)


def test_who_looked_too_early_is_refused_when_it_was_another_outcome(url, looked_too_early):
    register = open_trials(url)
    with register.engine.begin() as connection:
        connection.execute(trials.table.insert(), trials._row(a_trial()))
    with pytest.raises(RefusedError, match="with other content: promoted, reason"):
        register.record(a_trial(promoted=False, reason=""))
    assert register.trials() == (a_trial(),)


def test_a_database_that_is_busy_may_be_tried_again(url, monkeypatch):
    def busy(*_):
        raise TransientError("ledger, record trial: database is locked")

    register = open_trials(url)
    with monkeypatch.context() as patch:
        patch.setattr(trials, "writing", busy)
        with pytest.raises(TransientError, match="locked"):
            register.record(a_trial())
    register.record(a_trial())
    assert register.trials() == (a_trial(),)
