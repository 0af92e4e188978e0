"""The hub's answers, given by a small server on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest
from transformers import PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.hub import fetch
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec

COMMIT = "a" * 40
MODEL, GATED = "someone/tiny", "someone/gated"


class FakeHub(ThreadingHTTPServer):
    """One model, served from a folder; `sent` collects the paths of the files that were asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folder = folder
        self.sent: set[str] = set()


class _Answers(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{GATED}/"):
            self._refuse(403, "GatedRepo")
        elif path == f"/api/models/{MODEL}/revision/main":
            self._answer(json.dumps({"id": MODEL, "sha": COMMIT, "siblings": []}).encode())
        elif path.startswith(f"/api/models/{MODEL}/revision/"):
            self._refuse(404, "RevisionNotFound")
        elif path == f"/api/models/{MODEL}/tree/{COMMIT}":
            self._answer(json.dumps([self._entry(file) for file in self._files()]).encode())
        elif path.startswith(f"/{MODEL}/resolve/{COMMIT}/"):
            name = path.removeprefix(f"/{MODEL}/resolve/{COMMIT}/")
            self.server.sent.add(name)
            self._answer((self.server.folder / name).read_bytes())
        else:
            self._refuse(404, "RepoNotFound")

    def _files(self) -> list[Path]:
        return sorted(file for file in self.server.folder.rglob("*") if file.is_file())

    def _entry(self, file: Path) -> dict[str, object]:
        content = file.read_bytes()
        name = str(file.relative_to(self.server.folder))
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def hub(
    llama: PreTrainedModel, save: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeHub]:
    folder = save(llama)
    for unneeded in ("consolidated.safetensors", "onnx/model.onnx", "pytorch_model.bin", "model.py", "README.md"):
        (folder / unneeded).parent.mkdir(exist_ok=True)
        (folder / unneeded).write_bytes(b"not needed")
    server = FakeHub(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    template = huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE
    real = huggingface_hub.constants.ENDPOINT
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template.replace(real, address))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_only_what_is_needed_is_fetched(hub: FakeHub) -> None:
    model = load_model(ModelSpec(MODEL, dtype="float32", device="cpu"))
    assert model.n_blocks == 3
    wanted = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert hub.sent == wanted


def test_several_weight_files_are_fetched_by_their_index(hub: FakeHub, llama: PreTrainedModel) -> None:
    (hub.folder / "model.safetensors").unlink()
    llama.save_pretrained(hub.folder, max_shard_size="20KB")
    assert load_model(ModelSpec(MODEL, dtype="float32", device="cpu")).n_blocks == 3
    assert len([name for name in hub.sent if name.startswith("model-0")]) > 2
    assert "consolidated.safetensors" not in hub.sent


def test_pickle_weights_are_not_even_fetched_unless_allowed(hub: FakeHub) -> None:
    (hub.folder / "model.safetensors").unlink()
    folder = fetch(MODEL, None, allow_pickle=False, trust_remote_code=False)
    assert not (folder / "pytorch_model.bin").exists()
    folder = fetch(MODEL, None, allow_pickle=True, trust_remote_code=False)
    assert (folder / "pytorch_model.bin").read_bytes() == b"not needed"


def test_code_is_not_even_fetched_unless_trusted(hub: FakeHub) -> None:
    assert not (fetch(MODEL, None, allow_pickle=False, trust_remote_code=False) / "model.py").exists()
    assert (fetch(MODEL, None, allow_pickle=False, trust_remote_code=True) / "model.py").exists()


def test_a_model_that_the_hub_does_not_have(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match="The hub has no model someone/else, or it is private"):
        load_model(ModelSpec("someone/else"))


def test_a_revision_that_the_hub_does_not_have(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match="someone/tiny has no revision v9"):
        load_model(ModelSpec(MODEL, revision="v9"))


def test_a_licence_that_was_not_accepted(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match="someone/gated asks for its licence to be accepted"):
        load_model(ModelSpec(GATED))
