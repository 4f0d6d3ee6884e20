"""Logs go to stderr, in one format, whoever writes them: stdout belongs to the one line that says we are ready."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def _for_people(colors: bool) -> structlog.dev.ConsoleRenderer:
    # Not with the values of variables, as is usual where rich is installed: statements and passwords are among them.
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def configure_quietly() -> None:
    """For a program that has not set up structlog: warnings and what is worse, on stderr."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[*_SHARED, _for_people(colors=False)],
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )


def configure(level: str, log_format: Literal["console", "json"]) -> None:
    """Set up structlog, and put the standard library's own logging (asyncio's, above all) through it."""
    tail: list[structlog.types.Processor]
    if log_format == "json":
        tail = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        tail = [_for_people(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*_SHARED, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
