"""create account and purchase"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40)),
        sa.Column("email", sa.String(120), nullable=False),
        sa.Column("code", sa.String(20)),
        sa.UniqueConstraint("email", name="uq_account_email"),
    )
    op.create_table(
        "buys",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("account_id", sa.Integer, nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
    )
    op.bulk_insert(
        sa.table("account", sa.column("name"), sa.column("email"), sa.column("code")),
        [
            {"name": "Ada", "email": "ada@example.org", "code": "17"},
            {"name": "Bob", "email": "bob@example.org", "code": None},
            {"name": None, "email": "nobody@example.org", "code": "9000000000"},
        ],
    )
    op.execute("INSERT INTO buys (account_id, amount) SELECT id, id * 10 FROM account")


def downgrade():
    op.drop_table("buys")
    op.drop_table("account")
