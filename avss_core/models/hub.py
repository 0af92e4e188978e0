"""A model of the Hugging Face hub: its files, from the local cache or downloaded into it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from avss_core.errors import ModelError
from avss_core.models.explain import explain
from avss_core.models.quiet import quiet
from avss_core.models.weights import PICKLE, SAFETENSORS, weight_names

_BESIDE_THE_WEIGHTS = ["*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja"]


def fetch(source: str, revision: str | None, allow_pickle: bool, trust_remote_code: bool) -> Path:
    """The folder in the hub's cache with the files of `source` at `revision` (a branch, tag or commit; None: main).

    Downloads only what loading needs: config and tokenizer, then the weight files that they name. Without a network
    the cached files are taken. Raises ModelError when the hub cannot be reached, or has no such model or revision.
    """
    code = ["*.py"] if trust_remote_code else []
    folder = _download(source, revision, _BESIDE_THE_WEIGHTS + code)
    folder = _download(source, revision, weight_names(folder, SAFETENSORS))
    if allow_pickle and not any((folder / name).is_file() for name in weight_names(folder, SAFETENSORS)):
        folder = _download(source, revision, weight_names(folder, PICKLE))
    return folder


def _download(source: str, revision: str | None, patterns: list[str]) -> Path:
    at = f" at revision {revision}" if revision else ""
    try:
        with quiet():
            return Path(snapshot_download(source, revision=revision, allow_patterns=patterns))
    except HFValidationError as error:
        raise ModelError(
            f"{source!r} is neither a folder, a GGUF file nor a hub id; check the path, or give owner/name."
        ) from error
    except GatedRepoError as error:
        raise ModelError(
            f"The hub's model {source} asks for its licence to be accepted; "
            "accept it there and log in with `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"The hub's model {source} has no revision {revision}; check its name.") from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"The hub has no model {source}{at}, or it is private; check its name or log in.") from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"The model {source}{at} is not in the local cache and the hub cannot be reached; "
            "connect to the network, or give a local folder."
        ) from error
    except Exception as error:  # a proxy, a broken connection, a full disk: whatever the network client raises
        raise explain(f"The hub's model {source}{at}", error) from error
