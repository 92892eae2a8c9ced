"""The walk: all windows together are what every series stood at, recounted at every step."""

from __future__ import annotations

import types
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

import homes
from histories import DAY, STEP, Grown, Story, stories
from hypothesis import example, given
from hypothesis import strategies as st

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.cursors import ShiftKey
from ccpush.ledger.query import read_account
from ccpush.metrics.catalogue import GRID, Metric
from ccpush.metrics.cumulative import Cell, Cumulative
from ccpush.metrics.evaluate import Identity, evaluate
from ccpush.metrics.grid import due_steps
from ccpush.metrics.history import Span, Walk, Window
from ccpush.metrics.samples import Labels

WHO: Final = Identity("0123456789abcdef", "laptop", {"user": "ada", "team": "engines"})
COUNTER, GAUGE = "claude_code_token_usage_tokens_total", "claude_model_output_tokens"
TURNS = "claude_turn_duration_seconds"
WALKED: Final = tuple(
    metric
    for metric in GRID
    if metric.name
    in {
        COUNTER,
        GAUGE,
        TURNS,
        "claude_total_messages",
        "claude_api_errors_total",
        "ccpush_offered_through_seconds",
        "ccpush_identity_info",
    }
)
Samples = dict[Labels, dict[int, float]]


def _labels(name: str, **own: str) -> Labels:
    return tuple(sorted({"__name__": name, **WHO.labels, **own}.items()))


def _cell_labels(metric: Metric, cell: Cell) -> Labels:
    names = ("le",) if cell.suffix == "_bucket" else metric.labels
    return _labels(metric.name + cell.suffix, **dict(zip(names, cell.labels, strict=True)))


