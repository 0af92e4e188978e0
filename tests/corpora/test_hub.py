"""Hub data sets without a hub: asked for, refused, unreachable, and read from what was downloaded before."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from avss_core.corpora import CorpusSpec, preview, read_corpus
from avss_core.errors import CorpusError

ROWS = [{"text": f"Text {number}.", "label": number} for number in range(40)]


class Hub:
    """Stands in for the hub and its data sets; remembers how it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple, dict]] = []
        self.refusal: Exception | None = None
        self.failure: Exception | None = None

    def dataset_info(self, api, source, timeout):
        if self.refusal:
            raise self.refusal

    def load_dataset(self, *arguments, **options):
        self.asked.append((arguments, options))
        if self.failure:
            raise self.failure
        data = datasets.Dataset.from_list(ROWS)
        return data.to_iterable_dataset() if options["streaming"] else data


@pytest.fixture
def hub(monkeypatch) -> Hub:
    hub = Hub()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(
        huggingface_hub.HfApi, "dataset_info", lambda api, source, timeout: hub.dataset_info(api, source, timeout)
    )
    monkeypatch.setattr(datasets, "load_dataset", hub.load_dataset)
    return hub


@pytest.mark.parametrize(("max_tokens", "streaming"), [(None, False), (50_000, True), (10**9, False)])
def test_configuration_and_split_are_passed_on_and_a_small_budget_streams(hub, max_tokens, streaming):
    spec = CorpusSpec("org/name", "all", config="en", split="test", max_tokens=max_tokens)
    texts = [document.text for document in read_corpus(spec).documents]
    assert texts == [row["text"] for row in ROWS]
    assert hub.asked == [(("org/name", "en"), {"split": "test", "streaming": streaming})]


def test_the_split_is_train_unless_named_and_a_preview_streams(hub):
    assert preview(CorpusSpec("org/name"), 2).to_dict("records") == ROWS[:2]
    assert hub.asked == [(("org/name", None), {"split": "train", "streaming": True})]


@pytest.mark.parametrize("max_tokens", [None, 100])
def test_a_missing_column_is_named_with_those_there_are(hub, max_tokens):
    with pytest.raises(CorpusError, match=r'no column "body" \(there are: text, label\)'):
        read_corpus(CorpusSpec("org/name", column="body", max_tokens=max_tokens))


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (ConnectionError("no route"), "the hub cannot be reached.*HF_HUB_OFFLINE=1"),
        (
            RepositoryNotFoundError.__new__(RepositoryNotFoundError),
            "no file, folder or public hub data set called org/name",
        ),
        (GatedRepoError.__new__(GatedRepoError), "org/name is gated"),
    ],
)
def test_an_unreachable_hub_and_unknown_names_are_said_before_anything_is_loaded(hub, refusal, words):
    hub.refusal = refusal
    with pytest.raises(CorpusError, match=words):
        read_corpus(CorpusSpec("org/name"))
    assert hub.asked == []


def test_a_wrong_split_or_configuration_is_said_in_the_librarys_words(hub):
    hub.failure = ValueError("Bad split: train. Available splits: ['test']")
    with pytest.raises(CorpusError, match=r"org/name .*Bad split: train\. Available splits: \['test'\]"):
        read_corpus(CorpusSpec("org/name"))


def lay_into_cache(home: Path, folder: Path) -> None:
    """Put a data set into the cache of `datasets` under `home`, as a download of org/name would have left it."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    datasets.load_dataset("json", data_files=str(folder / "rows.jsonl"), cache_dir=str(folder / "built"))
    (info,) = (folder / "built").glob("json/*/0.0.0/*/dataset_info.json")
    place = home / "datasets" / "org___name" / "default" / "0.0.0" / ("a" * 40)
    shutil.copytree(info.parent, place)
    (place / "json-train.arrow").rename(place / "name-train.arrow")
    fields = json.loads(info.read_text()) | {"dataset_name": "name"}
    (place / "dataset_info.json").write_text(json.dumps(fields))


@pytest.mark.parametrize("max_tokens", [None, 1000])
def test_offline_a_downloaded_data_set_is_read_quietly_and_without_torch(tmp_path, max_tokens):
    home = tmp_path / "home"
    lay_into_cache(home, tmp_path)
    program = (
        "import sys; from avss_core.corpora import CorpusSpec, read_corpus\n"
        f"corpus = read_corpus(CorpusSpec('org/name', 'all', max_tokens={max_tokens}))\n"
        "print(len(corpus.documents), 'torch' in sys.modules)"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("40 False\n", "")
