"""`python -m avss_core.jobs`: the workers of the store `AVSS_STORE`, without a dashboard."""

from __future__ import annotations

import signal
import sys

from avss_core.jobs.apart import serve_workers

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve_workers()
