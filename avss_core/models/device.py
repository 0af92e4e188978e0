"""Where a network is held, and in which numbers."""

from __future__ import annotations

import torch

from avss_core.errors import ModelError, SettingError
from avss_core.models.spec import DTYPES

# Instructions that multiply bfloat16 matrices; without one of them a processor is faster in float32.
_CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16")


def choose_device(name: str) -> torch.device:
    """The device called `name`; `auto` takes cuda, then mps, then cpu. Raises ModelError when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"The device {name!r} is not known; choose auto, cpu, cuda, cuda:1 or mps.") from error
    n_devices = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(_has_mps())}.get(device.type, 0)
    if (device.index or 0) >= n_devices:
        raise ModelError(f"This machine has no usable device {name!r}; choose auto or cpu.")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype called `name`; `auto` is bfloat16 where `device` multiplies it in hardware, else float32."""
    if name not in DTYPES:
        raise SettingError(f"The dtype {name!r} is not known; choose one of {', '.join(DTYPES)}.")
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    return torch.bfloat16 if _is_fast_at_bfloat16(device) else torch.float32


def _is_fast_at_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in _CPU_BFLOAT16)
    return False


def _has_mps() -> bool:
    return torch.backends.mps.is_available()
