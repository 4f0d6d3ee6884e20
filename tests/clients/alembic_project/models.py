"""The tables after `upgrade head`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

account = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(80), nullable=False),
    sa.Column("email", sa.String(120), nullable=False),
    sa.Column("balance", sa.Numeric(12, 2), server_default="0", nullable=False, comment="in euros"),
    sa.Column("state", sa.Enum("active", "closed", name="account_state"), server_default="active", nullable=False),
    sa.Column("profile", postgresql.JSONB),
    sa.Column("code", sa.BigInteger),
    sa.UniqueConstraint("email", name="uq_account_email"),
    sa.CheckConstraint("balance >= -100", name="ck_account_balance"),
    sa.Index("ix_account_name", "full_name"),
    comment="Who may order",
)

purchase = sa.Table(
    "purchase",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column(
        "account_id", sa.ForeignKey("account.id", name="fk_purchase_account", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    sa.Column("amount", sa.Numeric(12, 2), nullable=False),
    sa.Index("ix_purchase_account_at", "account_id", sa.text("at DESC")),
)
