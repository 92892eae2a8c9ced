"""What happens around one tick in the daemon: it is run, and whatever it ends with is survived.

Shared by the scheduler's thread, which runs, and the main thread, which looks and says stop. Only
plain flags, no locks: the main thread may be interrupted by a signal at any point.
"""

from __future__ import annotations

from collections.abc import Callable

from ccpush.crash import crash_values
from ccpush.errors import EXIT_TEMPORARY, CcpushError
from ccpush.log import Log


class Ticks:
    """Runs ``tick`` when told, never after ``stopping`` was set, and counts."""

    def __init__(self, tick: Callable[[], None], log: Log) -> None:
        self._tick = tick
        self._log = log
        self.running = False
        self.stopping = False
        self.begun = 0
        self.crashes = 0

    def run(self) -> None:
        """One tick; never raises, but tells what the tick raised in one line."""
        # First running, then the look at stopping; the main thread does it the other way round.
        # So either this tick does not begin or the main thread sees that it did.
        self.running = True
        try:
            if not self.stopping:
                self.begun += 1
                self._tick()
        except CcpushError as error:
            tell = self._log.warning if error.exit_code == EXIT_TEMPORARY else self._log.error
            tell("tick_failed", error=error, hint=error.hint)
        except Exception as error:  # noqa: BLE001
            # The only broad except: a daemon that nobody watches must outlive our own mistakes.
            # They are counted and told with their call path, and the next tick tries again.
            self.crashes += 1
            self._log.error("tick_failed", **crash_values(error))
        finally:
            self.running = False
