"""Sessions of a big invented home: lists of lines, and their true totals counted beside them.

Modelled on what public transcripts measure: about two rows a response, tool answers three fifths of
the bytes, subagents' rows repeated in progress rows, a fork now and then.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from calls import Calls
from lines import File, Names, Pool, message, stamp, usage

# chances and weights: with them the shares of rows and bytes come out as in real transcripts
_NEWER_SHARE, _FORK_SHARE = 0.15, 0.01
_MIRRORED = {"assistant": 0.2, "user": 0.6}
_MODELS = ((b"claude-opus-4-6", 6), (b"claude-sonnet-5", 3), (b"claude-haiku-4-5-20251001", 2))
_HOOK = (
    b'{"type":"hook_progress","hookEvent":"PreToolUse","hookName":"PreToolUse:Bash",'
    b'"command":"cd ${CLAUDE_PLUGIN_ROOT}/hooks && ./before-each-command.sh --quietly"}'
)
_STOP_HOOK = (
    b'"stop_hook_summary","hookCount":1,"hookInfos":[{"command":"%b","durationMs":%d}],'
    b'"hookErrors":[],"preventedContinuation":false,"stopReason":"","hasOutput":false'
)


@dataclass(slots=True)
class Totals:
    """What the home holds, each event once; the keys of ``truth.json``."""

    responses: int = 0
    user_rows: int = 0
    sessions: int = 0
    lines: int = 0
    files: int = 0
    size_bytes: int = 0
    api_errors: int = 0
    api_retries: int = 0
    compactions: int = 0
    turn_durations: int = 0
    turn_durations_ms: int = 0
    input: Counter[str] = field(default_factory=Counter)
    output: Counter[str] = field(default_factory=Counter)
    cache_read: Counter[str] = field(default_factory=Counter)
    cache_creation: Counter[str] = field(default_factory=Counter)
    tool_calls: Counter[str] = field(default_factory=Counter)
    stop_reasons: Counter[str] = field(default_factory=Counter)


class Inventor:
    """Makes sessions, one list of lines for each file, and adds up what is in them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.names, self.pool, self.totals = Names(self.rng), Pool(self.rng), Totals()
        self._models = [model for model, weight in _MODELS for _ in range(weight)]
        self._calls = Calls(self.rng, self.names, self.pool)
        # the call that waits for its answer
        self._called = self._calls.call()

    def response(self, file: File, out: list[bytes], now_ms: int) -> list[tuple[bytes, bytes]]:
        """Rows of one API response, the last with a tool call for :meth:`answer` to answer.

        Gives (uuid, message) of each, for those who repeat it.
        """
        rng, totals = self.rng, self.totals
        model, message_id = rng.choice(self._models), self.names.base58(b"msg_01")
        counts = (rng.randrange(1, 12), rng.randrange(200, 4000), rng.randrange(15_000, 150_000))
        output, rows = rng.randrange(20, 1500), rng.choice((1, 2, 2, 3))
        request_id, written, parent = self.names.base58(b"req_01"), [], self.names.uuid()
        stop = b'"tool_use"' if file.newer else b"null"
        for number in range(rows):
            last = number == rows - 1
            so_far = output if last or file.newer else 1 + output * number // (2 * rows)
            rest = (stop if last or file.newer else b"null", usage(counts, so_far))
            whole = message(model, message_id, self._block(last=last), rest)
            uuid = self.names.uuid()
            tail = (request_id, uuid, stamp(now_ms + 700 * number))
            keys = b'"message":%b,"requestId":"%b","type":"assistant","uuid":"%b","timestamp":"%b"'
            out.append(file.row(parent, keys % (whole, *tail)))
            written.append((uuid, whole))
            parent = uuid
        name = model.decode()
        totals.responses += 1
        totals.input[name] += counts[0]
        totals.cache_creation[name] += counts[1]
        totals.cache_read[name] += counts[2]
        totals.output[name] += output
        if file.newer:
            totals.stop_reasons["tool_use"] += 1
        return written

    def _block(self, *, last: bool) -> bytes:
        if not last:
            text = self.pool.text(int(self._calls.skewed(900, 1.0)))
            return b'{"type":"text","text":"%b"}' % text
        self._called = called = self._calls.call()
        self.totals.tool_calls[called.tool.decode()] += 1
        keys = b'{"type":"tool_use","id":"%b","name":"%b","input":%b}'
        return keys % (called.call_id, called.tool, called.given)

    def answer(self, file: File, out: list[bytes], now_ms: int) -> tuple[bytes, bytes]:
        """A tool's answer, with the structured copy of it that main files have."""
        (block, shown), uuid = self._calls.answer(self._called), self.names.uuid()
        whole = b'{"role":"user","content":[%b]}' % block
        keys = b'"type":"user","message":%b,"uuid":"%b","timestamp":"%b"'
        inner = keys % (whole, uuid, stamp(now_ms))
        if not file.agent_id:
            inner += b',"toolUseResult":%b' % shown
        out.append(file.row(self.names.uuid(), inner))
        self.totals.user_rows += 1
        return uuid, whole

    def around(self, file: File, out: list[bytes], now_ms: int) -> None:
        """What lies between responses: signs of life, snapshots, the client's own events."""
        rng = self.rng
        if not file.newer:
            for _ in range(rng.choice((0, 1, 1, 2, 3))):
                text = self.pool.text(190)
                data = b'{"type":"bash_progress","output":"%b","fullOutput":"%b","totalLines":3}'
                out.append(self._progress(file, data % (text, text), now_ms))
            hooks = rng.choice((0, 1, 1, 1, 2, 2))
            out.extend(self._progress(file, _HOOK, now_ms) for _ in range(hooks))
        if rng.random() < 0.14:
            self.prompt(file, out, now_ms)
        if rng.random() < 0.17:
            self._event(file, out, now_ms)

    def _progress(self, file: File, data: bytes, now_ms: int) -> bytes:
        call_id = self.names.base58(b"toolu_01")
        keys = (
            b'"type":"progress","data":%b,"toolUseID":"%b","parentToolUseID":"%b","uuid":"%b",'
            b'"timestamp":"%b"'
        )
        inner = keys % (data, call_id, call_id, self.names.uuid(), stamp(now_ms))
        return file.row(self.names.uuid(), inner)

    def prompt(self, file: File, out: list[bytes], now_ms: int) -> None:
        """What a person types, and the snapshot of files that goes with it."""
        keys = (
            b'"type":"user","message":{"role":"user","content":"%b"},"uuid":"%b","timestamp":"%b"'
        )
        inner = keys % (self.pool.text(160), self.names.uuid(), stamp(now_ms))
        out.append(file.row(self.names.uuid(), inner))
        self.totals.user_rows += 1
        snapshot = (
            b'{"type":"file-history-snapshot","messageId":"%b","snapshot":{"trackedFileBackups":'
            b'{"%b":{}}},"isSnapshotUpdate":false}\n'
        )
        out.append(snapshot % (self.names.uuid(), self.pool.text(560)))

    def _event(self, file: File, out: list[bytes], now_ms: int) -> None:
        totals, kind = self.totals, self.rng.random()
        if kind < 0.45:
            fields = _STOP_HOOK % (self.pool.text(300), self.rng.randrange(20, 900))
        elif kind < 0.8:
            took_ms = self.rng.randrange(30_000, 400_000)
            fields = b'"turn_duration","durationMs":%d,"isMeta":false' % took_ms
            totals.turn_durations += 1
            totals.turn_durations_ms += took_ms
        elif kind < 0.95:
            fields = b'"api_error","level":"error","error":{"status":529},"retryInMs":540.5,'
            fields += b'"retryAttempt":1,"maxRetries":10'
            totals.api_errors += 1
            totals.api_retries += 1
        else:
            fields = b'"compact_boundary","compactMetadata":{"trigger":"auto","preTokens":160000}'
            totals.compactions += 1
        tail = b',"timestamp":"%b","uuid":"%b"' % (stamp(now_ms), self.names.uuid())
        out.append(file.row(self.names.uuid(), b'"type":"system","subtype":' + fields + tail))

    def mirror(self, main: File, copy: tuple[str, bytes, bytes], now_ms: int) -> bytes:
        """A subagent's row, repeated in the main file; ``copy`` is its type, uuid and message."""
        kind, uuid, whole = copy
        keys = (
            b'{"message":{"type":"%b","message":%b,"uuid":"%b","timestamp":"%b"},'
            b'"normalizedMessages":[],"type":"agent_progress","prompt":"%b","agentId":"a1b2c3d"}'
        )
        data = keys % (kind.encode(), whole, uuid, stamp(now_ms), self.pool.text(2_400))
        return self._progress(main, data, now_ms)


