"""A page that was opened by its address before the dashboard has run once.

Streamlit then runs the page's file by itself (it takes any folder `pages/` for its older kind of app); running the
dashboard instead gives the page its frame, and from then on Streamlit knows.
"""

from __future__ import annotations

import runpy
from pathlib import Path

APP = Path(__file__).parents[2] / "app.py"


def run_dashboard() -> None:
    """Run `app.py`, which draws the page that the address names."""
    runpy.run_path(str(APP))
