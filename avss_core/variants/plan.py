"""In which order the blocks of many variants are run, so that a prefix they share is run once.

The kept blocks of the variants form a prefix tree. It is walked depth-first with one running state. Where it branches,
the state is held until the last branch starts; the branch that will hold most itself goes last, when this state is
no longer needed. So single-block ablation of M blocks holds one state, not M:

    keep 1 2 3    run 1 · 2 · 3                   while holding the state before block 0
    keep 0 2 3    run 0, then 2 · 3               while holding the state after block 0
    keep 0 1 3    run 1, then 3                   …
    keep 0 1 2    run 2
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from avss_core.variants.variant import Variant


class Action(Enum):
    """What one step of a plan does to the running state."""

    RUN = "send the state through a block"
    HOLD = "put the state on the stack of held states"
    BACK = "return to the state on top of the stack (to the embeddings when it is empty)"
    TAKE = "return to the state on top of the stack and hold it no longer"
    GIVE = "the state is that of a variant after its last block"


@dataclass(frozen=True)
class Step:
    """One step; `block` belongs to RUN, `variant` to GIVE."""

    action: Action
    block: int = -1
    variant: Variant | None = None


@dataclass
class _Node:
    variants: list[Variant] = field(default_factory=list)
    children: dict[int, _Node] = field(default_factory=dict)
    states: int = 1  # alive at once while this subtree is walked, the running one included


def plan_walk(variants: Iterable[Variant], room: int | None = None) -> Iterator[Step]:
    """The steps that give every variant's state, once for each time it is listed.

    room: how many states may be held at once (None: as many as needed; 0: none). Where there is no room, what led to
    a branch is run again for each of its branches.
    """
    return _steps(_tree(variants), (), 0, room)


def count_block_runs(variants: Iterable[Variant], room: int | None = None) -> int:
    """How many times a block runs on a batch to give all the variants (a variant that is listed twice runs once)."""
    return sum(step.action is Action.RUN for step in plan_walk(variants, room))


def count_block_runs_naive(variants: Sequence[Variant]) -> int:
    """How many times a block would run if every variant were a model of its own."""
    return sum(len(variant.kept) for variant in variants)


def _tree(variants: Iterable[Variant]) -> _Node:
    root = _Node()
    for variant in variants:
        node = root
        for block in variant.kept:
            node = node.children.setdefault(block, _Node())
        node.variants.append(variant)
    _count_states(root)
    return root


def _count_states(node: _Node) -> int:
    counts = sorted(_count_states(child) for child in node.children.values())
    if counts:
        while_held = [1 + states for states in counts[:-1]]
        node.states = max([*while_held, counts[-1]])
    return node.states


def _steps(node: _Node, since_held: tuple[int, ...], held: int, room: int | None) -> Iterator[Step]:
    """Walk a subtree; `since_held` are the blocks run since the state that BACK returns to."""
    for variant in node.variants:
        yield Step(Action.GIVE, variant=variant)
    branches = sorted(node.children, key=lambda block: (node.children[block].states, block))
    # The root's state, the embeddings, is always at hand.
    hold = len(branches) > 1 and since_held != () and (room is None or held < room)
    if hold:
        yield Step(Action.HOLD)
    for block in branches:
        is_last = block == branches[-1]
        child = node.children[block]
        if hold and not is_last:
            yield Step(Action.RUN, block)
            yield from _steps(child, (block,), held + 1, room)
            yield Step(Action.TAKE if block == branches[-2] else Action.BACK)
        else:
            yield Step(Action.RUN, block)
            yield from _steps(child, (*since_held, block), held, room)
            if not is_last:
                yield Step(Action.BACK)
                yield from (Step(Action.RUN, again) for again in since_held)
