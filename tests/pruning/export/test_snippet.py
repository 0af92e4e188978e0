from __future__ import annotations

import ast

import pytest

from avss_core.pruning.export import Snippet


@pytest.mark.parametrize("auto_class", ["AutoModelForCausalLM", "AutoModelForMaskedLM", "AutoModel"])
@pytest.mark.parametrize("folder", [".", 'C:\\models\\"x"', "owner/name", "/models/日本 😀"])
def test_any_folder_is_a_string_of_the_program(auto_class: str, folder: str) -> None:
    tree = ast.parse(Snippet(auto_class).code(folder))
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert folder in strings
    assert any(isinstance(node, ast.alias) and node.name == auto_class for node in ast.walk(tree))


@pytest.mark.parametrize("trusted", [False, True])
def test_code_of_the_model_is_run_only_where_that_was_allowed(trusted: bool) -> None:
    assert ("trust_remote_code=True" in Snippet(trust_remote_code=trusted).program()) == trusted
