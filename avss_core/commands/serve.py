"""`avss serve`: the launcher. It owns the worker processes and starts the web server as a client of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import avss_core
from avss_core.commands import options as o
from avss_core.errors import ResourceError
from avss_core.jobs.cluster import local_cluster, running_address
from avss_core.runs import Store

APP = Path(avss_core.__file__).parents[1] / "app.py"
_LIVED_LONG_ENOUGH = 10.0  # seconds; a web server that ends sooner would only end again


def serve(
    port: Annotated[int, typer.Option(help="Port of the dashboard.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    store: o.StoreUrl = None,
) -> None:
    """Serve the dashboard until Ctrl-C. A web server that dies is started again; the workers are not touched by it."""
    opened = Store(store)
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with _workers(opened):
        print(f"AVSS dashboard: http://{address}:{port}  (Ctrl-C ends it)", file=sys.stderr)
        try:
            _keep_web_server(opened, address, port)
        except KeyboardInterrupt:
            print("ended", file=sys.stderr)


@contextmanager
def _workers(store: Store) -> Iterator[None]:
    if running_address(store) is not None:
        yield
    else:
        with local_cluster(store):
            yield


def _keep_web_server(store: Store, address: str, port: int) -> None:
    command = [sys.executable, "-m", "streamlit", "run", str(APP)]
    settings = {
        "server.address": address,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    command += [part for name, value in settings.items() for part in (f"--{name}", value)]
    environment = {**os.environ, "AVSS_STORE": store.url}
    while True:
        started = time.monotonic()
        server = subprocess.Popen(command, env=environment, cwd=APP.parent)
        try:
            status = server.wait()
        finally:
            server.terminate()
            server.wait()
        if time.monotonic() - started < _LIVED_LONG_ENOUGH:
            raise ResourceError(f"The web server ended at once (status {status}); is port {port} taken? Try --port.")
        print("The web server ended; starting it again.", file=sys.stderr)
