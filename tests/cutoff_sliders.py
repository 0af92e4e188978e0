"""What a page's cutoff slider was given to draw, and moving it as the browser does."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def drawn(page: AppTest) -> dict[str, Any]:
    """All that the browser was given; of the one slider that is on the page."""
    (slider,) = page.get("bidi_component")
    data: dict[str, Any] = json.loads(slider.proto.json)
    return data


def standing(page: AppTest) -> int:
    """How many blocks are removed where the slider stands."""
    data = drawn(page)
    return len(data["cuts"][data["at"]])


def readings(page: AppTest) -> dict[str, str]:
    """The numbers of the cut that the slider stands at, by their labels; none where it has not been evaluated."""
    data = drawn(page)
    return {each["label"]: each["value"] for each in data["readings"][data["at"]] or ()}


def notes(page: AppTest) -> dict[str, str]:
    """What is said in small letters under each of the numbers."""
    data = drawn(page)
    return {each["label"]: each["note"] for each in data["readings"][data["at"]] or ()}


def move(page: AppTest, removed: int) -> AppTest:
    """The page after the slider was moved to the cut of so many blocks, said as the browser says it."""
    (slider,) = page.get("bidi_component")
    place = {"removed": removed, "turn": drawn(page)["turn"] + 1}
    states = page._tree.get_widget_states()
    states.widgets.add(id=slider.proto.id, json_value=json.dumps({"moved": place}))
    return page._run(states)
