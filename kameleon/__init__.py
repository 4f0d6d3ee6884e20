"""Kameleon from Python, without a port: statements through the proxy's own code, in this process.

    async with await kameleon.open("postgresql://postgres@localhost/shop") as db:
        result = await db.execute_sql("SELECT * FROM orders WHERE customer_id = $1", 7)
        print(result.rows, result.metrics.execution_time_ms, result.suggestions)

And the parts of the catalog that are worth having by themselves.
"""

from catalog.dedicated_tables import DedicatedTableManager
from catalog.metrics import (
    EntityStats,
    MaterializationPolicy,
    MaterializationSuggestion,
    QueryExecutionResult,
    QueryMetric,
    QueryMetrics,
)
from catalog.metrics_collector import MetricsCollector
from catalog.schema_engine import SchemaEngine
from catalog.storage_migration import StorageMigration
from catalog.suggestion_engine import SuggestionEngine
from catalog.suggestion_notices import suggestion_in
from kameleon.database import Database, open

__all__ = [
    "Database",
    "DedicatedTableManager",
    "EntityStats",
    "MaterializationPolicy",
    "MaterializationSuggestion",
    "MetricsCollector",
    "QueryExecutionResult",
    "QueryMetric",
    "QueryMetrics",
    "SchemaEngine",
    "StorageMigration",
    "SuggestionEngine",
    "open",
    "suggestion_in",
]
