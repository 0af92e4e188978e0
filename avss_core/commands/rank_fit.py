"""Which of the methods that `avss rank` was asked for can be had from the network."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from avss_core.commands.session import Workers, run_to_end
from avss_core.importance.method import Asks
from avss_core.importance.registry import ORACLE, check_fits, fitting_facts
from avss_core.importance.settings import RankSettings
from avss_core.jobs import RankRequest

_ANY_NETWORK = RankSettings(("magnitude",))  # hardly more than loading the model

LeftOut = dict[str, str]  # name of a method -> what it asks for


def facts_for(workers: Workers, request: RankRequest) -> dict[str, Any]:
    """The network's facts, from the cheapest pass of the request that any network can be given, or one beside it."""
    passes = (part.settings for part in request.parts())
    first = next((one for one in passes if all(each.method.asks is Asks.NOTHING for each in one.chosen)), _ANY_NETWORK)
    return run_to_end(workers, replace(request, settings=first)).facts


def fit(asked: RankSettings, everything: bool, facts: Mapping[str, Any]) -> tuple[RankSettings, LeftOut]:
    """What can be had of `asked` and of the yardstick, and what was left out.

    everything: all methods were asked for, so that those that do not fit are left out; ModelError for one that was
    asked for by name.
    """
    able = fitting_facts(facts)
    if not everything:
        check_fits(asked.chosen, able, facts["architecture"])
        asked = replace(asked, methods=(*asked.methods, ORACLE))
    left_out = {chosen.name: str(chosen.method.asks) for chosen in asked.chosen if chosen.method not in able}
    return replace(asked, methods=tuple(name for name in asked.methods if name not in left_out)), left_out


def tell_left_out(left_out: LeftOut, architecture: str) -> None:
    """One line on standard error, which stays empty when nothing was left out."""
    by_reason = groupby(left_out, key=left_out.__getitem__)
    reasons = "; ".join(f"{' and '.join(names)} ({reason})" for reason, names in by_reason)
    if reasons:
        print(f"avss: Left out, since they ask for what {architecture} is not: {reasons}.", file=sys.stderr)
