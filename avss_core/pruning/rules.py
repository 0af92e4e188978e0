"""From one number per block to the blocks to remove (formulas §1, (a) to (d)). Low numbers are removed.

Every rule takes `protect_first` and `protect_last`: so many blocks at either end are never removed. They still count
in M, so a share to remove means the same with and without protection; where not enough blocks are left to remove,
that is a CutError and not a smaller cut. Of equal scores the earlier block goes first. A score that is nan or
infinite raises NumericalError, a setting out of its range SettingError, a cut of every block CutError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from avss_core.errors import CutError, NumericalError, SettingError
from avss_core.pruning.cut import Cut


def lowest_fraction(scores: Sequence[float], p: float, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """(a) The n lowest scores of M, n = round(p·M), where a half goes to the even n (round(2.5) = 2)."""
    _require_share("The share of blocks to remove", p)
    n = round(p * len(scores))
    return _lowest(scores, n, f"the {n} lowest of {len(scores)} scores (share {p:g})", protect_first, protect_last)


def lowest_k(scores: Sequence[float], k: int, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """(c) The k lowest scores: those up to rank cut-off k."""
    if k < 0:
        raise SettingError(f"The number of blocks to remove must not be negative; {k} is.")
    return _lowest(scores, k, f"the {k} lowest of {len(scores)} scores", protect_first, protect_last)


def below_threshold(shares: Sequence[float], theta: float, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """(b) Every block whose share is below θ (equal to θ stays)."""
    if not math.isfinite(theta):
        raise SettingError(f"The threshold must be a number; {theta} is not.")
    candidates = _candidates(shares, protect_first, protect_last)
    removed = tuple(block for block in candidates if shares[block] < theta)
    return Cut(removed, len(shares), f"every share below {theta:g}" + _but(protect_first, protect_last))


def authors_cumulative(cumulative: Sequence[float], p: float, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """(d) The literal rule of the AVSS authors' script: blocks in block order, while their cumulative share is ≤ p."""
    _require_share("The cumulative share", p)
    candidates = _candidates(cumulative, protect_first, protect_last)
    stop = next((block for block, share in enumerate(cumulative) if share > p), len(cumulative))
    removed = tuple(block for block in candidates if block < stop)
    reason = f"in block order, while the cumulative share is at most {p:g} (the authors' script)"
    return Cut(removed, len(cumulative), reason + _but(protect_first, protect_last))


def _lowest(scores: Sequence[float], n: int, reason: str, protect_first: int, protect_last: int) -> Cut:
    candidates = _candidates(scores, protect_first, protect_last)
    if n > len(candidates):
        raise CutError(
            f"{n} blocks are to be removed, but only {len(candidates)} of {len(scores)} are not protected; "
            "remove fewer, or protect fewer."
        )
    removed = sorted(candidates, key=lambda block: (scores[block], block))[:n]
    return Cut(tuple(removed), len(scores), reason + _but(protect_first, protect_last))


def _candidates(scores: Sequence[float], protect_first: int, protect_last: int) -> range:
    if not len(scores):
        raise CutError("There is no score to choose blocks by; profile the model first.")
    if protect_first < 0 or protect_last < 0:
        raise SettingError("The number of protected blocks must not be negative.")
    broken = [block for block, score in enumerate(scores) if not math.isfinite(score)]
    if broken:
        raise NumericalError(
            f"Block {broken[0]} has the score {scores[broken[0]]}, so blocks cannot be compared; choose another score."
        )
    return range(protect_first, len(scores) - protect_last)


def _require_share(what: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise SettingError(f"{what} must lie between 0 and 1; {p} does not.")


def _but(protect_first: int, protect_last: int) -> str:
    protected = [f"the {name} {n}" for name, n in (("first", protect_first), ("last", protect_last)) if n]
    return f", protecting {' and '.join(protected)}" if protected else ""
