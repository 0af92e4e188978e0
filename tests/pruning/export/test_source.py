from __future__ import annotations

from pathlib import Path

import pytest

from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.export import Source, export_name, source_of


def test_the_default_model_goes_by_its_name_on_the_hub() -> None:
    source = source_of(ModelSpec())
    assert (source.name, source.licence) == ("SmolLM2-135M-Instruct", "apache-2.0")
    assert source.reference == source.hub_id == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert "Q4_1" in source.note


def test_a_hub_model_keeps_its_revision() -> None:
    source = source_of(ModelSpec("owner/name", revision="v2"))
    assert (source.name, source.reference, source.revision) == ("name", "owner/name", "v2")
    assert source.licence is None


def test_a_gguf_file_is_nothing_that_mergekit_reads(tmp_path: Path) -> None:
    source = source_of(ModelSpec(str(tmp_path / "some-Q4_K_M.gguf")))
    assert (source.name, source.reference) == ("some-Q4_K_M", None)


def test_the_stand_in_is_said_to_be_one_and_is_no_folder() -> None:
    source = source_of(ModelSpec("standin-classifier"))
    assert (source.name, source.licence, source.reference) == ("standin-classifier", "apache-2.0", None)
    assert "Stand-in for DistilBERT" in source.note


@pytest.mark.parametrize("name", ["a" * 250, "模型" * 60, "../.. /x", "…"])
def test_a_folders_name_fits_every_file_system(name: str) -> None:
    made = export_name(Source(name), Cut((1,), 30, ""))
    assert len(f".{made}.zip.part-0123abcd".encode()) <= 255
    assert made.endswith("-29-of-30-blocks")
    assert not set("/ \\") & set(made)
    assert not made.startswith((".", "-"))


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# Tiny", "apache-2.0"),
        ("---\r\nlicense: 'llama3.1'\r\n---\r\n", "llama3.1"),
        ("# Tiny\n\nlicense: mit", None),
        ("---\nlanguage: en\n---\nlicense: mit", None),
        ("", None),
    ],
)
def test_a_folder_says_its_licence_in_the_head_of_its_card(tmp_path: Path, card: str, licence: str | None) -> None:
    (tmp_path / "README.md").write_bytes(card.encode())
    (tmp_path / "LICENSE").write_text("…")
    (tmp_path / "NOTICE.txt").write_text("…")
    source = source_of(ModelSpec(str(tmp_path)))
    assert source.licence == licence
    assert source.reference == str(tmp_path)
    assert [file.name for file in source.licence_files] == ["LICENSE", "NOTICE.txt"]
