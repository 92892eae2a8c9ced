"""What each type of row adds, in every shape it has had, and what of a damaged line is kept."""

from __future__ import annotations

import json
from typing import Any

import homes
import pytest
from homes import (
    OPUS,
    agent_progress,
    api_error,
    api_error_message,
    assistant,
    compact_boundary,
    extract,
    line,
    progress,
    put,
    synthetic,
    system,
    text,
    tool_result,
    tool_use,
    turn_duration,
    user,
    without,
)

from ccpush.claude import facts as f
from ccpush.claude.decode import KNOWN_TYPES
from ccpush.claude.facts import Facts

BOM = b"\xef\xbb\xbf"


def skipped(*rows: homes.Row | bytes | str) -> dict[str, int]:
    """Why rows were passed over."""
    return dict(extract(*rows).facts.skipped)


def outputs(facts: Facts) -> dict[str, int]:
    """Output tokens by response key."""
    return {key: response.counts[1] for key, response in facts.responses.items()}


@pytest.mark.parametrize("shape", homes.SHAPES)
def test_every_shape_says_the_same(
    shape: homes.Shape, home: homes.Home, reader: homes.Reader
) -> None:
    """Key order, spaces and where the envelope stands make no difference."""
    home.main().write(
        user(),
        assistant("msg_1", output=5, flat=9, blocks=[tool_use(name="Read")]),
        assistant("msg_1", output=7, flat=9, stop="tool_use"),
        tool_result("toolu_1"),
        agent_progress(assistant("msg_2", output=2)),
        turn_duration(31_000),
        api_error(),
        api_error_message(),
        compact_boundary(150_000),
        progress("hook_progress", command="true"),
        synthetic(),
        shape=shape,
    )
    reader.run()
    assert reader.tokens() == {OPUS: (20, 9, 0, 9)}
    totals = {
        family: reader.total(family)
        for family in (f.MESSAGES, f.SESSIONS, f.API_ERRORS, f.API_RETRIES, f.COMPACTIONS)
    }
    assert totals == {
        f.MESSAGES: 4,
        f.SESSIONS: 1,
        f.API_ERRORS: 2,
        f.API_RETRIES: 1,
        f.COMPACTIONS: 1,
    }
    assert reader.by_a(f.TOOL_CALLS) == {"Read": 1}
    assert reader.by_a(f.STOP_REASONS) == {"tool_use": 1}
    assert reader.by_a(f.TURN_DURATION_BUCKETS) == {"60": 1}
    assert reader.by_a(f.COMPACT_TOKENS_BUCKETS) == {"150000": 1}
    assert reader.tallies("rows_skipped") == {"no_metric": 1, "synthetic": 1}


DECOYS: list[Any] = [
    {"type": "assistant", "message": {"id": "msg_9", "usage": {"output_tokens": 999}}},
    {"type": "progress", "data": {"type": "bash_progress", "output": "x"}},
    {"type": "file-history-snapshot"},
    '{"type":"progress","data":{"type":"bash_progress",',
    '\\",\\"type\\":\\"progress\\",\\"data\\":{\\"type\\":\\"bash_progress\\",',
    ',"type":"progress","data":',
    {"usage": {"output_tokens": 999}, "timestamp": "1970-01-01T00:00:00Z"},
    [{"type": "tool_use", "id": "toolu_decoy", "name": "Decoy"}],
]


@pytest.mark.parametrize("decoy", DECOYS)
@pytest.mark.parametrize("shape", homes.SHAPES)
def test_what_stands_inside_inputs_and_texts_means_nothing(shape: homes.Shape, decoy: Any) -> None:
    """Rows and types quoted in tool inputs, results and prompts are words, not rows."""
    facts = extract(
        assistant("msg_1", blocks=[tool_use("toolu_1", "Write", content=decoy)], output=3),
        assistant("msg_2", blocks=[text(json.dumps(decoy))], output=4),
        tool_result("toolu_1", json.dumps(decoy)),
        {"x": decoy, **user()},
        shape=shape,
    ).facts
    assert outputs(facts) == {"msg_1": 3, "msg_2": 4}
    assert [name for name, _ in facts.tool_calls.values()] == ["Write"]
    assert len(facts.prompts) == 2
    assert not facts.skipped


