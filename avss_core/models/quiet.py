"""Keep the loading libraries from writing to the terminal, without losing what they say."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from huggingface_hub.utils import are_progress_bars_disabled
from transformers.utils import logging as transformers_logging

_log = logging.getLogger(__name__)


class _PassOn(logging.Handler):
    """Hand every record of another library to this module's logger, at the level of a detail."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.debug("%s: %s", record.name, record.getMessage())


_turn = threading.Lock()
_inside = 0  # threads that are quiet now
_loud_again = ExitStack()  # what the last of them to leave undoes


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings on the terminal inside; warnings go to this module's logger as details.

    Loggers, filters and bars belong to the whole process: the first thread to come in silences them, the last to leave
    puts them back.
    """
    global _inside
    with _turn:
        if not _inside:
            _loud_again.enter_context(_silence())
        _inside += 1
    try:
        yield
    finally:
        with _turn:
            _inside -= 1
            if not _inside:
                _loud_again.close()


@contextmanager
def _silence() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
    bars_were_on = not are_progress_bars_disabled()
    for logger in loggers:
        logger.handlers, logger.propagate = [_PassOn()], False
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
        if bars_were_on:
            transformers_logging.enable_progress_bar()
