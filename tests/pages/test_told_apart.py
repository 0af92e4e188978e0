from __future__ import annotations

from pages.parts.told_apart import told_apart


def test_equal_labels_get_the_beginning_of_their_id() -> None:
    labels = {"abcdefgh": "greedy", "bcdefghi": "beam", "cdefghij": "greedy"}
    assert told_apart(labels) == {"abcdefgh": "greedy · abcdef", "bcdefghi": "beam", "cdefghij": "greedy · cdefgh"}
