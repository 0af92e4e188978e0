from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from avss_core.errors import Cancelled, ResourceError, SettingError
from avss_core.pruning.export.new_folder import explained, new_folder, require_room


def everything_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_it_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "model"
    with new_folder(target) as work:
        (work / "file").write_text("x")
        assert not target.exists()
    assert everything_under(tmp_path) == ["new", "new/deep", "new/deep/model", "new/deep/model/file"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with new_folder(tmp_path / "model") as work:
        (work / "file").write_text("x")
    assert everything_under(tmp_path) == ["model", "model/file"]


@pytest.mark.parametrize("error", [Cancelled("enough"), KeyboardInterrupt(), ValueError("broken")])
def test_after_an_error_nothing_is_left(tmp_path: Path, error: BaseException) -> None:
    def fill() -> None:
        with new_folder(tmp_path / "new" / "model") as work:
            (work / "file").write_text("x")
            raise error

    with pytest.raises(type(error)):
        fill()
    assert everything_under(tmp_path) == []


def test_a_folder_with_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingError, match="is not empty, and is not overwritten"), new_folder(tmp_path):
        pytest.fail("there is nothing to fill")
    assert everything_under(tmp_path) == ["notes.txt"]


def test_files_that_came_in_the_meantime_are_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "model"

    def fill() -> None:
        with new_folder(target) as work:
            (work / "file").write_text("x")
            target.mkdir()
            (target / "notes.txt").write_text("mine")

    with pytest.raises(SettingError, match="is not empty"):
        fill()
    assert everything_under(tmp_path) == ["model", "model/notes.txt"]


@pytest.mark.parametrize("place", ["file", "file/model"])
def test_a_file_in_the_way_is_one_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingError, match="choose another"), new_folder(tmp_path / place):
        pytest.fail("there is nothing to fill")
    assert everything_under(tmp_path) == ["file"]


def test_weights_that_do_not_fit_are_refused_before_they_are_written(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"has [\d,]+ MB left, and the export needs 1,000,000,000,017 MB"):
        require_room(tmp_path / "model", 10**18)
    require_room(tmp_path / "not" / "there" / "yet", 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="The disk is full"), explained(tmp_path):
        Path("/dev/full").write_text("x")


def test_a_full_disk_is_known_in_the_words_of_safetensors(tmp_path: Path) -> None:
    # A real error of the library shows the wording: the system's number stands at its end.
    with pytest.raises(SettingError, match=r"os error 2\)"), explained(tmp_path):
        save_file({"a": np.zeros(1)}, tmp_path / "no such folder" / "file")
    full = SafetensorError(f"Error while serializing: I/O error: No space left on device (os error {errno.ENOSPC})")
    with pytest.raises(ResourceError, match="The disk is full"), explained(tmp_path):
        raise full
