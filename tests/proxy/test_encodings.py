import pytest

from proxy.encodings import codec, decode


@pytest.mark.parametrize(
    ("client_encoding", "text"),
    [
        (b"UTF8", "naïve 日本"),
        (b"LATIN1", "naïve"),
        (b"LATIN9", "naïve €"),
        (b"WIN1251", "мир"),
        (b"KOI8R", "мир"),
        (b"EUC_JP", "日本"),
        (b"SJIS", "日本"),
        (b"BIG5", "日本"),
        (b"GB18030", "日本"),
        (b"UHC", "한국"),
        (b"SQL_ASCII", "naïve"),
    ],
)
def test_round_trip(client_encoding, text):
    name = codec(client_encoding)
    assert name is not None
    assert decode(text.encode(name), name) == text


def test_an_encoding_that_python_lacks():
    assert codec(b"EUC_TW") is None
    assert decode(b"SELECT 1", None) == "SELECT 1"
    assert decode(b"SELECT '\xa4\xa1'", None) is None


def test_invalid_text():
    assert decode(b"\xff", "utf-8") is None
