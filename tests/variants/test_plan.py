"""Plans are carried out here on states that are the lists of the blocks run so far."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avss_core.variants import Variant, count_block_runs, count_block_runs_naive
from avss_core.variants.plan import Action, plan_walk

State = tuple[int, ...]


def carry_out(variants: Sequence[Variant], room: int | None = None) -> tuple[list[tuple[Variant, State]], int, int]:
    """What was given, how many blocks ran, and the most states that were held at once."""
    state: State = ()
    held: list[State] = []
    given_states, runs, most = [], 0, 0
    for step in plan_walk(variants, room):
        if step.action is Action.RUN:
            state, runs = (*state, step.block), runs + 1
        elif step.action is Action.HOLD:
            held.append(state)
        elif step.action is Action.BACK:
            state = held[-1] if held else ()
        elif step.action is Action.TAKE:
            state = held.pop()
        else:
            assert step.variant is not None
            given_states.append((step.variant, state))
        most = max(most, len(held))
    assert not held
    return given_states, runs, most


def ablations(n_blocks: int) -> list[Variant]:
    return [Variant.without(n_blocks, [block]) for block in range(n_blocks)]


def prefixes(variants: Sequence[Variant]) -> int:
    """The nodes of the prefix tree below its root: all different beginnings."""
    return len({variant.kept[:length] for variant in variants for length in range(1, len(variant.kept) + 1)})


some_variants = st.lists(
    st.sets(st.integers(0, 6)).map(lambda kept: Variant(tuple(sorted(kept)), 7)), min_size=1, max_size=12
)


@given(some_variants, st.one_of(st.none(), st.integers(0, 4)))
def test_every_variant_gets_the_state_of_its_own_blocks(variants: list[Variant], room: int | None) -> None:
    given_states, runs, most = carry_out(variants, room)
    assert sorted((variant.kept, state) for variant, state in given_states) == sorted(
        (variant.kept, variant.kept) for variant in variants
    )
    assert room is None or most <= room
    assert runs == count_block_runs(variants, room)
    assert prefixes(variants) <= runs <= count_block_runs_naive(variants)


@given(some_variants)
def test_with_room_enough_each_prefix_is_run_once(variants: list[Variant]) -> None:
    assert count_block_runs(variants) == prefixes(variants)


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 30])
def test_single_block_ablation_costs_about_half(n_blocks: int) -> None:
    variants = ablations(n_blocks)
    # After the removed block ℓ the rest runs alone: Σ (M-1-ℓ); before it, one shared path of M-1 blocks.
    assert count_block_runs(variants) == n_blocks * (n_blocks - 1) // 2 + (n_blocks - 1)
    assert count_block_runs_naive(variants) == n_blocks * (n_blocks - 1)


def test_single_block_ablation_of_thirty_blocks() -> None:
    assert count_block_runs(ablations(30)) == 464
    assert count_block_runs_naive(ablations(30)) == 870
    assert 464 <= 0.55 * 870


def test_single_block_ablation_holds_one_state() -> None:
    _, _, most = carry_out([Variant.full(12), *ablations(12)])
    assert most == 1


def test_a_variant_listed_twice_is_given_twice_and_run_once() -> None:
    given_states, runs, _ = carry_out([Variant((0, 2), 3), Variant((0, 2), 3)])
    assert len(given_states) == 2
    assert runs == 2


def test_no_variant_needs_no_step() -> None:
    assert list(plan_walk([])) == []
