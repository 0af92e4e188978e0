"""Examples as tokens: prompts, continuations, rows that are run, shards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from avss_core.corpora import CorpusSpec, Example
from avss_core.errors import CorpusError
from avss_core.tasks import TASKS, Asked, prepare, shards_of_task, spec_of
from avss_core.tasks.asked import _ask


def asked(prompt: tuple[int, ...], *continuations: tuple[int, ...]) -> Asked:
    return Asked(Example("1", 0, "1"), prompt, continuations)


def test_a_row_that_begins_another_is_not_run_by_itself() -> None:
    one = asked((1, 2), (3,), (4,), (3, 5, 6), (7, 8))
    assert one.rows == ((1, 2, 3, 5), (1, 2, 7))
    assert [one.row_of(index) for index in range(4)] == [0, 0, 0, 1]
    assert len(one) == 7


def test_two_words_of_one_token_need_no_more_than_the_prompt() -> None:
    assert asked((1, 2), (3,), (4,)).rows == ((1, 2),)
    assert asked((1, 2)).rows == ((1, 2),)


def test_every_continuation_is_found_in_its_row() -> None:
    one = asked((1,), (2, 3, 4), (2, 3, 9, 9), (5,), (2, 3), (2, 9, 4))
    for index, continuation in enumerate(one.continuations):
        row = one.rows[one.row_of(index)]
        assert row[: len(continuation)] == (1, *continuation[:-1])


@pytest.mark.parametrize(("most", "prompt"), [(None, (1, 2, 3, 4)), (6, (1, 2, 3, 4)), (5, (2, 3, 4)), (2, (4,))])
def test_a_prompt_that_is_too_long_loses_its_beginning(most: int | None, prompt: tuple[int, ...]) -> None:
    one = asked((1, 2, 3, 4), (5, 6, 7), (8,)).within(most)
    assert one.ids == prompt
    assert one.continuations == ((5, 6, 7), (8,))
    if most is not None and most > 2:
        assert max(map(len, one.rows)) <= most


def test_where_the_tokenizer_joins_prompt_and_continuation_the_join_belongs_to_the_continuation() -> None:
    task = TASKS["sentiment"]

    def in_pairs(text: str, **options: bool) -> dict[str, list[int]]:
        return {"input_ids": [hash(text[start : start + 2]) for start in range(0, len(text), 2)]}

    for text in ("Good.", "Good!?"):  # of an even and of an odd number of characters
        example = Example("1", 0, "1", text=text, label="positive")
        (one,) = _ask(task, [example], in_pairs)
        for continuation, said in zip(one.continuations, task.continuations(example), strict=True):
            assert list(one.ids + continuation) == in_pairs(task.prompt(example) + said)["input_ids"]
        assert one.ids == tuple(in_pairs(task.prompt(example))["input_ids"])[: len(one.ids)]


def write(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_questions_on_one_passage_stay_in_one_shard(tmp_path, tokenizer) -> None:
    rows = [
        {"context": f"P{n}. " + "x" * 700, "question": f"q{q}", "answers": "x"} for n in range(12) for q in range(3)
    ]
    task, spec = TASKS["qa"], CorpusSpec(write(tmp_path / "a.jsonl", rows), "all")
    shards = shards_of_task(task, spec, tokenizer)
    assert [one for shard in shards for one in shard] == prepare(task, spec, tokenizer)
    assert len(shards) == 12  # three prompts of about 1,000 characters fill a shard of 4,096
    for shard in shards:
        assert len({one.document for one in shard}) == 1


def test_a_budget_of_tokens_ends_with_the_example_that_reaches_it(tmp_path, tokenizer) -> None:
    rows = [{"question": f"question {n}?", "answers": "x"} for n in range(10)]
    source = write(tmp_path / "a.jsonl", rows)
    whole = prepare(TASKS["closed_book"], CorpusSpec(source, "all"), tokenizer)
    assert len(whole) == 10
    size = len(whole[0])
    for budget, kept in [(1, 1), (size, 1), (size + 1, 2), (10**6, 10)]:
        assert len(prepare(TASKS["closed_book"], CorpusSpec(source, "all", max_tokens=budget), tokenizer)) == kept


def test_text_is_cut_into_windows_as_ever(tokenizer) -> None:
    spec = spec_of(TASKS["perplexity"], "sample:essays", length=64, max_tokens=3000)
    shards = shards_of_task(TASKS["perplexity"], spec, tokenizer)
    assert sum(len(window) for shard in shards for window in shard) == 3000
    assert all(isinstance(window.ids, tuple) and len(window) <= 64 for shard in shards for window in shard)


def test_a_label_nobody_knows_is_found_before_anything_is_run(tmp_path, tokenizer) -> None:
    rows = [{"text": "a", "label": "pos"}, {"text": "b", "label": "odd"}]
    with pytest.raises(CorpusError, match='label "odd"'):
        prepare(TASKS["sentiment"], CorpusSpec(write(tmp_path / "a.jsonl", rows), "all"), tokenizer)
