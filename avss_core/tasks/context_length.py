"""How long a sequence a network can take."""

from __future__ import annotations

from collections.abc import Iterable

from avss_core.corpora.windows import Window
from avss_core.errors import SettingError
from avss_core.models.load import LoadedModel
from avss_core.models.positions import first_position, has_position_table

_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


def longest_sequence(model: LoadedModel) -> int | None:
    """Tokens in the longest sequence that the network was made for; None when its config does not say."""
    config = model.network.config.get_text_config()
    found = next((getattr(config, name) for name in _NAMES if isinstance(getattr(config, name, None), int)), None)
    # RoBERTa's table has rows before the first position that a token can have.
    return None if found is None else found - (first_position(model) or 0)


def require_positions(model: LoadedModel, windows: Iterable[Window], source: str) -> None:
    """Raise SettingError when a window of the text `source` is longer than the network's table of positions.

    Where positions are computed for any place (rotary angles, ALiBi) the config only says how long the texts were that
    it was trained on; longer ones run, so none is refused.
    """
    most, longest = longest_sequence(model), max(map(len, windows), default=0)
    if most is not None and longest > most and has_position_table(model):
        raise SettingError(
            f"A window of {source} has {longest} tokens, more than the {most} positions of "
            f"{type(model.network).__name__}; ask for windows of at most {most} tokens."
        )
