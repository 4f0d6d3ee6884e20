"""A Django project: its migrations on rows that are there, its commands, and its own test suite."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.clients.conftest import WAYS
from tests.clients.support import Target

PROJECT = Path(__file__).parent / "django_project"


def manage(target: Target, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return target.run([sys.executable, "-B", "manage.py", *arguments], cwd=PROJECT, **variables)


def managed(target: Target, *arguments: str, **variables: str) -> str:
    done = manage(target, *arguments, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=WAYS)
def migrated(request: pytest.FixtureRequest, make_target: Callable[[str], Target]) -> Target:
    """The first version of the shop, with rows; then everything migrated to the newest."""
    target = make_target(request.param)
    managed(target, "migrate", "shop", "0001")
    with psycopg.connect(target.url) as connection:
        connection.execute("INSERT INTO shop_category (name, parent_id) VALUES ('Tools', NULL), ('Saws', 1)")
        connection.execute(
            "INSERT INTO shop_product (category_id, title, sku, price, colour, added) VALUES"
            " (1, 'Hammer', 'H', 15, 'red', '2024-01-01Z'), (2, 'Jigsaw', NULL, 80, 'blue', '2024-01-02Z'),"
            " (2, 'Handsaw', NULL, 0, 'grey', '2024-01-03Z')"
        )
    assert "Applying shop.0004_constraints... OK" in managed(target, "migrate")
    return target


def test_rows_survive_the_migrations(migrated: Target) -> None:
    with psycopg.connect(migrated.url) as connection:
        rows = connection.execute(
            "SELECT name, sku, price, state, attributes, keywords, stock, value, token IS NULL, checked IS NULL"
            " FROM shop_product ORDER BY id"
        ).fetchall()
    assert rows == [
        (name, sku, Decimal(price), "draft", {"from": category, "old": None}, [], 0, Decimal(0), False, False)
        for name, sku, price, category in (
            ("Hammer", "H", "15.00", "Tools"),
            ("Jigsaw", "jig2", "80.00", "Saws"),
            ("Handsaw", "han3", "0.00", "Saws"),
        )
    ]
    migrated.assert_stored("shop_product", 3)
    migrated.assert_stored("shop_category", 2)
    migrated.assert_stored("django_content_type", 10)
    migrated.assert_stored("auth_permission", 44)  # Django keeps those of the model that was renamed
    if migrated.proxied:
        assert migrated.admin("SELECT entity_name FROM kameleon.entities WHERE storage_mode <> 'shared'") == []


def test_nothing_is_left_to_migrate(migrated: Target) -> None:
    assert managed(migrated, "makemigrations", "--check", "--dry-run") == "No changes detected\n"
    managed(migrated, "migrate", "--check")
    assert "[ ]" not in managed(migrated, "showmigrations")
    assert "no issues" in managed(migrated, "check", "--database", "default")


def test_inspectdb_sees_the_models(migrated: Target) -> None:
    models = managed(migrated, "inspectdb")
    assert "kdb_" not in models
    assert len(re.findall(r"^class ", models, re.M)) == 15
    [product] = re.findall(r"^class ShopProduct\(.*?(?=^class |\Z)", models, re.M | re.S)
    for line in (
        "id = models.BigAutoField(primary_key=True)",
        "category = models.ForeignKey(ShopCategory, models.DO_NOTHING)",
        "sku = models.CharField(unique=True, max_length=20)",
        "price = models.DecimalField(max_digits=10, decimal_places=2)",
        "attributes = models.JSONField()",
        "weight = models.FloatField(blank=True, null=True)",
        "image = models.BinaryField(blank=True, null=True)",
        "added = models.DateTimeField()",
        "token = models.UUIDField(unique=True)",
        "db_table = 'shop_product'",
    ):
        assert line in product


def test_commands_that_write(migrated: Target) -> None:
    managed(
        migrated,
        "createsuperuser",
        "--noinput",
        "--username",
        "root",
        "--email",
        "r@example.org",
        DJANGO_SUPERUSER_PASSWORD="pw",
    )
    migrated.assert_stored("auth_user", 1)
    done = manage(
        migrated, "createsuperuser", "--noinput", "--username", "root", "--email", "x", DJANGO_SUPERUSER_PASSWORD="pw"
    )
    assert "That username is already taken." in done.stderr
    dumped = managed(migrated, "dumpdata", "shop", "auth.user")
    managed(migrated, "flush", "--noinput")
    migrated.assert_stored("auth_user", 0)
    migrated.assert_stored("shop_product", 0)
    done = migrated.run(
        [sys.executable, "-B", "manage.py", "loaddata", "--format", "json", "-"], stdin=dumped, cwd=PROJECT
    )
    assert "Installed 6 object(s) from 1 fixture(s)" in done.stdout, done.stderr
    migrated.assert_stored("shop_product", 3)
    if migrated.proxied:
        # The key of a field stays what it was when the field was made.
        assert {document["title"] for document in migrated.documents("shop_product")} == {"Hammer", "Jigsaw", "Handsaw"}
    # The sequences were moved on behind the rows that were loaded.
    script = "from shop.models import Category; print(Category.objects.create(name='Third').pk)"
    assert managed(migrated, "shell", "--no-imports", "-c", script) == "3\n"
    managed(migrated, "clearsessions")


def own_tests(app: str) -> list[str]:
    """Class.test_name of everything in an app's own tests."""
    tree = ast.parse((PROJECT / app / "tests.py").read_text())
    return [
        f"{item.name}.{test.name}"
        for item in tree.body
        if isinstance(item, ast.ClassDef)
        for test in item.body
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
    ]