class Session:
    """One session's files: the main one, a subagent for each further size, at times a fork."""

    def __init__(self, inventor: Inventor, path: str, began_ms: int) -> None:
        self._inventor = inventor
        self._path = path
        _, project, session_id = path.split("/")
        self._project, self._id = project.encode(), session_id.encode()
        self._newer = inventor.rng.random() < _NEWER_SHARE
        self._main = File(self._project, self._id, newer=self._newer, agent_id=b"")
        self._lines: list[bytes] = []
        self._now_ms = began_ms

    def files(self, sizes: list[int]) -> Iterator[tuple[str, list[bytes]]]:
        """Path and lines of each file; the main one is ``sizes[0]`` bytes, about."""
        self._inventor.totals.sessions += 1
        self._inventor.prompt(self._main, self._lines, self._now_ms)
        for number, size in enumerate(sizes[1:]):
            yield self._subagent(number, size)
        size = 0
        while size < sizes[0]:
            size += self._step()
        yield f"{self._path}.jsonl", self._lines
        if self._inventor.rng.random() < _FORK_SHARE:
            yield self._fork()

    def _later(self) -> int:
        self._now_ms += self._inventor.rng.randrange(2_000, 9_000)
        return self._now_ms

    def _step(self) -> int:
        """One response, its tool's answer and what lies around them; gives their bytes."""
        seen, now_ms = len(self._lines), self._later()
        self._inventor.response(self._main, self._lines, now_ms)
        self._inventor.answer(self._main, self._lines, now_ms + 2_500)
        self._inventor.around(self._main, self._lines, now_ms + 2_600)
        return sum(map(len, self._lines[seen:]))

    def _subagent(self, number: int, wanted: int) -> tuple[str, list[bytes]]:
        inventor = self._inventor
        agent_id = f"{inventor.rng.getrandbits(28):07x}{number}"
        helper = File(self._project, self._id, newer=self._newer, agent_id=agent_id.encode())
        lines: list[bytes] = []
        size = 0
        while size < wanted:
            seen, now_ms = len(lines), self._later()
            copies = [("assistant", *one) for one in inventor.response(helper, lines, now_ms)]
            copies.append(("user", *inventor.answer(helper, lines, now_ms + 2_500)))
            size += sum(map(len, lines[seen:]))
            if self._newer:
                continue
            for copy in copies:
                if inventor.rng.random() < _MIRRORED[copy[0]]:
                    self._lines.append(inventor.mirror(self._main, copy, now_ms + 2_600))
        return f"{self._path}/subagents/agent-{agent_id}.jsonl", lines

    def _fork(self) -> tuple[str, list[bytes]]:
        """A copy of the history under a new session id, and one prompt of its own."""
        other = self._inventor.names.uuid()
        lines = [line.replace(self._id, other) for line in self._lines]
        file = File(self._project, other, newer=self._newer, agent_id=b"")
        self._inventor.prompt(file, lines, self._now_ms)
        self._inventor.totals.sessions += 1
        return f"{self._path.rsplit('/', 1)[0]}/{other.decode()}.jsonl", lines
