"""An adapter of the unpruned model, made to fit the model that a cut leaves: blocks renumbered, removed ones left out.

Works on the files that peft writes, without torch: names and places of tensors are in the head of a safetensors file.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avss_core.errors import CutError, RunError

_OUTSIDE = "base_model.model."  # what peft puts around a network
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def adapter_for_cut(adapter: Path, blocks_path: str, kept: Sequence[int], folder: Path) -> Path:
    """Write the adapter again for the model whose blocks are `kept` (numbers of the unpruned model), into `folder`.

    blocks_path: of the list of blocks in the network, such as `model.layers`. Raises CutError when the cut removes
    every block that the adapter trains, RunError when the adapter's files are missing or damaged, OSError when the
    folder cannot be written.
    """
    place = {block: number for number, block in enumerate(sorted(kept))}
    numbered = re.compile(rf"(?<![\w]){re.escape(blocks_path)}\.(\d+)\.")

    def renamed(name: str) -> str | None:
        found = numbered.search(name)
        if found is None:
            return name
        number = place.get(int(found[1]))
        return None if number is None else f"{name[: found.start(1)]}{number}{name[found.end(1) :]}"

    config, head, body = _read(adapter)
    tensors = {name: about for name, about in head.items() if name != "__metadata__"}
    left = {new: about for name, about in tensors.items() if (new := renamed(name)) is not None}
    if not left:
        raise CutError(
            "The cut removes every block that was trained, so nothing of the adapter is left; export the cut."
        )
    # Of the tensors: peft may shorten the names in its configuration to endings that fit the whole network alone.
    targets = {name.removeprefix(_OUTSIDE).rsplit(".lora_", 1)[0] for name in left}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps({**config, "target_modules": sorted(targets)}, indent=2))
    (folder / WEIGHTS).write_bytes(_packed(left, body, head.get("__metadata__")))
    return folder


def _read(adapter: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The configuration, the head of the weights' file and what follows it."""
    try:
        config = json.loads((adapter / CONFIG).read_text())
        raw = (adapter / WEIGHTS).read_bytes()
        (size,) = struct.unpack("<Q", raw[:8])
        return config, json.loads(raw[8 : 8 + size]), raw[8 + size :]
    except (OSError, ValueError, struct.error) as error:
        raise RunError(f"The adapter in {adapter} cannot be read ({error}); delete the run and train again.") from error


def _packed(tensors: dict[str, Any], body: bytes, metadata: dict[str, str] | None) -> bytes:
    """The file again, with these tensors one after another."""
    head: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    pieces, at = [], 0
    for name, about in tensors.items():
        first, last = about["data_offsets"]
        pieces.append(body[first:last])
        head[name] = {**about, "data_offsets": [at, at + last - first]}
        at += last - first
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(pieces)
