"""Prompts read through a shared cache give the logits and the texts of each prompt run alone."""

from __future__ import annotations

import numpy as np
import pytest
import random_models
import torch
import transformers as hf
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.errors import NumericalError
from avss_core.hallucination.continued import readings, write_on
from avss_core.models.load import wrap
from avss_core.tasks.greedy import greedy_answers

# One of each way to know positions: rotary, learned, learned with an offset, ALiBi; and sliding windows.
ARCHITECTURES = ("llama", "gpt2", "opt", "bloom", "gpt_neox", "mistral", "gemma3")
SIZES = {"vocab_size": random_models.VOCAB, "initializer_range": 0.15, "pad_token_id": 1, "bos_token_id": 2}
WIDTHS = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 3}


def mpt() -> hf.PreTrainedModel:
    """Distances that count places, padding among them."""
    return hf.MptForCausalLM(
        hf.MptConfig(d_model=32, n_heads=4, n_layers=3, max_seq_len=64, vocab_size=random_models.VOCAB)
    )


def lfm2() -> hf.PreTrainedModel:
    """Convolutions with a state."""
    kinds = ["conv", "full_attention", "conv"]
    return hf.Lfm2ForCausalLM(hf.Lfm2Config(**SIZES, **WIDTHS, num_key_value_heads=2, layer_types=kinds))


def gpt_neo() -> hf.PreTrainedModel:
    """A sliding window by another name."""
    widths = {"hidden_size": 32, "num_heads": 4, "num_layers": 2, "max_position_embeddings": 64, "window_size": 6}
    return hf.GPTNeoForCausalLM(hf.GPTNeoConfig(**SIZES, **widths, attention_types=[[["global", "local"], 1]]))


def roberta() -> hf.PreTrainedModel:
    """The first token has position 2."""
    config = hf.RobertaConfig(**SIZES, **WIDTHS, max_position_embeddings=64, is_decoder=True)
    return hf.RobertaForCausalLM(config)


OTHERS = {"mpt": mpt, "lfm2": lfm2, "gpt_neo": gpt_neo, "roberta": roberta}


def network_of(name: str) -> hf.PreTrainedModel:
    torch.manual_seed(0)
    return OTHERS[name]().eval() if name in OTHERS else random_models.build(name, blocks=3)


def prompts(common: int = 9, vocabulary: int = random_models.VOCAB, count: int = 7) -> list[tuple[int, ...]]:
    random = np.random.default_rng(0)
    beginning = tuple(random.integers(3, vocabulary, common).tolist())
    return [beginning + tuple(random.integers(3, vocabulary, 2 + 3 * k % 8).tolist()) for k in range(count)]


def alone(network: torch.nn.Module, ids: tuple[int, ...]) -> torch.Tensor:
    with torch.no_grad():
        return network(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]


@pytest.mark.parametrize("name", [*ARCHITECTURES, *OTHERS])
def test_logits_are_those_of_each_prompt_alone_and_so_are_those_after_more_tokens(name: str) -> None:
    network, asked = network_of(name), prompts()
    seen = []
    for numbers, reading in readings(network, asked, rows=3):
        twice = reading.repeated(2)
        more = torch.arange(2 * len(numbers)) + 5
        for row, number in enumerate(numbers):
            torch.testing.assert_close(reading.logits[row], alone(network, asked[number]), atol=2e-4, rtol=1e-4)
        twice.add(more[:, None], torch.ones_like(more[:, None]))
        for row, token in enumerate(more.tolist()):
            expected = alone(network, (*asked[numbers[row // 2]], token))
            torch.testing.assert_close(twice.logits[row], expected, atol=2e-4, rtol=1e-4)
        seen += numbers
    assert sorted(seen) == list(range(len(asked)))


@pytest.mark.parametrize("common", [0, 9])
def test_the_common_beginning_is_read_once(common: int) -> None:
    network, asked = random_models.build("llama", blocks=1), prompts(common)
    read = []
    network.get_input_embeddings().register_forward_hook(lambda module, args, output: read.append(args[0].shape))
    batches = sum(1 for _ in readings(network, asked, rows=4))
    assert read[0] == (1, common) if common else read[0][0] == 4
    assert len(read) == batches + bool(common)


def test_prompts_that_are_all_the_same_keep_a_token_of_their_own() -> None:
    network = random_models.build("llama", blocks=2)
    ((numbers, reading),) = readings(network, [(5, 6, 7)] * 3)
    assert numbers == [0, 1, 2]
    torch.testing.assert_close(reading.logits[1], alone(network, (5, 6, 7)), atol=2e-4, rtol=1e-4)


def test_the_likeliest_tokens_are_those_of_greedy_answers() -> None:
    model = wrap(tiny_network(), tiny_tokenizer())
    asked = prompts(vocabulary=200)
    expected = {}
    for numbers, texts in greedy_answers(model.network, model.tokenizer, asked, 10):
        expected |= dict(zip(numbers, texts, strict=True))
    steps = []
    for numbers, reading in readings(model.network, asked):
        written = write_on(reading, lambda logits, *_: logits.argmax(dim=1), frozenset(), 10, lambda: steps.append(1))
        for number, tokens in zip(numbers, written, strict=True):
            assert len(tokens) == 10
            text = model.tokenizer.decode(tokens, skip_special_tokens=True).split("\n")[0].strip()
            assert text == expected[number]
    assert len(steps) == 10


def test_a_sequence_ends_at_an_end_token_while_others_go_on_undisturbed() -> None:
    network, asked = random_models.build("llama", blocks=2), prompts(count=3)
    ((numbers, reading),) = readings(network, asked)
    script, still_going = [[10, 11, 12], [20, 2, 22], [2, 31, 32]], []

    def choose(logits: torch.Tensor, step: int, going: list[int]) -> torch.Tensor:
        still_going.append(going)
        for row, its_logits in zip(going, logits, strict=True):
            expected = alone(network, (*asked[numbers[row]], *script[row][:step]))
            torch.testing.assert_close(its_logits, expected, atol=2e-4, rtol=1e-4)
        return torch.tensor([script[row][step] for row in going])

    assert write_on(reading, choose, frozenset({2}), 3) == [[10, 11, 12], [20, 2], [2]]
    assert still_going == [[0, 1, 2], [0, 1], [0]]


def test_logits_that_are_not_numbers_are_said() -> None:
    network = random_models.build("llama", blocks=1)
    with torch.no_grad():
        network.get_output_embeddings().weight[3] = torch.nan
    with pytest.raises(NumericalError, match="not a number"):
        list(readings(network, prompts()))
