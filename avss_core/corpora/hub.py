"""Data sets on the Hugging Face hub: from an id to rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.tables import Row, datasets_library, first_line, only_needed
from avss_core.errors import CorpusError

# Below this many tokens a stream is read (and not kept); above, or without a limit, the whole set is downloaded once.
STREAM_BELOW_TOKENS = 2_000_000
TIMEOUT_SECONDS = 10


def hub_rows(spec: CorpusSpec, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a hub data set: all columns of a stream (no `columns`), or at least `columns`.

    What is downloaded lies in the usual Hugging Face cache. With HF_HUB_OFFLINE=1 only what lies there is read.
    Raises CorpusError when the hub cannot be reached, or has no such data set, configuration or split.
    """
    datasets = datasets_library()
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE:
        _ask_the_hub(spec)
    few = spec.max_examples is not None or (spec.max_tokens or STREAM_BELOW_TOKENS) < STREAM_BELOW_TOKENS
    streaming = few or not columns
    split = spec.split or "train"
    try:
        stream: Any = datasets.load_dataset(spec.source, spec.config, split=split, streaming=streaming)
        yield from only_needed(stream if streaming else stream.to_iterable_dataset(), columns)
    except Exception as error:  # a data set can fail in as many ways as there are formats and networks
        wanted = f'{spec.source} (configuration {spec.config or "by default"}, split "{split}")'
        raise CorpusError(f"The data set {wanted} cannot be read: {first_line(error)}") from error


def _ask_the_hub(spec: CorpusSpec) -> None:
    """Raise CorpusError within seconds when there is no hub or no such data set; `datasets` alone tries for 23 s."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        HfApi().dataset_info(spec.source, timeout=TIMEOUT_SECONDS)
    except GatedRepoError as error:
        raise CorpusError(
            f"{spec.source} is gated: ask for access on its hub page and log in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise CorpusError(
            f"There is no file, folder or public hub data set called {spec.source}: check the spelling, or log in."
        ) from error
    except Exception as error:  # no name service, no route, a proxy, a refused or broken answer
        raise CorpusError(
            f"{spec.source} is no file or folder here, and the hub cannot be reached to look for it there: "
            "check the path or the connection, or set HF_HUB_OFFLINE=1 to use what was downloaded before."
        ) from error
