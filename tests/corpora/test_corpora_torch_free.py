"""The web process reads corpora and must never import torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd

PROGRAM = """
import sys
from avss_core.corpora import CorpusSpec, make_windows, preview, read_corpus

heavy = [name for name in ("datasets", "pandas", "torch", "transformers") if name in sys.modules]
assert not heavy, f"imported at once: {heavy}"
assert len(read_corpus(CorpusSpec(sys.argv[1], "all")).documents) == 3
assert "datasets" not in sys.modules, "JSON Lines need no library"
for source in sys.argv[1:]:
    corpus = read_corpus(CorpusSpec(source, "all"))
    assert [document.text for document in corpus.documents] == ["a", "b", "c"], source
    assert make_windows(corpus, lambda text, **options: {"input_ids": [1, 2]})
    assert len(preview(CorpusSpec(source))) == 3
    assert "torch" not in sys.modules, source
assert "datasets" in sys.modules
"""


def test_every_kind_of_file_is_read_quietly_without_torch(tmp_path):
    frame = pd.DataFrame({"text": ["a", "b", "c"]})
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.txt").write_text("a\n\n\nb\n\n\nc\n")
    files = [str(tmp_path / name) for name in ("a.jsonl", "a.csv", "a.parquet", "a.txt")]
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *files], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
