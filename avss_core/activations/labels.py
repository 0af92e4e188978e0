"""Groups that a caller attaches to tokens: hallucinated and truthful answers, prompt and answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from avss_core.activations.layout import PADDING, Layout
from avss_core.corpora.windows import Window
from avss_core.errors import SettingError

Labels = Sequence[str | None]


class LabelledTokens:
    """A grouping by one label for each token of each document; tokens labelled None are not measured.

    Name the groups, so that shards in which a label does not occur still merge with those in which it does.
    """

    def __init__(self, labels: Mapping[int, Labels], names: Sequence[str]) -> None:
        """labels: by index of the document, the label of every token in order; SettingError for one not in `names`."""
        self.names = tuple(names)
        self._labels = labels
        self._codes: dict[str | None, int] = {None: PADDING, **{name: i for i, name in enumerate(self.names)}}
        strange = {label for document in labels.values() for label in document} - self._codes.keys()
        if strange or not self.names:
            what = f"The label {min(map(str, strange))!r} is not" if strange else "There is no name"
            raise SettingError(f"{what} among the groups ({', '.join(self.names)}); name every label.")

    def codes(self, layout: Layout) -> Tensor:
        """(sequences, tokens) group of every token; raises SettingError where a token has no label."""
        by_window = [self._of_window(window) for window in layout.windows]
        device = layout.window.device
        table = torch.tensor([code for codes in by_window for code in codes]).to(device)
        starts = torch.tensor([0, *map(len, by_window)]).cumsum(dim=0).to(device)
        codes = table[starts[layout.window.clamp(min=0)] + layout.place]
        return torch.where(layout.is_token, codes, PADDING)

    def _of_window(self, window: Window) -> list[int]:
        labels = self._labels.get(window.document, ())
        chosen = labels[window.start : window.start + len(window)]
        if len(chosen) < len(window):
            raise SettingError(
                f"Document {window.document} has {len(labels)} labels, and a token at position "
                f"{window.start + len(window) - 1}; give one label for each token (None to leave it out)."
            )
        return [self._codes[label] for label in chosen]