def test_a_synthetic_row_is_no_response() -> None:
    """The client made it up: no message, no tokens, whatever its usage says."""
    row = put(synthetic(), "message.usage.output_tokens", 5)
    facts = extract(row, agent_progress(row)).facts
    assert (facts.responses, facts.events) == ({}, {})
    assert dict(facts.skipped) == {"synthetic": 2}


def test_an_error_shown_to_the_user_is_an_error_and_no_message(
    home: homes.Home, reader: homes.Reader
) -> None:
    """``isApiErrorMessage`` rows count once each by uuid, of whatever model they are."""
    row = api_error_message()
    home.main().write(
        row,
        row,
        put(api_error_message(), "message.model", OPUS),
        agent_progress(api_error_message()),
    )
    reader.run()
    assert (reader.total(f.API_ERRORS), reader.total(f.API_RETRIES)) == (3, 0)
    assert (reader.total(f.MESSAGES), reader.tokens()) == (0, {})
    assert reader.tallies("rows_duplicate") == {"": 1}


@pytest.mark.parametrize("false", [False, None, "true", 1])
def test_only_true_makes_an_error(false: object) -> None:
    """A row with ``isApiErrorMessage`` that is not true is an ordinary one."""
    facts = extract(put(assistant("msg_1", output=6), "isApiErrorMessage", false)).facts
    assert (outputs(facts), facts.events) == ({"msg_1": 6}, {})


@pytest.mark.parametrize(("attempt", "retries"), [(1, 1), (10, 1), (0, 0), (None, 0)])
def test_an_api_error_is_a_retry_when_it_says_so(
    home: homes.Home, reader: homes.Reader, attempt: int | None, retries: int
) -> None:
    """Every ``api_error`` row is an error; those with ``retryAttempt`` above 0 are retries too."""
    home.main().write(api_error(attempt))
    reader.run()
    assert (reader.total(f.API_ERRORS), reader.total(f.API_RETRIES)) == (1, retries)


def test_an_api_error_without_retry_attempt_is_no_retry() -> None:
    """Older rows do not have the field."""
    (event,) = extract(without(api_error(), "retryAttempt")).facts.events.values()
    assert [series.family for series, _ in event.increments] == [f.API_ERRORS]


@pytest.mark.parametrize(
    ("tokens", "bucket", "summed"),
    [
        (50_000, "50000", 50_000),
        (155_003.6, "200000", 155_004),
        (700_000, "+Inf", 700_000),
        (0, "50000", 0),
    ],
)
def test_a_compaction_is_observed(
    home: homes.Home, reader: homes.Reader, tokens: float, bucket: str, summed: int
) -> None:
    """``preTokens`` is a whole or a broken number; bounds belong to their bucket."""
    home.main().write(compact_boundary(tokens))
    reader.run()
    assert reader.total(f.COMPACTIONS) == 1
    assert reader.by_a(f.COMPACT_TOKENS_BUCKETS) == {bucket: 1}
    assert reader.total(f.COMPACT_TOKENS) == summed


@pytest.mark.parametrize(
    "metadata", [None, {}, {"trigger": "auto"}, {"preTokens": None}, "auto", []]
)
def test_a_compaction_of_unknown_size_is_only_counted(
    home: homes.Home, reader: homes.Reader, metadata: object
) -> None:
    """Without ``preTokens`` there is nothing to observe."""
    home.main().write(put(compact_boundary(), "compactMetadata", metadata))
    reader.run()
    assert reader.total(f.COMPACTIONS) == 1
    assert reader.by_a(f.COMPACT_TOKENS_BUCKETS) == {}


def test_a_micro_compaction_is_none() -> None:
    """It drops tool results, and no conversation begins anew."""
    row = system("microcompact_boundary", microcompactMetadata={"preTokens": 9, "tokensSaved": 3})
    assert skipped(row) == {"no_metric": 1}


@pytest.mark.parametrize(
    ("duration_ms", "bucket"),
    [(0, "5"), (5_000, "5"), (5_001, "10"), (30_078.5, "60"), (9e6, "+Inf")],
)
def test_a_turns_duration_is_observed(
    home: homes.Home, reader: homes.Reader, duration_ms: float, bucket: str
) -> None:
    """Milliseconds on disk, seconds in the bounds; each event once, by its uuid."""
    row = turn_duration(duration_ms)
    home.main().write(row, row)
    reader.run()
    assert reader.by_a(f.TURN_DURATION_BUCKETS) == {bucket: 1}
    assert reader.total(f.TURN_DURATION_MS) == round(duration_ms)


