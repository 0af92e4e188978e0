"""The published figures are those of the paper, marked as theirs, beside ours where a set was run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from avss_core.errors import SettingError
from avss_core.hallucination.metrics import PRESETS, preset_for
from avss_core.hallucination.papers_table2 import PAPERS_FOLDER, appendix_a_rows, table2_rows

SHARED = Path(__file__).parents[3] / "shared" / "papers"


def ours(**values: float) -> dict[str, object]:
    """A row of `confidence_rows`, with an interval of ± 0.1."""
    row: dict[str, object] = {"estimator": "p_ik", "n": 300}
    for name, value in values.items():
        key = name.replace("_at_", "@")
        row |= {key: value, f"{key}_low": value - 0.1, f"{key}_high": value + 0.1}
    return row


def test_figures_as_printed() -> None:
    rows = table2_rows()
    assert len(rows) == 23 * 5
    by_cell = {(row["data_set"], row["metric"], row["estimator"]): row for row in rows}
    # Read off the paper's page.
    assert by_cell["NQ", "acc@50", "sequence_probability"]["theirs"] == 0.328
    assert by_cell["SciQ", "cov@90", "self_consistency"]["theirs"] == 0.139
    assert by_cell["TruthfulQA", "ECE", "verbalised"]["theirs"] == 0.548
    assert by_cell["WikiQA", "Brier", "EAVSS"]["theirs"] == 0.252
    assert {row["status"] for row in rows} == {"not at hand"}
    assert all(row["ours"] is None for row in rows)
    assert by_cell["NQ", "ECE", "p_ik"]["higher_is_better"] is False
    json.dumps(rows, allow_nan=False)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the papers are not beside the project")
@pytest.mark.parametrize("name", ["eavss_table2.csv", "eavss_appendix_a.csv"])
def test_the_files_are_the_papers(name: str) -> None:
    with (SHARED / name).open() as theirs, (PAPERS_FOLDER / name).open() as here:
        assert list(csv.reader(here)) == list(csv.reader(theirs))


def test_ours_stand_beside_theirs_for_the_sets_that_were_run() -> None:
    measured = {
        "NQ": [ours(acc_at_50=0.2, cov_at_50=0.1, ece=0.3, brier=0.2)],
        "SciQ": [ours(acc_at_50=0.6, ece=0.1)],
    }
    by_cell = {(row["data_set"], row["metric"], row["estimator"]): row for row in table2_rows(measured)}
    cell = by_cell["NQ", "acc@50", "p_ik"]
    assert (cell["ours"], cell["ours_low"], cell["n"], cell["status"]) == (0.2, 0.1, 300, "measured")
    assert by_cell["NQ", "Brier", "p_ik"]["ours"] == 0.2
    assert by_cell["NQ", "ECE", "verbalised"]["status"] == "not measured"
    assert by_cell["SciQ", "cov@90", "p_ik"]["status"] == "not measured"  # measured with another p
    assert by_cell["TriviaQA", "ECE", "p_ik"]["status"] == "not at hand"
    average = by_cell["Average", "acc@50", "p_ik"]
    assert average["ours"] == pytest.approx(0.4)
    assert average["status"] == "mean of 2 of 5 sets"
    assert average["theirs"] == 0.401
    assert average["theirs_mean"] == pytest.approx((0.307 + 0.698 + 0.403 + 0.312 + 0.366) / 5)
    with pytest.raises(SettingError, match="SQuAD"):
        table2_rows({"SQuAD": []})


def test_appendix_a_is_laid_over_our_blocks_by_depth() -> None:
    rows = appendix_a_rows("SciQ", [{"block": number, "ece": 0.1} for number in (0, 2, 3)])
    theirs = [row for row in rows if row["whose"] == "theirs"]
    assert [row["number"] for row in theirs] == list(range(1, 25))
    assert (theirs[0]["depth"], theirs[-1]["depth"], theirs[-1]["acc@50"]) == (0, 1, 0.782)
    mine = [row for row in rows if row["whose"] == "ours"]
    assert [(row["number"], row["depth"], row["ece"]) for row in mine] == [(0, 0, 0.1), (2, 0.5, 0.1), (3, 1, 0.1)]
    assert len(appendix_a_rows("NQ")) == 24
    with pytest.raises(SettingError, match="WikiQA"):
        appendix_a_rows("WikiQA")


def test_presets_are_the_thresholds_of_the_table() -> None:
    printed = {(row["data_set"], row["metric"]) for row in table2_rows() if "@" in row["metric"]}
    for preset in PRESETS:
        assert (preset.data_set, f"acc@{100 * preset.q:g}") in printed
        assert (preset.data_set, f"cov@{100 * preset.p:g}") in printed


@pytest.mark.parametrize(
    ("source", "data_set"),
    [
        ("questions/nq_open_efficientqa_dev.jsonl", "NQ"), ("google-research-datasets/nq_open", "NQ"),
        ("allenai/sciq", "SciQ"), ("mandarjoshi/trivia_qa", "TriviaQA"), ("truthfulqa/truthful_qa", "TruthfulQA"),
        ("/tmp/truthfulqa.jsonl", "TruthfulQA"), ("microsoft/wiki_qa", "WikiQA"), ("sample:closed_book", None),
        ("/data/sciq/other.jsonl", None),
    ],
)  # fmt: skip
def test_sets_are_known_by_the_names_of_their_files(source: str, data_set: str | None) -> None:
    found = preset_for(source)
    assert (found and found.data_set) == data_set
