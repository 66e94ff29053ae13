"""The trial register: one row for everything that was tried, never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer, nullable=False),
        _text("model"),
        _text("version"),
        _text("kind"),
        sa.Column("serves", sa.Date, nullable=False),
        _text("config_hash"),
        _text("data_hash"),
        _text("code_hash"),
        _text("seeds"),
        _text("result"),
        sa.Column("promoted", sa.Boolean, nullable=False),
        _text("reason"),
        sa.PrimaryKeyConstraint("id", name="pk_trials"),
        sa.UniqueConstraint("model", "version", name="uq_trials_version"),
    )


def downgrade() -> None:
    """Drop the table, and with it the memory of what was tried."""
    op.drop_table("trials")