def test_other_system_rows_carry_nothing() -> None:
    """Hooks, local commands, and rows without subtype as of 1.0."""
    rows = [system(kind) for kind in ("stop_hook_summary", "local_command", "away_summary", None)]
    assert skipped(*rows) == {"no_metric": 4}


METADATA: list[homes.Row] = [
    {"type": "summary", "summary": "words", "leafUuid": "u"},
    {"type": "custom-title", "customTitle": "words", "sessionId": homes.SESSION},
    {"type": "last-prompt", "lastPrompt": "words", "sessionId": homes.SESSION},
    {"type": "queue-operation", "operation": "enqueue", "timestamp": homes.iso(homes.NOW_S), "content": "words"},
    {"type": "file-history-snapshot", "messageId": "u", "snapshot": {"type": "assistant"}},
    {"type": "cost-state", "totalCostUSD": 9.5, "modelUsage": {OPUS: {"outputTokens": 999}}},
    {"type": "artifact-of-some-new-kind", "sessionId": homes.SESSION},
    {**homes.envelope(), "type": "attachment", "attachment": {"type": "session_context", "prompt": "words"}},
    {**homes.envelope(), "type": "attachment", "attachment": {"type": "queued_command", "commandMode": "bash"}},
    {**homes.envelope(), "type": "attachment", "attachment": {"type": "hook_success", "hookEvent": "Stop", "durationMs": 5}},
    {"type": "pr-link", "sessionId": homes.SESSION, "prNumber": 7},
]  # fmt: skip


@pytest.mark.parametrize("shape", ["2.1", "spaced"])
def test_metadata_rows_carry_nothing(
    home: homes.Home, reader: homes.Reader, shape: homes.Shape
) -> None:
    """They are known, need no uuid or timestamp, may be repeated, and add to nothing."""
    home.main().write(*METADATA, *METADATA, shape=shape)
    reader.run()
    account = reader.account()
    assert [series for series, amount in account.totals.items() if amount] == []
    assert reader.tallies("rows_skipped") == {"no_metric": 2 * len(METADATA)}
    assert reader.tallies("unknown_types") == {}


def test_all_known_types_are_known() -> None:
    """None of them is reported as unknown."""
    assert skipped(*({"type": kind} for kind in sorted(KNOWN_TYPES))) == {
        "no_metric": len(KNOWN_TYPES)
    }


def test_unknown_types_are_counted_by_name(home: homes.Home, reader: homes.Reader) -> None:
    """A type nobody has heard of is no error; a name that looks like words is not kept."""
    odd = ["rewind-pointer", "rewind-pointer", "tool.v2", "my secret plan", "x" * 41, "9", "ü", ""]
    home.main().write(*({"type": kind, "message": {"id": "m"}} for kind in odd), assistant("msg_1"))
    reader.run()
    assert reader.tallies("unknown_types") == {"rewind-pointer": 2, "tool.v2": 1, "(odd)": 5}
    assert reader.tallies("rows_skipped") == {"unknown_type": 8}
    assert reader.total(f.MESSAGES) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{}", "no_type"),
        ('{"type":null}', "no_type"),
        ('{"type":7}', "no_type"),
        pytest.param('{"type":"' + "x" * 5_000 + '"}', "no_type", id="long type"),
        ('{"type":{"type":"assistant"}}', "no_type"),
        ("[]", "not_object"),
        ('["type","assistant"]', "not_object"),
        ("null", "not_object"),
        ("7", "not_object"),
        ('"assistant"', "not_object"),
        ("", "blank"),
        ("   \t", "blank"),
        ("\r", "blank"),
        ("assistant", "not_json"),
        ('{"type":"assistant"', "not_json"),
        ('{"type":"assistant"}}', "not_json"),
        ("{'type': 'assistant'}", "not_json"),
        ("# a comment", "not_json"),
        ('{"type":"assistant","message":NaN}', "not_json"),
        (b"\x00", "not_json"),
        (b"\x00\x01\x02\xff\xfe\x80\x1b[0m", "not_json"),
        (b"\xff\xfe{\x00}\x00", "not_json"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "not_json"),
    ],
)
def test_a_line_that_is_no_row_is_skipped_by_reason(row: str | bytes, reason: str) -> None:
    """Rows before and after it count."""
    facts = extract(assistant("msg_1"), row, assistant("msg_2")).facts
    assert sorted(facts.responses) == ["msg_1", "msg_2"]
    assert (facts.lines, dict(facts.skipped)) == (3, {reason: 1})


