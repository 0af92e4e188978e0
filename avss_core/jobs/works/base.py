"""How one kind of request is carried out, unit by unit. The kinds are in the files beside this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avss_core.jobs.resident import shards_for
from avss_core.models.load import LoadedModel
from avss_core.runs import Run, Store
from avss_core.tasks import PERPLEXITY
from avss_core.tasks.asked import Shard

Write = Callable[[Path], object]


@dataclass(frozen=True)
class Plan:
    """How many units there are, and how much text (0 where there is none).

    in_order: each unit needs the results of those before it, so they are done one after another; otherwise they are
    done anywhere, in any order.
    """

    units: int
    tokens: int = 0
    documents: int = 0
    in_order: bool = False


@dataclass(frozen=True)
class Turn:
    """What a unit of work is given.

    number: from 0. count: to be called with the tokens of each batch. say: tells in a few words what is being done.
    Both raise Cancelled when the run is to stop.
    """

    number: int
    run: str
    store: Store
    count: Callable[[int], None]
    say: Callable[[str], None]

    def earlier(self) -> list[Path]:
        """The files of the finished units of lower numbers, by number."""
        return [self.store.path_of(unit.file) for unit in self.store.units(self.run) if unit.number < self.number]


class Work:
    """A kind of request whose units are the shards of its corpus; the rest is as little as most kinds need.

    side_by_side: on a processor, several units may run at once, each with a twin of the model and some of the
    threads. Not where a unit's own time or memory is measured, or where networks are kept from unit to unit.
    """

    side_by_side = False

    def check(self, request: Any, model: LoadedModel) -> None:
        """Raise what can be known to be wrong as soon as the model is there."""

    def plan(self, request: Any, model: LoadedModel) -> Plan:
        """Cut the request into units; raises what can be known to be wrong as soon as the text is read."""
        return plan_of_shards(self.shards(request))

    def run(self, request: Any, turn: Turn) -> Write:
        """Do one unit and return what writes its result to a file."""
        raise NotImplementedError

    def enough(self, request: Any, run: Run, store: Store) -> bool:
        """Asked after every unit: may the run end before all units are done?"""
        return False

    def finish(self, request: Any, run: Run, store: Store) -> None:
        """Called once, when every unit that is needed is in the store."""

    def shards(self, request: Any) -> Sequence[Shard]:
        """The request's text as tokens, in shards of whole documents."""
        return shards_for(request.model, request.corpus, PERPLEXITY)


def plan_of_shards(shards: Sequence[Shard]) -> Plan:
    """One unit for each shard."""
    tokens = sum(len(item) for shard in shards for item in shard)
    return Plan(len(shards), tokens, len({item.document for shard in shards for item in shard}))
