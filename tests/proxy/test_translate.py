"""Errors and notices about our objects, in the client's words."""

import pytest

from catalog.model import ForeignKey
from proxy.timing import Subject
from proxy.translate import translate_diagnostic
from proxy.wire.backend import Diagnostic
from rewriter import Rewritten
from tests.playbook import entity, error, notice, playbook

ORDERS = entity(
    indexes=(
        *entity().indexes,
        *(
            type(entity().indexes[0])(name, True, False, True, columns, child)
            for name, columns, child in (
                ("orders_name_total_key", ("name", "total"), "kdb_index_17_99"),
                ("orders_lower_idx", (), "orders_lower_idx"),
            )
        ),
    )
)


def shown(diagnostic: Diagnostic, subject: Subject = b"", *, script=None) -> dict[str, str] | None:
    knowledge = (script or playbook(ORDERS)).knowledge
    assert knowledge is not None
    came = translate_diagnostic(diagnostic.encode(), knowledge, subject)
    if came is None:
        return {code: value.decode() for code, value in diagnostic.fields.items()}
    if not came:
        return None
    return {code: value.decode() for code, value in Diagnostic.decode(came[0], came[5:]).fields.items()}


def rewritten(sql: str) -> Rewritten:
    knowledge = playbook(ORDERS).knowledge
    assert knowledge is not None
    return knowledge.rewrite(sql)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("permission denied for view kdb_read_17", "permission denied for table orders"),
        ("permission denied for view kdb_write_17_3", "permission denied for table orders"),
        ('column "x" of relation "kdb_insert_17_3" does not exist', 'column "x" of relation "orders" does not exist'),
        ('relation "kameleon.kdb_read_17" does not exist', 'relation "orders" does not exist'),
        (
            'cannot assign to field "x" of column "kdb_rec" because there is no such column in data type kdb_rec_17',
            'column "x" of relation "orders" does not exist',
        ),
        (
            'subfield "x" is of type complex but expression is of type integer',
            'subfield "x" is of type complex but expression is of type integer',
        ),
        ("cannot cast type kdb_read_17 to integer", "cannot cast type orders to integer"),
        ("function kameleon.pg_relation_size() does not exist", "function pg_relation_size() does not exist"),
        ("function kameleon.simulate() does not exist", "function kameleon.simulate() does not exist"),
        ("division by zero", "division by zero"),
        ('relation "kdb_of_a_user" does not exist', 'relation "kdb_of_a_user" does not exist'),
    ],
)
def test_messages(message, expected):
    assert shown(error("42501", message))["M"] == expected


def test_a_unique_violation():
    came = error(
        "23505",
        'duplicate key value violates unique constraint "orders_pkey"',
        D="Key ((((data ->> 'id'::text))::integer))=(5) already exists.",
        s="kameleon",
        t="kdb_records_17_3",
        n="orders_pkey",
    )
    fields = shown(came)
    assert fields["D"] == "Key (id)=(5) already exists."
    assert (fields["s"], fields["t"], fields["n"]) == ("public", "orders", "orders_pkey")


def test_a_unique_violation_of_an_index_whose_name_was_taken():
    came = error(
        "23505",
        'duplicate key value violates unique constraint "kdb_index_17_99"',
        D="Key ((data ->> 'name'::text), (data ->> 'total'::text)::numeric)=(a)=(b, 1) already exists.",
        s="kameleon",
        t="kdb_records_17_3",
        n="kdb_index_17_99",
    )
    fields = shown(came)
    assert fields["M"] == 'duplicate key value violates unique constraint "orders_name_total_key"'
    assert fields["D"] == "Key (name, total)=(a)=(b, 1) already exists."
    assert fields["n"] == "orders_name_total_key"


def test_a_unique_violation_of_an_expression():
    came = error(
        "23505",
        "x",
        D="Key (lower((data ->> 'name'::text)))=(a) already exists.",
        s="kameleon",
        t="kdb_records_17_3",
        n="orders_lower_idx",
    )
    assert shown(came)["D"] == "Key (lower(name))=(a) already exists."


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((17, b"1, top"), "Fehlgeschlagene Zeile enthält (1, top)."),
        ((17, b""), None),  # to a role that may not read it
        ((18, b"1, top"), None),
    ],
)
def test_the_row_that_a_check_option_refuses(told, expected):
    script = playbook(ORDERS)
    script.knowledge.failing_row = told
    came = error(
        "44000",
        'new row violates check option for view "kdb_write_17_3"',
        D='Fehlgeschlagene Zeile enthält (17, {"id": 1}, null).',
    )
    assert shown(came, script=script).get("D") == expected


