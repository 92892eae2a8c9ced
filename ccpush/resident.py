"""The resident process: ticks on a schedule, and :9101 between them.

A scrape refreshes first when that takes under five seconds; otherwise it is served the last
complete state, whose age stands in it. One refresh at a time serves all who wait.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from ccpush import __version__
from ccpush.app import Pipeline, look, with_sinks
from ccpush.crash import crash_values
from ccpush.errors import CcpushError
from ccpush.ledger import store
from ccpush.ledger.query import Account, read_account
from ccpush.ledger.recent import read_recent
from ccpush.log import Log
from ccpush.metrics.evaluate import evaluate
from ccpush.metrics.samples import Family
from ccpush.progress import bar
from ccpush.schedule.daemon import stay
from ccpush.web.page.facts import DAYS, WEEKS, Facts
from ccpush.web.server import WebServer

REFRESH_WAIT_S: Final = 5.0
# The page shows at once what there is; what a short pass finds may still come in.
PAGE_WAIT_S: Final = 0.05
# Pages closer together than this show the same.
PAGE_FRESH_S: Final = 2.0
# Scrapes closer together than this share one refresh.
FRESH_S: Final = 1.0
# Ticks of a fleet that was switched on together must not stay together.
JITTER: Final = 0.1


class Resident:
    """What :9101 shows, and the tick that keeps it true."""

    def __init__(self, pipeline: Pipeline, log: Log, *, quiet: bool = False) -> None:
        self._pipeline = pipeline
        self._quiet = quiet
        self._log = log
        self._lock = threading.Lock()
        self._refresh: threading.Thread | None = None
        self._refreshed_s = float("-inf")
        self._account: Account | None = None
        self._page_lock = threading.Lock()
        self._facts: Facts | None = None
        self._facts_read_s = float("-inf")

    def tick(self) -> None:
        """Collect and push once; the first time with a bar where somebody watches."""
        account = self._account
        first = account is None or not account.passes
        pending_bytes = self._pipeline.pending_bytes() if first else 0
        if pending_bytes:
            self._first_tick(pending_bytes)
        else:
            self._pipeline.tick()
        self._keep()

    def _first_tick(self, pending_bytes: int) -> None:
        self._log.info("first_scan_started", size_bytes=pending_bytes)
        with bar(pending_bytes, quiet=self._quiet) as progress:
            done = self._pipeline.tick(progress.advance).collected
        self._log.info(
            "first_scan_done",
            files=done.files,
            lines=done.lines,
            seconds=round(done.duration_s, 3),
            complete=done.complete,
        )

    def families(self) -> tuple[Family, ...]:
        """Say the present state, or the last complete one when that takes too long."""
        self._ask_for_refresh().join(REFRESH_WAIT_S)
        account = self._account
        if account is None:
            account, known = look(self._pipeline.settings)
            return evaluate(account, known.identity)
        return self._pipeline.families(account)

    def ready(self) -> bool:
        """Whether one complete pass has been made."""
        account = self._account
        return account is not None and account.passes > 0

    def facts(self) -> Facts:
        """Say what the page shows: the ledger as it is, for which no pass is waited for long.

        Read over a connection of its own, because a pass keeps the pipeline's to itself.
        """
        with self._page_lock:
            facts = self._facts
            if facts is None or time.monotonic() - self._facts_read_s >= PAGE_FRESH_S:
                self._ask_for_refresh().join(PAGE_WAIT_S)
                facts = self._facts = self._read_facts()
                self._facts_read_s = time.monotonic()
            return facts

    def _read_facts(self) -> Facts:
        settings = self._pipeline.settings
        now_s = time.time()
        with (
            store.open_ledger(settings.state_dir, write=False) as connection,
            store.snapshot(connection),
        ):
            account = read_account(connection, now_s, settings.active_window_s)
            recent = read_recent(connection, now_s, days=DAYS, weeks=WEEKS)
        return Facts(
            version=__version__,
            instance=self._pipeline.known.identity.instance,
            account=with_sinks(account, settings),
            recent=recent,
            interval_s=settings.interval_s,
        )

    def _ask_for_refresh(self) -> threading.Thread:
        with self._lock:
            running = self._refresh
            if running is not None and (
                running.is_alive() or time.monotonic() - self._refreshed_s < FRESH_S
            ):
                return running
            self._refresh = threading.Thread(target=self._do_refresh, name="refresh", daemon=True)
            self._refresh.start()
            return self._refresh

    def _do_refresh(self) -> None:
        try:
            self._pipeline.collect()
            self._keep()
        except CcpushError as error:
            # The scrape is served what there is, whose age then tells.
            self._log.warning("collect_failed", error=error, hint=error.hint)
        except Exception as error:  # noqa: BLE001
            # A mistake of ours, at the edge of a thread: told, and the process lives on.
            self._log.error("collect_failed", **crash_values(error))
        self._refreshed_s = time.monotonic()

    def _keep(self) -> None:
        self._account = self._pipeline.account()


def run(pipeline: Pipeline, log: Log) -> int:
    """Stay until told to stop; return the exit code.

    Raises CcpushError when :9101 cannot be had and there is nothing else to do.
    """
    quiet = pipeline.settings.log_format == "json" or "CI" in os.environ
    resident = Resident(pipeline, log, quiet=quiet)
    web = WebServer(pipeline.settings.web, resident, log)
    try:
        web.start()
        log.info("web_started", url=web.url)
    except CcpushError as error:
        if not pipeline.pushes:
            raise
        log.error("web_failed", error=error, hint=error.hint)
    interval_s = pipeline.settings.interval_s
    try:
        return stay(
            resident.tick,
            interval_s=interval_s,
            jitter_s=interval_s * JITTER,
            on_stop=pipeline.stop,
            on_wake=pipeline.woke,
            log=log,
        )
    finally:
        web.stop()