@pytest.mark.parametrize("depth", [600, 5_000, 200_000])
@pytest.mark.parametrize(
    "place", ["message.content", "message.usage", "toolUseResult", "x", "timestamp", "type"]
)
def test_deep_nesting_is_survived(place: str, depth: int) -> None:
    """However deep a value is, the next row counts."""
    marker = "@@deep@@"
    row = put({**assistant("msg_1"), "toolUseResult": 0, "x": 0}, place, marker)
    deep = b"[" * depth + b"]" * depth
    facts = extract(line(row)[:-1].replace(b'"@@deep@@"', deep), assistant("msg_2")).facts
    assert "msg_2" in facts.responses
    assert facts.lines == 2 == len(facts.responses) + sum(facts.skipped.values())


def test_a_byte_order_mark_is_passed_over(home: homes.Home, reader: homes.Reader) -> None:
    """An editor that saved the file put one at its start."""
    home.main().write(BOM + line(user())[:-1], BOM + line(assistant("msg_1", output=5))[:-1], BOM)
    reader.run()
    assert reader.total(f.MESSAGES) == 2
    assert reader.tallies("rows_skipped") == {"blank": 1}


def test_carriage_returns_are_passed_over(home: homes.Home, reader: homes.Reader) -> None:
    """A file that came by way of Windows."""
    rows = (user(), assistant("msg_1", output=5), homes.progress("bash_progress"), METADATA[0])
    home.main().write(*(line(row)[:-1] + b"\r" for row in rows))
    reader.run()
    assert (reader.tokens(), reader.total(f.MESSAGES)) == ({OPUS: (10, 5, 0, 0)}, 2)
    assert reader.tallies("rows_skipped") == {"no_metric": 2}


SURROGATES = (
    rb"\ud83d",
    rb"\uDE00",
    rb"\ud83d\ud83d\ude00",
    rb"a\ud83dA",
    rb"\\\udc00",
    rb"\ud83d\ude00\ud800",
)
TORN_UTF8 = (b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\xbd", b"\xf0\x9f\x98", b"\xc0\xaf")


@pytest.mark.parametrize("torn", [SURROGATES, TORN_UTF8], ids=["surrogates", "utf-8"])
@pytest.mark.parametrize(
    "place", ["message.content", "cwd", "message.stop_reason", "uuid", "message.id", "sessionId", "message.model"]
)  # fmt: skip
def test_torn_text_does_not_lose_the_row(
    place: str, torn: tuple[bytes, ...], home: homes.Home, reader: homes.Reader
) -> None:
    """Text cut in mid-emoji (before 2.1.132) or mid-byte, wherever it stands; the rest counts."""
    rows = [
        line(put(assistant(f"msg_{n}", output=5), place, f"{n}@@"))[:-1].replace(b"@@", piece)
        for n, piece in enumerate(torn)
    ]
    home.main().write(*rows, user())
    reader.run()
    assert sum(amounts[1] for amounts in reader.tokens().values()) == 5 * len(torn)
    assert reader.total(f.MESSAGES) == len(torn) + 1
    assert reader.tallies("rows_skipped") == {}


@pytest.mark.parametrize("mark", [b"\x00" * 4096, b"\x00"])
def test_zeros_before_a_row_do_not_lose_it(mark: bytes) -> None:
    """After a power cut a file may go on behind a run of zeros, on the same line."""
    facts = extract(mark + line(assistant("msg_1", output=5))[:-1]).facts
    assert outputs(facts) == {"msg_1": 5}


def test_raw_control_characters_in_a_text_cost_no_other_row() -> None:
    """JSON forbids them; that row cannot be trusted, the next one can."""
    facts = extract(
        line(assistant("msg_1"))[:-1].replace(b"some words", b"a\x07b\x00c"), user()
    ).facts
    assert len(facts.prompts) == 1
    assert (
        facts.lines == 2 == len(facts.prompts) + len(facts.responses) + sum(facts.skipped.values())
    )


HUGE = (
    pytest.param("1" + "0" * 30, id="10^30"),
    pytest.param("1" + "0" * 400, id="10^400"),
    pytest.param("1" + "0" * 5000, id="10^5000"),
    "1e30",
    "1e400",
)
NOT_NUMBERS = ("-1", '"5"', '""', "true", "false", "[]", "{}", "1.5", "1000000001", *HUGE)
NUMBERS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens", "cache_creation.ephemeral_1h_input_tokens",
    "server_tool_use.web_search_requests", "server_tool_use.web_fetch_requests",
)  # fmt: skip


