"""`avss corpora`: the texts there are."""

from __future__ import annotations

import pandas as pd

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.corpora import SAMPLES, CorpusSpec, part_of, read_corpus


def corpora(as_json: o.Json = False) -> None:
    """The sample sets of this project.

    --corpus also takes a local file or folder, the id of a hub data set, and by their names the hub's texts that this
    project knows: pile and hackernews.
    """
    rows = []
    for sample in SAMPLES:
        documents = read_corpus(CorpusSpec(sample.source, "all")).documents
        rows.append(
            {
                "corpus": sample.source,
                "what": sample.what,
                "licence": sample.licence,
                "documents": len(documents),
                "profiled": sum(part_of(document.id) == "profile" for document in documents),
                "evaluated": sum(part_of(document.id) == "evaluate" for document in documents),
            }
        )
    answer({"corpora": rows}, as_json, pd.DataFrame(rows))
