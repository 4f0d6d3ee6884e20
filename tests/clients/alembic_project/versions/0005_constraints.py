"""what has to look at the rows: NOT NULL, types, CHECK and foreign key"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    op.alter_column("account", "full_name", type_=sa.String(80), nullable=False)
    op.alter_column("account", "code", type_=sa.BigInteger, postgresql_using="code::bigint")
    op.create_check_constraint("ck_account_balance", "account", "balance >= -100")
    op.create_foreign_key("fk_purchase_account", "purchase", "account", ["account_id"], ["id"], ondelete="CASCADE")


def downgrade():
    op.drop_constraint("fk_purchase_account", "purchase", type_="foreignkey")
    op.drop_constraint("ck_account_balance", "account", type_="check")
    op.alter_column("account", "code", type_=sa.String(20), postgresql_using="code::text")
    op.alter_column("account", "full_name", type_=sa.String(40), nullable=True)
