"""The history as OpenMetrics: exactly what remote-write would send, in the form of the standard."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser
from push_ledger import STEP, WHO, Books

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.history import beginning
from ccpush.ledger.store import snapshot
from ccpush.metrics.catalogue import GRID
from ccpush.metrics.openmetrics import History, Written, write_history
from ccpush.metrics.samples import Labels
from ccpush.push.remote_write.naming import Naming

FINAL = Naming({"job": "ccpush", "instance": "laptop"}).final
DAY = 24 * 60
INPUT = Series(f.TOKENS, "input", "opus")
OUTPUT = Series(f.TOKENS, "output", "haiku")
LINE = re.compile(r"([a-zA-Z_]\w*)\{(.*)\} (\S+) (\d+)")


def written(
    books: Books,
    out: io.TextIOBase,
    *,
    days: int = 366,
    final: Callable[[Labels], Labels | None] = FINAL,
) -> Written:
    """Write the history of a ledger, at most so many days of it."""
    with books.ledger() as connection, snapshot(connection):
        begin = beginning(connection, STEP, days * DAY)
        return write_history(connection, History(begin, STEP, WHO, final), out)  # type: ignore[arg-type]


def text(books: Books, **more: object) -> str:
    """The history as one text."""
    out = io.StringIO()
    written(books, out, **more)  # type: ignore[arg-type]
    return out.getvalue()


def samples(exported: str) -> dict[Labels, list[tuple[int, float]]]:
    """(ts_ms, value) of each series, as they stand in the text."""
    found: dict[Labels, list[tuple[int, float]]] = {}
    for line in exported.splitlines():
        if match := LINE.fullmatch(line):
            pairs = [("__name__", match[1]), *re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2])]
            points = found.setdefault(tuple(sorted(pairs)), [])
            points.append((int(match[4]) * 1000, float(match[3])))
    return found


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """A ledger of twelve days in which all kinds of metrics grew."""
    books = Books(tmp_path)
    books.grow(
        (INPUT, 12 * DAY, 5),
        (INPUT, 3 * DAY + 7, 10**12),
        (OUTPUT, 2 * DAY, 7),
        (OUTPUT, 90, 11),
        (INPUT, 3, 13),
        (Series(f.TOKENS, "cacheRead", "opus"), 10 * DAY, 1),
        (Series(f.TOKENS, "cacheCreation", "opus"), 10 * DAY, 1),
        (Series(f.STOP_REASONS, "end_turn"), 10 * DAY, 1),
        (Series(f.SESSIONS), 10 * DAY, 1),
        (Series(f.TURN_DURATION_BUCKETS, "30"), 5 * DAY, 1),
        (Series(f.TURN_DURATION_MS), 5 * DAY, 20_125),
        (Series(f.TURN_DURATION_BUCKETS, f.INFINITY), 30, 1),
        (Series(f.TURN_DURATION_MS), 30, 5_000_000),
        (Series(f.TOOL_CALLS, 'odd "tool" \\ with\nlines'), DAY, 3),
        (Series(f.RESPONSES, "opus", "main"), 2 * DAY, 2),
        (Series(f.CACHE_WRITES, "1h", "opus"), 2 * DAY, 7),
        (Series(f.COST, "opus"), 2 * DAY, 1_234_567_891),
        (Series(f.SAVINGS, "opus"), 2 * DAY, 5),
        (Series(f.UNPRICED, "llama"), 2 * DAY, 9),
        (Series(f.TOOL_ERRORS, "Bash", "denied"), 2 * DAY, 1),
        (Series(f.API_STATUSES, "529"), 2 * DAY, 4),
        (Series(f.EDIT_DECISIONS, "Edit", "accept unknown C++"), 2 * DAY, 3),
    )
    return books


@pytest.mark.parametrize("days", [29, 1])
def test_it_is_what_remote_write_sends(books: Books, days: int) -> None:
    """Every sample of every series with a past, no other, under the same labels."""
    with books.receiver() as receiver, books.sink(receiver.url) as sink:
        sink.push(books.offer(backfill_s=days * 86_400.0))
        sent = {
            tuple(sorted(labels)): [(ts_ms, value) for ts_ms, value in points]
            for labels, points in receiver.samples.items()
        }
    exported = samples(text(books, days=days))

    escaped = {
        tuple(
            (k, v.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")) for k, v in key
        ): points
        for key, points in sent.items()
    }
    assert escaped == exported


def test_without_a_limit_it_begins_where_the_ledger_does(books: Books) -> None:
    """All history is in it, from a zero one step before the first event on."""
    found = samples(text(books))
    (series,) = (
        key
        for key in found
        if {("type", "input"), ("model", "opus")} <= set(key) and "code" in dict(key)["__name__"]
    )

    first, second, *_ = found[series]
    assert ((STEP - 12 * DAY - 1) * 60_000, 0.0) == first
    assert 5.0 == second[1]


def test_families_series_and_times_stand_in_order(books: Books) -> None:
    """Each family once, in it each series once, in it times that rise; the end is marked."""
    lines = text(books).splitlines()
    assert lines[-1] == "# EOF"

    types = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    assert len(set(types)) == len(types) == len(GRID)
    family, seen = "", set()
    for line in lines[:-1]:
        if line.startswith("# "):
            family = line.split()[2]
        else:
            assert line.startswith(family)
    plain = [
        LINE.fullmatch(line) for line in lines if "_duration_" not in line and "_pre_" not in line
    ]
    for series, run in groupby((m for m in plain if m), key=lambda m: (m[1], m[2])):
        assert series not in seen
        seen.add(series)
        times = [int(m[4]) for m in run]
        assert times == sorted(set(times))


def test_parts_of_a_histogram_stand_together(books: Books) -> None:
    """At each step all buckets by bound, then sum and count."""
    lines = [LINE.fullmatch(line) for line in text(books).splitlines()]
    turns = [m for m in lines if m and m[1].startswith("claude_turn_duration_seconds")]
    points = [list(group) for _, group in groupby(turns, key=lambda m: m[4])]

    assert len({m[4] for m in turns}) == len(points)
    names = [
        [(m[1].rpartition("_")[2], re.findall('le="(.*?)"', m[2])) for m in point]
        for point in points
    ]
    bounds = [*(str(float(bound)) for bound in f.TURN_DURATION_BOUNDS_S), "+Inf"]
    assert all(
        parts == [*(("bucket", [b]) for b in bounds), ("sum", []), ("count", [])] for parts in names
    )
    last = {key: float(m[3]) for key, m in zip(map(str, names[-1]), points[-1], strict=True)}
    assert 2.0 == last["('count', [])"] == last["('bucket', ['+Inf'])"]
    assert 5020.125 == last["('sum', [])"]


def test_a_reader_of_openmetrics_takes_it(books: Books) -> None:
    """The official parser finds every family with its type and unit.

    Histograms apart: it takes their parts at a second timestamp for repetitions of the first.
    """
    exported = text(books, days=1)
    without = re.sub(r"# TYPE (\S+) histogram\n(?:.*\n)*?(?=# TYPE)", "", exported)
    families = {each.name: each for each in parser.text_string_to_metric_families(without)}

    grid = [metric for metric in GRID if metric.type != "histogram"]
    assert {
        metric.name.removesuffix("_total") if metric.type == "counter" else metric.name: metric.type
        for metric in grid
    } == {name: each.type for name, each in families.items()}
    assert "tokens" == families["claude_code_token_usage_tokens"].unit
    tools = {sample.labels["tool"] for sample in families["claude_tool_use_total"].samples}
    assert {'odd "tool" \\ with\nlines'} == tools
    (decision, *_) = families["claude_code_code_edit_tool_decision"].samples
    assert {"tool_name": "Edit", "decision": "accept", "source": "unknown", "language": "C++"} == {
        name: decision.labels[name] for name in ("tool_name", "decision", "source", "language")
    }
    assert 1.234567891 == families["claude_code_cost_usage_USD"].samples[-1].value
    assert "USD" == families["claude_code_cost_usage_USD"].unit


def test_what_relabelling_drops_or_makes_the_same_is_left_out(books: Books) -> None:
    """A dropped series is not there, and of two that become one neither is."""

    def final(labels: Labels) -> Labels | None:
        if "claude_total" in dict(labels)["__name__"]:
            return None
        return tuple(pair for pair in labels if pair[0] != "type")

    out = io.StringIO()
    told = written(books, out, final=final)
    names = {dict(key)["__name__"] for key in samples(out.getvalue())}

    assert not [name for name in names if "claude_total" in name]
    # of the token types of opus, of lines added and removed, of the user's time and the program's
    assert 3 + 2 + 2 == told.left_out
    assert "claude_code_token_usage_tokens_total" in names


class Sieve(io.TextIOBase):
    """A file that keeps nothing but its size."""

    size = 0

    def writelines(self, lines: object) -> None:
        """Count what is written."""
        self.size += sum(map(len, lines))  # type: ignore[call-overload]

    def write(self, text: str) -> int:
        """Count what is written."""
        self.size += len(text)
        return len(text)


def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    """Two months of some models are eighty megabytes of text; a few are in memory at a time."""
    books = Books(tmp_path)
    grown = [
        (Series(f.TOKENS, kind, f"model-{n}"), 10 * DAY * (n + 1), 1)
        for n in range(4)
        for kind in ("input", "output")
    ]
    books.grow((Series(f.SESSIONS), 60 * DAY, 1), *grown)
    sieve = Sieve()
    tracemalloc.start()
    try:
        told = written(books, sieve)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert told.samples > 800_000
    assert sieve.size > 80e6
    assert peak_bytes < 12e6
