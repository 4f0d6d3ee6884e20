"""Names and values as SQL text, for the statements that take no parameters."""

from __future__ import annotations


def quote_name(name: str) -> str:
    """`Odd "one"` -> `"Odd ""one\"""`: always in quotation marks, so that it means what it says."""
    if "\0" in name:
        raise ValueError("a name cannot contain NUL")
    return '"' + name.replace('"', '""') + '"'


def quote_names(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(quote_name, names))


def quote_value(value: str | bool | int | float | None) -> str:
    """A constant. A string is read alike whatever standard_conforming_strings says."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else repr(value)
    if "\0" in text:
        raise ValueError("a value cannot contain NUL")
    if "\\" in text:
        return " E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"
