"""What `alembic init` writes, less logging: online only, with comparison of types and server defaults."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

from tests.clients.alembic_project.models import metadata

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        include_schemas=False,
        transaction_per_migration=context.config.attributes.get("transaction_per_migration", False),
    )
    with context.begin_transaction():
        context.run_migrations()
