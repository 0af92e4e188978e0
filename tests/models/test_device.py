from __future__ import annotations

from pathlib import Path

import pytest
import torch

from avss_core.errors import ModelError, SettingError
from avss_core.models.device import choose_device, choose_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("has_cuda", "has_mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_the_fastest(monkeypatch: pytest.MonkeyPatch, has_cuda: bool, has_mps: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has_mps)
    assert choose_device("auto").type == expected


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cpu") == CPU
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ModelError, match="no usable device 'cuda:2'"):
        choose_device("cuda:2")
    with pytest.raises(ModelError, match="'toaster' is not known"):
        choose_device("toaster")
    with pytest.raises(ModelError, match="no usable device 'meta'"):
        choose_device("meta")


def test_a_machine_without_cuda_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ModelError, match="no usable device 'cuda'"):
        choose_device("cuda")


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="the processor's own list of instructions is Linux's")
def test_auto_dtype_follows_the_processors_instructions() -> None:
    instructions = Path("/proc/cpuinfo").read_text().split()
    fast = {"avx512_bf16", "amx_bf16"} & set(instructions)
    assert choose_dtype("auto", CPU) == (torch.bfloat16 if fast else torch.float32)


@pytest.mark.parametrize("capability", ["avx512_bf16", "amx_bf16", None])
def test_auto_dtype_by_capability(monkeypatch: pytest.MonkeyPatch, capability: str | None) -> None:
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: {"avx2": True, **({capability: True} if capability else {})}
    )
    assert choose_dtype("auto", CPU) == (torch.bfloat16 if capability else torch.float32)


def test_dtypes_by_name() -> None:
    assert choose_dtype("auto", torch.device("mps")) == torch.float32
    assert choose_dtype("float32", CPU) == torch.float32
    assert choose_dtype("bfloat16", CPU) == torch.bfloat16
    assert choose_dtype("float16", CPU) == torch.float16
    with pytest.raises(SettingError, match="float8"):
        choose_dtype("float8", CPU)
