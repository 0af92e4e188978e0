from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from avss_core.errors import SettingError
from avss_core.models import ModelSpec


def test_kind_follows_from_the_source(tmp_path: Path) -> None:
    (tmp_path / "folder.gguf").mkdir()
    assert ModelSpec().kind == "default"
    assert ModelSpec(str(tmp_path)).kind == "folder"
    assert ModelSpec(str(tmp_path / "folder.gguf")).kind == "folder"
    assert ModelSpec("weights/Model.GGUF").kind == "gguf"
    assert ModelSpec("gpt2").kind == "hub"
    assert ModelSpec("owner/name").kind == "hub"


@pytest.mark.parametrize("source", ["/nowhere/model", "./model", "~/model", "a/b/c"])
def test_what_can_only_be_a_path_is_no_hub_id(source: str) -> None:
    assert ModelSpec(source).kind == "folder"


def test_a_folder_called_like_a_hub_id_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert ModelSpec("owner/name").kind == "folder"


def test_identity_follows_what_would_be_loaded() -> None:
    spec = ModelSpec("owner/name", revision="v1", dtype="float32")
    others = [
        ModelSpec("owner/other", revision="v1", dtype="float32"),
        ModelSpec("owner/name", revision="v2", dtype="float32"),
        ModelSpec("owner/name", revision="v1", dtype="bfloat16"),
        ModelSpec("default", dtype="float32"),
    ]
    assert len({spec.identity(), *(other.identity() for other in others)}) == 5
    assert ModelSpec("owner/name", revision="v1", dtype="float32", device="cuda").identity() == spec.identity()
    named = ModelSpec("owner/name", device="cpu"), ModelSpec("owner/name", device="cuda"), ModelSpec("owner/name")
    assert len({each.identity() for each in named}) == 3, "the dtype `auto` follows the device"


def test_identity_of_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    weights, config, note = tmp_path / "model.safetensors", tmp_path / "config.json", tmp_path / "notes.md"
    weights.write_bytes(b"12345678")
    config.write_text("{}")
    spec = ModelSpec(str(tmp_path))
    before = spec.identity()
    note.write_text("not part of the model")
    assert spec.identity() == before
    os.utime(weights, ns=(1, 1))
    touched = spec.identity()
    config.write_text('{"num_hidden_layers": 2}')
    assert len({before, touched, spec.identity()}) == 3


def test_identity_of_a_file_does_not_depend_on_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    assert ModelSpec("model.gguf").identity() == ModelSpec(str(tmp_path / "model.gguf")).identity()


def test_round_trip() -> None:
    spec = ModelSpec("owner/name", revision="v1", dtype="float16", device="cpu", allow_pickle=True)
    assert ModelSpec.from_dict(spec.to_dict()) == spec
    with pytest.raises(SettingError, match="colour"):
        ModelSpec.from_dict({"source": "default", "colour": "red"})


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(SettingError, match="int8"):
        ModelSpec(dtype="int8")
    with pytest.raises(SettingError, match="empty"):
        ModelSpec(source=" ")


def test_the_names_of_the_package_and_the_default_need_no_torch() -> None:
    code = (
        "import sys, avss_core.models, avss_core.models.default, avss_core.models.cache;"
        "avss_core.models.ModelSpec().identity();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
