"""a data migration, row by row and in one statement"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

account = sa.table(
    "account", sa.column("id"), sa.column("full_name"), sa.column("email"), sa.column("profile"), sa.column("balance")
)


def upgrade():
    connection = op.get_bind()
    rows = connection.execute(sa.select(account.c.id, account.c.email).where(account.c.full_name.is_(None))).all()
    for row in rows:
        name = row.email.split("@")[0].title()
        connection.execute(account.update().where(account.c.id == row.id).values(full_name=name))
    op.execute(
        sa.text("UPDATE account SET profile = CAST(:profile AS jsonb)").bindparams(profile=json.dumps({"news": None}))
    )
    op.execute(
        "UPDATE account SET balance = spent.total FROM (SELECT account_id, sum(amount) AS total FROM purchase"
        " GROUP BY account_id) AS spent WHERE spent.account_id = account.id"
    )


def downgrade():
    op.execute("UPDATE account SET profile = NULL, balance = 0")
