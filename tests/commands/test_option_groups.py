"""Groups of options: the shell sees each field, the command gets the group."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from avss_core.commands.corpora import corpora
from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups
from avss_core.commands.prune_options import TaskOptions
from avss_core.corpora.spec import CorpusSpec
from avss_core.tasks import PERPLEXITY, data_sets_of, task_named


@dataclass(frozen=True)
class Wants:
    """A group that refuses its own defaults."""

    depth: Annotated[int | None, typer.Option(help="How deep.")] = None
    loud: Annotated[bool, typer.Option("--loud")] = False

    def __post_init__(self) -> None:
        """Somebody has to say how deep."""
        if self.depth is None:
            raise ValueError("no depth")


FEW = TextOptions(max_tokens=7)


@pytest.fixture
def app() -> typer.Typer:
    """A command with three groups and an option of its own."""
    shell = typer.Typer()

    @shell.command()
    @in_groups
    def show(*, wants: Wants, model: ModelOptions, text: TextOptions = FEW, name: str = "none") -> None:
        """What was understood."""
        print(wants, model.spec.source, model.spec.dtype, text.spec.max_tokens, text.spec.part, name, sep="|")

    return shell


def test_text_that_is_not_held_out_is_called_so() -> None:
    assert TextOptions().judged_on == "held-out documents"
    assert "also those that choose" in TextOptions(all_documents=True).judged_on


def test_a_known_text_is_meant_by_its_name_unless_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = TextOptions(corpus="pile", length=64, max_tokens=9)
    assert named.spec == CorpusSpec("NeelNanda/pile-10k", length=64, max_tokens=9)
    on_it = TaskOptions(task_corpus="pile").spec(named)
    assert on_it == named.spec.of_part("evaluate"), "one text, its two parts"
    (tmp_path / "pile").write_text("A text of one's own.")
    assert named.spec == CorpusSpec("pile", length=64, max_tokens=9)
    assert TaskOptions(task_corpus="pile").spec(named) == named.spec.of_part("evaluate")


def test_the_known_texts_are_named_where_texts_are_listed() -> None:
    said = inspect.getdoc(corpora) or ""
    known = [each.name for each in data_sets_of(task_named(PERPLEXITY)) if not each.source.startswith("sample:")]
    assert all(name in said for name in known)


def test_fields_are_options(app: typer.Typer) -> None:
    said = CliRunner().invoke(app, ["--depth", "3", "--loud", "--dtype", "float32", "--all-documents", "--name", "x"])
    assert said.output == "Wants(depth=3, loud=True)|default|float32|7|all|x\n"
    said = CliRunner().invoke(app, ["--depth", "1", "--max-tokens", "9"])
    assert said.output == "Wants(depth=1, loud=False)|default|auto|9|profile|none\n"


def test_what_a_group_refuses_is_raised_when_it_is_called(app: typer.Typer) -> None:
    said = CliRunner().invoke(app, [])
    assert isinstance(said.exception, ValueError)
    help_text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert "How deep." in help_text
    assert "--trust-remote-code" in help_text
