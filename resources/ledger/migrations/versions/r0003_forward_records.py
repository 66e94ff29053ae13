"""The forward record: one row for every week's plans, each chained to the row before, never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "forward_records",
        sa.Column("number", sa.Integer, nullable=False),
        _text("week"),
        sa.Column("sequence", sa.Integer, nullable=False),
        _text("recorded_at"),
        _text("previous"),
        _text("sha256"),
        _text("document"),
        sa.PrimaryKeyConstraint("number", name="pk_forward_records"),
        sa.UniqueConstraint("week", "sequence", name="uq_forward_records_week"),
        sa.UniqueConstraint("previous", name="uq_forward_records_previous"),
    )


def downgrade() -> None:
    """Drop the table, and with it the proof of what was planned when."""
    op.drop_table("forward_records")