def test_context_of_ours_goes_and_the_clients_stays():
    came = error(
        "23502",
        "x",
        W="PL/pgSQL function kameleon.kdb_refuse_17() line 1 at RAISE\n"
        'SQL statement "INSERT INTO kameleon.kdb_insert_17_3"\n'
        "PL/pgSQL function public.f() line 3 at SQL statement",
    )
    assert shown(came)["W"] == "PL/pgSQL function public.f() line 3 at SQL statement"
    only_ours = error("23502", "x", W="PL/pgSQL function kameleon.kdb_pack_17() line 1 at assignment")
    assert "W" not in shown(only_ours)


def test_context_of_copy():
    came = error("22P02", "x", W='COPY kdb_insert_17_3, line 2, column id: "z"')
    assert shown(came)["W"] == 'COPY orders, line 2, column id: "z"'
    unique = error("23505", "x", W='COPY kdb_insert_17_3, line 2: "1\tx"')
    assert shown(unique)["W"] == "COPY orders, line 2"


def test_an_internal_query_of_ours():
    fields = shown(error("42703", "x", p="8", q="SELECT kameleon.kdb_read_17.x"))
    assert "p" not in fields
    assert "q" not in fields
    assert shown(error("42703", "x", p="8", q="SELECT nope"))["q"] == "SELECT nope"


def test_the_guards_private_sqlstate():
    assert shown(error("KDB02", "table", s="public", t="orders", H="Connect through Kameleon's port."))["C"] == "0A000"


@pytest.mark.parametrize(
    "message", ['materialized view "orders" has not been populated', "la vue matérialisée « orders » n'est pas peuplée"]
)
def test_a_table_that_is_not_scanned(message):
    came = error("55000", message, H="Use the REFRESH.", W='SQL function "f" statement 1', R="ExecOpenScanRelation")
    fields = shown(came)
    assert fields["C"] == "0A000"
    assert fields["M"] == 'table "orders" is kept in shared storage and cannot be used here'
    assert fields["H"].endswith("CALL kameleon.materialize_entity('public.orders').")
    assert fields["W"] == 'SQL function "f" statement 1'
    two = playbook(ORDERS, entity(18, schema="Its own"))
    calls = (
        "CALL kameleon.materialize_entity('public.orders')",
        """CALL kameleon.materialize_entity('"Its own".orders')""",
    )
    assert shown(came, script=two)["H"].endswith(f"make it an ordinary table: {' or '.join(calls)}.")


def test_a_materialized_view_without_rows():
    came = error("55000", 'materialized view "reorders" has not been populated', R="ExecOpenScanRelation")
    assert shown(came)["C"] == "55000"
    came = error("55000", 'materialized view "orders" has not been populated', R="ExecOpenScanRelation")
    assert shown(came, script=playbook(entity(has_namesake=True)))["C"] == "55000"


def test_an_entity_that_is_not_known():
    fields = shown(error("23505", "x", D="Key (x)=(1) already exists.", s="kameleon", t="kdb_records_99_1", n="y"))
    assert not {"s", "t", "n"} & fields.keys()
    assert "kdb_" not in shown(error("42501", "permission denied for view kdb_read_99"))["M"]


def test_positions_in_rewritten_text():
    statement = rewritten("SELECT nope FROM orders WHERE naïve = 1")
    edited = statement.sql.index("naïve") + 1
    assert shown(error("42703", "x", P=str(edited)), statement)["P"] == "31"
    assert shown(error("42703", "x", P="8"), statement)["P"] == "8"


def test_the_position_of_a_value_that_does_not_fit():
    """PostgreSQL points at the value for a column, and at the target for a sub-field."""
    statement = rewritten("UPDATE orders SET id = name")
    at = statement.sql.index("kdb_rec.id") + 1
    fields = shown(
        error("42804", 'subfield "id" is of type integer but expression is of type text', P=str(at)), statement
    )
    assert fields["P"] == "24"
    assert fields["M"] == 'column "id" is of type integer but expression is of type text'


def test_cascades():
    assert shown(notice("00000", "drop cascades to view kameleon.kdb_read_17")) is None
    both = notice(
        "00000",
        "drop cascades to 3 other objects",
        D="drop cascades to view kameleon.kdb_read_17\n"
        "drop cascades to view ours\n"
        "drop cascades to view kameleon.kdb_write_17_3",
    )
    assert shown(both)["M"] == "drop cascades to view ours"
    assert "D" not in shown(both)
    assert shown(notice("00000", "drop cascades to view v"))["M"] == "drop cascades to view v"


