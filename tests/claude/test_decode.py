"""Proving from a line's head that it can be skipped, and never raising whatever the bytes are."""

from __future__ import annotations

import json
from typing import Any

import homes
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccpush.claude.decode import Skip, decode, proven_irrelevant
from ccpush.claude.extract import Extractor

IRRELEVANT_TYPES = {"file-history-snapshot", "queue-operation"}
IRRELEVANT_DATA = {"bash_progress", "hook_progress", "mcp_progress"}
HEADS = (
    '{"type":"file-history-snapshot",',
    '{"type":"queue-operation",',
    ',"type":"progress","data":{"type":"bash_progress",',
    ',"type":"progress","data":',
    '{"type":"hook_progress",',
    '","type":"progress","data":{"type":"mcp_progress",',
    "\\",
    '\\"',
    "}{",
)

KEYS = st.sampled_from(
    ["type", "data", "message", "a", "sessionId", "uuid", "timestamp", "x{", 'q"', "\\"]
)
TYPES = st.sampled_from(
    ["progress", "assistant", "user", "agent_progress", *sorted(IRRELEVANT_TYPES | IRRELEVANT_DATA)]
)
TEXTS = st.one_of(TYPES, st.sampled_from(HEADS), st.text(alphabet='{}[]":,\\ab\n', max_size=12))
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.integers(0, 9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=6,
)
# keys in any order: what hypothesis puts in first comes first
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)
DATA = st.builds(lambda kind, rest, first: {"type": kind, **rest} if first else {**rest, "type": kind},
                 TYPES, st.dictionaries(KEYS.filter(lambda k: k != "type"), VALUES, max_size=2), st.booleans())  # fmt: skip
ROWS = st.builds(
    lambda before, kind, data, after, order: {
        **before,
        **({"type": kind, "data": data} if order else {"data": data, "type": kind}),
        **after,
    },
    OBJECTS, TYPES, DATA, OBJECTS, st.booleans(),
)  # fmt: skip


def really_irrelevant(row: Any) -> bool:
    """What a full parse says."""
    kind = row.get("type")
    return kind in IRRELEVANT_TYPES or (
        kind == "progress" and row["data"]["type"] in IRRELEVANT_DATA
    )


@settings(max_examples=400, deadline=None)
@given(row=st.one_of(OBJECTS, ROWS), spaced=st.booleans(), end=st.sampled_from(["", "\r", " "]))
def test_a_head_proves_only_what_a_full_parse_says(
    row: dict[str, Any], spaced: bool, end: str
) -> None:
    """Whatever the order of keys and whatever is quoted in it, no row that matters is skipped."""
    text = json.dumps(row, separators=(", ", ": ") if spaced else (",", ":"))
    if proven_irrelevant(f"{text}{end}".encode()):
        assert really_irrelevant(json.loads(text))


@pytest.mark.parametrize("shape", homes.SHAPES)
def test_no_row_that_matters_is_proven_irrelevant(shape: homes.Shape) -> None:
    """Rows of all types that carry something, in all shapes."""
    news = homes.agent_progress(homes.assistant("msg_1"))
    for row in (homes.assistant(), homes.user(), homes.api_error(), news, homes.turn_duration(1)):
        assert not proven_irrelevant(homes.line(row, shape)[:-1])


def test_a_key_that_ends_like_type_is_not_type() -> None:
    """Its quote is escaped, which a search for bytes must not take for the beginning of a key."""
    data = {"type": "bash_progress", "output": "x"}
    for key in ('x"type', "xtype", "data"):
        line = homes.line({key: "progress", "data": data, **homes.user()})[:-1]
        assert not proven_irrelevant(line)
        assert type(decode(line)).__name__ == "User"


def test_the_common_irrelevant_rows_are_proven_so() -> None:
    """As they are written in 2.1: this is what makes the first scan fast."""
    rows = [
        homes.progress("bash_progress", output="x", fullOutput="x"),
        homes.progress("hook_progress", hookEvent="PostToolUse"),
        homes.progress("mcp_progress", status="started"),
        {"type": "file-history-snapshot", "messageId": "u"},
        {"type": "queue-operation", "operation": "enqueue"},
    ]
    assert all(proven_irrelevant(homes.line(row)[:-1]) for row in rows)


@pytest.mark.parametrize("quoted", ["cwd", "slug", "gitBranch", "sessionId"])
def test_a_head_quoted_in_a_text_proves_nothing(quoted: str) -> None:
    """Inside a text the quotes are escaped; a row that quotes one is looked at in full."""
    for head in HEADS:
        row = {**homes.assistant("msg_1"), quoted: f"x{head}y"}
        line = homes.line({quoted: row.pop(quoted), **row})[:-1]
        assert not proven_irrelevant(line)
        assert not isinstance(decode(line), Skip)


@settings(max_examples=300, deadline=None)
@given(
    line=st.one_of(
        st.binary(max_size=80), st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace"))
    )
)
def test_any_bytes_are_a_row_or_a_reason(line: bytes) -> None:
    """Nothing raises, whatever the bytes are."""
    proven_irrelevant(line)
    found = decode(line)
    assert isinstance(found, msgspec.Struct)


LINE = homes.line(homes.agent_progress(homes.assistant("msg_1", blocks=[homes.tool_use()])))[:-1]


@settings(max_examples=400, deadline=None)
@given(
    cut=st.integers(0, len(LINE)),
    length=st.integers(0, 40),
    junk=st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"1e999", b"null", b"[[", b"\\ud83d", b"\x00", b'"', b"{}"]),
    ),
)
def test_a_damaged_row_never_raises(cut: int, length: int, junk: bytes) -> None:
    """Bytes cut out of a row, and others put in."""
    extractor = Extractor()
    extractor.take_all([LINE[:cut] + junk + LINE[cut + length :], LINE])
    extractor.end_of_file()
    facts = extractor.facts
    counted = sum(response.rows for response in facts.responses.values()) + len(facts.events)
    assert facts.lines == 2 == counted + sum(facts.skipped.values())


@settings(max_examples=300, deadline=None)
@given(row=st.builds(
    lambda kind, rest: {**homes.assistant("msg_1"), **rest, "type": kind},
    st.sampled_from(["assistant", "user", "system", "progress"]),
    st.dictionaries(
        st.sampled_from(["message", "uuid", "timestamp", "sessionId", "isSidechain", "requestId", "data", "subtype",
                         "durationMs", "retryAttempt", "compactMetadata", "isApiErrorMessage"]),
        st.one_of(VALUES, st.floats(allow_nan=False), st.sampled_from(["turn_duration", "compact_boundary", "api_error"])),
        max_size=4,
    ),
))  # fmt: skip
def test_fields_of_any_type_never_raise(row: dict[str, Any]) -> None:
    """Every line is counted, a duplicate or skipped by reason."""
    facts = homes.extract(json.dumps(row)).facts
    counted = sum(r.rows for r in facts.responses.values()) + len(facts.prompts) + len(facts.events)
    assert facts.lines == 1 == counted + sum(facts.skipped.values())
