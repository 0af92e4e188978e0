"""The network as a strip of numbered blocks: which are kept, which are removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from avss_core.errors import CutError
from avss_core.figures.axes import block_axis, tick_step
from avss_core.figures.style import CLEAR, MUTED, PALETTE, finish, say, translucent

_WIDEST = 32  # blocks in one row, so that numbers can be read at 600 pixels
_KEPT, _REMOVED, _PROTECTED = PALETTE[:3]
_INK = "#ffffff"
_MARKS = {"removed": "×", "protected": "•"}
_SHADES = (translucent(_KEPT, 0.75), translucent(_REMOVED, 0.18), translucent(_PROTECTED, 0.75))


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
    gone, safe = set(removed), set(protected)
    _check(n_blocks, gone, safe)
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


def strips_by_size(
    n_blocks: int,
    cuts: Sequence[Iterable[int]],
    protected: Iterable[int] = (),
    *,
    chosen: Iterable[int] | None = None,
    title: str = "Which blocks go at each size",
) -> go.Figure:
    """The strips of several cuts under each other, a row for each number of blocks removed, smallest on top.

    Removed blocks are crossed out, protected ones dotted. Of cuts of one size the last is shown; `chosen` is framed
    when it is among them. Raises `CutError` as `network_strip` does.
    """
    safe = set(protected)
    _check(n_blocks, set(), safe)
    by_size: dict[int, set[int]] = {}
    for cut in cuts:
        gone = set(cut)
        _check(n_blocks, gone, safe)
        by_size[len(gone)] = gone
    sizes = sorted(by_size)
    kinds = np.array([[_kind(block, by_size[size], safe) for block in range(n_blocks)] for size in sizes])
    words = ("kept", "removed", "protected")
    figure = go.Figure()
    if sizes:
        figure.add_trace(
            go.Heatmap(
                x=list(range(n_blocks)),
                y=list(range(len(sizes))),
                z=kinds,
                zmin=0,
                zmax=2,
                colorscale=[[i / 3 + j / 3, hue] for i, hue in enumerate(_SHADES) for j in (0, 1)],
                showscale=False,
                xgap=2,
                ygap=2,
                text=np.array([_mark(word) for word in words])[kinds],
                texttemplate="%{text}",
                textfont={"size": 12, "color": _REMOVED},
                customdata=np.dstack([np.array(words)[kinds], np.repeat(np.array(sizes)[:, None], n_blocks, axis=1)]),
                hovertemplate="%{customdata[1]} removed, block %{x}: %{customdata[0]}<extra></extra>",
            )
        )
    for word, hue in zip(words, _SHADES, strict=True):
        mark = {"symbol": "square", "size": 12, "color": hue, "line": {"color": _REMOVED, "width": word == "removed"}}
        if word != "protected" or safe:
            name = f"{word} ({_MARKS[word]})" if word in _MARKS else word
            figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=mark, name=name))
    place = None if chosen is None else next((i for i, s in enumerate(sizes) if by_size[s] == set(chosen)), None)
    if place is not None:
        frame = {"x0": -0.5, "x1": n_blocks - 0.5, "y0": place - 0.5, "y1": place + 0.5}
        figure.add_shape(type="rect", line={"color": MUTED, "width": 2}, **frame)
    finish(figure, title, "block, first to last", "blocks removed", height=150 + 20 * max(len(sizes), 1))
    figure.update_xaxes(**block_axis(n_blocks))
    at = list(range(0, len(sizes), tick_step(len(sizes))))
    figure.update_yaxes(
        tickmode="array",
        tickvals=at,
        ticktext=[str(sizes[place]) for place in at],
        range=[max(len(sizes), 1) - 0.5, -0.5],
        showgrid=False,
    )
    return figure if sizes else say(figure, "No cut to draw")


def _mark(word: str) -> str:
    """What stands in the cells of a kind; on the dark shade of protected ones it is white."""
    mark = _MARKS.get(word, "")
    return f'<span style="color:{_INK}">{mark}</span>' if word == "protected" else mark


def _kind(block: int, gone: set[int], safe: set[int]) -> int:
    return 1 if block in gone else 2 if block in safe else 0


def _check(n_blocks: int, gone: set[int], safe: set[int]) -> None:
    if n_blocks < 1:
        raise CutError("A strip needs a model of at least one block.")
    outside = sorted(block for block in gone | safe if not 0 <= block < n_blocks)
    if outside:
        raise CutError(f"The model has no block {outside[0]}; its blocks are 0 to {n_blocks - 1}.")
    if gone & safe:
        raise CutError(
            f"Block {min(gone & safe)} cannot be removed and protected at once; take it out of one of the two."
        )
