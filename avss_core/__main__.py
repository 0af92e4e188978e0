"""`python -m avss_core` and the command `avss`."""

from __future__ import annotations

from avss_core.cli import main

if __name__ == "__main__":
    main()
