"""What is measured and that both models do the same work; how fast a tiny model is says nothing."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ascii_tokenizer import ascii_tokenizer
from random_models import HIDDEN, build
from safetensors import safe_open
from transformers import MambaConfig, MambaForCausalLM, PreTrainedModel

from avss_core.errors import Cancelled, SettingError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning import Cut, gain
from avss_core.pruning.gain import measure_gain
from avss_core.pruning.gain_table import GainSettings
from avss_core.variants.physical import pruned_network

DECODERS = ("llama", "gpt2", "qwen2", "gemma3")
CUT = Cut((1, 2), 4, "by hand")
SMALL = GainSettings(tokens=24, prompt_tokens=6, new_tokens=4, rounds=2)


def tiny(name: str = "llama", dtype: torch.dtype = torch.float32) -> LoadedModel:
    return wrap(build(name, dtype=dtype), ascii_tokenizer())


def listen(network: PreTrainedModel, who: str, heard: list[tuple[str, tuple[int, ...]]]) -> None:
    """Note every call of the network, and every call of the network without its head, with the ids it is given."""

    def note(_module: object, args: tuple[torch.Tensor, ...], kwargs: dict[str, torch.Tensor]) -> None:
        heard.append((who, tuple(kwargs["input_ids"].flatten().tolist())))

    network.base_model.register_forward_pre_hook(note, with_kwargs=True)


def bytes_on_disk(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return sum(file.get_tensor(key).nbytes for key in file.keys())  # noqa: SIM118


@pytest.mark.parametrize("name", DECODERS)
def test_every_quantity_is_there_with_its_spread(name: str, tmp_path: Path) -> None:
    model = tiny(name, torch.bfloat16)
    table = measure_gain(model, CUT, SMALL).set_index("quantity")
    assert not table.isna().any().any()
    assert list(table.index) == [
        "parameters", "weight_bytes", "peak_bytes", "cache_bytes", "forward_tokens_per_second",
        "base_tokens_per_second", "seconds_to_first_token", "seconds_per_token",
    ]  # fmt: skip
    for column in ("original", "pruned", "ratio"):
        assert (table[f"{column}_low"] > 0).all()
        assert table[column].between(table[f"{column}_low"], table[f"{column}_high"]).all()
    assert table["rounds"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    # Counts against the files that the two models make.
    for column, kept in (("original", range(4)), ("pruned", CUT.kept)):
        pruned_network(model, kept).save_pretrained(tmp_path / column)
        size = bytes_on_disk(tmp_path / column)
        assert table.loc["weight_bytes", column] == size
        assert table.loc["parameters", column] == size / 2
    assert table.loc["parameters", "original"] - table.loc["parameters", "pruned"] == model.parameters_of(1, 2)


@pytest.mark.parametrize(("name", "width"), [("llama", HIDDEN // 2), ("gpt2", HIDDEN)])
def test_the_cache_holds_keys_and_values_of_every_block_and_token(name: str, width: int) -> None:
    table = measure_gain(tiny(name), CUT, SMALL).set_index("quantity")
    tokens, keys_and_values, bytes_of_a_number = 6 + 4, 2, 4
    for column, blocks in (("original", 4), ("pruned", 2)):
        assert table.loc["cache_bytes", column] == blocks * keys_and_values * tokens * width * bytes_of_a_number


def test_both_do_the_same_work_in_turns() -> None:
    model, heard = tiny(), []
    pruned = pruned_network(model, CUT.kept)
    listen(model.network, "original", heard)
    listen(pruned, "pruned", heard)
    rounds_done: list[int] = []

    def between(done: int) -> None:
        rounds_done.append(done)
        heard.append(("round", ()))

    measure_gain(model, CUT, SMALL, between, network=pruned)
    assert rounds_done == [0, 1, 2]
    rounds, now = [], []
    for call in heard:
        if call[0] == "round":
            rounds.append(now)
            now = []
        else:
            now.append(call)
    for number, calls in enumerate(rounds):
        turns = [who for place, (who, _) in enumerate(calls) if place == 0 or calls[place - 1][0] != who]
        first, second = ("pruned", "original") if number % 2 else ("original", "pruned")
        assert turns == [first, second] * 3  # without the head, with it, writing
        work = {name: [ids for who, ids in calls if who == name] for name in ("original", "pruned")}
        lengths = [len(ids) for ids in work["original"]]
        assert lengths == [24, 24, 6, 1, 1, 1]
        assert [len(ids) for ids in work["pruned"]] == lengths
        assert work["original"][:3] == work["pruned"][:3]


def test_timings_with_a_clock_that_goes_on_by_a_second_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gain, "time", SimpleNamespace(perf_counter=map(float, count()).__next__))
    table = measure_gain(tiny(), CUT, SMALL).set_index("quantity")
    # One look before and one after: every pass takes a second, and so does every new token.
    assert table.loc["forward_tokens_per_second", ["original", "pruned"]].tolist() == [24.0, 24.0]
    assert table.loc["base_tokens_per_second", ["original", "pruned"]].tolist() == [24.0, 24.0]
    assert table.loc["seconds_to_first_token", ["original", "pruned"]].tolist() == [1.0, 1.0]
    assert table.loc["seconds_per_token", ["original", "pruned"]].tolist() == [1.0, 1.0]


def test_a_clock_is_read_when_the_device_has_done_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(str(device)))
    subject = gain._Subject(model := tiny(), model.network, SMALL)
    for device in ("cpu", "mps", "cuda:1"):
        subject._device = torch.device(device)
        subject._now()
    assert waited == ["mps", "cuda:1"]


def test_a_text_that_would_end_is_written_to_its_full_length() -> None:
    model, heard = tiny(), []
    model.network.generation_config.eos_token_id = list(range(3, 128))
    listen(model.network, "original", heard)
    measure_gain(model, CUT, SMALL)
    assert [len(ids) for _, ids in heard].count(1) == 3 * (SMALL.new_tokens - 1)


def test_a_model_that_does_not_write_is_measured_without() -> None:
    table = measure_gain(tiny("bert"), CUT, SMALL)
    assert table["quantity"].tolist() == [
        "parameters", "weight_bytes", "peak_bytes", "forward_tokens_per_second", "base_tokens_per_second",
    ]  # fmt: skip


def test_a_model_without_keys_and_values_is_measured_without_their_cache() -> None:
    config = MambaConfig(vocab_size=128, hidden_size=16, state_size=4, num_hidden_layers=4, eos_token_id=2)
    table = measure_gain(wrap(MambaForCausalLM(config).eval(), ascii_tokenizer()), CUT, SMALL)
    assert table["quantity"].tolist() == [
        "parameters", "weight_bytes", "peak_bytes", "forward_tokens_per_second", "base_tokens_per_second",
        "seconds_to_first_token", "seconds_per_token",
    ]  # fmt: skip


def test_it_is_cancelled_between_rounds() -> None:
    def stop(done: int) -> None:
        if done == 1:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        measure_gain(tiny(), CUT, GainSettings(8, 4, 2, rounds=50), stop)


@pytest.mark.parametrize(
    ("name", "settings", "named"),
    [
        ("gpt2", GainSettings(tokens=300), "300 tokens .* 256 positions"),
        ("gpt2", GainSettings(24, 250, 8), "250 tokens and 8 new ones .* 256 positions"),
        ("roberta", GainSettings(tokens=256), "256 tokens .* 255 positions"),  # a row of its table is that of padding
    ],
)
def test_more_tokens_than_positions_are_refused(name: str, settings: GainSettings, named: str) -> None:
    with pytest.raises(SettingError, match=named):
        measure_gain(tiny(name), CUT, settings)


def test_as_many_tokens_as_positions_are_measured() -> None:
    assert len(measure_gain(tiny("roberta"), CUT, GainSettings(tokens=255, rounds=1))) == 5
