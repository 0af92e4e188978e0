"""A cut is exported and read back by transformers alone; what it must do is known from the original network itself."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from ascii_tokenizer import CHAT_TEMPLATE, ascii_tokenizer
from random_models import VOCAB, build
from safetensors import safe_open
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
)

from avss_core.errors import Cancelled, CutError, ModelError, NumericalError, SettingError
from avss_core.models.load import LoadedModel, load_model, wrap
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.export import zip_export
from avss_core.pruning.export.folder import export_pruned
from avss_core.variants.physical import pruned_network

DECODERS = ("llama", "gpt2", "qwen2", "gemma3")
CUT = Cut((1, 2), 4, "named by hand")
IDS = torch.tensor([[5, 40, 41, 7, 90, 33, 34, 35, 100, 17, 4, 60]])  # longer than the sliding windows


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[str], Path]:
    """Save a random network as a user's folder; gives the folder."""

    def save(name: str) -> Path:
        folder = tmp_path / f"original-{name}"
        build(name).save_pretrained(folder)
        ascii_tokenizer().save_pretrained(folder)
        return folder

    return save


def tiny(name: str = "llama", chat: bool = False, dtype: torch.dtype = torch.float32) -> LoadedModel:
    return wrap(build(name, dtype=dtype), ascii_tokenizer(CHAT_TEMPLATE if chat else None))


