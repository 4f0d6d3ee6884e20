"""Every setting, in one class, and the only place that reads the environment.

A setting is given, the later winning over the earlier, by its default, by a key of a TOML file, by an
environment variable `KAMELEON_<NAME>`, or by a flag of the command line. `load` builds the value once, at the
edge; everything below is handed what it needs.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalog.metrics import MaterializationPolicy, setting_name
from proxy.dsn import DsnError, parse_dsn
from proxy.notice_rules import NoticeRules

PREFIX = "KAMELEON_"
DEFAULT_CONFIG = Path("kameleon.toml")

# Variables with our prefix that are not settings: the file's own place, what the tests read, and what
# Kubernetes puts into every container beside a service that is called kameleon.
_NOT_SETTINGS = re.compile(r"KAMELEON_(CONFIG|TEST_\w+|SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_\w+)")

TlsVersion = Literal["TLSv1.2", "TLSv1.3"]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class BadSettings(Exception):
    """One line per setting that cannot be used."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def split_listen(listen: str) -> tuple[str, int]:
    """`127.0.0.1:6543`, `localhost:0`, `[::1]:6543` -> (host, port)."""
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]\s]+)):(\d{1,5})", listen, re.ASCII)
    if match is None or int(match[3]) > 65535:
        raise ValueError("expected host:port, such as 127.0.0.1:6543 or [::1]:6543")
    return match[1] or match[2], int(match[3])


def _listen(value: str) -> str:
    split_listen(value)
    return value


def _upstream(value: str) -> str:
    try:
        parse_dsn(value)
    except DsnError as error:
        expected = "expected a connection string such as postgresql://user:password@host:port/dbname"
        raise ValueError(f"{expected}: {error}") from error
    return value


def _readable_file(value: Path) -> Path:
    value = value.expanduser()
    if not value.is_file() or not os.access(value, os.R_OK):
        raise ValueError("expected a file that can be read")
    return value


def _absolute(value: Path) -> Path:
    return value.expanduser().absolute()


def _default_data_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/kameleon")
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local/share") / "kameleon"


