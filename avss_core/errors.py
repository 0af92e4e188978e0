"""Every error a user can meet: one sentence that says what, where, and what to do.

The shell prints the sentence and ends with status 2 for `BadInput`, 1 for the rest; a page shows it in a box.
"""

from __future__ import annotations


class AvssError(Exception):
    """Base of all errors raised on purpose; `str(error)` is the sentence to show."""

    exit_status = 1


class BadInput(AvssError):
    """Something that was asked for cannot be done as asked (exit status 2)."""

    exit_status = 2


class ModelError(BadInput):
    """The model cannot be found, read, or used for this."""


class CorpusError(BadInput):
    """The text cannot be found, read, or used for this."""


class CutError(BadInput):
    """The blocks to remove are not a valid choice."""


class SettingError(BadInput):
    """A setting lies outside its range (ε ≤ 0, an unknown method, …)."""


class RunError(BadInput):
    """A run is not in the store, or is not of the kind that was asked for."""


class NumericalError(AvssError):
    """Activations or losses that are not finite, so that no statistic of them would mean anything."""


class ResourceError(AvssError):
    """Memory or disk ran out, or the worker process was lost for good."""


class Cancelled(AvssError):
    """The job was cancelled; what was finished before is kept."""
