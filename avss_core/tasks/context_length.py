"""How long a sequence a network can take."""

from __future__ import annotations

from avss_core.models.load import LoadedModel
from avss_core.models.positions import first_position

_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


def longest_sequence(model: LoadedModel) -> int | None:
    """Tokens in the longest sequence that the network was made for; None when its config does not say."""
    config = model.network.config.get_text_config()
    found = next((getattr(config, name) for name in _NAMES if isinstance(getattr(config, name, None), int)), None)
    # RoBERTa's table has rows before the first position that a token can have.
    return None if found is None else found - (first_position(model) or 0)
