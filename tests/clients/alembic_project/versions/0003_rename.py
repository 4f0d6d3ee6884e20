"""rename a column and a table; indexes"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.alter_column("account", "name", new_column_name="full_name")
    op.rename_table("buys", "purchase")
    op.execute("ALTER SEQUENCE buys_id_seq RENAME TO purchase_id_seq")
    op.create_index("ix_account_name", "account", ["full_name"])
    op.create_index("ix_purchase_account_at", "purchase", ["account_id", sa.text("at DESC")])


def downgrade():
    op.drop_index("ix_purchase_account_at", table_name="purchase")
    op.drop_index("ix_account_name", table_name="account")
    op.execute("ALTER SEQUENCE purchase_id_seq RENAME TO buys_id_seq")
    op.rename_table("purchase", "buys")
    op.alter_column("account", "full_name", new_column_name="name")