def _samples(windows: Iterable[Window]) -> Samples:
    """Value by step and series; no sample comes twice, none before another of its series."""
    found: defaultdict[Labels, dict[int, float]] = defaultdict(dict)
    for window in windows:
        for run in window.runs:
            assert run.size == sum(1 for s in run.stretches for _ in range(s.first, s.last + 1))
            series = found[run.labels]
            for stretch in run.stretches:
                for index in range(stretch.first, stretch.last + 1):
                    ts_ms = window.timestamps_ms[index]
                    assert ts_ms % 60_000 == 0
                    assert ts_ms // 60_000 > max(series, default=-1)
                    series[ts_ms // 60_000] = stretch.value
    return {labels: series for labels, series in found.items() if series}


def _due(span: Span) -> list[int]:
    steps = due_steps(span.after, span.through)
    if span.begin is None or span.after >= span.begin:
        return steps
    return [span.begin, *(step for step in steps if step > span.begin)]


def _recount(story: Story, span: Span, metric: Metric) -> Samples:
    """What a metric's series are worth at every step, by the definition and one by one."""
    source = metric.source
    assert isinstance(source, Cumulative)
    due = _due(span)
    events: defaultdict[Cell, list[tuple[int, int]]] = defaultdict(list)
    before: set[Cell] = set(source.declared)
    sums: Counter[tuple[Series, bool]] = Counter()
    for step, series, amount, imported in story.events():
        if series.family in source.families and (source.imported or not imported):
            for cell in source.cells(series):
                events[cell].append((step, amount))
            if step <= span.after:
                sums[series, imported] += amount
    for (series, _), amount in sums.items():
        before |= set(source.cells(series)) if amount else set()
    shifts = {Cell(s, own): n for (name, s, own), n in span.shifts.items() if name == metric.name}

    found: Samples = {}
    for cell in {*events, *source.declared, *shifts}:
        shift = shifts.get(cell, 0)
        steps = due
        if cell not in before and not shift:
            first = min((step for step, _ in events[cell] if step > span.after), default=None)
            at = [index for index, step in enumerate(due) if first is not None and step >= first]
            if not at:
                continue
            # A zero one step before the first event, but never before the zeros of all.
            steps = due[at[0] - 1 :] if at[0] else [*[span.after][: span.begin != due[0]], *due]
        values = {}
        for step in steps:
            stands = shift + sum(n for at_step, n in events[cell] if at_step <= step)
            values[step] = source.scaled(cell, stands) if step != span.begin else 0.0
        if cell not in before and not shift and span.begin != steps[0]:
            assert values[steps[0]] == 0.0
        found[_cell_labels(metric, cell)] = values
    return found


def _expected(story: Story, span: Span) -> Samples:
    found: Samples = {}
    for metric in span.metrics:
        if isinstance(metric.source, Cumulative):
            found |= _recount(story, span, metric)
    due = _due(span)
    if due:
        found[_labels("ccpush_offered_through_seconds")] = {step: step * 60.0 for step in due}
        found[_labels("ccpush_identity_info", id=WHO.id)] = dict.fromkeys(due, 1.0)
    return found


_shifts = st.dictionaries(
    st.sampled_from(
        [
            (COUNTER, "", ("output", "opus")),
            (COUNTER, "", ("input", "only there")),
            (TURNS, "_sum", ()),
            ("claude_total_messages", "", ()),
        ]
    ),
    st.integers(1, 1000).map(float),
    max_size=3,
)
_lengths = st.integers(0, 90) | st.integers(0, 2 * DAY)


@given(
    stories,
    _lengths,
    st.integers(0, 40),
    st.sampled_from(["anew", "known", "earlier"]),
    _shifts,
    st.integers(1, 4000),
)
@example(Story([Grown(Series(f.TOKENS, "output", "opus"), 5, 7)]), 10, 0, "known", {}, 1)
def test_all_windows_together_are_a_recount(
    story: Story,
    length: int,
    ago: int,
    begins: str,
    shifts: dict[ShiftKey, float],
    max_samples: int,
) -> None:
    """Whatever happened when, wherever a sink stands and however large the windows are."""
    through = STEP - ago
    after = through - length
    begin = {"anew": after + 1, "known": None, "earlier": after - 5}[begins]
    if begins == "anew" and length == 0:
        return
    span = Span(WALKED, after, through, begin, shifts)
    with story.ledger() as connection:
        found = _samples(Walk(connection, span, WHO).windows(max_samples))

    assert found == _expected(story, span)


@given(stories, st.integers(1, 3000))
def test_where_windows_end_does_not_show(story: Story, max_samples: int) -> None:
    """One window of everything, or many small ones: the same samples."""
    span = Span(WALKED, STEP - 200, STEP, STEP - 199)
    with story.ledger() as connection:
        one = list(Walk(connection, span, WHO).windows(10**9))
        many = list(Walk(connection, span, WHO).windows(max_samples))

    assert len(one) == 1
    assert _samples(one) == _samples(many)
    assert [window.through for window in many] == sorted({window.through for window in many})
    assert many[-1].through == STEP


@given(stories, st.integers(0, 90), st.integers(1, 30))
def test_a_push_goes_on_where_the_last_one_ended(story: Story, first: int, more: int) -> None:
    """Two walks one after the other are one walk: nothing twice, nothing missing, nothing else."""
    # within an hour, so that the grid of both is the same
    begin = STEP - 59
    middle = min(begin + 1 + first, STEP - more)
    with story.ledger() as connection:
        whole = _samples(Walk(connection, Span(WALKED, begin - 1, STEP, begin), WHO).windows(999))
        parts = [
            _samples(Walk(connection, Span(WALKED, *bounds, begin), WHO).windows(999))
            for bounds in ((begin - 1, middle), (middle, STEP))
        ]

    joined: defaultdict[Labels, dict[int, float]] = defaultdict(dict)
    for part in parts:
        for labels, series in part.items():
            assert not joined[labels].keys() & series.keys()
            joined[labels] |= series
    assert joined == whole


@given(stories)
def test_all_series_of_a_histogram_begin_together(story: Story) -> None:
    """Buckets, sum and count are there from the sink's first step on, as zeros."""
    begin = STEP - 30
    with story.ledger() as connection:
        walk = Walk(connection, Span(WALKED, begin - 1, STEP, begin), WHO)
        found = _samples(walk.windows(500))
    parts = {k: v for k, v in found.items() if dict(k)["__name__"].startswith(TURNS)}

    assert len(parts) == 11 + 2
    assert {tuple(series) for series in parts.values()} == {tuple(range(begin, STEP + 1))}
    assert {series[begin] for series in parts.values()} == {0.0}


@given(stories)
def test_the_newest_step_is_what_everybody_else_is_told(story: Story) -> None:
    """Remote-write ends where the pull endpoint is: the same series with the same values."""
    with story.ledger() as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('passes', 1)")
        connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('offered_s', ?)", ((STEP + 1) * 60,)
        )
        account = read_account(connection, homes.NOW_S + 60.0, 900.0)
        walk = Walk(connection, Span(GRID, STEP, STEP + 1, None), WHO)
        found = {labels: series[STEP + 1] for labels, series in _samples(walk.windows(99)).items()}

    told = {
        tuple(sorted((("__name__", sample.name), *sample.labels))): sample.value
        for family in evaluate(account, WHO, "grid")
        for sample in family.samples
    }
    assert found == told


