"""How far a recorded week has come at a broker whose orders are filled one by one while the session goes on."""

from dataclasses import dataclass

from learnfinance_dagster.ports import Broker, Ledger
from learnfinance_dagster.trading.submit import reconcile
from learnfinance_dagster.trading.turns import intended
from learnfinance_dagster.values import Fill, OrderRecord, OrderStatus, Week


@dataclass(frozen=True, slots=True)
class Progress:
    """The week's orders, brought up to date."""

    orders: tuple[OrderRecord, ...]
    fills: tuple[Fill, ...]

    @property
    def open(self) -> list[OrderRecord]:
        """At the broker, and not final."""
        return [record for record in self.orders if record.status is OrderStatus.ACCEPTED]

    @property
    def intended(self) -> list[OrderRecord]:
        """Recorded, and not sent."""
        return intended(self.orders)

    @property
    def is_done(self) -> bool:
        """There were orders, and all of them are final."""
        return bool(self.orders) and not self.open and not self.intended

    @property
    def told(self) -> str:
        """What there is still to wait for; empty when all is final."""
        parts = []
        if self.open:
            parts.append(f"{_orders(len(self.open))} open at the broker")
        if self.intended:
            parts.append(f"{_orders(len(self.intended))} waiting to be sent")
        return " and ".join(parts)


def progress_of(broker: Broker, ledger: Ledger, account: str, week: Week) -> Progress:
    """Bring the ledger's open orders up to what the broker says, and read its fills. Sends nothing."""
    attempt = ledger.latest_attempt(account, week.run_id)
    if attempt is None:
        return Progress((), ())
    attempt = reconcile(broker, ledger, account, attempt)
    sent = [record.order.client_order_id for record in attempt.orders if record.broker_order_id]
    return Progress(attempt.orders, broker.fills(sent) if sent else ())


def _orders(count: int) -> str:
    return "1 order is" if count == 1 else f"{count} orders are"
