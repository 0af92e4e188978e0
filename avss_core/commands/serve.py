"""`avss serve`: the launcher. It owns the worker processes and starts the web server as a client of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import avss_core
from avss_core.commands import options as o
from avss_core.errors import ResourceError, SettingError
from avss_core.jobs.cluster import local_cluster
from avss_core.jobs.contact import running_address
from avss_core.runs import Store

APP = Path(avss_core.__file__).parents[1] / "app.py"
_SOON = 10.0  # seconds; a web server that ends sooner than that
_TRIES = 3  # times in a row would only end again
_END_WITHIN = 10.0  # seconds


def serve(
    port: Annotated[int, typer.Option(help="Port of the dashboard.", min=1, max=65535)] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    store: o.StoreUrl = None,
) -> None:
    """Serve the dashboard until Ctrl-C. A web server that dies is started again; the workers are not touched by it."""
    opened = Store(store)
    _require_free(address, port)
    signal.signal(signal.SIGTERM, _end)
    try:
        with _workers(opened):
            _keep_web_server(opened, address, port)
    except KeyboardInterrupt:
        print("AVSS dashboard ended.", file=sys.stderr)


@contextmanager
def _workers(store: Store) -> Iterator[None]:
    if running_address(store) is not None:
        yield
    else:
        with local_cluster(store):
            yield


def _yield_the_processor() -> None:
    os.nice(10)


def _keep_web_server(store: Store, address: str, port: int) -> NoReturn:
    print(f"AVSS dashboard: http://{address}:{port}  (Ctrl-C ends it)", file=sys.stderr)
    short_lives = 0
    while True:
        started = time.monotonic()
        status = _run_web_server(store, address, port)
        short_lives = short_lives + 1 if time.monotonic() - started < _SOON else 0
        if short_lives == _TRIES:
            raise ResourceError(
                f"The web server ended at once, {_TRIES} times in a row (status {status}); see what it said above."
            )
        print("The web server ended; starting it again.", file=sys.stderr)


def _run_web_server(store: Store, address: str, port: int) -> int:
    """The exit status of a web server that ended by itself; whatever ends this function ends the server."""
    settings = {
        "server.address": address,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        # A full collection after every redraw of the live curves took a fifth of what the web server used of the
        # processor; Python's own collections go on.
        "runner.postScriptGC": "false",
        "browser.gatherUsageStats": "false",
        "logger.level": "warning",
    }
    command = [sys.executable, "-m", "streamlit", "run", str(APP)]
    command += [part for name, value in settings.items() for part in (f"--{name}", value)]
    environment = {**os.environ, "AVSS_STORE": store.url}
    # What it prints on standard output is the address once more. It yields the processor to the worker, whose threads
    # wait for each other: drawing curves while a model ran made the first profile twice as slow on two cores.
    yield_it = _yield_the_processor if hasattr(os, "nice") else None  # Windows takes no function at all
    server = subprocess.Popen(command, env=environment, cwd=APP.parent, stdout=subprocess.DEVNULL, preexec_fn=yield_it)
    try:
        return server.wait()
    finally:
        server.terminate()
        try:
            server.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _require_free(address: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as knock:
            knock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
            knock.bind((address, port))
    except OSError as error:
        raise SettingError(
            f"The dashboard cannot listen on {address}:{port} ({error.strerror or error}); give another --port."
        ) from error


def _end(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
