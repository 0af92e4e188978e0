"""What transformers' loop writes, against a loop of our own that keeps no cache."""

from __future__ import annotations

import pytest
import torch
from ascii_tokenizer import CHAT_TEMPLATE, ascii_tokenizer
from random_models import build

from avss_core.errors import Cancelled, ModelError, NumericalError, SettingError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning import Cut
from avss_core.pruning.generate import generate, generate_side_by_side, prompt_ids
from avss_core.pruning.generation import Generated, Piece, Sampling
from avss_core.variants.physical import pruned_network

DECODERS = ("llama", "gpt2", "qwen2", "gemma3")
CUT = Cut((1,), 4, "by hand")
PROMPT = "The sea in winter"


def tiny(name: str = "llama", chat: bool = False) -> LoadedModel:
    return wrap(build(name), ascii_tokenizer(CHAT_TEMPLATE if chat else None))


def greedy(model: LoadedModel, ids: list[int], new: int, removed: tuple[int, ...] = ()) -> list[int]:
    """Token by token, each from a pass over the whole text; up to an end token (2)."""
    network = pruned_network(model, Cut(removed, model.n_blocks, "").kept)
    written: list[int] = []
    while len(written) < new and 2 not in written:
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([ids + written])).logits[0, -1]
        written.append(int(logits.argmax()))
    return written


@pytest.mark.parametrize("name", DECODERS)
def test_both_models_write_greedily(name: str) -> None:
    model = tiny(name)
    pair = generate_side_by_side(model, CUT, PROMPT, Sampling(12))
    ids = model.tokenizer(PROMPT).input_ids
    assert list(pair.original.tokens) == greedy(model, ids, 12)
    assert list(pair.pruned.tokens) == greedy(model, ids, 12, CUT.removed)
    assert pair.original.prompt == pair.pruned.prompt == tuple(ids)
    assert pair.original.text == model.tokenizer.decode(list(pair.original.tokens), skip_special_tokens=True)
    for one in (pair.original, pair.pruned):
        assert one.ended == (2 in one.tokens)
        assert 0 < one.first_token_seconds <= one.seconds


@pytest.mark.parametrize("name", DECODERS)
def test_a_drawn_token_is_always_from_the_nucleus(name: str) -> None:
    model, top_p = tiny(name), 0.6
    sampling = Sampling(16, temperature=1.7, top_p=top_p, seed=3)
    found = generate(model.network, model.tokenizer, prompt_ids(model, PROMPT, sampling), sampling)
    text = list(found.prompt)
    not_greedy = 0
    for token in found.tokens:
        with torch.no_grad():
            logits = model.network(input_ids=torch.tensor([text])).logits[0, -1].double()
        shares, order = (logits / 1.7).softmax(-1).sort(descending=True)
        nucleus = int((shares.cumsum(0) < top_p).sum()) + 1
        rank = order.tolist().index(token)
        assert rank < nucleus
        not_greedy += rank > 0
        text.append(token)
    assert not_greedy > 0


def test_the_seed_decides_the_draws_and_nothing_else_is_touched() -> None:
    model = tiny()
    ids = prompt_ids(model, PROMPT, Sampling())

    def drawn(seed: int) -> tuple[int, ...]:
        return generate(model.network, model.tokenizer, ids, Sampling(12, temperature=2.0, seed=seed)).tokens

    torch.manual_seed(99)
    before = torch.get_rng_state()
    first, again, other = drawn(1), drawn(1), drawn(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert first == again != other


def test_penalties_of_the_models_own_config_do_not_bear_on_it() -> None:
    plain, model = tiny(), tiny()
    model.network.generation_config.repetition_penalty = 5.0
    model.network.generation_config.no_repeat_ngram_size = 1
    pairs = [generate_side_by_side(each, CUT, PROMPT, Sampling(12)) for each in (plain, model)]
    assert pairs[0].original.tokens == pairs[1].original.tokens
    assert pairs[0].pruned.tokens == pairs[1].pruned.tokens


@pytest.mark.parametrize("temperature", [0.0, 2.0])
@pytest.mark.parametrize(
    "asked",
    [
        {"suppress_tokens": list(range(10, 120))},
        {"begin_suppress_tokens": list(range(3, 127))},
        {"bad_words_ids": [[token] for token in range(10, 120)]},
        {"encoder_repetition_penalty": 50.0},
        {"forced_eos_token_id": 77},
        {"exponential_decay_length_penalty": (1, 9.0)},
        {"sequence_bias": [[[5], 50.0]]},
        {"top_h": 0.01},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"num_beams": 3},
        {"min_new_tokens": 12},
    ],
    ids=lambda asked: next(iter(asked)) if isinstance(asked, dict) else None,
)
def test_whatever_else_it_asks_for(asked: dict[str, object], temperature: float) -> None:
    plain, model = tiny(), tiny()
    own = model.network.generation_config
    own.update(**asked)
    sampling = Sampling(12, temperature, seed=2)
    pairs = [generate_side_by_side(each, CUT, PROMPT, sampling) for each in (plain, model)]
    assert pairs[0].original.tokens == pairs[1].original.tokens
    assert pairs[0].pruned.tokens == pairs[1].pruned.tokens
    assert model.network.generation_config is own


