from __future__ import annotations

import subprocess
import sys

import pytest

from avss_core.corpora import read_corpus
from avss_core.errors import SettingError
from avss_core.models.spec import ModelSpec
from avss_core.studies.table1 import METHODS, Table1Study

MODEL = ModelSpec("default")


def test_a_row_is_a_model_on_a_tasks_held_out_questions_and_ranks_on_its_profiled_text() -> None:
    study = Table1Study((MODEL, ModelSpec("standin-classifier")), ("qa", "sentiment:sst2", "perplexity:./mine.txt"))
    rows = study.rows()
    assert [(row.model.source, row.data_set) for row in rows[:3]] == [
        ("default", "passages"),
        ("default", "sst2"),
        ("default", "./mine.txt"),
    ]
    assert [row.held_out.part for row in rows] == ["evaluate"] * 6
    assert [row.calibration.part for row in rows] == ["profile"] * 6
    assert [row.calibration.column for row in rows[:3]] == ["context", "sentence", "text"]
    assert (rows[1].held_out.source, rows[1].held_out.split) == ("stanfordnlp/sst2", "validation")
    assert rows[0].held_out.max_tokens == 2000
    assert rows[0].calibration.max_tokens == 1000


def test_samples_share_no_document_with_each_other_nor_with_the_questions() -> None:
    [row] = Table1Study((MODEL,), ("sentiment",), repeats=5).rows()
    samples = [{document.id for document in read_corpus(row.sample(number, 5)).documents} for number in range(5)]
    held_out = {document.id for document in read_corpus(row.held_out).documents}
    together = set().union(*samples)
    assert sum(map(len, samples)) == len(together)
    assert all(samples)
    assert not together & held_out


def test_one_text_to_rank_on_for_all_tasks() -> None:
    study = Table1Study((MODEL,), ("qa", "sentiment"), calibration="sample:essays")
    assert {row.calibration.source for row in study.rows()} == {"sample:essays"}
    assert {row.calibration.column for row in study.rows()} == {"text"}
    by_name = Table1Study((MODEL,), ("qa",), calibration="hackernews")
    assert [row.calibration.source for row in by_name.rows()] == ["timaeus/pile-hackernews"]


def test_names_are_read_and_repeated_ones_dropped() -> None:
    study = Table1Study((MODEL, MODEL), ("qa", "qa"), ("avss", "avss@residual", "avss@update"))
    assert (len(study.rows()), study.methods) == (1, ("avss", "avss@update"))
    assert Table1Study((MODEL,)).methods == METHODS


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"models": ()}, "at least one model"),
        ({"methods": ()}, "at least one model, one task and one method"),
        ({"methods": ("avsss",)}, "did you mean"),
        ({"asked": ("sentimental",)}, "There is no task 'sentimental'"),
        ({"repeats": 1}, "at least 2 samples"),
        ({"fraction": 1.0}, "between 0 and 1; 1 does not"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Table1Study(**{"models": (MODEL,), **wrong})


def test_studies_need_no_torch() -> None:
    modules = "avss_core.studies.papers, avss_core.studies.table1_wide, avss_core.jobs.table1, avss_core.figures.table1"
    program = f"import sys, {modules}; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
