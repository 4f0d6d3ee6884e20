from pathlib import Path

import pytest

from proxy.settings import BadSettings, Settings, load, split_listen


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No setting comes from the machine that runs the tests."""
    import os

    for name in os.environ:
        if name.startswith("KAMELEON_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def refused(config: Path | None = None, **flags) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load(config, flags)
    return caught.value.lines


def test_defaults():
    settings = load()
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 6543)
    assert settings.upstream is None
    assert settings.default_storage == "shared"


def test_flag_wins_over_environment_over_file_over_default(monkeypatch, tmp_path):
    config = write(
        tmp_path / "my.toml", 'listen = "file:1"\ndrain_timeout = 1\nlog_level = "debug"\ntls_min_version = "TLSv1.3"'
    )
    monkeypatch.setenv("KAMELEON_LISTEN", "environment:2")
    monkeypatch.setenv("KAMELEON_DRAIN_TIMEOUT", "2")
    settings = load(config, {"listen": "flag:3", "upstream": None})
    assert settings.listen == "flag:3"
    assert settings.drain_timeout == 2
    assert settings.log_level == "debug"
    assert settings.tls_min_version == "TLSv1.3"
    assert settings.log_format == "console"


def test_the_file_is_named_by_flag_environment_or_found_here(monkeypatch, tmp_path):
    write(tmp_path / "kameleon.toml", "drain_timeout = 1")
    named = write(tmp_path / "named.toml", "drain_timeout = 2")
    flagged = write(tmp_path / "flagged.toml", "drain_timeout = 3")
    assert load().drain_timeout == 1
    monkeypatch.setenv("KAMELEON_CONFIG", str(named))
    assert load().drain_timeout == 2
    assert load(flagged).drain_timeout == 3


def test_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("KAMELEON_UPSTREAM", "")
    assert load().upstream is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("listen", "6543", "expected host:port"),
        ("listen", "localhost:65536", "expected host:port"),
        ("listen", "::1:5", "expected host:port"),
        ("default_storage", "sharded", "expected 'shared' or 'dedicated'"),
        ("tls_min_version", "TLSv1.1", "expected 'TLSv1.2' or 'TLSv1.3'"),
        ("tls_cert", "/nowhere/cert.pem", "expected a file that can be read"),
        ("upstream_sslmode", "on", "expected 'disable'"),
        ("client_login_timeout", "0", "expected greater than 0"),
        ("drain_timeout", "soon", "expected a valid number"),
        ("rewrite_cache_size", "1.5", "expected a valid integer"),
        ("statement_queue", "-1", "expected greater than or equal to 0"),
    ],
)
def test_bad_value_is_refused_by_name_with_what_was_expected(monkeypatch, name, value, expected):
    monkeypatch.setenv(f"KAMELEON_{name.upper()}", value)
    (line,) = refused()
    assert line.startswith(f"environment variable KAMELEON_{name.upper()}: {expected}")
    assert repr(value) in line or value in line


def test_every_bad_setting_has_its_line_and_its_source(monkeypatch, tmp_path):
    config = write(tmp_path / "my.toml", 'log_level = "loud"\nlisten = 5')
    monkeypatch.setenv("KAMELEON_LOG_FORMAT", "xml")
    lines = refused(config, data_dir=7)
    assert sorted(line.partition(":")[0] for line in lines) == [
        f"config file {config}, key listen",
        f"config file {config}, key log_level",
        "environment variable KAMELEON_LOG_FORMAT",
        "flag --data-dir",
    ]


def test_misspelt_names_are_refused(monkeypatch, tmp_path):
    config = write(tmp_path / "my.toml", 'upstrem = "postgresql://u:secret@h/d"')
    monkeypatch.setenv("KAMELEON_LISTN", "h:1")
    lines = refused(config)
    assert lines == [
        "environment variable KAMELEON_LISTN: no such setting, did you mean KAMELEON_LISTEN?",
        f"config file {config}, key upstrem: no such setting, did you mean upstream?",
    ]


def test_variables_of_kubernetes_are_no_settings(monkeypatch):
    monkeypatch.setenv("KAMELEON_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KAMELEON_PORT", "tcp://10.0.0.1:6543")
    monkeypatch.setenv("KAMELEON_PORT_6543_TCP_ADDR", "10.0.0.1")
    load()


def test_the_upstream_is_never_repeated(monkeypatch):
    monkeypatch.setenv("KAMELEON_UPSTREAM", "postgresql://u:secret@h:0/d")
    (line,) = refused()
    assert line.startswith("environment variable KAMELEON_UPSTREAM: expected a connection string")
    assert "secret" not in line
    monkeypatch.setenv("KAMELEON_UPSTREAM", "postgresql://u:secret@h/d")
    assert "secret" not in repr(load())


def test_key_and_authority_need_a_certificate(tmp_path):
    key = write(tmp_path / "key.pem", "")
    assert refused(tls_key=str(key)) == [
        "tls_key is given without tls_cert; expected tls_cert (a certificate, PEM) too"
    ]


def test_bad_files(tmp_path):
    missing = tmp_path / "missing.toml"
    assert refused(missing) == [f"config file {missing}: No such file or directory"]
    broken = write(tmp_path / "broken.toml", "listen")
    (line,) = refused(broken)
    assert line.startswith(f"config file {broken}: expected TOML")


@pytest.mark.parametrize(
    ("listen", "split"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:6543", ("::1", 6543)), ("db.example:1", ("db.example", 1))],
)
def test_split_listen(listen, split):
    assert split_listen(listen) == split


def test_settings_do_not_change():
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.listen = "h:1"
