"""What was drawn before, kept in memory: building a figure takes longer than all that is looked up for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st

Drawn = TypeVar("Drawn")
_MOST = 128  # figures of some 100 kB


@st.cache_resource(show_spinner=False)
def _drawings() -> OrderedDict[Hashable, Any]:
    return OrderedDict()


def kept(key: Hashable, make: Callable[[], Drawn]) -> Drawn:
    """What `make` gives, made once for each key; the key has to hold all that it depends on."""
    drawings = _drawings()
    try:
        drawings.move_to_end(key)
        drawn: Drawn = drawings[key]
    except KeyError:  # not there, or taken away by another session in between
        drawn = drawings[key] = make()
        while len(drawings) > _MOST:
            drawings.popitem(last=False)
    return drawn
