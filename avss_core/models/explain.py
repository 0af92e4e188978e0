"""One sentence out of whatever a loading library raised."""

from __future__ import annotations

import errno

import torch

from avss_core.errors import AvssError, ModelError, ResourceError


def explain(what: str, error: Exception) -> AvssError:
    """The error to raise in place of `error`, which came up while loading `what` ("The folder …")."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text:
        return ResourceError(f"{what} does not fit into memory; choose a smaller model, bfloat16, or another device.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return ResourceError(f"{what} does not fit on the disk; make room, or move the cache (HF_HOME, AVSS_CACHE).")
    if "trust_remote_code" in text:
        return needs_its_own_code(what)
    if isinstance(error, ImportError):
        return ModelError(
            f"{what} needs a package that is not installed ({_shorten(text)}); install it, or choose another model."
        )
    said = _shorten(text) or type(error).__name__
    return ModelError(f"{what} cannot be loaded ({said}); fetch it again, or choose another model.")


def needs_its_own_code(what: str) -> ModelError:
    """The error for a model that brings Python files of its own, when running them has not been allowed."""
    return ModelError(
        f"{what} comes with Python code of its own, which is not run unless you allow it; "
        "set trust_remote_code if you trust its author."
    )


def _shorten(text: str, most: int = 240) -> str:
    """The whole text, or its first sentences as far as they fit."""
    if len(text) > most:
        sentences, stop, _ = text[:most].rpartition(". ")
        text = sentences if stop else text[:most] + "…"
    return text.rstrip(". ")
