"""Hands pytest over to SQLAlchemy's plugin, as its README.dialects asks. test_sqlalchemy_suite.py runs pytest here."""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403
