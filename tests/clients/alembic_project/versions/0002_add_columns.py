"""add columns, one of an enum type, and comments"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

state = sa.Enum("active", "closed", name="account_state")


def upgrade():
    state.create(op.get_bind())
    op.add_column(
        "account", sa.Column("balance", sa.Numeric(12, 2), server_default="0", nullable=False, comment="in euros")
    )
    op.add_column(
        "account",
        sa.Column(
            "state", postgresql.ENUM(name="account_state", create_type=False), server_default="active", nullable=False
        ),
    )
    op.add_column("account", sa.Column("profile", postgresql.JSONB))
    op.add_column("buys", sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False))
    op.create_table_comment("account", "Who may order")


def downgrade():
    op.drop_table_comment("account")
    op.drop_column("buys", "at")
    op.drop_column("account", "profile")
    op.drop_column("account", "state")
    op.drop_column("account", "balance")
    state.drop(op.get_bind())
