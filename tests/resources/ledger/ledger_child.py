"""A process that the tests start beside themselves: `python ledger_child.py URL SCENE`."""

import os
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import event

from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    Mode,
    Order,
    OrderPlan,
    Portfolio,
    Position,
    Side,
    Week,
)
from resources.ledger.sql import SqlLedger

DIED = 9
MONDAY = date(2025, 12, 29)
MOMENT = datetime(2025, 12, 29, 12, 30, tzinfo=UTC)
WEEK = Week(MONDAY, MOMENT, (MONDAY,), date(2025, 12, 26), date(2026, 1, 5), MOMENT, MOMENT)
ORDER = Order("paper:2025-12-29:attempt-1:AAPL:BUY", "AAPL", Side.BUY, Decimal(1), Decimal(2), Decimal(2), 0.0, 0.1)
PORTFOLIO = Portfolio("hrp", WEEK.run_id, Decimal(100), (), 0, Mode.LIVE)
PLAN = OrderPlan("hrp", WEEK.run_id, 1, Mode.LIVE, "", Decimal(100), Decimal(100), (ORDER,), ())
FILL = Fill(ORDER.client_order_id, "AAPL", Side.BUY, Decimal(1), Decimal(2), Decimal(0), MONDAY)


def intend(ledger, *, die_at=None):
    _die(ledger, die_at)
    ledger.record_intent(PORTFOLIO, PLAN)


def settle(ledger, *, qty, die_at=None):
    _die(ledger, die_at)
    held = (Position("AAPL", Decimal(qty), Decimal(2), MONDAY),)
    ledger.record_outcome("hrp", WEEK, (FILL,), held, EquityMark("hrp", MONDAY, MONDAY, Decimal(qty), Decimal(0)))


def hold(ledger):
    with ledger.claim("hrp", WEEK.run_id):
        _say("held")
        sys.stdin.read()
        os._exit(DIED)


def _die(ledger, statement):
    """End the process, as a power cut would, right after that statement has run inside its transaction."""

    def after(_connection, _cursor, text, *_rest):
        if statement and text.startswith(statement):
            os._exit(DIED)

    event.listen(ledger.engine, "after_cursor_execute", after)


def open_on_command(url):
    _say("ready")
    sys.stdin.readline()
    _say(str(SqlLedger(url).latest_traded("hrp")))


def _say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


SCENES = {
    "intend": intend,
    "die between attempt and orders": lambda ledger: intend(ledger, die_at="INSERT INTO attempts"),
    "die before the commit": lambda ledger: intend(ledger, die_at="INSERT INTO orders"),
    "settle": lambda ledger: settle(ledger, qty=1),
    "die while settling": lambda ledger: settle(ledger, qty=2, die_at="INSERT INTO positions"),
    "hold": hold,
}

if __name__ == "__main__":
    _, at, scene = sys.argv
    if scene == "open on command":
        open_on_command(at)
    else:
        SCENES[scene](SqlLedger(at))
