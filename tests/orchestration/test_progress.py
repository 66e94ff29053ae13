import io

import pytest

from learnfinance_dagster.forecasting.forecaster import EpochLosses, Progress
from learnfinance_dagster.orchestration import progress as module
from learnfinance_dagster.orchestration.progress import Teller, line


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def perf_counter(self):
        return self.now


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def heard():
    return []


@pytest.fixture
def tell(clock, heard):
    """Tells of one epoch that took so many seconds."""
    teller = Teller(heard.append)

    def tell(epoch, name="lstm v1", epochs=8, seconds=3.0):
        clock.now += seconds
        teller(name, told(epoch, epochs))

    tell.close = teller.close
    yield tell
    teller.close()


def told(epoch, epochs=8, best=1):
    return Progress(EpochLosses(epoch, 1.25, 1.125, 1.5), epochs, best)


def test_an_epoch_is_told_in_one_line():
    assert line(told(2), 3.0) == (
        "epoch 2 of at most 8: train 1.25000, validation 1.12500 (close 1.50000), best 1;"
        " 3.0 s an epoch, at most 18 s to go"
    )


def test_where_nothing_is_known_of_time_nothing_is_said_of_it():
    assert line(told(1), 0.0).endswith("best 1")


def test_the_remaining_time_is_told_from_the_second_epoch_on(tell, heard):
    """The first one's start was not seen."""
    for epoch in (1, 2, 3):
        tell(epoch, seconds=4.0)
    assert "to go" not in heard[0]
    assert [told.rpartition("; ")[2] for told in heard[1:]] == [
        "4.0 s an epoch, at most 24 s to go",
        "4.0 s an epoch, at most 20 s to go",
    ]


def test_after_the_last_epoch_nothing_is_left(tell, heard):
    for epoch in (7, 8):
        tell(epoch)
    assert heard[-1].endswith("at most 0 s to go")


def test_a_resumed_training_counts_its_own_epochs_only(tell, heard):
    """Those of the process that was killed took no time in this one."""
    for epoch in (6, 7):
        tell(epoch, seconds=2.0)
    assert heard[-1].endswith("2.0 s an epoch, at most 2 s to go")


def test_each_line_says_which_training_it_is_of_and_each_has_a_time_of_its_own(tell, heard):
    tell(1)
    tell(2)
    tell(1, "lstm v1 placebo")
    tell(2, "lstm v1 placebo", seconds=1.0)
    assert heard[0].startswith("lstm v1: epoch 1 of")
    assert heard[2].startswith("lstm v1 placebo: epoch 1 of")
    assert "to go" not in heard[2]
    assert "1.0 s an epoch" in heard[3]


def test_without_a_terminal_there_is_no_bar(tell, heard, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    tell(1)
    assert screen.getvalue() == ""
    assert len(heard) == 1


def test_on_a_terminal_there_is_a_bar_and_the_log_has_its_lines_all_the_same(tell, heard, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    for epoch in range(1, 9):
        tell(epoch)
    drawn = screen.getvalue()
    assert "lstm v1" in drawn
    assert "8/8" in drawn
    assert "train=1.2500, validation=1.1250, left=3 s" in drawn
    assert len(heard) == 8


def test_a_bar_goes_on_where_a_killed_training_stopped(tell, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    tell(6)
    assert "6/8" in screen.getvalue()


def test_a_bar_grows_shorter_when_a_part_of_a_training_stops_early(tell, monkeypatch):
    """Several parts are told as one: what the first did not need is not to come any more."""
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    tell(1, epochs=32)
    tell(2, epochs=24)
    tell.close()
    assert "2/24" in screen.getvalue()


def test_the_next_training_has_a_bar_of_its_own_and_none_is_left_behind(tell, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    tell(1)
    tell(1, "patchtst v1")
    assert "patchtst v1" in screen.getvalue().splitlines()[-1].split("\r")[-1]
    tell.close()
    tell.close()
    assert screen.getvalue().split("\r")[-1].strip() == ""
