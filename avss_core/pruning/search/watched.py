"""Look up between the blocks: a step that tries a hundred cuts on one batch must not be deaf until the batch is done.

Needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from avss_core.models.load import LoadedModel


@contextmanager
def watched(model: LoadedModel, look_up: Callable[[], object]) -> Iterator[None]:
    """Call `look_up` before every run of a block of this model; what it raises ends the forward pass there.

    Networks that share the weights but are built anew (`variants.physical`) are not watched.
    """

    def before(*_arguments: object) -> None:
        look_up()  # and nothing is returned: that would change what the block is given

    handles = [block.register_forward_pre_hook(before) for block in model.blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
