from __future__ import annotations

import pytest

from avss_core.errors import SettingError
from avss_core.pruning.gain_table import QUANTITIES, GainSettings, gain_table


def test_medians_with_the_least_and_the_greatest_and_ratios_within_a_round() -> None:
    before = {"seconds_per_token": [4.0, 1.0, 2.0], "parameters": [100.0]}
    after = {"seconds_per_token": [2.0, 0.8, 3.0], "parameters": [75.0]}
    table = gain_table(before, after).set_index("quantity")
    assert list(table.index) == ["parameters", "seconds_per_token"]
    row = table.loc["seconds_per_token"]
    assert (row["original"], row["original_low"], row["original_high"]) == (2.0, 1.0, 4.0)
    assert (row["pruned"], row["pruned_low"], row["pruned_high"]) == (2.0, 0.8, 3.0)
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (0.8, 0.5, 1.5)  # of 0.5, 0.8, 1.5
    assert (row["rounds"], row["unit"], bool(row["higher_is_better"])) == (3, "s", False)
    assert table.loc["parameters", ["ratio", "ratio_low", "ratio_high", "rounds"]].tolist() == [0.75, 0.75, 0.75, 1]


def test_only_what_both_have_is_compared() -> None:
    assert gain_table({"parameters": [1.0], "cache_bytes": [1.0]}, {"parameters": [1.0]})["quantity"].tolist() == [
        "parameters"
    ]


def test_each_quantity_has_a_name_of_its_own() -> None:
    assert len({quantity.name for quantity in QUANTITIES}) == len({quantity.label for quantity in QUANTITIES}) == 8


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"tokens": 0}, {"prompt_tokens": 0}, {"new_tokens": 1}])
def test_too_little_work_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="at least 1 round"):
        GainSettings(**wrong)


def test_settings_survive_json() -> None:
    assert GainSettings.from_dict(GainSettings(8, 4, 3, 2).to_dict()) == GainSettings(8, 4, 3, 2)
