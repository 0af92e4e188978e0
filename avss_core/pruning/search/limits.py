"""How far a search may go."""

from __future__ import annotations

from dataclasses import dataclass

from avss_core.errors import SettingError
from avss_core.pruning.protect import free_blocks, most_removable
from avss_core.tasks.evaluation import Evaluation, require_something_to_retain, retained


@dataclass(frozen=True)
class Limits:
    """most: end when so many blocks are removed (None: as many as can be). retain: end before the first step that
    would retain a smaller share of the unpruned performance (None: whatever it costs); a later step might retain more
    again, and is not looked for. A block that costs more than δ is put back, and is no such step. protected: blocks
    that never go.

    Raises SettingError for a share to retain that is not a positive number.
    """

    most: int | None = None
    retain: float | None = None
    protected: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the share."""
        if self.retain is not None and not 0 < self.retain < float("inf"):
            raise SettingError(
                f"The share of performance to retain must be positive, such as 0.9; {self.retain} is not."
            )

    def of(self, n_blocks: int) -> tuple[frozenset[int], int]:
        """The blocks that may go, and how many at most; CutError when that cannot be done with so many blocks."""
        free = free_blocks(n_blocks, self.protected)
        return frozenset(free), most_removable(n_blocks, len(free), self.most)

    def check(self, unpruned: Evaluation) -> None:
        """Raise SettingError when a share is to be retained and the unpruned model has nothing to retain."""
        if self.retain is not None:
            require_something_to_retain(unpruned)

    def forbids(self, unpruned: Evaluation, attempt: Evaluation) -> bool:
        """Whether `attempt` retains less than it has to, or a share that is not a number."""
        return self.retain is not None and not retained(unpruned, attempt) >= self.retain
