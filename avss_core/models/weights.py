"""Which files of a folder hold the weights, and whether they may be read."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from avss_core.errors import ModelError

SAFETENSORS = "model.safetensors"
PICKLE = "pytorch_model.bin"
_PICKLE_PATTERNS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def weight_names(folder: Path, single: str) -> list[str]:
    """The files that hold the weights: those the index beside them names, else the `single` one."""
    index = folder / f"{single}.index.json"
    if not index.is_file():
        return [single]
    try:
        return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{index} is not a list of weight files; download the model again.") from error


def find_weights(folder: Path, what: str, allow_pickle: bool) -> list[Path]:
    """The weight files of `folder`, all there and (safetensors) whole.

    Raises ModelError when there are none, when one is missing or cut short, or when they are pickles, which can run
    any code when they are read, and `allow_pickle` is False.
    """
    safe = [folder / name for name in weight_names(folder, SAFETENSORS)]
    if any(file.is_file() for file in safe):
        for file in safe:
            _require_whole(file)
        return safe
    pickles = sorted(file.name for pattern in _PICKLE_PATTERNS for file in folder.glob(pattern))
    if pickles and not allow_pickle:
        raise ModelError(
            f"{what} has only pickle weights ({pickles[0]}), which can run any code when they are read; "
            "convert them to safetensors, or allow pickle weights if you trust their author."
        )
    allowed = [folder / name for name in weight_names(folder, PICKLE)]
    if pickles and all(file.is_file() for file in allowed):
        return allowed
    wanted = SAFETENSORS + (f" or {PICKLE}" if allow_pickle else "")
    raise ModelError(f"{what} has no weights (no {wanted}); {instead(folder)}.")


def instead(folder: Path) -> str:
    """What to do about a folder that lacks a file of its model: perhaps a GGUF file in it was meant."""
    gguf = next(iter(sorted(folder.glob("*.gguf"))), None)
    return f"to load {gguf.name}, give the path of that file" if gguf else "fetch the whole model, or give another"


def _require_whole(file: Path) -> None:
    if not file.is_file():
        raise ModelError(f"The weight file {file} is missing; download the model again.")
    try:
        with safe_open(file, framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise ModelError(f"The weight file {file} is corrupt or cut short ({error}); download it again.") from error