@pytest.mark.parametrize("left_out", [{"min_p": 1.0}, {"epsilon_cutoff": 0.9}, {"typical_p": 0.01}, {"top_k": 1}])
def test_what_the_models_own_config_leaves_out_is_drawn_all_the_same(left_out: dict[str, float]) -> None:
    plain, model = tiny(), tiny()
    model.network.generation_config.update(**left_out)
    sampling = Sampling(12, temperature=2.0, seed=1)
    pairs = [generate_side_by_side(each, CUT, PROMPT, sampling) for each in (plain, model)]
    assert pairs[0].original.tokens == pairs[1].original.tokens


def test_every_token_is_told_with_the_text_so_far() -> None:
    model = tiny()
    told: list[Piece] = []
    pair = generate_side_by_side(model, CUT, PROMPT, Sampling(5), told.append)
    expected = [
        Piece(each.which, count, model.tokenizer.decode(list(each.tokens[:count]), skip_special_tokens=True))
        for each in (pair.original, pair.pruned)
        for count in range(1, len(each.tokens) + 1)
    ]
    assert told == expected
    assert {piece.which for piece in told} == {"original", "pruned"}


def test_it_is_cancelled_between_two_tokens() -> None:
    model = tiny()
    passes: list[int] = []
    model.network.register_forward_pre_hook(lambda *_: passes.append(1))

    def told(piece: Piece) -> None:
        if piece.tokens == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        generate_side_by_side(model, CUT, PROMPT, Sampling(50), told)
    assert len(passes) == 3
    assert len(generate_side_by_side(model, CUT, PROMPT, Sampling(4)).original.tokens) == 4


def ends_at_once(model: LoadedModel, end: int | list[int]) -> Generated:
    model.network.generation_config.eos_token_id = end
    return generate(model.network, model.tokenizer, prompt_ids(model, PROMPT, Sampling()), Sampling(6))


def test_a_token_that_ends_the_text_ends_it() -> None:
    likeliest = greedy(tiny(), tiny().tokenizer(PROMPT).input_ids, 1)[0]
    for end in (likeliest, [2, likeliest]):
        found = ends_at_once(tiny(), end)
        assert (found.tokens, found.ended) == ((likeliest,), True)
    open_end = ends_at_once(tiny(), [])
    assert (len(open_end.tokens), open_end.ended) == (6, False)


def test_the_chat_template_frames_the_prompt() -> None:
    model = tiny(chat=True)
    sampling = Sampling(3, chat=True)
    assert model.tokenizer.decode(prompt_ids(model, "Hi there", sampling)[0]) == "[Hi there]>"
    assert model.tokenizer.decode(prompt_ids(model, "Hi there", Sampling(3))[0]) == "Hi there"
    with pytest.raises(SettingError, match="no chat template"):
        prompt_ids(tiny(), "Hi there", sampling)


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(SettingError, match="prompt is empty"):
        prompt_ids(tiny(), prompt, Sampling())


def test_more_tokens_than_positions_are_refused() -> None:
    ids = prompt_ids(tiny("gpt2"), "x" * 250, Sampling(6))
    assert ids.shape == (1, 250)
    with pytest.raises(SettingError, match="250 tokens and 7 new ones are more than the 256 positions"):
        prompt_ids(tiny("gpt2"), "x" * 250, Sampling(7))


def test_a_model_that_fills_in_words_does_not_write() -> None:
    with pytest.raises(ModelError, match="BertForMaskedLM does not predict the next token, so it cannot write a text"):
        generate_side_by_side(tiny("bert"), CUT, PROMPT)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_numbers_are_one_sentence(temperature: float) -> None:
    model = tiny()
    next(model.blocks[3].parameters()).fill_(float("nan"))
    with pytest.raises(NumericalError, match="not a number"):
        generate_side_by_side(model, CUT, PROMPT, Sampling(4, temperature=temperature))
