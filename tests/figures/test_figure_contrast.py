from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_answers import fake_frame, random_activations

from avss_core.errors import SettingError
from avss_core.figures.contrast import SURE, UNSURE, contrast_curve, contrast_grid, groups_overlay
from avss_core.hallucination.contrast import contrast


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A contrast in which block 3 of 5 differs."""
    scales = np.ones((40, 5))
    scales[::2, 3] = 4.0
    frame = fake_frame(random_activations(40, 5, 1, scales))
    found = contrast(frame, pd.Series(["hallucinated", "truthful"] * 20)).table
    found.loc[1, ["p_value", "p_adjusted"]] = (0.02, 0.3)
    return found


def test_a_star_for_each_block_that_differs(table) -> None:
    for column in ("hsav", "eavss_stable"):
        figure = contrast_curve(table, column)
        stars = {trace.name: trace for trace in figure.data}
        assert list(stars[SURE].x) == [3]
        assert list(stars[UNSURE].x) == [1]
        np.testing.assert_allclose(stars[SURE].y, table[column][[3]])
        assert "95 % interval" in stars
    assert "EAVSS eq. (9)" in contrast_curve(table, "hsav").layout.title.text


def test_what_is_our_reading_says_so_with_its_formula(table) -> None:
    formulas = {
        "hcs": "HSAV~ · HSS~",
        "eavss": "AVSS~ · HCS~",
        "eavss_stable": "AVSS~ / (HCS~ + 1/M)",
        "propensity": "σ² / (1 − S)",
    }
    headings = [heading.text for heading in contrast_grid(table, [*formulas, "hsav"]).layout.annotations]
    for (column, formula), heading in zip(formulas.items(), headings, strict=False):
        figure = contrast_curve(table, column)
        for said in (heading, figure.layout.title.text):
            assert formula in said.replace("<br>", " ")
            assert "our reading" in said.replace("<br>", " ")
    assert "our reading" not in headings[-1]
    assert "our reading" not in contrast_curve(table, "hsav").layout.title.text
    for reading, formula in (("sum", "HSAV~ + HSS~"), ("ratio", "HSAV / HSS")):
        assert formula in contrast_curve(table, "hcs", reading=reading).layout.title.text


def test_no_star_without_p_values(table) -> None:
    figure = contrast_curve(table.assign(p_value=np.nan, p_adjusted=np.nan), "hss")
    assert not [trace for trace in figure.data if trace.name in (SURE, UNSURE)]


def test_the_grid_has_each_score_and_one_entry_for_the_stars(table) -> None:
    figure = contrast_grid(table)
    assert [len([t for t in figure.data if t.name == name]) for name in ("HSAV", "HSS", "HCS", "EAVSS")] == [1] * 4
    stars = [trace for trace in figure.data if trace.name == SURE]
    assert len(stars) == 4
    assert sum(trace.showlegend is not False for trace in stars) == 1
    assert {trace.yaxis for trace in stars} == {"y", "y2", "y3", "y4"}


def test_both_groups_on_one_pair_of_axes(table) -> None:
    for column in ("variance", "sparsity"):
        lines = {trace.name: trace for trace in groups_overlay(table, column).data if trace.mode == "lines+markers"}
        np.testing.assert_allclose(lines["made-up answers"].y, table[f"{column}_hallucinated"])
        np.testing.assert_allclose(lines["truthful answers"].y, table[f"{column}_truthful"])


def test_what_cannot_be_drawn(table) -> None:
    with pytest.raises(SettingError, match="no score 'avss'"):
        contrast_curve(table, "avss")
    with pytest.raises(SettingError, match="needs the column p_adjusted"):
        contrast_grid(table.drop(columns="p_adjusted"))
    with pytest.raises(SettingError, match="no 'l2' of each"):
        groups_overlay(table, "l2")