@dataclass(frozen=True)
class Outcomes:
    """One run of `manage.py test`: the outcome of each test, and everything that was printed."""

    app: str
    found: dict[str, str]
    printed: str

    def assert_passed(self, name: str) -> None:
        case, test = name.split(".")
        told = re.findall(
            rf"^(?:ERROR|FAIL): {test} \({self.app}\.tests\.{case}\..*?(?=^=====|^-----\nRan|\Z)",
            self.printed,
            re.M | re.S,
        )
        assert self.found.get(name) == "ok", "".join(told) or self.printed[-3000:]


def run_own_tests(target: Target, app: str, **variables: str) -> Outcomes:
    done = manage(target, "test", app, "--keepdb", "--noinput", "-v", "2", **variables)
    printed = done.stdout + done.stderr
    found = re.findall(rf"^(test_\w+) \({app}\.tests\.(\w+)\.\w+\)(?:\n.*)? ?\.\.\. (\w+)", printed, re.M)
    return Outcomes(app, {f"{case}.{name}": outcome for name, case, outcome in found}, printed)


@pytest.fixture(scope="module")
def shop_outcomes(migrated: Target) -> Outcomes:
    managed(migrated, "flush", "--noinput")
    return run_own_tests(migrated, "shop")


@pytest.mark.parametrize("name", own_tests("shop"))
def test_the_shops_own_tests(shop_outcomes: Outcomes, name: str) -> None:
    shop_outcomes.assert_passed(name)


DEPOT = {"DJANGO_SETTINGS_MODULE": "settings_depot"}


@pytest.fixture(scope="module", params=WAYS)
def depot_outcomes(request: pytest.FixtureRequest, make_target: Callable[[str], Target]) -> Outcomes:
    return run_own_tests(make_target(request.param), "depot", **DEPOT)


@pytest.mark.parametrize("name", own_tests("depot"))
def test_the_depots_own_tests(depot_outcomes: Outcomes, name: str) -> None:
    depot_outcomes.assert_passed(name)


def test_inspectdb_sees_the_same(make_target: Callable[[str], Target]) -> None:
    seen = []
    for way in WAYS:
        target = make_target(way)
        managed(target, "migrate", "--run-syncdb", **DEPOT)
        if target.proxied:
            dedicated = target.admin("SELECT entity_name FROM kameleon.entities WHERE storage_mode <> 'shared'")
            assert dedicated == [("depot_booking",)]
        seen.append(managed(target, "inspectdb", "--include-views", **DEPOT))
    direct, proxied = seen
    assert len(re.findall(r"^class ", direct, re.M)) == 15
    assert proxied == direct


def test_migrating_back(migrated: Target) -> None:
    """The last test of the file: it leaves nothing of the shop for another one."""
    target = migrated
    managed(target, "flush", "--noinput")
    with psycopg.connect(target.url) as connection:
        connection.execute("INSERT INTO shop_category (name) VALUES ('Only')")
        connection.execute(
            "INSERT INTO shop_product (category_id, name, sku, price, state, attributes, keywords, token, stock, added,"
            " modified) VALUES (1, 'Thing', 't', 3, 'sale', '{}', '{}', gen_random_uuid(), 1, now(), now())"
        )
    managed(target, "migrate", "shop", "0001")
    with psycopg.connect(target.url) as connection:
        rows = connection.execute("SELECT title, sku, price, colour FROM shop_product").fetchall()
        assert rows == [("Thing", "t", 3, "none")]
        assert connection.execute("SELECT to_regclass('shop_item') IS NULL").fetchall() == [(False,)]
    target.assert_stored("shop_product", 1)
    managed(target, "migrate", "shop", "zero")
    names = target.admin("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'shop%'")
    assert names == []
    managed(target, "migrate", "shop", "0001")
    target.assert_stored("shop_product", 0)