def with_value(row: homes.Row, path: str, value: str) -> bytes:
    """The row's line with any JSON at a path, also what Python would refuse to spell."""
    found = line(put(row, path, "@@"))[:-1]
    return found.replace(b'"@@"', value.encode())


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_a_number_that_is_none_makes_the_row_unusable(name: str, value: str) -> None:
    """A guess would make the account inexact: no tokens, no message, no tool call."""
    row = assistant("msg_1", searches=0, blocks=[tool_use()])
    facts = extract(with_value(row, f"message.usage.{name}", value), assistant("msg_2")).facts
    assert sorted(facts.responses) == ["msg_2"]
    assert facts.tool_calls == {}
    assert dict(facts.skipped) == {"bad_number": 1}


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_a_row_with_two_surprises_is_skipped_too(value: str) -> None:
    """Where a field of another type makes the row be taken piece by piece."""
    row = put(assistant("msg_1"), "requestId", 7)
    facts = extract(with_value(row, "message.usage.input_tokens", value)).facts
    assert (facts.responses, dict(facts.skipped)) == ({}, {"bad_number": 1})


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "0x10", "+5", "1_000", "1.", "--5", "1e400"]
)
def test_a_number_that_json_does_not_know_makes_the_line_none(value: str) -> None:
    """Such a line is no JSON, or says a number too large for any."""
    row = line(assistant("msg_1", output=987_654))[:-1].replace(b"987654", value.encode())
    facts = extract(row, assistant("msg_2")).facts
    assert sorted(facts.responses) == ["msg_2"]
    assert sum(facts.skipped.values()) == 1


def test_whole_numbers_may_be_written_as_floats() -> None:
    """``12.0`` and ``1.2e1`` are twelve."""
    facts = extract(
        line(assistant("msg_1", output=987_654))[:-1].replace(b"987654", b"1.2e1")
    ).facts
    assert outputs(facts) == {"msg_1": 12}
    facts = extract(put(assistant("msg_1"), "message.usage.output_tokens", 12.0)).facts
    assert outputs(facts) == {"msg_1": 12}


@pytest.mark.parametrize("value", ["-1", '"5"', "true", "[]", "4e17", *HUGE])
@pytest.mark.parametrize(
    ("row", "path"),
    [(turn_duration(1), "durationMs"), (compact_boundary(1), "compactMetadata.preTokens")],
    ids=["turn", "compaction"],
)
def test_an_event_with_an_impossible_number_is_skipped(
    row: homes.Row, path: str, value: str
) -> None:
    """One duration of ten thousand years would drown all others."""
    facts = extract(with_value(row, path, value), user()).facts
    assert (facts.events, len(facts.prompts)) == ({}, 1)
    assert dict(facts.skipped) == {"bad_number": 1}


@pytest.mark.parametrize("value", [None, "@@missing"])
def test_a_turn_without_duration_is_skipped(value: object) -> None:
    """There is nothing to observe."""
    row = turn_duration(None)
    assert skipped(without(row, "durationMs") if value else row) == {"bad_number": 1}


@pytest.mark.parametrize("value", ['"1"', "true", "[]", *HUGE[1:3], "1e400"])
def test_an_impossible_retry_attempt_is_survived(value: str) -> None:
    """The row is skipped by reason and the next counts."""
    facts = extract(with_value(api_error(), "retryAttempt", value), user()).facts
    assert (len(facts.prompts), dict(facts.skipped)) == (1, {"bad_number": 1})


SURPRISES: list[Any] = [
    None,
    7,
    -1.5,
    True,
    "words",
    "",
    [],
    [1, "x", None],
    {},
    {"type": "x"},
    [[]],
]


