"""A real browser on the pages of a real local Braintrust."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from otel_braintrust.local.server import LocalServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; they are skipped where none is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip("no chromium found; on Debian: apt-get install -y chromium")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=executable, args=BROWSER_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, local_braintrust: LocalServer) -> Iterator[Callable[..., Page]]:
    """Opens a path in a new window; no page may complain or ask another host."""
    complaints: list[str] = []

    def watch(page: Page) -> Page:
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((f"{local_braintrust.url}/", "data:"))
                else complaints.append(f"foreign request: {request.url}")
            ),
        )
        return page

    with ExitStack() as windows:

        def open_window(path: str, **options: Any) -> Page:
            options.setdefault("viewport", {"width": 1440, "height": 900})
            context = browser.new_context(**options)
            windows.callback(context.close)
            page = watch(context.new_page())
            page.set_default_timeout(10_000)
            page.goto(f"{local_braintrust.url}{path}")
            return page

        yield open_window
    assert complaints == []


@pytest.fixture
def log(local_braintrust: LocalServer) -> Callable[..., None]:
    """Writes rows into a project of the local Braintrust."""

    def write(rows: list[dict[str, Any]], project: str = "shop-support") -> None:
        known, _ = local_braintrust.store.create_project(project)
        home = {"project_id": known.id, "log_id": "g"}
        local_braintrust.store.insert_rows([{**row, **home} for row in rows])

    return write
