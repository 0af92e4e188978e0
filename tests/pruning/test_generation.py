from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from avss_core.errors import SettingError
from avss_core.pruning.generation import Generated, Sampling, SideBySide


def generated(which: str, tokens: tuple[int, ...], seconds: float = 3.0) -> Generated:
    return Generated(which, "text", tokens, (1, 2), False, 1.0, seconds)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": 0},
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"seed": -1},
        {"seed": 2**63},
    ],
)
def test_a_setting_out_of_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=r"not|does not"):
        Sampling(**wrong)  # type: ignore[arg-type]


def test_settings_survive_json() -> None:
    sampling = Sampling(12, 0.7, 0.9, 5, True)
    assert Sampling.from_dict(json.loads(json.dumps(sampling.to_dict()))) == sampling
    assert not sampling.greedy
    assert Sampling().greedy


def test_what_greedy_choice_does_not_use_makes_no_other_question() -> None:
    assert Sampling(8, top_p=0.5, seed=3) == Sampling(8)
    assert Sampling(8, 0.7, top_p=0.5, seed=3) != Sampling(8, 0.7)


def test_speed_counts_the_tokens_after_the_first() -> None:
    assert generated("original", (7, 8, 9)).tokens_per_second == pytest.approx(1.0)  # two tokens in 3 s - 1 s
    assert math.isnan(generated("original", (7,)).tokens_per_second)
    assert json.loads(json.dumps(generated("original", (7,)).to_dict()))["tokens_per_second"] is None


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [((1, 2, 3), (1, 2, 4), 2), ((1, 2), (1, 2, 3), 2), ((5,), (6,), 0), ((1, 2, 3), (1, 9, 3), 1)],
)
def test_same_tokens_are_those_before_the_first_difference(
    first: tuple[int, ...], second: tuple[int, ...], same: int
) -> None:
    pair = SideBySide(generated("original", first), generated("pruned", second))
    assert pair.same_tokens == same
    told = json.loads(json.dumps(pair.to_dict()))
    assert told["same_tokens"] == same
    assert SideBySide.from_dict(told) == pair


def test_what_a_page_needs_imports_without_torch() -> None:
    code = (
        "import sys, avss_core.pruning.export, avss_core.pruning.generation, avss_core.pruning.gain_table\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
