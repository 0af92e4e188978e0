"""The web process reads the store and draws; torch and transformers are for the workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tiny_model import write_documents

from avss_core.corpora import CorpusSpec
from avss_core.jobs import EvaluateRequest, Jobs, ProfileRequest
from avss_core.models import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest

PAGE = "from pages import {0}\\nfrom pages.parts.choose_run import choose_run\\nchoose_run()\\n{0}.page()"
apps = {"app": AppTest.from_file("app.py", default_timeout=120)}
for file in sorted(Path("pages").glob("*.py")):
    apps[file.stem] = AppTest.from_string(PAGE.format(file.stem), default_timeout=120)
for name, app in apps.items():
    app.run()
    assert not app.exception, (name, app.exception)
    assert not app.error, (name, app.error)
    assert app.title, name
heavy = [name for name in ("torch", "transformers", "numba") if name in sys.modules]
assert not heavy, f"the web process imported {heavy}"
print(*apps)
"""


def test_no_page_imports_torch(workers: str, tiny_model: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "runs.db"))
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=20, characters=100)))
    model = ModelSpec(str(tiny_model))
    held_out = CorpusSpec.from_dict({**text.of_part("evaluate").to_dict(), "max_tokens": 4000})
    jobs = Jobs(store, workers)
    for request in (
        ProfileRequest(model, text),
        EvaluateRequest(model, held_out, "perplexity", ((), (0,), (1,), (2,))),
    ):
        assert jobs.wait(jobs.submit(request).id).status == "done"
    jobs.close()
    environment = {**os.environ, "AVSS_STORE": store.url, "AVSS_SCHEDULER": workers, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert {"app", "overview", "profile", "prune"} <= set(done.stdout.split())
