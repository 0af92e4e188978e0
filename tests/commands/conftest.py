"""The command line in this process: arguments in; exit status, standard output and standard error out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from said import Avss, Said
from tiny_model import write_documents

from avss_core.cli import main


@pytest.fixture
def avss(workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Avss:
    """Run `avss ARGUMENTS` with a store of this test's own and the shared workers."""
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    monkeypatch.setenv("AVSS_STORE", str(tmp_path / "runs.db"))

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["avss", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Said(int(end.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """About 4,000 tokens in 20 documents."""
    return write_documents(tmp_path / "text.jsonl", documents=20, characters=200)