def logits_without(network: PreTrainedModel, model: LoadedModel, removed: tuple[int, ...]) -> Tensor:
    """The original network's logits when the removed blocks hand on what they were given."""

    def hand_on(_block: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        given = args[0] if args else kwargs["hidden_states"]
        return (given, *output[1:]) if isinstance(output, tuple) else given

    handles = [model.blocks[block].register_forward_hook(hand_on, with_kwargs=True) for block in removed]
    with torch.no_grad():
        logits = network(input_ids=IDS).logits
    for handle in handles:
        handle.remove()
    return logits


@pytest.mark.parametrize("name", DECODERS)
def test_plain_transformers_loads_the_pruned_model(name: str, tmp_path: Path) -> None:
    model = tiny(name)
    export = export_pruned(model, CUT, tmp_path / "out")
    network = AutoModelForCausalLM.from_pretrained(export.folder)
    tokenizer = AutoTokenizer.from_pretrained(export.folder)
    with torch.no_grad():
        logits = network(input_ids=IDS).logits
    torch.testing.assert_close(logits, logits_without(model.network, model, CUT.removed), rtol=0, atol=1e-5)
    # Greedy text against a loop that keeps no cache.
    expected = IDS
    for _ in range(8):
        with torch.no_grad():
            expected = torch.cat([expected, network(input_ids=expected).logits[:, -1:].argmax(-1)], dim=1)
    written = network.generate(IDS, max_new_tokens=8, min_new_tokens=8, do_sample=False)
    assert tokenizer.decode(written[0]) == tokenizer.decode(expected[0])
    assert export.check.max_difference == 0
    assert export.check.greedy is not None
    assert export.check.tensors == len(network.state_dict())
    # Nothing but weights moved: the sizes are those of the files, the original is as it was.
    assert export.sizes == {file.name: file.stat().st_size for file in export.folder.iterdir()}
    assert model.n_blocks == 4


@pytest.mark.parametrize("name", DECODERS)
def test_the_mergekit_file_names_the_weights_that_were_exported(name: str, folder_of: Any, tmp_path: Path) -> None:
    original = folder_of(name)
    model = load_model(ModelSpec(str(original), dtype="float32", device="cpu"))
    folder = export_pruned(model, Cut((0, 2), 4, "by hand"), tmp_path / "out").folder
    assert "# The path is of the machine that made this" in (folder / "mergekit.yml").read_text()
    recipe = yaml.safe_load((folder / "mergekit.yml").read_text())
    assert (recipe["merge_method"], recipe["dtype"]) == ("passthrough", "float32")
    blocks = []
    for piece in recipe["slices"]:
        (source,) = piece["sources"]
        assert source["model"] == str(original)
        blocks += range(*source["layer_range"])

    stack = model.blocks_path.removeprefix(model.network.base_model_prefix + ".")

    def old_name(name: str) -> str:
        before, found, after = name.partition(f"{stack}.")
        new, _, rest = after.partition(".")
        return f"{before}{found}{blocks[int(new)]}.{rest}" if found else name

    with (
        safe_open(folder / "model.safetensors", "pt") as ours,
        safe_open(original / "model.safetensors", "pt") as theirs,
    ):
        assert len(list(ours.keys())) < len(list(theirs.keys()))
        assert all(torch.equal(ours.get_tensor(key), theirs.get_tensor(old_name(key))) for key in ours.keys())  # noqa: SIM118


def test_lists_of_the_config_that_mergekit_leaves_are_named(folder_of: Any, tmp_path: Path) -> None:
    model = load_model(ModelSpec(str(folder_of("gemma3")), dtype="float32", device="cpu"))
    folder = export_pruned(model, CUT, tmp_path / "out").folder
    assert "# mergekit leaves layer_types as in the original, and may stop" in (folder / "mergekit.yml").read_text()
    assert json.loads((folder / "config.json").read_text())["layer_types"] == ["sliding_attention"] * 2


@pytest.mark.parametrize(("removed", "left"), [((1,), [2]), ((3,), [])])
def test_lists_of_block_indices_are_named_too(removed: tuple[int, ...], left: list[int], tmp_path: Path) -> None:
    config = Qwen2MoeConfig(
        vocab_size=128, hidden_size=32, intermediate_size=32, moe_intermediate_size=16, num_attention_heads=2,
        shared_expert_intermediate_size=16, num_key_value_heads=2, num_experts=2, num_experts_per_tok=1,
        num_hidden_layers=4, mlp_only_layers=[3],
    )  # fmt: skip
    Qwen2MoeForCausalLM(config).save_pretrained(tmp_path / "original")
    ascii_tokenizer().save_pretrained(tmp_path / "original")
    model = load_model(ModelSpec(str(tmp_path / "original"), dtype="float32", device="cpu"))
    folder = export_pruned(model, Cut(removed, 4, "by hand"), tmp_path / "out").folder
    assert json.loads((folder / "config.json").read_text())["mlp_only_layers"] == left
    assert "# mergekit leaves layer_types and mlp_only_layers as in" in (folder / "mergekit.yml").read_text()


@pytest.mark.parametrize(("positions", "read"), [(64, 40), (16, 1)])
def test_a_network_of_few_positions_is_checked_within_them(positions: int, read: int, tmp_path: Path) -> None:
    ends = {"bos_token_id": 1, "eos_token_id": 2}
    config = GPT2Config(vocab_size=VOCAB, n_embd=32, n_head=2, n_layer=4, n_positions=positions, **ends)
    check = export_pruned(wrap(GPT2LMHeadModel(config).eval(), ascii_tokenizer()), CUT, tmp_path / "out").check
    assert check.tokens == read
    assert check.greedy is not None


def test_an_encoder_is_exported_with_its_head(tmp_path: Path) -> None:
    model = tiny("bert")
    export = export_pruned(model, CUT, tmp_path / "out")
    with torch.no_grad():
        logits = AutoModelForMaskedLM.from_pretrained(export.folder)(input_ids=IDS).logits
    torch.testing.assert_close(logits, logits_without(model.network, model, CUT.removed), rtol=0, atol=1e-5)
    assert export.check.greedy is None
    card = (export.folder / "README.md").read_text()
    assert "pipeline_tag: fill-mask" in card
    assert "writes" not in card


def test_the_examples_run_where_the_zips_were_unpacked(tmp_path: Path) -> None:
    """In one other process, since starting it takes longer than all the rest."""
    there, examples, expected = tmp_path / "elsewhere", [], []
    for name, prompt in (("llama", "[What is the sea like in winter?]>"), ("gpt2", "The sea in winter is")):
        export = export_pruned(tiny(name, chat=name == "llama"), CUT, tmp_path / f"some {name}")
        examples.append(unpacked(export.folder, there) / "example.py")
        ids = torch.tensor([ascii_tokenizer()(prompt).input_ids])
        written = AutoModelForCausalLM.from_pretrained(export.folder).generate(ids, max_new_tokens=40, do_sample=False)
        expected.append(ascii_tokenizer().decode(written[0, ids.shape[1] :], skip_special_tokens=True))
    encoder = export_pruned(tiny("bert"), CUT, tmp_path / "some bert").folder
    examples.append(unpacked(encoder, there) / "example.py")
    tokens = ascii_tokenizer()("The sea in winter is <mask>.", return_tensors="pt").input_ids
    with torch.no_grad():
        guess = AutoModelForMaskedLM.from_pretrained(encoder)(tokens).logits[0, -2].argmax()
    expected.append(ascii_tokenizer().decode(guess))
    run = "import runpy, sys\nfor example in sys.argv[1:]: runpy.run_path(example, run_name='__main__')"
    command = [sys.executable, "-c", run, *map(str, examples)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(f"{text}\n" for text in expected)


def unpacked(folder: Path, there: Path) -> Path:
    """Zip an export and unpack it elsewhere; gives the new folder."""
    with zipfile.ZipFile(zip_export(folder)) as archive:
        archive.extractall(there)
    return there / folder.name


def test_the_dtype_is_kept_and_its_files_can_be_read_by_all(tmp_path: Path) -> None:
    folder = export_pruned(tiny(dtype=torch.bfloat16), CUT, tmp_path / "out").folder
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.bfloat16
    assert len({file.stat().st_mode for file in folder.iterdir()}) == 1
    assert {file.name for file in folder.iterdir()} == {
        "README.md", "config.json", "example.py", "generation_config.json", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip


def test_generation_config_chat_template_and_licence_go_along(folder_of: Any, tmp_path: Path) -> None:
    original = folder_of("llama")
    ascii_tokenizer(CHAT_TEMPLATE).save_pretrained(original)
    stated = {"do_sample": True, "temperature": 0.7, "eos_token_id": [2, 3]}
    (original / "generation_config.json").write_text(json.dumps(stated))
    (original / "LICENSE").write_text("do what is right")
    (original / "README.md").write_text("---\nlicense: mit\n---\n")
    model = load_model(ModelSpec(str(original), dtype="float32", device="cpu"))
    folder = export_pruned(model, CUT, tmp_path / "out").folder
    assert json.loads((folder / "generation_config.json").read_text()).items() >= stated.items()
    assert AutoTokenizer.from_pretrained(folder).chat_template == CHAT_TEMPLATE
    assert (folder / "LICENSE").read_text() == "do what is right"
    assert "license: mit" in (folder / "README.md").read_text()


def test_a_healed_network_is_exported_and_said_to_be_healed(tmp_path: Path) -> None:
    model = tiny()
    healed = copy.deepcopy(pruned_network(model, CUT.kept))
    healed.get_output_embeddings().weight.mul_(1.5)
    folder = export_pruned(model, CUT, tmp_path / "out", healed=(healed, "Its head was scaled by 1.5.")).folder
    head = AutoModelForCausalLM.from_pretrained(folder).get_output_embeddings().weight
    torch.testing.assert_close(head, model.network.get_output_embeddings().weight * 1.5)
    card = (folder / "README.md").read_text()
    assert "Its head was scaled by 1.5." in card
    assert "Nothing was trained" not in card
    with pytest.raises(CutError, match="does not have the 3 blocks"):
        export_pruned(model, Cut((1,), 4, ""), tmp_path / "other", healed=(healed, "…"))


def flip_a_weight(work: Path) -> None:
    file = work / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def cut_the_weights_short(work: Path) -> None:
    file = work / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def change_the_config(work: Path) -> None:
    config = json.loads((work / "config.json").read_text())
    (work / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))


def change_the_tokenizer(work: Path) -> None:
    file = work / "tokenizer.json"
    file.write_text(file.read_text().replace('"a":', '"swap":').replace('"b":', '"a":').replace('"swap":', '"b":'))


def change_the_generation(work: Path) -> None:
    config = json.loads((work / "generation_config.json").read_text())
    (work / "generation_config.json").write_text(json.dumps(config | {"suppress_tokens": list(range(3, 120))}))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (flip_a_weight, "is not the same"),
        (cut_the_weights_short, "cannot be loaded"),
        (change_the_config, "its logits differ by up to"),
        (change_the_tokenizer, "splits a text differently"),
        (change_the_generation, "its generation settings are not the same"),
    ],
)
def test_an_export_that_reads_back_as_something_else_is_not_left_behind(
    damage: Callable[[Path], None], named: str, tmp_path: Path
) -> None:
    def say(stage: str) -> None:
        if stage.startswith("loading it again"):
            (work,) = (tmp_path / "new").iterdir()
            damage(work)

    with pytest.raises(ModelError, match=f"not the one in memory.*{named}"):
        export_pruned(tiny(), CUT, tmp_path / "new" / "out", say=say)
    assert list(tmp_path.iterdir()) == []


def test_generation_settings_go_along(tmp_path: Path) -> None:
    model = tiny()
    own = {"temperature": 0.7, "do_sample": True, "suppress_tokens": [4], "exponential_decay_length_penalty": (1, 1.5)}
    model.network.generation_config.update(**own)
    folder = export_pruned(model, CUT, tmp_path / "out").folder
    written = json.loads((folder / "generation_config.json").read_text())
    assert {name: written[name] for name in own} == own | {"exponential_decay_length_penalty": [1, 1.5]}


def test_a_cancelled_export_leaves_nothing(tmp_path: Path) -> None:
    stages: list[str] = []

    def stop(stage: str) -> None:
        stages.append(stage)
        if len(stages) == 4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        export_pruned(tiny(), CUT, tmp_path / "out", say=stop)
    assert stages[-1] == "writing the model card"
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_are_not_numbers_are_not_exported(tmp_path: Path) -> None:
    model = tiny()
    next(model.blocks[0].parameters()).fill_(float("inf"))
    with pytest.raises(NumericalError, match="not finite"):
        export_pruned(model, CUT, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingError, match="not empty"):
        export_pruned(tiny(), CUT, tmp_path, say=lambda stage: pytest.fail(stage))
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
