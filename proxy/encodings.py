"""PostgreSQL's client encodings, as Python's codecs.

Rewriting works on characters. Encodings in which a byte below 0x80 can be a part of a longer character (SJIS, BIG5,
GBK...) are the reason why the bytes themselves are never searched.
"""

_CODECS = {
    "UTF8": "utf-8",
    "UNICODE": "utf-8",
    "LATIN1": "iso8859-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "ISO_8859_5": "iso8859-5",
    "ISO_8859_6": "iso8859-6",
    "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "WIN866": "cp866",
    "WIN874": "cp874",
    "WIN1250": "cp1250",
    "WIN1251": "cp1251",
    "WIN1252": "cp1252",
    "WIN1253": "cp1253",
    "WIN1254": "cp1254",
    "WIN1255": "cp1255",
    "WIN1256": "cp1256",
    "WIN1257": "cp1257",
    "WIN1258": "cp1258",
    "EUC_CN": "gb2312",
    "EUC_JP": "euc_jp",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_KR": "euc_kr",
    "SJIS": "cp932",
    "SHIFT_JIS_2004": "shift_jis_2004",
    "BIG5": "cp950",
    "GBK": "cp936",
    "GB18030": "gb18030",
    "JOHAB": "johab",
    "UHC": "cp949",
    # No encoding at all: the server takes the bytes for its own encoding, which is UTF8 nearly always.
    "SQL_ASCII": "utf-8",
}


def codec(client_encoding: bytes) -> str | None:
    """The codec for a client_encoding as ParameterStatus reports it; None for one that Python does not have."""
    return _CODECS.get(client_encoding.decode("ascii", "replace").upper())


def decode(sql: bytes, encoding: str | None) -> str | None:
    """None when the text is not valid in its encoding: it is sent on as it is, and upstream says what is wrong."""
    if encoding is None:
        return sql.decode("ascii") if sql.isascii() else None
    try:
        return sql.decode(encoding)
    except UnicodeDecodeError:
        return None
