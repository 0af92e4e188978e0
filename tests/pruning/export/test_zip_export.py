from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from avss_core.errors import ModelError, SettingError
from avss_core.pruning.export import zip_export


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "half of it"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 100)
    return folder


def test_the_zip_holds_the_folder(folder: Path, tmp_path: Path) -> None:
    made = zip_export(folder)
    assert made == tmp_path / "half of it.zip"
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "elsewhere")
        weights = archive.getinfo("half of it/model.safetensors")
    assert weights.compress_type == zipfile.ZIP_STORED
    for file in folder.iterdir():
        assert (tmp_path / "elsewhere" / "half of it" / file.name).read_bytes() == file.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "half of it", "half of it.zip"]


def test_an_older_zip_is_replaced(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "some.zip"
    target.write_text("old")
    assert zip_export(folder, target) == target
    assert zipfile.is_zipfile(target)


def test_memory_does_not_grow_with_the_model(folder: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(2**26)
    tracemalloc.start()
    zip_export(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no exported model"):
        zip_export(tmp_path)
    with pytest.raises(ModelError, match="holds no exported model"):
        zip_export(tmp_path / "missing")


def test_a_zip_that_cannot_be_written_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be written"):
        zip_export(folder, tmp_path / "missing" / "model.zip")
    (tmp_path / "taken.zip").mkdir()
    with pytest.raises(SettingError, match="cannot be written"):
        zip_export(folder, tmp_path / "taken.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half of it", "taken.zip"]
