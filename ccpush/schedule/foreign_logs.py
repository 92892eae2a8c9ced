"""What libraries say on the standard library's loggers and warnings, told as lines of our log.

Only the daemon imports this: a one-shot run must not pay for ``logging``. Never tells a word of
urllib3, whose messages quote URLs; what became of a request is told by the sinks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ccpush.crash import crash_values
from ccpush.log import Log

_NEVER = logging.CRITICAL + 1
# APScheduler warns of a tick that is still running, which the daemon tells itself
_LEAST_LEVELS = {"apscheduler": logging.ERROR, "urllib3": _NEVER, "requests": _NEVER}


@contextmanager
def foreign_logs(log: Log) -> Iterator[None]:
    """While the context lasts, warnings and errors of libraries go to ``log``, and nowhere else."""
    bridge = _Bridge(log)
    root = logging.getLogger()
    handlers_before, root.handlers = root.handlers, [bridge]
    levels_before = {name: logging.getLogger(name).level for name in _LEAST_LEVELS}
    for name, level in _LEAST_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for name, level in levels_before.items():
            logging.getLogger(name).setLevel(level)
        root.handlers = handlers_before


class _Bridge(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # the library's arguments do not fit its own format
            message = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        crash = crash_values(error) if error else {}
        tell = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        tell("library_message", logger=record.name, message=message, **crash)