@pytest.mark.parametrize(
    ("message", "context"),
    [
        ("EventTriggerInvoke 16500", None),
        ("drop auto-cascades to trigger kameleon_guard on table orders", None),
        ("drop auto-cascades to type kameleon.kdb_rec_17", "PL/pgSQL function f() line 3 at SQL statement"),
        ('relation "kdb_records_17_3" does not exist', "PL/pgSQL function kameleon.drop_entity(integer) line 9 at IF"),
    ],
)
def test_debugging_of_ours_is_left_out(message: str, context: str | None) -> None:
    fields = {} if context is None else {"W": context}
    assert shown(notice("00000", message, "DEBUG", **fields)) is None


def test_debugging_of_the_clients_is_shown() -> None:
    context = "PL/pgSQL function f(integer) line 3 at RAISE\nPL/pgSQL function kameleon.kdb_row_17() line 1 at IF"
    came = shown(notice("00000", "checked by kameleon", "DEBUG", W=context))
    assert came is not None
    assert (came["M"], came["W"]) == ("checked by kameleon", context.split("\n")[0])
    assert shown(notice("00000", "drop auto-cascades to type t", "DEBUG")) is not None


def test_a_list_names_the_table_once():
    objects = ("table orders", "view kameleon.kdb_read_17", "table kameleon.kdb_records_17_3", "table other")
    detail = "\n".join(f"privileges for {name}" for name in objects)
    came = shown(error("2BP01", 'role "ada" cannot be dropped because some objects depend on it', D=detail))
    assert came is not None
    assert came["D"] == "privileges for table orders\nprivileges for table other"


def test_an_error_in_another_encoding():
    script = playbook(ORDERS)
    script.knowledge.parameter_changed(b"client_encoding", b"LATIN1")
    diagnostic = Diagnostic(ord("E"), {"C": b"42501", "M": b"permission denied for view kdb_read_17 \xe9"})
    came = translate_diagnostic(diagnostic.encode(), script.knowledge, b"")
    assert b"table orders \xe9\0" in came


def test_what_is_not_about_us_stays_the_very_bytes():
    assert translate_diagnostic(error("22012", "division by zero").encode(), playbook(ORDERS).knowledge, b"") is None


def test_foreign_keys():
    child = entity(foreign_keys=(ForeignKey("orders_total_fkey", "kdb_foreign_17_99"),))
    parent = entity(18, "customers", schema="shop")
    script = playbook(child, parent)
    missing = error(
        "23503",
        'insert or update on table "kdb_records_17_3" violates foreign key constraint "kdb_foreign_17_99"',
        D='Key (kdb_column_17_4_2, kdb_column_17_2_6)=(1, x) is not present in table "kdb_records_18_3".',
        W="COPY orders, line 1\nPL/pgSQL function kameleon.kdb_copy_17() line 1 at SQL statement",
        s="kameleon",
        t="kdb_records_17_3",
        n="kdb_foreign_17_99",
    )
    assert shown(missing, script=script) == {
        "C": "23503",
        "S": "ERROR",
        "V": "ERROR",
        "M": 'insert or update on table "orders" violates foreign key constraint "orders_total_fkey"',
        "D": 'Key (total, name)=(1, x) is not present in table "customers".',
        "s": "public",
        "t": "orders",
        "n": "orders_total_fkey",
    }
    waited = error(
        "55P03",
        "canceling statement due to lock timeout",
        W='while locking tuple (0,1) in relation "kdb_records_18_3"\n'
        'SQL statement "SELECT 1 FROM ONLY "kameleon"."kdb_records_18_3" x'
        ' WHERE "kdb_column_18_2_1" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x"',
    )
    fields = shown(waited, script=script)
    assert fields is not None
    assert fields["W"].endswith(
        'SQL statement "SELECT 1 FROM ONLY "shop"."customers" x'
        ' WHERE "name" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x"'
    )


def test_what_stands_in_the_way_of_prepare_transaction_is_named():
    refusal = error("0A000", "cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY")
    assert shown(refusal)["M"] == "cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY"
    script = playbook(ORDERS)
    script.knowledge.touch("17")
    told = shown(refusal, script=script)
    assert told["M"] == "cannot PREPARE a transaction that has changed tables which Kameleon keeps"
    assert told["H"] == "Make the change in a transaction of its own."