@given(stories, st.integers(0, 100))
def test_a_counter_is_zero_since_its_start(story: Story, ago: int) -> None:
    """Each series says since when it counts: the step of the zeros, where there were any."""
    begin = STEP - ago
    with story.ledger() as connection:
        known = Walk(connection, Span(WALKED, begin - 1, STEP, begin), WHO)
        unknown = Walk(connection, Span(WALKED, begin - 1, STEP, None), WHO)
        starts = [
            {
                run.start_ms
                for window in walk.windows(500)
                for run in window.runs
                if isinstance(run.metric, Metric) and isinstance(run.metric.source, Cumulative)
            }
            for walk in (known, unknown)
        ]

    assert starts == [{begin * 60_000}, {0}]


def test_a_month_is_not_held_in_memory() -> None:
    """Windows are made one after the other, and hold stretches of equal values, not samples."""
    story = Story([Grown(Series(f.MESSAGES), 29 * DAY, 1), Grown(Series(f.MESSAGES), 5, 1)])
    with story.ledger() as connection:
        walk = Walk(connection, Span(GRID, STEP - 29 * DAY - 1, STEP, STEP - 29 * DAY), WHO)
        windows = walk.windows(10_000)
        assert isinstance(windows, types.GeneratorType)
        sizes, stretches = [], []
        for window in windows:
            sizes.append(sum(run.size for run in window.runs))
            # the clock has another value at each step
            flat = (
                run for run in window.runs if run.metric.name != "ccpush_offered_through_seconds"
            )
            stretches.append(max(len(run.stretches) for run in flat))

    assert max(sizes) <= 10_000
    assert sum(sizes) > 200_000
    assert max(stretches) <= 3


@given(stories)
def test_a_walk_says_where_it_stands(story: Story) -> None:
    """Before its first window: every cell's sum at the step it begins after, without shifts."""
    step = STEP - 20
    shifts: dict[ShiftKey, float] = {(COUNTER, "", ("input", "only there")): 5.0}
    with story.ledger() as connection:
        walk = Walk(connection, Span(WALKED, step, step, None, shifts), WHO)
        standing = {labels: amount for _, _, labels, amount in walk.standing()}
        size = walk.size
        there = (
            walk.labels_of("ccpush_identity_info"),
            walk.labels_of("ccpush_offered_through_seconds"),
        )

    expected = Counter[Labels]()
    for metric in WALKED:
        source = metric.source
        if isinstance(source, Cumulative):
            for at, series, amount, imported in story.events():
                if at <= step and series.family in source.families:
                    for cell in source.cells(series) if source.imported or not imported else ():
                        expected[_cell_labels(metric, cell)] += amount
    assert {labels: n for labels, n in standing.items() if n} == {
        labels: n for labels, n in expected.items() if n
    }
    assert standing[_labels(COUNTER, type="input", model="only there")] == 0
    assert size <= len(standing) + 2
    assert there == (
        _labels("ccpush_identity_info", id=WHO.id),
        _labels("ccpush_offered_through_seconds"),
    )
