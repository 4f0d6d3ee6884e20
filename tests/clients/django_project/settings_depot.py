"""Settings for the second app alone: one model for each thing that a table may have, and no migrations."""

from settings import DATABASES, DEFAULT_AUTO_FIELD, SECRET_KEY, TIME_ZONE, USE_TZ

__all__ = ["DATABASES", "DEFAULT_AUTO_FIELD", "SECRET_KEY", "TIME_ZONE", "USE_TZ"]

INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.postgres", "depot"]
MIGRATION_MODULES = {"contenttypes": None, "depot": None}
