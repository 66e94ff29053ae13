"""What became of each order, and which changes of weight became none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from learnfinance_dagster.reporting.content import AccountSection
from learnfinance_dagster.values import Fill, Mode, NotSent, Order, OrderRecord, OrderStatus, Side


@dataclass(frozen=True, slots=True)
class Fate:
    """One order and what came of it."""

    order: Order
    status: OrderStatus
    reason: str
    filled: Decimal
    """Shares executed, all fills together."""
    price: Decimal | None
    """Average fill price, USD a share; None without a fill."""
    cost: Decimal | None
    """Trading costs, USD; None without a fill."""


@dataclass(frozen=True, slots=True)
class FateGroup:
    """Orders on one side that ended alike, for one reason."""

    side: Side
    status: OrderStatus
    reason: str
    fates: tuple[Fate, ...]

    @property
    def heading(self) -> str:
        """E.g. `Buys expired`."""
        return f"{'Buys' if self.side is Side.BUY else 'Sells'} {STATUS_WORDS[self.status]}"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many orders were sent, and how they ended."""

    sent: int
    filled: int
    expired: int
    """Cancelled ones included: either way the day ended without a full fill."""
    rejected: int
    waiting: int
    planned: int
    """Worked out but not sent: a dry run."""


STATUS_WORDS = {
    OrderStatus.INTENDED: "not sent",
    OrderStatus.ACCEPTED: "waiting at the broker",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELLED: "cancelled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.REJECTED: "rejected",
}


def fates(section: AccountSection) -> tuple[Fate, ...]:
    """Every planned order with its fate, in the plan's order; then any the plan does not know of."""
    records = {record.order.client_order_id: record for record in section.fills.orders}
    fills: dict[str, list[Fill]] = {}
    for fill in section.fills.fills:
        fills.setdefault(fill.client_order_id, []).append(fill)
    orders = {order.client_order_id: order for order in section.plan.orders}
    orders |= {key: record.order for key, record in records.items() if key not in orders}
    return tuple(
        _fate(order, *_standing(section, key, records.get(key)), fills.get(key, [])) for key, order in orders.items()
    )


def tally(account_fates: Iterable[Fate]) -> Tally:
    """Count orders by how they ended."""
    statuses = [fate.status for fate in account_fates]
    planned = statuses.count(OrderStatus.INTENDED)
    return Tally(
        sent=len(statuses) - planned,
        filled=statuses.count(OrderStatus.FILLED),
        expired=statuses.count(OrderStatus.EXPIRED) + statuses.count(OrderStatus.CANCELLED),
        rejected=statuses.count(OrderStatus.REJECTED),
        waiting=statuses.count(OrderStatus.ACCEPTED),
        planned=planned,
    )


def grouped(account_fates: Iterable[Fate]) -> tuple[FateGroup, ...]:
    """Orders that ended alike side by side, sells first, in the order in which each kind first appears."""
    groups: dict[tuple[Side, OrderStatus, str], list[Fate]] = {}
    for fate in account_fates:
        groups.setdefault((fate.order.side, fate.status, fate.reason), []).append(fate)
    in_order = sorted(groups.items(), key=lambda item: item[0][0] is Side.BUY)
    return tuple(FateGroup(*key, tuple(members)) for key, members in in_order)


def not_sent_by_reason(not_sent: Iterable[NotSent]) -> tuple[tuple[str, tuple[NotSent, ...]], ...]:
    """Changes of weight that became no order, by reason."""
    groups: dict[str, list[NotSent]] = {}
    for candidate in not_sent:
        groups.setdefault(candidate.reason, []).append(candidate)
    return tuple((reason, tuple(members)) for reason, members in groups.items())


def by_reason(reasons: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Symbols by the reason they share."""
    groups: dict[str, list[str]] = {}
    for symbol, reason in reasons.items():
        groups.setdefault(reason, []).append(symbol)
    return tuple((reason, tuple(symbols)) for reason, symbols in groups.items())


def _standing(section: AccountSection, key: str, record: OrderRecord | None) -> tuple[OrderStatus, str]:
    """Status and reason: the ledger's word first, then the broker's answer, then the plan alone."""
    refusal = section.submission.refused.get(key, "")
    if record is not None and record.status is not OrderStatus.INTENDED:
        return record.status, record.reason or refusal
    if key in section.submission.refused:
        return OrderStatus.REJECTED, refusal
    if key in section.submission.accepted:
        return OrderStatus.ACCEPTED, section.fills.pending
    if section.plan.mode is Mode.DRY_RUN:
        return OrderStatus.INTENDED, section.plan.mode_reason or "dry run"
    told = section.submission.waiting.get(key, "") or (record.reason if record else "")
    return OrderStatus.INTENDED, told or "not known to have reached the broker"


def _fate(order: Order, status: OrderStatus, reason: str, fills: list[Fill]) -> Fate:
    filled = sum((fill.qty for fill in fills), Decimal(0))
    value = sum((fill.qty * fill.price for fill in fills), Decimal(0))
    cost = sum((fill.cost for fill in fills), Decimal(0))
    return Fate(order, status, reason, filled, value / filled if filled else None, cost if fills else None)
