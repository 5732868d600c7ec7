"""Settings that cannot be used stop the start, with the name, the value and what is accepted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cultiva.lib.config import SettingError, read_config


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("PORT", "eighty", "whole number from 1 to 65535"),
        ("PORT", "70000", "whole number from 1 to 65535"),
        ("COLLECTOR_PORT", "-1", "whole number"),
        ("PUBLIC_URL", "leads.example.com", "https://leads.example.com"),
        ("PUBLIC_URL", "ftp://x", "https://leads.example.com"),
        ("PAGES_URL", "pages.example.com", "not the host of PUBLIC_URL"),
        ("PAGES_URL", "http://127.0.0.1:9000", "not the host of PUBLIC_URL"),
        ("PAGES_URL", "https://pages.example.com/riega", "without a path"),
        ("DATABASE_URL", "mysql://u:secret@h/db", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:p@h", "postgresql://"),
        ("SMTP_URL", "mail.example.com", "smtp://host:25"),
        ("SMTP_URL", "smtp://h:99999", "smtp://host:25"),
        ("CULTIVA_DEMO", "yes", "0, 1"),
        ("CULTIVA_WORKERS", "0", "whole number from 1 to 16"),
        ("CULTIVA_WORKERS", "17", "whole number from 1 to 16"),
        ("METRICS_PORT", "8000", "a port of its own"),
        ("METRICS_PORT", "no", "or off"),
        ("CULTIVA_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("MAIL_FROM", "a@b.example\r\nBcc: x@y", "one bare address"),
        ("CULTIVA_DMEO", "1", "nearest: CULTIVA_DEMO"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_accepted(name: str, value: str, accepted: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_config({name: value})
    assert name in str(caught.value)
    assert accepted in str(caught.value)
    assert "secret" not in str(caught.value)


def test_nothing_needs_to_be_set() -> None:
    config = read_config({})
    assert (config.port, config.public_url, config.smtp) == (8000, "http://127.0.0.1:8000", None)
    assert config.data_folder.is_absolute()


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://localhost:8000"),
        ({"PORT": "9000"}, "http://localhost:9000"),
        ({"PUBLIC_URL": "http://localhost:8100"}, "http://127.0.0.1:8100"),
        ({"PUBLIC_URL": "https://leads.example.com"}, ""),
        ({"PUBLIC_URL": "https://leads.example.com", "PAGES_URL": "https://p.example.net/"}, "https://p.example.net"),
    ],
)
def test_landing_pages_have_a_host_of_their_own(settings: dict[str, str], url: str) -> None:
    assert read_config(settings).pages_url == url


@pytest.mark.parametrize(("url", "seconds"), [("https://leads.example.com", 31_536_000), ("http://127.0.0.1:8000", 0)])
def test_browsers_are_held_to_https_and_to_cookies_of_this_host_where_the_address_has_it(
    url: str, seconds: int
) -> None:
    asked = "SECURE_HSTS_SECONDS, SECURE_HSTS_INCLUDE_SUBDOMAINS, SESSION_COOKIE_SECURE, SESSION_COOKIE_NAME"
    code = f"import json; from cultiva.settings import {asked}; print(json.dumps([{asked}]))"
    told = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PUBLIC_URL": url}, capture_output=True, check=True
    )  # fmt: skip
    is_https = seconds > 0
    assert json.loads(told.stdout) == [
        seconds, is_https, is_https, "__Host-session" if is_https else "cultiva_session"
    ]  # fmt: skip


def test_an_smtp_address_is_taken_apart() -> None:
    smtp = read_config({"SMTP_URL": "smtp+tls://ana%40x:p%3Aw@mail.example"}).smtp
    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.user, smtp.password, smtp.security) == (
        "mail.example", 587, "ana@x", "p:w", "starttls",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        ({}, 8001),
        ({"PORT": "9000"}, 9001),
        ({"COLLECTOR_PORT": "8001"}, 8002),
        ({"PORT": "65535"}, None),
        ({"METRICS_PORT": "off"}, None),
        ({"METRICS_PORT": "9100"}, 9100),
    ],
)
def test_metrics_have_a_port_of_their_own_unless_they_are_off(settings: dict[str, str], port: int | None) -> None:
    assert read_config(settings).metrics_port == port


def test_machine_ranges_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "ranges"
    path.write_text("# crawlers\n66.249.64.0/19  # a search engine\n\n66.249.64.0/24\n2001:db8::/32\n")
    networks = read_config({"CULTIVA_MACHINE_RANGES": str(path)}).machine_ranges
    assert [str(network) for network in networks] == ["66.249.64.0/19", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("text", "says"), [("10.0.0.0/8\n10.0.0.300\n", "line 2"), ("10.0.0.1/8", "host bits"), (None, "No such file")]
)
def test_machine_ranges_that_cannot_be_read_name_the_line(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "ranges"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingError, match=says):
        read_config({"CULTIVA_MACHINE_RANGES": str(path)})
