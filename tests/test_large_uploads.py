"""Files at the limit of the import screen, sent by a real browser to the running product."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cultiva.asgi import MAX_UPLOAD_BYTES
from tests.browser import Browser, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink

pytestmark = pytest.mark.slow

MB = 1024**2
GROWTH = 60 * MB  # of the web process while 200 MB pass through it


@pytest.fixture(scope="module")
def page(running: tuple[Product, Sink, Browser]) -> Iterator[Page]:
    product, _sink, chromium = running
    page = signed_in(product, chromium, locale="en-GB")
    page.goto(product.url + "/settings")
    page.locator("select[name=language]").select_option("en")
    page.locator("input[name=what][value=mine] ~ button").click()
    yield page
    page.context.close()


def write_rows(path: Path, size: int) -> Path:
    with path.open("w") as file:
        file.write("email,name\n")
        number = 0
        while file.tell() < size:
            file.write("".join(f"p{n}@example.com,Person {n}\n" for n in range(number, number + 1000)))
            number += 1000
    return path


def forget_peak(pid: int) -> int:
    """Begin to measure a process's memory anew; what it has now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_of(pid)


def peak_of(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def send(page: Page, product: Product, path: Path) -> None:
    page.goto(product.url + "/imports/new")
    page.locator("input[type=file]").set_input_files(path)
    page.locator("form[enctype] button.btn-primary").click(timeout=240_000, no_wait_after=True)


def test_a_file_of_the_largest_size_passes_through_without_filling_memory(
    running: tuple[Product, Sink, Browser], page: Page, tmp_path: Path
) -> None:
    product, _sink, chromium = running
    path = write_rows(tmp_path / "people.csv", MAX_UPLOAD_BYTES - MB)
    (pid,) = product.pids("web")
    before = forget_peak(pid)
    send(page, product, path)
    expect(page).to_have_url(re.compile(r"/imports/\d+/mapping"), timeout=240_000)
    grown = peak_of(pid) - before
    assert grown < GROWTH, f"{grown / MB:.0f} MB"
    assert page.locator("main").inner_text().count("Person 0")
    number = page.url.split("/")[-2]
    kept = f"SELECT sum(length(content)) FROM import_part WHERE run_id = {number}"
    assert product.query(kept)[0][0] == path.stat().st_size
    assert not chromium.errors


def test_a_file_over_the_limit_is_answered_with_the_limit_and_the_way_out(
    running: tuple[Product, Sink, Browser], page: Page, tmp_path: Path
) -> None:
    product, _sink, chromium = running
    runs = product.query("SELECT count(*) FROM import_run")
    (pid,) = product.pids("web")
    before = forget_peak(pid)
    send(page, product, write_rows(tmp_path / "people.csv", MAX_UPLOAD_BYTES + 50 * MB))
    expect(page.locator("h1")).to_have_text("The file is too large", timeout=240_000)
    assert "200 MB" in page.locator("main").inner_text()
    assert "cultiva import" in page.locator("main").inner_text()
    assert not serious_violations(page)
    assert peak_of(pid) - before < GROWTH
    page.get_by_role("link", name="Back").click()
    expect(page).to_have_url(product.url + "/imports/new")
    assert product.query("SELECT count(*) FROM import_run") == runs
    assert [error for error in chromium.errors if "413" not in error] == []


def test_a_stranger_is_refused_before_the_body_comes(running: tuple[Product, Sink, Browser]) -> None:
    product, _sink, _chromium = running
    with socket.create_connection(("127.0.0.1", product.port), timeout=10) as sender:
        head = f"POST /imports/new HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {MAX_UPLOAD_BYTES * 2}\r\n\r\n"
        sender.sendall(head.encode())
        assert sender.recv(100).startswith(b"HTTP/1.1 413")
