"""The network as a strip of numbered blocks: which are kept, which are removed."""

from __future__ import annotations

from collections.abc import Iterable

import plotly.graph_objects as go

from avss_core.errors import CutError
from avss_core.figures.style import CLEAR, MUTED, PALETTE, finish, translucent

_WIDEST = 32  # blocks in one row, so that numbers can be read at 600 pixels
_KEPT, _REMOVED, _PROTECTED = PALETTE[:3]
_INK = "#ffffff"


def rows_of(n_blocks: int, widest: int = _WIDEST) -> int:
    """Blocks per row when the strip is folded into equal rows of at most `widest`."""
    rows = -(-n_blocks // widest)
    return -(-n_blocks // rows)


def network_strip(
    n_blocks: int,
    removed: Iterable[int] = (),
    protected: Iterable[int] = (),
    *,
    title: str | None = None,
) -> go.Figure:
    """Every block as a numbered box, in order, folded into rows beyond 32.

    Kept blocks are filled, removed ones only outlined and hatched, protected ones (kept whatever the rule says)
    filled in another colour under a heavy outline. The legend counts each kind. Raises `CutError` for an index
    outside 0 … n_blocks − 1, for a block that is both removed and protected, and for a model without blocks.
    """
    if n_blocks < 1:
        raise CutError("A strip needs a model of at least one block.")
    gone, safe = set(removed), set(protected)
    outside = sorted(block for block in gone | safe if not 0 <= block < n_blocks)
    if outside:
        raise CutError(f"The model has no block {outside[0]}; its blocks are 0 to {n_blocks - 1}.")
    if gone & safe:
        raise CutError(
            f"Block {min(gone & safe)} cannot be removed and protected at once; take it out of one of the two."
        )
    per_row = rows_of(n_blocks)
    kinds = {
        "kept": (
            [block for block in range(n_blocks) if block not in gone | safe],
            {"color": _KEPT, "line": {"color": _KEPT, "width": 1}},
            _INK,
        ),
        "removed": (
            sorted(gone),
            {
                "color": CLEAR,
                "line": {"color": _REMOVED, "width": 1.5},
                "pattern": {
                    "shape": "/",
                    "fgcolor": translucent(_REMOVED, 0.4),
                    "bgcolor": CLEAR,
                    "size": 7,
                    "solidity": 0.15,
                },
            },
            _REMOVED,
        ),
        "protected": (sorted(safe), {"color": _PROTECTED, "line": {"color": MUTED, "width": 3}}, _INK),
    }
    figure = go.Figure()
    for kind, (blocks, marker, ink) in kinds.items():
        if not blocks:
            continue
        figure.add_trace(
            go.Bar(
                x=[block % per_row for block in blocks],
                base=[-(block // per_row) - 0.4 for block in blocks],
                y=[0.8] * len(blocks),
                width=0.88,
                marker=marker,
                text=[str(block) for block in blocks],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"size": 12, "color": ink},
                customdata=blocks,
                hovertemplate=f"block %{{customdata}}: {kind}<extra></extra>",
                name=f"{kind} ({len(blocks)})",
            )
        )
    rows = -(-n_blocks // per_row)
    figure.update_layout(barmode="overlay", uniformtext={"mode": "show", "minsize": 8})
    figure.update_xaxes(visible=False, range=[-0.6, per_row - 0.4], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-rows + 0.45, 0.55], fixedrange=True)
    heading = title or f"{n_blocks - len(gone)} of {n_blocks} blocks kept"
    finish(figure, heading, "block, first to last", "row", height=90 + 44 * rows)
    figure.update_layout(margin={"l": 8, "r": 8, "b": 8})
    return figure
