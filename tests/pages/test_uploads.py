"""What people upload is kept once, inside the store's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from avss_core.errors import SettingError
from avss_core.runs import Store
from pages.parts.uploads import keep_upload


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(str(tmp_path / "runs.db"))
    monkeypatch.setattr("pages.parts.uploads.store", lambda: store)
    return store


@pytest.mark.parametrize("name", ["mine.csv", "../../mine.csv", "/etc/mine.csv", "C:\\texts\\mine.csv"])
def test_an_upload_stays_in_the_stores_folder(store: Store, name: str) -> None:
    path = Path(keep_upload(name, b"text\nhello\n"))
    assert path.resolve().is_relative_to((store.folder / "uploads").resolve())
    assert (path.name, path.read_bytes()) == ("mine.csv", b"text\nhello\n")


def test_the_same_content_is_kept_once(store: Store) -> None:
    first = Path(keep_upload("a.csv", b"1"))
    changed = first.stat().st_mtime_ns
    assert Path(keep_upload("a.csv", b"1")) == first
    assert first.stat().st_mtime_ns == changed
    assert keep_upload("a.csv", b"2") != str(first)
    assert {file.name for file in (store.folder / "uploads").rglob("*.*")} == {"a.csv"}, "nothing half written"


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(store: Store) -> None:
    (store.folder / "uploads").write_text("a file where the folder should be")
    with pytest.raises(SettingError, match="cannot be used"):
        keep_upload("a.csv", b"1")
