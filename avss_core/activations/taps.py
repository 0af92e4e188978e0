"""Ways to get at a tensor while a network runs: each attaches to one module and hands on what passes there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol

from torch import Tensor, nn

Receive = Callable[..., None]  # called with the tensor; at a block's update with its output and its input


class Handle(Protocol):
    """What takes a tap off again."""

    def remove(self) -> None: ...


class Tap(Protocol):
    """A place in one block."""

    def attach(self, receive: Receive) -> Handle:
        """Call `receive` whenever a tensor passes, until the handle is removed."""
        ...


@dataclass(frozen=True, eq=False)
class InputTap:
    """What a module is given."""

    module: nn.Module

    def attach(self, receive: Receive) -> Handle:
        return self.module.register_forward_pre_hook(lambda _module, args: receive(args[0]))


@dataclass(frozen=True, eq=False)
class OutputTap:
    """What a module answers (of a tuple, the first)."""

    module: nn.Module

    def attach(self, receive: Receive) -> Handle:
        return self.module.register_forward_hook(lambda _module, _args, output: receive(hidden_of(output)))


@dataclass(frozen=True, eq=False)
class UpdateTap:
    """What a block answers, and what it was given."""

    block: nn.Module

    def attach(self, receive: Receive) -> Handle:
        name = first_argument(self.block)

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            receive(hidden_of(output), args[0] if args else kwargs[name])

        return self.block.register_forward_hook(hook, with_kwargs=True)


def hidden_of(output: Any) -> Any:
    """The hidden state in a block's answer: some architectures return it first in a tuple."""
    return output if isinstance(output, Tensor) else output[0]


def first_argument(block: nn.Module) -> str:
    """The name of the argument that carries the hidden state."""
    return next(iter(signature(block.forward).parameters))
