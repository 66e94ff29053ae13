"""The tables of the ledger. Keys begin with the account: an order id is unique only within a broker account.

`attempts` keeps portfolio and plan as documents, so that they can be shown again exactly; `orders` repeats of the plan
what a person would look for with SQL, and holds what changes: where each order stands. `trials` and
`forward_records` are only ever added to.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator


class Exact(TypeDecorator[Decimal]):
    """A Decimal to its last digit, as text: SQLite would make it a float, Postgres would lose its exponent."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - its signature
        """Decimal → text."""
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - as above
        """Text → Decimal."""
        return None if value is None else Decimal(value)


metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _exact(name: str) -> Column[Decimal]:
    return Column(name, Exact, nullable=False)


attempts = Table(
    "attempts",
    metadata,
    _text("account"),
    _text("run_id"),
    _number("attempt"),
    Column("monday", Date, nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("plan", Text, nullable=False),
    PrimaryKeyConstraint("account", "run_id", "attempt", name="pk_attempts"),
    Index("ix_attempts_account_monday", "account", "monday"),
)

orders = Table(
    "orders",
    metadata,
    _text("account"),
    _text("client_order_id"),
    _text("run_id"),
    _number("attempt"),
    _number("place"),
    _text("symbol"),
    _text("side"),
    _exact("qty"),
    _exact("limit_price"),
    _text("status"),
    _text("reason"),
    _text("broker_order_id"),
    PrimaryKeyConstraint("account", "client_order_id", name="pk_orders"),
    UniqueConstraint("account", "run_id", "attempt", "place", name="uq_orders_place"),
    ForeignKeyConstraint(
        ["account", "run_id", "attempt"],
        ["attempts.account", "attempts.run_id", "attempts.attempt"],
        name="fk_orders_attempts",
    ),
)

equity_marks = Table(
    "equity_marks",
    metadata,
    _text("account"),
    _text("run_id"),
    Column("monday", Date, nullable=False),
    Column("session", Date, nullable=False),
    _exact("nav"),
    _exact("cash"),
    PrimaryKeyConstraint("account", "run_id", name="pk_equity_marks"),
    UniqueConstraint("account", "monday", name="uq_equity_marks_monday"),
)

fills = Table(
    "fills",
    metadata,
    _text("account"),
    _text("run_id"),
    _number("place"),
    _text("client_order_id"),
    _text("symbol"),
    _text("side"),
    _exact("qty"),
    _exact("price"),
    _exact("cost"),
    Column("session", Date, nullable=False),
    PrimaryKeyConstraint("account", "run_id", "place", name="pk_fills"),
    ForeignKeyConstraint(
        ["account", "client_order_id"], ["orders.account", "orders.client_order_id"], name="fk_fills_orders"
    ),
    ForeignKeyConstraint(
        ["account", "run_id"], ["equity_marks.account", "equity_marks.run_id"], name="fk_fills_equity_marks"
    ),
)

positions = Table(
    "positions",
    metadata,
    _text("account"),
    _text("run_id"),
    _number("place"),
    _text("symbol"),
    _exact("qty"),
    _exact("price"),
    Column("price_date", Date, nullable=False),
    PrimaryKeyConstraint("account", "run_id", "symbol", name="pk_positions"),
    ForeignKeyConstraint(
        ["account", "run_id"], ["equity_marks.account", "equity_marks.run_id"], name="fk_positions_equity_marks"
    ),
)

trials = Table(
    "trials",
    metadata,
    _number("id"),  # the order in which they were recorded
    _text("model"),
    _text("version"),
    _text("kind"),
    Column("serves", Date, nullable=False),
    _text("config_hash"),
    _text("data_hash"),
    _text("code_hash"),
    _text("seeds"),
    _text("result"),
    Column("promoted", Boolean, nullable=False),
    _text("reason"),
    PrimaryKeyConstraint("id", name="pk_trials"),
    UniqueConstraint("model", "version", name="uq_trials_version"),
)

forward_records = Table(  # all of it text: what somebody made of a row must still be readable, to be named
    "forward_records",
    metadata,
    _number("number"),
    _text("week"),
    _number("sequence"),
    _text("recorded_at"),
    _text("previous"),
    _text("sha256"),
    _text("document"),
    PrimaryKeyConstraint("number", name="pk_forward_records"),
    UniqueConstraint("week", "sequence", name="uq_forward_records_week"),
    UniqueConstraint("previous", name="uq_forward_records_previous"),  # a chain does not fork
)
