"""The requests that a row of table 1 is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from avss_core.importance.method import Method
from avss_core.importance.registry import choose, fitting_facts
from avss_core.importance.settings import RankSettings
from avss_core.jobs.requests import EvaluateRequest, RankRequest
from avss_core.studies.table1 import Row, Table1Study

Blocks = tuple[int, ...]


def original_of(row: Row) -> EvaluateRequest:
    """The whole model on the held-out questions, which comes first: it tells whether the row can be had at all."""
    return cuts_request(row, ())


def cuts_request(row: Row, cuts: Iterable[Blocks]) -> EvaluateRequest:
    """These cuts on the held-out questions, beside the whole model, each once."""
    return EvaluateRequest(row.model, row.held_out, row.task, tuple(dict.fromkeys([(), *cuts])))


def methods_of(study: Table1Study, facts: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The methods of the study that can be had from a model, as far as its facts are known."""
    able = fitting_facts(facts or {})
    return tuple(name for name in study.methods if method_of(name) in able)


def method_of(name: str) -> Method:
    """The method behind a name such as `avss@update`."""
    return choose(name).method


def rank_request(study: Table1Study, row: Row, number: int, methods: tuple[str, ...]) -> RankRequest:
    """The ranking of one sample by these methods."""
    return RankRequest(row.model, row.sample(number, study.repeats), RankSettings(methods, seed=study.seed + number))
