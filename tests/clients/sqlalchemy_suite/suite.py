"""SQLAlchemy's dialect compliance suite: every test there is."""

from sqlalchemy.testing.suite import *  # noqa: F403
