"""q of acc@q and p of cov@p, as numbers or as the paper chose them for one of its data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from avss_core.errors import SettingError
from avss_core.hallucination.metrics import PRESETS, Preset, metrics_for, preset_for

AUTO = "auto"
_HALF = 0.5
_NAMES = ", ".join(preset.data_set for preset in PRESETS)


@dataclass(frozen=True)
class Shares:
    """q and p; preset: of which data set they are, None for numbers of one's own; note: what the paper would take."""

    q: float
    p: float
    preset: str | None
    note: str

    def facts(self) -> dict[str, Any]:
        """What the answer says of them."""
        return {"q": self.q, "p": self.p, "preset": self.preset, "preset_note": self.note}


@dataclass(frozen=True)
class PresetOptions:
    """Which answers are looked at, and how accurate they shall be."""

    q: Annotated[float | None, typer.Option(help="Share of the answers that acc@q looks at.", show_default="0.5")] = (
        None
    )
    p: Annotated[float | None, typer.Option(help="Accuracy that cov@p asks for.", show_default="0.5")] = None
    preset: Annotated[
        str | None,
        typer.Option(help=f"The paper's q and p for {_NAMES}; or {AUTO}: for the set that --corpus is called after."),
    ] = None

    def chosen(self, corpus: str) -> Shares:
        """q and p for this corpus; SettingError for shares outside (0, 1], an unknown preset, or both at once."""
        own = preset_for(corpus)
        if self.preset is None:
            q, p = (_HALF if share is None else share for share in (self.q, self.p))
            metrics_for(q, p)
            asked = self.q is not None or self.p is not None
            note = "" if asked or own is None or (own.q, own.p) == (q, p) else _note(own)
            return Shares(q, p, None, note)
        if self.q is not None or self.p is not None:
            raise SettingError("--preset says what q and p are; give it or --q and --p, not both.")
        found = own if self.preset == AUTO else _named(self.preset)
        if found is None:
            raise SettingError(
                f"{corpus} is called after none of the paper's data sets; give --preset {_NAMES}, or --q and --p."
            )
        return Shares(found.q, found.p, found.data_set, "")


def _named(name: str) -> Preset:
    found = next((preset for preset in PRESETS if preset.data_set.lower() == name.lower()), None)
    if found is None:
        raise SettingError(f"The paper has presets for {_NAMES}, not for {name!r}; {AUTO} takes that of --corpus.")
    return found


def _note(own: Preset) -> str:
    first, second, *_ = metrics_for(own.q, own.p)
    return f"The paper uses {first.name} and {second.name} for {own.data_set}; --preset {AUTO} does so too."
