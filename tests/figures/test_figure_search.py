from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from known_losses import entangled, of_perplexities

from avss_core.errors import SettingError
from avss_core.figures.search import BOUND, HELD_OUT, PUT_BACK, STANDING, bound_of, steps_figure
from avss_core.pruning.search import AppendixH, Limits, Problem, greedy_steps, iterative_steps, steps_table

TABLE = {(): 20.0, (3,): 20.5, (3, 1): 23.0, (3, 0): 21.0, (3, 0, 2): 60.0}
DRAWN = {"unpruned": 20.0, "metric": "perplexity", "higher_is_better": False}


@pytest.fixture
def appendix_h() -> pd.DataFrame:
    """δ = 1: block 3 goes, 1 is put back at 23, 0 goes, 2 is put back at 60."""
    problem = Problem(4, of_perplexities(TABLE))
    return steps_table(list(iterative_steps(problem, lambda kept: [0.3, 0.2, 0.4, 0.1], AppendixH(0.05))))


def test_the_course_with_what_was_put_back_and_what_was_allowed(appendix_h: pd.DataFrame) -> None:
    traces = {trace.name: trace for trace in steps_figure(appendix_h, **DRAWN).data}
    assert list(traces[STANDING].x) == [1, 2, 3, 4]
    np.testing.assert_allclose(traces[STANDING].y, [20.5, 20.5, 21, 21])
    assert traces[STANDING].marker.symbol == ("circle", "circle-open", "circle", "circle-open")
    assert list(traces[PUT_BACK].x) == [2, 4]
    np.testing.assert_allclose(traces[PUT_BACK].y, [23, 60])
    assert [block for block, _ in traces[PUT_BACK].customdata] == ["1", "2"]
    np.testing.assert_allclose(traces[BOUND].y, [21, 21.5, 21.5, 22])
    for name, passed in ((STANDING, False), (PUT_BACK, True)):
        bound = dict(zip(traces[BOUND].x, traces[BOUND].y, strict=True))
        assert {y > bound[x] for x, y in zip(traces[name].x, traces[name].y, strict=True)} == {passed}


def test_the_bound_lies_below_where_higher_is_better() -> None:
    steps = pd.DataFrame({"attempt": [0.77, 0.7], "drop": [0.03, 0.07], "delta": [0.04, None]})
    np.testing.assert_allclose(bound_of(steps, higher_is_better=True), [0.76, np.nan])


def test_held_out_values_stand_beside_those_of_the_search(appendix_h: pd.DataFrame) -> None:
    held_out = pd.DataFrame({"number": [2, 1], "value": [25.0, 24.0], "low": [20.0, 21.0], "high": [31.0, 26.0]})
    figure = steps_figure(appendix_h, held_out, **DRAWN)
    (line,) = [trace for trace in figure.data if trace.name == HELD_OUT]
    assert (list(line.x), list(line.y)) == ([1, 2], [24, 25])
    np.testing.assert_allclose(line.error_y.array, [2, 6])
    np.testing.assert_allclose(line.error_y.arrayminus, [3, 5])
    assert "lower is better" in figure.layout.yaxis.title.text
    (whole,) = figure.layout.shapes
    assert (whole.y0, whole.name) == (20.0, "the whole model")


def test_a_search_without_a_bound_has_none_and_decades_make_the_axis_logarithmic() -> None:
    problem = Problem(6, entangled(), Limits(most=3))
    figure = steps_figure(steps_table(list(greedy_steps(problem))), **DRAWN)
    assert {trace.name for trace in figure.data}.isdisjoint({BOUND, PUT_BACK, HELD_OUT})
    assert figure.layout.yaxis.type == "linear"
    steep = of_perplexities({(): 2.0, (1,): 20.0, (0,): 30.0, (2,): 40.0, (1, 0): 9000.0, (1, 2): 8000.0})
    assert steps_figure(steps_table(list(greedy_steps(Problem(3, steep)))), **DRAWN).layout.yaxis.type == "log"


def test_before_the_first_step_it_says_that_it_waits() -> None:
    (words,) = steps_figure(steps_table([]), **DRAWN).layout.annotations
    assert "waiting for the first step" in words.text
    with pytest.raises(SettingError, match="figure of a search needs the columns"):
        steps_figure(pd.DataFrame({"number": [1]}), **DRAWN)
