"""kameleon.settings: what a database's owner may say, and how the proxy learns of it."""

import asyncio
from dataclasses import fields

import asyncpg
import psycopg
import pytest

from catalog.metrics import InvalidPolicy, MaterializationPolicy, setting_name
from catalog.store import open_store
from proxy.settings import Settings
from tests.catalog.fix_catalog import rows


def test_every_setting_of_the_policy_is_known_with_the_bounds_that_the_proxy_has(catalog):
    known = {name: bounds for name, *bounds in rows(catalog.session(), "SELECT * FROM kameleon.known_settings()")}
    types = {"bool": "boolean", "int": "integer", "float": "double precision"}
    for field in fields(MaterializationPolicy):
        name = setting_name(field.name)
        type_name, minimum, maximum, meaning = known[name]
        assert type_name == types[field.type]
        assert meaning
        bounds = {type(each).__name__: each for each in Settings.model_fields[name].metadata}
        if minimum is not None:
            assert float(minimum) == bounds["Ge"].ge
            assert float(maximum) == bounds["Le"].le


@pytest.mark.parametrize(
    ("name", "value", "message", "hint"),
    [
        ("no_such_setting", "1", 'unrecognized setting "no_such_setting"', "The settings are access_frequency_"),
        ("retention_days", "many", 'invalid value for setting "retention_days": "many"', "It is of type integer."),
        ("retention_days", "1.5", 'invalid value for setting "retention_days": "1.5"', "It is of type integer."),
        ("retention_days", "0", '0 is outside the valid range for setting "retention_days"', "It is 1 to 3650."),
        ("store_sql_text", "maybe", 'invalid value for setting "store_sql_text": "maybe"', "It is of type boolean."),
        ("execution_time_threshold_ms", "NaN", "setting", "It is "),
        ("execution_time_threshold_ms", "infinity", "setting", "It is "),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(catalog, name, value, message, hint):
    session = catalog.session()
    with pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
        session.execute("INSERT INTO kameleon.settings VALUES (%s, %s)", (name, value))
    assert message in (refused.value.diag.message_primary or "")
    assert (refused.value.diag.message_hint or "").startswith(hint)


def test_values_are_kept_in_one_form_and_with_who_gave_them(catalog):
    session = catalog.session()
    session.execute("INSERT INTO kameleon.settings VALUES ('store_sql_text', 'ON'), ('retention_days', ' 30 ')")
    assert rows(session, "SELECT name, value, changed_by FROM kameleon.settings ORDER BY name") == [
        ("retention_days", "30", "postgres"),
        ("store_sql_text", "true", "postgres"),
    ]


def test_the_owner_of_the_database_may_change_them_and_nobody_else(catalog):
    admin = catalog.session()
    admin.execute("CREATE ROLE settings_owner LOGIN")
    admin.execute("CREATE ROLE settings_stranger LOGIN")
    try:
        admin.execute(f'ALTER DATABASE "{catalog.name}" OWNER TO settings_owner')
        owner, stranger = catalog.session(user="settings_owner"), catalog.session(user="settings_stranger")
        owner.execute("INSERT INTO kameleon.settings VALUES ('retention_days', '3')")
        owner.execute("UPDATE kameleon.settings SET value = '4'")
        assert rows(stranger, "SELECT value, changed_by FROM kameleon.settings") == [("4", "settings_owner")]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stranger.execute("DELETE FROM kameleon.settings")
        owner.execute("DELETE FROM kameleon.settings")
    finally:
        catalog.close()
        admin = catalog.postgres.connect()
        admin.execute(f'ALTER DATABASE "{catalog.name}" OWNER TO postgres'.encode())
        admin.execute("DROP ROLE settings_owner, settings_stranger")
        admin.close()


async def test_a_change_reaches_the_proxys_store_when_it_is_committed(catalog):
    async def connect():
        return await asyncpg.connect(catalog.postgres.dsn(catalog.name))

    store = await open_store(connect)
    assert store is not None
    try:
        assert MaterializationPolicy().changed_by(store.settings) == MaterializationPolicy()
        catalog.session().execute(
            "INSERT INTO kameleon.settings VALUES ('metrics_enabled', 'off'), ('execution_time_threshold_ms', '2.5')"
        )
        async with asyncio.timeout(10):
            while not store.settings:
                await store.catch_up()
        policy = MaterializationPolicy().changed_by(store.settings)
        assert (policy.enabled, policy.execution_time_threshold_ms, policy.retention_days) == (False, 2.5, 7)
    finally:
        await store.close()


def test_a_policy_names_what_it_cannot_read():
    with pytest.raises(InvalidPolicy, match="setting retention_days: expected int; got 'soon'"):
        MaterializationPolicy().changed_by({"retention_days": "soon"})
    assert MaterializationPolicy().changed_by({"of_somebody_else": "1"}) == MaterializationPolicy()


def test_the_settings_of_the_proxy_give_the_policy():
    settings = Settings(metrics_enabled=False, join_frequency_threshold=3)
    assert settings.policy == MaterializationPolicy(enabled=False, join_frequency_threshold=3)
