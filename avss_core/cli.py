"""The command line: the same jobs as in the browser, for the shell and for scripts.

Every command is a file in `commands/`. Exit status 0; 2 for bad input (one line: what is wrong, what to do); 1 for an
internal failure.
"""

from __future__ import annotations

import json
import logging
import sys

import typer

from avss_core.commands.profile import profile
from avss_core.commands.prune import prune
from avss_core.commands.runs import runs_app
from avss_core.commands.scores import scores
from avss_core.commands.serve import serve
from avss_core.errors import AvssError

app = typer.Typer(
    name="avss",
    help="Which blocks of a language model matter, and what happens if some are taken away.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(profile)
app.command()(scores)
app.command()(prune)
app.command()(serve)
app.add_typer(runs_app, name="runs")


def main() -> None:
    """Run the command that the arguments name, and turn an error into one line and an exit status."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        app()
    except AvssError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": str(error)}))
        print(f"avss: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
