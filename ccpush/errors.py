"""The errors that ccpush tells a person, and the exit code of each.

CcpushError                    1   anything that stops a command; ``hint`` says what to try
├─ ConfigError                78   a bad or missing setting, with file, key, found and accepted
├─ LedgerError                 1   the ledger cannot be opened, read or written
│  └─ LedgerTooNewError       78   written by a later ccpush
└─ BusyError                  75   another run holds the lock

Bad *data* is never one of these: a row that cannot be used is counted by reason and passed over.
Nor is what a receiver answers: a sink gives a result, whose outcome decides a push's exit code.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
# as sysexits has them
EXIT_TEMPORARY = 75
EXIT_CONFIG = 78


class CcpushError(Exception):
    """Stops a command; printed as one line, with ``hint`` below it."""

    exit_code = EXIT_FAILURE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(CcpushError):
    """A setting is missing or wrong; the message names file, key, found and accepted."""

    exit_code = EXIT_CONFIG


class LedgerError(CcpushError):
    """The ledger cannot be opened, read or written."""


class LedgerTooNewError(LedgerError):
    """The ledger was written by a later ccpush; nothing is touched."""

    exit_code = EXIT_CONFIG


class BusyError(CcpushError):
    """Another ccpush run holds the lock."""

    exit_code = EXIT_TEMPORARY
