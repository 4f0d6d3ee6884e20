"""What SQLAlchemy's suite may ask of PostgreSQL: all that it can test, but for the ways of other databases."""

from typing import Any

from sqlalchemy.testing import config, exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

# Not PostgreSQL's, or not its dialect's.
CLOSED = {
    "computed_columns_default_persisted",
    "dbapi_lastrowid",
    "emulated_lastrowid",
    "emulated_lastrowid_even_with_sequences",
    "fetch_percent",
    "foreign_keys_reflect_as_index",
    "json_deserializer_binary",
    "legacy_unconditional_json_extract",
    "materialized_views_reflect_pk",
    "non_updating_cascade",
    "nvarchar_types",
    "order_by_label_with_expression",
    "reflect_indexes_with_ascdesc_as_expression",
    "repeated_column_foreign_keys",
    "repeated_remote_col_foreign_keys",
    "unique_index_reflect_as_unique_constraints",
}


class Requirements(SuiteRequirements):
    """What SuiteRequirements leaves closed until a dialect says that it has it is open here."""

    def __getattribute__(self, name: str) -> Any:
        requirement = super().__getattribute__(name)
        if name in CLOSED or not isinstance(requirement, exclusions.compound):
            return requirement
        unsaid = any(isinstance(rule, exclusions.BooleanPredicate) and rule.value for rule in requirement.skips)
        return exclusions.open() if unsaid else requirement

    @property
    def async_dialect(self) -> exclusions.compound:
        return exclusions.only_if(lambda: config.db.dialect.is_async)

    def get_order_by_collation(self, config: Any) -> str:
        return "POSIX"
