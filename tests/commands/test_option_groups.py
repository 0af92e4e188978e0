"""Groups of options: the shell sees each field, the command gets the group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups


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
