"""What a search is asked: settings through JSON, what each search uses of them, how far it can go."""

from __future__ import annotations

import json

import pytest
from known_losses import entangled

from avss_core.errors import CutError, SettingError
from avss_core.importance import Epsilon, RankSettings
from avss_core.pruning.search import (
    AppendixH,
    IterativeStep,
    Limits,
    Problem,
    Search,
    SearchSettings,
    Step,
    StepRecord,
    next_step,
    read_records,
)

EVERY = [
    SearchSettings(limits=Limits(protected=(0,)), rule=AppendixH(0.3, convergence=0), rank=RankSettings(("variance",))),
    SearchSettings(Search.GREEDY, Limits(most=4, protected=(5, 0))),
    SearchSettings(Search.BEAM, Limits(retain=0.5), width=3),
]


def shifting(kept: tuple[int, ...]) -> list[float]:
    return [(7 * block + 3 * len(kept)) % 11 for block in kept]


def run_all(problem: Problem, settings: SearchSettings) -> list[Step]:
    steps: list[Step] = []
    while not steps or steps[-1].stop is None:
        steps.append(next_step(problem, settings, steps, shifting))
    return steps


@pytest.mark.parametrize("settings", EVERY, ids=lambda settings: settings.search.value)
def test_a_search_goes_no_further_than_said(settings: SearchSettings) -> None:
    known = entangled()
    steps = run_all(Problem(6, known, settings.limits), settings)
    assert len(steps) <= settings.most_steps(6)
    assert sum(map(len, known.asked)) <= settings.most_cuts(6)
    if settings.limits.retain is None:
        assert len(steps) == settings.most_steps(6)
    if settings.search is Search.GREEDY:
        assert sum(map(len, known.asked)) == settings.most_cuts(6)
    assert SearchSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize("settings", EVERY, ids=lambda settings: settings.search.value)
def test_steps_in_files_are_the_steps(settings: SearchSettings, tmp_path) -> None:
    steps = run_all(Problem(6, entangled(), settings.limits), settings)
    records = tuple(StepRecord(step, 1.5 * step.number, 7, step.number) for step in steps)
    files = [tmp_path / f"{record.step.number}.parquet" for record in records]
    for record, file in zip(records, files, strict=True):
        record.write(file)
    assert read_records(files, settings.search) == records
    assert isinstance(records[0].step, IterativeStep) == (settings.search is Search.ITERATIVE)


def test_what_a_search_does_not_use_makes_no_other_search() -> None:
    plain = SearchSettings(Search.GREEDY, Limits(protected=(0, 3)))
    assert SearchSettings(Search.GREEDY, Limits(protected=(3, 0)), AppendixH(0.5), RankSettings(), 7) == plain
    assert SearchSettings(Search.BEAM, width=None).width == 4
    assert SearchSettings().rank == RankSettings(("avss",))
    by_delta = [SearchSettings(rule=AppendixH(tolerance, delta=1.0)) for tolerance in (0.05, 0.2)]
    assert by_delta[0] == by_delta[1] != SearchSettings()
    weights = RankSettings(("magnitude",), Epsilon(0.1), skip_first_token=True)
    assert SearchSettings(rank=weights) == SearchSettings(rank=RankSettings(("magnitude",)))
    sparsity = RankSettings(("sparsity",), Epsilon(0.1))
    assert SearchSettings(rank=sparsity).rank == sparsity, "what looks at activations reads it"
    assert SearchSettings().label == "appendix H by avss, λ = 0.05"


def test_settings_that_cannot_be() -> None:
    with pytest.raises(SettingError, match="by one method, not by 2"):
        SearchSettings(rank=RankSettings(("avss", "gbis")))
    with pytest.raises(SettingError, match="width of the beam must be at least 1, not 0"):
        SearchSettings(Search.BEAM, width=0)
    with pytest.raises(CutError, match="no block 6 to protect"):
        SearchSettings(Search.GREEDY, Limits(protected=(6,))).most_steps(6)


def test_answers_that_are_written_share_no_blocks() -> None:
    known = entangled()
    shared, alone = (
        next_step(Problem(6, known, Limits(most=1), shares_prefixes=share), SearchSettings(Search.GREEDY), (), shifting)
        for share in (True, False)
    )
    assert shared.block_runs < shared.block_runs_naive == alone.block_runs == alone.block_runs_naive
