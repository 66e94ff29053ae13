"""What accounts hold, as far as the ledger knows: the names that must stay candidates."""

from collections.abc import Iterable
from datetime import date

from learnfinance_dagster.ledger_rules import run_of
from learnfinance_dagster.ports import Ledger
from learnfinance_dagster.values import Side


def held_before(ledger: Ledger, accounts: Iterable[str], monday: date) -> frozenset[str]:
    """Symbols that an account held before that Monday, or may hold.

    Where the newest traded week has no mark yet, its fills are not known: then what was held at its decision and what
    was to be bought both count, so that a name does not lose its place because a step ran late.
    """
    held = set(ledger.held_before(monday))
    for account in accounts:
        newest = ledger.latest_traded(account)
        if newest is None or newest >= monday or any(m.monday == newest for m in ledger.marks(account, newest)[-1:]):
            continue
        attempt = ledger.latest_attempt(account, run_of(newest))
        if attempt is not None:
            held.update(position.symbol for position in attempt.portfolio.positions)
            held.update(order.symbol for order in attempt.plan.orders if order.side is Side.BUY)
    return frozenset(held)
