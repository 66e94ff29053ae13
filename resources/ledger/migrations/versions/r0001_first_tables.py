"""The first tables: attempts, orders, equity marks, fills, positions.

Written out rather than taken from `tables.py`, which moves on; `test_ledger_schema` holds the two together.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _integer(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False)


def _date(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.Date, nullable=False)


def upgrade() -> None:
    """Create the tables."""
    _attempts_and_orders()
    _outcomes()


def _attempts_and_orders() -> None:
    op.create_table(
        "attempts",
        _text("account"),
        _text("run_id"),
        _integer("attempt"),
        _date("monday"),
        _text("portfolio"),
        _text("plan"),
        sa.PrimaryKeyConstraint("account", "run_id", "attempt", name="pk_attempts"),
    )
    op.create_index("ix_attempts_account_monday", "attempts", ["account", "monday"])
    op.create_table(
        "orders",
        _text("account"),
        _text("client_order_id"),
        _text("run_id"),
        _integer("attempt"),
        _integer("place"),
        _text("symbol"),
        _text("side"),
        _text("qty"),
        _text("limit_price"),
        _text("status"),
        _text("reason"),
        _text("broker_order_id"),
        sa.PrimaryKeyConstraint("account", "client_order_id", name="pk_orders"),
        sa.UniqueConstraint("account", "run_id", "attempt", "place", name="uq_orders_place"),
        sa.ForeignKeyConstraint(
            ["account", "run_id", "attempt"],
            ["attempts.account", "attempts.run_id", "attempts.attempt"],
            name="fk_orders_attempts",
        ),
    )


def _outcomes() -> None:
    op.create_table(
        "equity_marks",
        _text("account"),
        _text("run_id"),
        _date("monday"),
        _date("session"),
        _text("nav"),
        _text("cash"),
        sa.PrimaryKeyConstraint("account", "run_id", name="pk_equity_marks"),
        sa.UniqueConstraint("account", "monday", name="uq_equity_marks_monday"),
    )
    op.create_table(
        "fills",
        _text("account"),
        _text("run_id"),
        _integer("place"),
        _text("client_order_id"),
        _text("symbol"),
        _text("side"),
        _text("qty"),
        _text("price"),
        _text("cost"),
        _date("session"),
        sa.PrimaryKeyConstraint("account", "run_id", "place", name="pk_fills"),
        sa.ForeignKeyConstraint(
            ["account", "client_order_id"], ["orders.account", "orders.client_order_id"], name="fk_fills_orders"
        ),
        sa.ForeignKeyConstraint(
            ["account", "run_id"], ["equity_marks.account", "equity_marks.run_id"], name="fk_fills_equity_marks"
        ),
    )
    op.create_table(
        "positions",
        _text("account"),
        _text("run_id"),
        _integer("place"),
        _text("symbol"),
        _text("qty"),
        _text("price"),
        _date("price_date"),
        sa.PrimaryKeyConstraint("account", "run_id", "symbol", name="pk_positions"),
        sa.ForeignKeyConstraint(
            ["account", "run_id"], ["equity_marks.account", "equity_marks.run_id"], name="fk_positions_equity_marks"
        ),
    )


def downgrade() -> None:
    """Drop the tables, and with them the memory of what was sent."""
    for name in ("positions", "fills", "equity_marks", "orders", "attempts"):
        op.drop_table(name)
