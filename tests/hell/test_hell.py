"""Nothing is lost and nothing counted twice, whatever networks, receivers and kills do.

``make hell`` has 500 rounds of it for each receiver; ``HELL_ROUNDS`` and ``HELL_SEED`` say how many
and which. A seed repeats everything but the moments of kills.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from pathlib import Path

import pytest
from hell import judgement, upstreams
from hell.laptop import Clock, Laptop, planned_jumps
from hell.life import recount
from hell.weather import hell_proxy

from ccpush.app import look
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import OFFERED_THROUGH
from ccpush.metrics.evaluate import evaluate

ROUNDS = int(os.environ.get("HELL_ROUNDS", "50"))
SEED = int(os.environ.get("HELL_SEED", "1"))
# Within which everything must be there once nothing goes wrong any more.
PEACEFUL_PUSHES = 12


@pytest.mark.integration
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "start",
    [
        pytest.param(upstreams.strict, id="strict"),
        pytest.param(upstreams.prometheus, id="prometheus"),
        pytest.param(upstreams.victoria_metrics, id="victoria-metrics"),
    ],
)
def test_hell(start: upstreams.Start, tmp_path: Path) -> None:
    """After any number of bad rounds the receiver has every sample as it should be, and no other."""
    begun_s = time.monotonic()
    rng = random.Random(SEED)
    jumps = planned_jumps(ROUNDS, rng)
    clock = Clock(jumps)
    with (
        start(tmp_path, clock) as upstream,
        hell_proxy(upstream.url, rng, clock, upstream.before_query) as proxy,
    ):
        laptop = Laptop(tmp_path, proxy, clock, rng)
        try:
            for number, jump_s in enumerate(jumps):
                weather = proxy.change()
                laptop.life.grow(clock())
                try:
                    laptop.push()
                except Exception as error:
                    error.add_note(f"seed {SEED}, round {number} of {ROUNDS}, weather {weather}")
                    raise
                clock.jump(jump_s)
            proxy.change("calm")
            _deliver(laptop)
        finally:
            laptop.close()
        done = {fault.name: n for fault, n in sorted(proxy.counts.items(), key=lambda it: -it[1])}
        print(f"\nseed {SEED}, {ROUNDS} rounds, {time.monotonic() - begun_s:.1f} s")
        print(f"pushes: {dict(laptop.happened)}\nrequests: {done}")
        _judge(laptop, upstream)


def _deliver(laptop: Laptop) -> None:
    """Push in peace until everything is there; the last push is the real command, in the present."""
    clock = laptop.clock
    laptop.life.finish(clock())
    for _ in range(PEACEFUL_PUSHES):
        clock.jump(400)
        result = laptop.push_here()
        if result is not None and result.outcome == "delivered":
            break
    clock.jump(clock.behind_s)
    laptop.push_by_command(killed=False)
    assert laptop.happened["command 0"] > 0


def _judge(laptop: Laptop, upstream: upstreams.Upstream) -> None:
    """Hold what the receiver has against every law."""
    now_s = laptop.clock()
    stored = upstream.stored(now_s + 1)
    judgement.no_timestamp_has_two_values(stored)
    judgement.no_series_falls_or_has_gaps(stored, int(now_s * 1000))
    with open_ledger(laptop.settings.state_dir, write=False) as connection:
        judgement.every_sample_is_the_ledgers(stored, connection)
        _nothing_was_refused(connection)
    judgement.newest_values_are_the_recount(stored, recount(laptop.home.path))
    _newest_values_are_the_accounts(laptop, stored)
    _increases_are_the_totals(upstream, stored, now_s)


def _nothing_was_refused(connection: sqlite3.Connection) -> None:
    """The ledger has counted no sample as given up."""
    query = "SELECT reason, samples FROM sink_samples WHERE outcome = 'rejected'"
    assert connection.execute(query).fetchall() == []


def _newest_values_are_the_accounts(laptop: Laptop, stored: judgement.Stored) -> None:
    """Every series of the exposition is there with the value that it has there."""
    account, known = look(laptop.settings, now=laptop.clock)
    own = {"job": "ccpush", "instance": known.identity.instance}
    for family in evaluate(account, known.identity, "grid"):
        for sample in family.samples:
            labels = {**dict(sample.labels), **own, "__name__": sample.name}
            found = stored[tuple(sorted(labels.items()))]
            if family.name != OFFERED_THROUGH:
                assert found[-1][1] == sample.value, (sample, found[-1])


def _increases_are_the_totals(
    upstream: upstreams.Upstream, stored: judgement.Stored, now_s: float
) -> None:
    """Over the whole time ``increase()`` is what happened; a Prometheus adds what it extrapolates."""
    if upstream.increase is None:
        return
    oldest_ms = min(points[0][0] for _, points in judgement.grid_series(stored))
    span_s = int(now_s - oldest_ms / 1000) + 60
    totals = {labels: points[-1][1] for labels, points in stored.items()}
    for name in judgement.grid_names():
        for labels, grown in upstream.increase(name, span_s, now_s).items():
            rel = 1e-9 if upstream.exact else 0.02
            assert grown == pytest.approx(totals[labels], rel=rel, abs=1e-6), labels
