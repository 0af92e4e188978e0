from __future__ import annotations

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.honesty import honesty_scatter


def changes(*rows: tuple[str, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["which", "h_change", "rate_change"])
    for name in ("h_change", "rate_change"):
        table[f"{name}_low"], table[f"{name}_high"] = table[name] - 0.1, table[name] + 0.3
    return table.assign(removed=[(2, 3 + number) for number in range(len(table))])


def test_the_chosen_cut_stands_out_and_intervals_are_kept() -> None:
    figure = honesty_scatter(changes(("chosen", -1.0, 0.02), ("random", 2.0, -0.04), ("random", 3.0, 0.0)))
    random, chosen = figure.data
    assert (chosen.name, list(chosen.x), list(chosen.y)) == ("the chosen cut", [-1.0], [0.02])
    assert list(random.x) == [2.0, 3.0]
    assert list(chosen.error_x.array) == pytest.approx([0.3])
    assert list(chosen.error_x.arrayminus) == pytest.approx([0.1])
    assert chosen.customdata[0][0] == "2 3"
    assert chosen.marker.symbol != random.marker.symbol
    assert len(figure.layout.shapes) == 2, "no change, in both directions"


def test_a_cut_alone_and_none() -> None:
    assert len(honesty_scatter(changes(("chosen", -1.0, 0.02))).data) == 1
    assert honesty_scatter(changes()).layout.annotations[0].text.startswith("No pruned model")
    with pytest.raises(SettingError, match="which"):
        honesty_scatter(pd.DataFrame({"removed": []}))
