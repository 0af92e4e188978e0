"""Hooks on every block, for what is measured while the network runs as it always does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any

import pandas as pd
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from avss_core.corpora.batches import Batch
from avss_core.importance.passes.measured import sum_dtype
from avss_core.models.load import LoadedModel
from avss_core.variants.block_output import block_output, state_position


class BlockHooks(ABC):
    """Measures the forward passes inside its `with` block, each of them between `begin` and `end`."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._dtype = sum_dtype(model.device)
        self._output = block_output(model)
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> BlockHooks:
        for index, block in enumerate(self._model.blocks):
            self._handles.append(block.register_forward_hook(self._hook(index), with_kwargs=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    @abstractmethod
    def begin(self, batch: Batch) -> None:
        """Say which batch, on the model's device, the next forward pass runs on."""

    @abstractmethod
    def see(self, index: int, before: Tensor, after: Tensor) -> None:
        """Block `index` has turned h[ℓ] into h[ℓ+1], both (sequences, tokens, hidden); called in the blocks' order."""

    @abstractmethod
    def end(self) -> None:
        """The forward pass is over."""

    @abstractmethod
    def tables(self) -> list[pd.DataFrame]:
        """The sums by document, over all passes."""

    def _hook(self, index: int) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            where = state_position(module, args, kwargs)
            before = args[0] if isinstance(where, int) else kwargs[where]
            self.see(index, before, self._output.unwrap(output))

        return hook
