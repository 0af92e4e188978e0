"""`avss classifier`: the small classifier that stands in for DistilBERT."""

from __future__ import annotations

import sys

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.models.kept_folder import read_provenance
from avss_core.models.standin import standin_folder
from avss_core.models.standin_package import SOURCE


def classifier(as_json: o.Json = False) -> None:
    """Fetch and fine-tune the stand-in classifier where it is not there yet, and say how well it does.

    It is a small encoder fine-tuned on one half of sample:sentiment, and takes the place of the papers' DistilBERT
    where that is not at hand. Every command then takes `--model standin-classifier`.
    """
    folder = standin_folder(tell=lambda line: print(line, file=sys.stderr, flush=True))
    known = read_provenance(folder)
    del known["sizes"]
    answer({**known, "model": SOURCE, "folder": str(folder)}, as_json)
