"""The first rows of a source, for the eye."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from avss_core.corpora.rows import rows
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import CorpusError

if TYPE_CHECKING:
    import pandas as pd

LONGEST_CELL = 500


def preview(spec: CorpusSpec, rows_shown: int = 5) -> pd.DataFrame:
    """Return the first rows of the source with all their columns, long texts cut to 500 characters.

    The text column need not be there: the columns are what it is chosen from. Part, length and budget do not matter;
    a hub data set is only streamed. Raises CorpusError when the source is missing, damaged, or empty.
    """
    import pandas as pd  # here, so that a shell command that shows no rows does not wait for it

    shown = list(islice(rows(spec), rows_shown))
    if not shown:
        raise CorpusError(f"{spec.source} is empty: there is no row to show.")
    return pd.DataFrame([{name: _shorten(value) for name, value in row.items()} for row in shown])


def _shorten(value: Any) -> Any:
    return value[:LONGEST_CELL] + "…" if isinstance(value, str) and len(value) > LONGEST_CELL else value
