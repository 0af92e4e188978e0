"""Which documents are profiled and which are held out."""

from __future__ import annotations


def part_of(document_id: str) -> str:
    """Return "profile" or "evaluate" for a document's id (hexadecimal digits of a hash of its text).

    The last bit of the hash decides, so that about half the documents fall on either side, and a document stays on
    its side whatever else is in the corpus, in whatever order, in whichever process.
    """
    return "profile" if int(document_id, 16) % 2 == 0 else "evaluate"


def in_subset(document_id: str, subset: tuple[int, int] | None) -> bool:
    """Whether a document is in the i-th of r disjoint subsets, (i, r); always where None is asked for.

    The bits of its hash above the one that `part_of` reads decide, so that a document of either part is in each subset
    with the same chance. Subsets of few documents are of unlike sizes, and may be empty.
    """
    return subset is None or (int(document_id, 16) // 2) % subset[1] == subset[0]
