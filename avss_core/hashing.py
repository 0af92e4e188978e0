"""Content hashes: the same specification always has the same short name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from typing import Any


def canonical_json(value: Any) -> str:
    """Write `value` (JSON types, or a dataclass of them) with sorted keys and no spaces."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(*values: Any) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the canonical JSON of `values`."""
    return hashlib.sha256(canonical_json(list(values)).encode()).hexdigest()[:16]