ReadableFile = Annotated[Path, AfterValidator(_readable_file)]
Names = Annotated[str, Field(max_length=10_000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _split_names(names: str) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, names.split(","))))


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:6543"
    """host:port that clients connect to; port 0 takes a free one."""
    upstream: Annotated[str, AfterValidator(_upstream)] | None = Field(default=None, repr=False)
    """Connection string of the PostgreSQL server behind the proxy; without one, the embedded server is run."""
    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=_default_data_dir)
    """Where the embedded server keeps its data."""
    default_storage: Literal["shared", "dedicated"] = "shared"
    """What a CREATE TABLE makes when the session does not say."""

    tls_cert: ReadableFile | None = None
    """Certificate chain (PEM) shown to clients; with it the proxy offers TLS."""
    tls_key: ReadableFile | None = None
    """Private key (PEM) of tls_cert; may be in the same file as the certificate."""
    tls_ca: ReadableFile | None = None
    """Authorities (PEM) that must have signed a client's certificate; with it a client must show one."""
    tls_min_version: TlsVersion = "TLSv1.2"
    upstream_sslmode: SslMode = "prefer"
    """TLS to the upstream, as libpq's sslmode; one in the upstream's connection string comes first."""
    upstream_tls_ca: ReadableFile | None = None
    """Authorities (PEM) that must have signed the upstream's certificate."""
    upstream_tls_min_version: TlsVersion = "TLSv1.2"

    client_login_timeout: Seconds = 60
    """Seconds a client may take to log in, as PostgreSQL's authentication_timeout."""
    max_startup_packet: int = Field(default=10_000, ge=512, le=1_048_576)
    """Bytes of a startup packet; PostgreSQL allows 10,000."""
    drain_timeout: float = Field(default=30, ge=0, le=86_400)
    """Seconds that running statements get to finish at a stop."""
    rewrite_cache_size: int = Field(default=5_000, ge=0, le=10_000_000)
    """Statement shapes whose rewriting is remembered."""
    statement_queue: int = Field(default=20_000, ge=0, le=10_000_000)
    """Timed statements that wait in memory until they are added up, which they are every few milliseconds."""

    metrics_listen: Annotated[str, AfterValidator(_listen)] | None = None
    """host:port of /metrics, /healthz and /readyz; without one there is no such port."""

    # The policy. A database may say otherwise, by rows of kameleon.settings; known_settings() there has these bounds.
    metrics_enabled: bool = True
    """Whether statements that name entities are measured."""
    store_sql_text: bool = False
    """Whether the text of statements is kept, without literals."""
    retention_days: int = Field(default=7, ge=1, le=3650)
    """Days for which metrics are kept."""
    execution_time_threshold_ms: float = Field(default=100, ge=0.001, le=86_400_000)
    """A statement that takes longer is looked at."""
    row_count_threshold: int = Field(default=1000, ge=1, le=2_000_000_000)
    """A statement with more rows is looked at."""
    join_frequency_threshold: int = Field(default=10, ge=1, le=2_000_000_000)
    """Joins within the window from which on an entity is looked at."""
    join_frequency_window_hours: int = Field(default=24, ge=1, le=87_600)
    access_frequency_threshold: int = Field(default=50, ge=1, le=2_000_000_000)
    """Statements within the window from which on an entity is looked at."""
    access_frequency_window_hours: int = Field(default=1, ge=1, le=87_600)

    suggestions: bool = True
    """Whether clients are told, by a NOTICE, what would make a slow statement faster."""
    suggestion_interval: float = Field(default=600, ge=0, le=86_400)
    """Seconds for which a suggestion is not repeated, to any client."""
    quiet_roles: Names = ""
    """Roles, with commas between them, that are never sent suggestions."""
    quiet_applications: Names = ""
    """Likewise, values of application_name."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    @property
    def listen_host(self) -> str:
        return split_listen(self.listen)[0]

    @property
    def listen_port(self) -> int:
        return split_listen(self.listen)[1]

    @property
    def policy(self) -> MaterializationPolicy:
        names = (field.name for field in fields(MaterializationPolicy))
        return MaterializationPolicy(**{name: getattr(self, setting_name(name)) for name in names})

    @property
    def notice_rules(self) -> NoticeRules:
        return NoticeRules(
            is_on=self.suggestions,
            interval=self.suggestion_interval,
            quiet_roles=_split_names(self.quiet_roles),
            quiet_applications=_split_names(self.quiet_applications),
        )

    @model_validator(mode="after")
    def _tls_belongs_together(self) -> Self:
        for name in ("tls_key", "tls_ca"):
            if getattr(self, name) is not None and self.tls_cert is None:
                raise ValueError(f"{name} is given without tls_cert; expected tls_cert (a certificate, PEM) too")
        return self


def load(config: Path | None = None, flags: dict[str, Any] | None = None) -> Settings:
    """The settings of this process. Raises BadSettings with a line for each one that cannot be used."""
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    path = config or _config_of_environment()
    from_file = _read_config(path) if path is not None else {}
    # BaseSettings puts its arguments above the environment; the file's keys belong below it.
    below = {name: value for name, value in from_file.items() if not os.environ.get(PREFIX + name.upper())}
    bad = _unknown_variables()
    try:
        settings = Settings(**(below | given))
    except ValidationError as error:
        bad += [_line(problem, given, from_file, path) for problem in error.errors(include_url=False)]
    if bad:
        raise BadSettings(bad)
    return settings


def _config_of_environment() -> Path | None:
    named = os.environ.get(f"{PREFIX}CONFIG")
    if named:
        return Path(named)
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        with path.expanduser().open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise BadSettings([f"config file {path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings([f"config file {path}: expected TOML: {error}"]) from error


def _unknown_variables() -> list[str]:
    """pydantic-settings passes over variables that it has no field for, and with them over misspelt ones."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return [
        f"environment variable {name}: no such setting, {_expected_name(name, sorted(known))}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known and not _NOT_SETTINGS.fullmatch(name)
    ]


def _expected_name(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"expected one of: {', '.join(known)}"


def _line(problem: Any, given: dict[str, Any], from_file: dict[str, Any], path: Path | None) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return str(message)
    name = str(problem["loc"][0])
    variable = PREFIX + name.upper()
    if name in given:
        source = f"flag --{name.replace('_', '-')}"
    elif os.environ.get(variable):
        source = f"environment variable {variable}"
    else:
        source = f"config file {path}, key {name}" if name in from_file else f"setting {name}"
    if problem["type"] == "extra_forbidden":
        return f"{source}: no such setting, {_expected_name(name, sorted(Settings.model_fields))}"
    if not message.startswith("expected"):
        message = "expected " + message.removeprefix("Input should be ")
    # An upstream may hold a password: it is never repeated.
    return f"{source}: {message}" if name == "upstream" else f"{source}: {message}; got {problem['input']!r}"
