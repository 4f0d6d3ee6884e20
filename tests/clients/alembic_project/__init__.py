"""A small Alembic project: the models as they are after the last revision, and the revisions that lead there."""
