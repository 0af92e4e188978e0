from __future__ import annotations

import pytest

from avss_core.errors import SettingError
from avss_core.figures.labels import STATISTICS, Statistic, statistic_of


def test_equation_numbers_are_the_papers() -> None:
    numbers = {s.column: s.equation for s in STATISTICS if s.equation is not None}
    assert numbers == {
        "variance": 1, "std": 2, "variance_share": 3, "sparsity": 4, "sparsity_share": 5,
        "sparsity_deviation": 6, "avss": 7, "avss_share": 8, "avss_cumulative": 9,
    }  # fmt: skip


def test_every_number_of_the_score_table_has_words(scores) -> None:
    not_statistics = {"block", "site", "n", "mean", "floored"}
    assert {s.column for s in STATISTICS} == set(scores(3).columns) - not_statistics
    assert all(s.name and s.symbol and s.unit and s.meaning.endswith(".") for s in STATISTICS)


def test_sparse_is_less_important_and_varied_is_more() -> None:
    assert statistic_of("sparsity").more_important == "lower"
    assert statistic_of("sparsity").direction == "Lower is read as more important."
    assert statistic_of("avss").more_important == "higher"
    assert statistic_of("avss_cumulative").direction.startswith("Neither")


def test_titles_carry_symbol_unit_and_equation() -> None:
    variance = statistic_of("variance")
    assert variance.axis == "Variance σ² (activation²)"
    assert variance.title == "Variance σ² by block, eq. (1)"
    assert statistic_of("l2").title == "L2 norm ‖a‖₂ by block"


def test_a_pure_number_has_no_unit_in_its_axis() -> None:
    own = Statistic("cka", "Similarity", "s", None, "", "How alike.", "neither")
    assert own.axis == "Similarity s"
    assert statistic_of(own) is own


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"'varience'.*variance, std"):
        statistic_of("varience")
