"""Two Mondays of an account on disk, opened afresh each time: the second one sells, trims and buys.

The ledger is a file beside the account, or where `ledger.txt` says.

As a process: `python crash_scene.py FOLDER MOMENT` trades the second Monday and ends without goodbye at that moment.
"""

import os
import sys
from datetime import date
from pathlib import Path

from dying import Fuse, fused
from trading_scene import CASH, desk_on, monday, target, walk

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.trading.desk import Desk
from resources.brokers.simulated import FileAccountStore
from resources.ledger import open_ledger

DIED = 9
FIRST, SECOND, THIRD = (week_of(date(2025, 3, day)) for day in (3, 10, 17))
WANTED = {
    FIRST: target(FIRST, AAA=0.2, BBB=0.2, CCC=0.2),
    SECOND: target(SECOND, BBB=0.1, CCC=0.2, DDD=0.2, EEE=0.15),
    THIRD: target(THIRD, CCC=0.2, DDD=0.1, AAA=0.2),
}
BARS = walk(["AAA", "BBB", "CCC", "DDD", "EEE"], date(2025, 1, 2), date(2025, 3, 31), seed=11)


def open_desk(folder: Path) -> Desk:
    """The account's desk, everything read from the folder again."""
    store = FileAccountStore(folder / "account.json", CASH)
    return desk_on(BARS, store, open_ledger(ledger_url(folder)))


def ledger_url(folder: Path) -> str:
    """Where the folder's ledger is."""
    elsewhere = folder / "ledger.txt"
    return elsewhere.read_text() if elsewhere.exists() else f"sqlite:///{folder}/ledger.sqlite"


def play(folder: Path, week, fuse: Fuse | None = None):
    """One Monday on a freshly opened desk."""
    desk = fused(open_desk(folder), fuse or Fuse())
    return monday(desk, BARS, week, WANTED[week])


if __name__ == "__main__":
    play(Path(sys.argv[1]), SECOND, Fuse(int(sys.argv[2]), lambda: os._exit(DIED)))
