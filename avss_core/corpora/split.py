"""Which documents are profiled and which are held out."""

from __future__ import annotations


def part_of(document_id: str) -> str:
    """Return "profile" or "evaluate" for a document's id (hexadecimal digits of a hash of its text).

    The last bit of the hash decides, so that about half the documents fall on either side, and a document stays on
    its side whatever else is in the corpus, in whatever order, in whichever process.
    """
    return "profile" if int(document_id, 16) % 2 == 0 else "evaluate"
