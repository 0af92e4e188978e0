"""The command line: the same jobs as in the browser, for the shell and for scripts.

Every command is a file in `commands/`. Exit status 0; 2 for bad input (one line: what is wrong, what to do); 1 for an
internal failure.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from typing import NoReturn

import typer

from avss_core.commands.classifier import classifier
from avss_core.commands.corpora import corpora
from avss_core.commands.doctor import doctor
from avss_core.commands.gain import gain
from avss_core.commands.generate import generate
from avss_core.commands.hallucinate import hallucinate
from avss_core.commands.harness import harness
from avss_core.commands.heal import heal
from avss_core.commands.iterate import iterate
from avss_core.commands.methods import methods
from avss_core.commands.mitigate import mitigate
from avss_core.commands.models import models
from avss_core.commands.profile import profile
from avss_core.commands.prune import prune
from avss_core.commands.rank import rank
from avss_core.commands.runs import runs_app
from avss_core.commands.scores import scores
from avss_core.commands.serve import serve
from avss_core.commands.sweep import sweep
from avss_core.commands.table1 import table1
from avss_core.commands.tasks import tasks
from avss_core.errors import AvssError

app = typer.Typer(
    name="avss",
    help="Which blocks of a language model matter, and what happens if some are taken away.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    profile,
    scores,
    rank,
    prune,
    sweep,
    iterate,
    heal,
    gain,
    generate,
    harness,
    table1,
    hallucinate,
    mitigate,
    serve,
    models,
    classifier,
    corpora,
    tasks,
    methods,
    doctor,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(runs_app, name="runs")


def main() -> NoReturn:
    """Run the command that the arguments name, and turn an error into one line and an exit status."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except AvssError as error:
        _end(str(error), error.exit_status)
    except typer.TyperException as error:  # an option that does not exist, a number that is none, …
        if not error.format_message():  # no command at all: the help has been printed
            sys.exit(error.exit_code)
        _end(f"{error.format_message().rstrip('.')}; see --help.", error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _end("Stopped by Ctrl-C.", 1)
    except BrokenPipeError:  # whoever read the answer has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        traceback.print_exc()
        _end(f"Internal failure ({type(error).__name__}: {error}); the lines above say where.", 1)


def _end(sentence: str, status: int) -> NoReturn:
    if "--json" in sys.argv:
        print(json.dumps({"error": sentence}))
    print(f"avss: {sentence}", file=sys.stderr)
    sys.exit(status)
