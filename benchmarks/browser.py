"""What the benchmarks in a browser share: the dashboard on a free port, and a page of it in Chromium."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]


@contextmanager
def served(store: Path) -> Iterator[str]:
    """The address of `avss serve` with this store, for as long as the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "avss_core", "serve", "--port", str(port), "--store", str(store)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def opened(address: str) -> Iterator[Page]:
    """A page of the dashboard, which may still be starting; TimeoutError when nothing answers for half a minute."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        until = time.monotonic() + 30
        while True:
            try:
                page.goto(address)
                break
            except PlaywrightError as error:
                if time.monotonic() > until:
                    raise TimeoutError(f"Nothing answers at {address}.") from error
                time.sleep(0.3)
        yield page
        browser.close()
