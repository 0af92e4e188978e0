"""Many variants of one model on one batch, each shared prefix of blocks run once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.errors import CutError
from avss_core.models.load import LoadedModel
from avss_core.variants.calls import Calls, record_calls
from avss_core.variants.kept_prefixes import Blocks, KeptPrefixes, PrefixesOfBatch
from avss_core.variants.plan import Action, Step, count_block_runs, count_block_runs_naive, plan_walk
from avss_core.variants.variant import Variant

__all__ = ["MEMORY_BUDGET", "count_block_runs", "count_block_runs_naive", "states_in", "walk"]

MEMORY_BUDGET = 2**30


def walk(
    model: LoadedModel,
    batch: Batch,
    variants: Iterable[Variant],
    memory_budget: int = MEMORY_BUDGET,
    prefixes: KeptPrefixes | None = None,
) -> Iterator[tuple[Variant, Tensor]]:
    """Give each variant with its hidden state after the last kept block, (sequences, tokens, hidden), before the final
    norm; in the order of the prefix tree, not of the list.

    A given state may be the start of further variants: read it, do not write to it, and drop it before the next one
    or it stays in memory. memory_budget: bytes of hidden states alive at once (the embeddings and the running state,
    which are always there, included); where it is too small, blocks are run again. prefixes: states from earlier walks
    of this model to begin with, to which those of this walk are added; they have a budget of their own. Raises CutError
    when a variant was made for another number of blocks, ModelError when the model cannot be taken apart.
    """
    chosen = tuple(variants)
    for variant in chosen:
        if variant.n_blocks != model.n_blocks:
            raise CutError(
                f"A variant of {variant.n_blocks} blocks does not fit {type(model.network).__name__}, "
                f"which has {model.n_blocks}; make the cut for this model."
            )
    calls = record_calls(model, batch)
    room = states_in(memory_budget, calls.embeddings.numel() * calls.embeddings.element_size())
    return _follow(calls, plan_walk(chosen, room), None if prefixes is None else prefixes.of(batch))


def states_in(memory_budget: int, state_bytes: int) -> int:
    """How many states fit into the budget beside the embeddings and the running state: the `room` of a plan."""
    return max(0, memory_budget // max(1, state_bytes) - 2)


def _follow(calls: Calls, steps: Iterator[Step], prefixes: PrefixesOfBatch | None) -> Iterator[tuple[Variant, Tensor]]:
    held: list[tuple[Blocks, Tensor]] = []
    path: Blocks = ()  # the blocks that `state` has been through
    state = calls.embeddings
    goal: Blocks = ()  # where the plan is; it is followed when a state is asked for, so that a kept one can save all
    for step in steps:
        match step.action:
            case Action.RUN:
                goal = (*goal, step.block)
                continue
            case Action.BACK:
                path, state = held[-1] if held else ((), calls.embeddings)
                goal = path
                continue
            case Action.TAKE:
                path, state = held.pop()
                goal = path
                continue
        if prefixes is not None:
            path, state = prefixes.nearest(path, state, goal)
        for block in goal[len(path) :]:
            state, path = calls.run(block, state), (*path, block)
            if prefixes is not None:
                prefixes.keep(path, state)
        if step.action is Action.HOLD:
            held.append((path, state))
        else:
            assert step.variant is not None
            yield step.variant, state
