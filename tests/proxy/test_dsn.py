import pytest

from proxy.dsn import Dsn, DsnError, parse_dsn


@pytest.mark.parametrize(
    ("text", "dsn"),
    [
        ("postgresql://u:p@h:1/d", Dsn("u", "p", "h", 1, "d")),
        ("postgres://u@h", Dsn("u", None, "h", 5432, "u")),
        ("postgresql://u:@h/d", Dsn("u", "", "h", 5432, "d")),
        ("postgresql://a%40b:p%3Aq%2F@h/d%20e", Dsn("a@b", "p:q/", "h", 5432, "d e")),
        ("postgresql://u@[::1]:1/d", Dsn("u", None, "::1", 1, "d")),
        ("postgresql://u@%2Frun%2FPg/d", Dsn("u", None, "/run/Pg", 5432, "d")),
        ("postgresql://u@/d?host=/run/pg&port=7", Dsn("u", None, "/run/pg", 7, "d")),
        (
            "postgresql://u@h/d?sslmode=verify-full&sslrootcert=/ca",
            Dsn("u", None, "h", 5432, "d", "verify-full", "/ca"),
        ),
        ("postgresql://u@h/d?password=a+b", Dsn("u", "a+b", "h", 5432, "d")),
        ("host=h user=u", Dsn("u", None, "h", 5432, "u")),
        (r"host = '/a b' user='it\'s' password=x\ y dbname=''", Dsn("it's", "x y", "/a b", 5432, "it's")),
    ],
)
def test_parse(text, dsn):
    assert parse_dsn(text) == dsn
    assert parse_dsn(str(dsn)) == dsn


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("nonsense", "key=value"),
        ("mysql://u:secret@h/d", "scheme is 'mysql'"),
        ("postgresql://u:secret@h:x/d", "port"),
        ("postgresql://u:secret@h:0/d", "port"),
        ("postgresql://u:secret@h1,h2/d", "more than one host"),
        ("postgresql://u:secret@h/d?sslmode=yes", "sslmode"),
        ("postgresql://u:secret@h/d?target_session_attrs=any", "target_session_attrs"),
        ("host=h user=u password='secret", "key=value"),
    ],
)
def test_what_is_not_understood_is_refused_without_telling_the_password(text, message):
    with pytest.raises(DsnError, match=message) as caught:
        parse_dsn(text)
    assert "secret" not in str(caught.value)


def test_the_password_shows_in_the_url_only():
    dsn = parse_dsn("postgresql://u:secret@h/d")
    assert "secret" in str(dsn)
    assert "secret" not in repr(dsn)
    assert "secret" not in dsn.place


def test_at_another_address():
    dsn = parse_dsn("postgresql://u:p@/d?host=/run/pg&sslmode=disable")
    assert str(dsn.at("127.0.0.1", 6543)) == "postgresql://u:p@127.0.0.1:6543/d"