@pytest.mark.parametrize("value", SURPRISES, ids=repr)
@pytest.mark.parametrize(
    "path",
    ["message", "message.content", "message.model", "message.stop_reason", "message.usage", "message.id",
     "message.usage.cache_creation", "message.usage.server_tool_use", "requestId", "uuid", "sessionId",
     "isSidechain", "isApiErrorMessage", "timestamp", "version", "cwd", "type"],
)  # fmt: skip
def test_surprising_types_of_fields_are_survived(path: str, value: Any) -> None:
    """Whatever stands where something else is expected, rows around it count and all add up."""
    facts = extract(put(assistant("msg_1"), path, value), user(), assistant("msg_2")).facts
    assert "msg_2" in facts.responses
    assert len(facts.prompts) == 1
    responses = sum(response.rows for response in facts.responses.values())
    counted = responses + len(facts.prompts) + len(facts.events)
    assert facts.lines == 3 == counted + sum(facts.skipped.values())


@pytest.mark.parametrize(
    "path",
    ["requestId", "sessionId", "isSidechain", "message.stop_reason", "message.content", "cwd"],
)
def test_a_surprising_field_that_is_not_a_number_costs_only_itself(path: str) -> None:
    """The response counts, without what could not be read."""
    facts = extract(put(assistant("msg_1", output=8), path, {"odd": 1})).facts
    assert outputs(facts) == {"msg_1": 8}


def test_blocks_that_are_none_do_not_hide_others() -> None:
    """A tool call among odd blocks counts."""
    blocks = [
        "words",
        None,
        7,
        {},
        {"type": 3},
        {"type": "tool_use", "id": 5, "name": ["x"]},
        tool_use("t", "Read"),
    ]
    facts = extract(put(assistant("msg_1"), "message.content", blocks)).facts
    assert sorted(name for name, _ in facts.tool_calls.values()) == ["Read", "unknown"]


def test_names_become_labels_that_are_safe(home: homes.Home, reader: homes.Reader) -> None:
    """Tools, models and stop reasons come from elsewhere: printable and of bounded length."""
    nasty = "a\nb\x00c\x1b[31m" + "x" * 5_000
    home.main().write(assistant("msg_1", blocks=[tool_use(name=nasty)], model=nasty, stop=nasty))
    reader.run()
    names = [*reader.tokens(), *reader.by_a(f.TOOL_CALLS), *reader.by_a(f.STOP_REASONS)]
    assert len(names) == 3
    assert all(name and name.isprintable() and len(name) <= 100 for name in names)


def test_one_session_in_another_sessions_rows(home: homes.Home, reader: homes.Reader) -> None:
    """What a session is, is said by its rows and not by the name of the file."""
    home.main("some-name").write(user(session="one"), user(session="two"))
    reader.run()
    assert reader.total(f.SESSIONS) == 2


DEEP = b"[" * 5_000 + b"]" * 5_000


@pytest.mark.parametrize("first", ["message", "requestId", "isSidechain", "uuid"])
@pytest.mark.parametrize("second", ["timestamp", "sessionId", "uuid", "cwd", "type", "message"])
@pytest.mark.parametrize(
    "damage",
    [b'"\xff"', rb'"\ud83d"', DEEP, b"NaN", b"1e400", b'"' + b"x" * 99, b"\x00", b"}", b"{}{}"],
    ids=["utf-8", "surrogate", "deep", "nan", "huge", "open", "zero", "closed", "twice"],
)
def test_two_damages_in_one_row_are_survived(first: str, second: str, damage: bytes) -> None:
    """A field of another type, and behind it bytes that are no JSON at all."""
    row = put(put(assistant("msg_1"), first, 7), second, "@@")
    row = {first: row.pop(first), **row}
    facts = extract(line(row)[:-1].replace(b'"@@"', damage), assistant("msg_2")).facts
    assert "msg_2" in facts.responses
    responses = sum(response.rows for response in facts.responses.values())
    assert facts.lines == 2 == responses + sum(facts.skipped.values())


@pytest.mark.parametrize("shape", homes.SHAPES)
def test_a_row_that_does_not_say_its_type_is_none(shape: homes.Shape) -> None:
    """However much it looks like a response or a prompt."""
    rows = [without(row, "type") for row in (assistant("msg_1"), user(), turn_duration(9))]
    assert dict(extract(*rows, shape=shape).facts.skipped) == {"no_type": 3}


def test_a_line_that_ends_too_early_is_no_json() -> None:
    """Also when something in it has another type than expected."""
    for row in (assistant("msg_1"), put(assistant("msg_1"), "message", 7), {"type": 7, "a": "b"}):
        for cut in (-2, -3, -5):
            assert skipped(line(row)[:cut]) == {"not_json": 1}
