"""Lines of a big invented home, as bytes: templates with identifiers, numbers and text filled in.

Sizes follow real transcripts: a tool's answer is 10 KB on average and most are far smaller, a
response's row 1.6 KB, a progress row under 1 KB. Texts are cut from a pool that is drawn once.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

_CELL_BYTES = 16
_POOL_CELLS = 1 << 18
_POOL_LINES = 1 << 12
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_FIRST = (
    b'{"parentUuid":"%b","isSidechain":%b,"userType":"external","cwd":"/home/robin/code/%b",'
    b'"sessionId":"%b","version":"2.1.39","gitBranch":"main",%b"slug":"mellow-pear",'
)
_LAST = (
    b',"userType":"external","entrypoint":"cli","cwd":"/home/robin/code/%b","sessionId":"%b",'
    b'"version":"2.1.270","gitBranch":"main","slug":"mellow-pear"}\n'
)
_USAGE = (
    b'{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,'
    b'"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d},'
    b'"output_tokens":%d,"service_tier":"standard","inference_geo":"not_available"}'
)


class Pool:
    """Random text, ready to stand inside a JSON string; any cut of it stays valid there."""

    def __init__(self, rng: random.Random) -> None:
        plain = [rng.randbytes(_CELL_BYTES // 2).hex().encode() for _ in range(4096)]
        spaced = [cell[:7] + b" " + cell[8:] for cell in plain]
        # whole escapes and whole UTF-8 sequences lie in one cell, and cuts fall between cells
        broken = [cell[:5] + b"\\n" + cell[7:] for cell in plain[:2048]]
        quoted = [b'\\"' + cell[2:14] + b'\\"' for cell in plain[:512]]
        accented = [cell[:6] + "é→".encode() + cell[11:] for cell in plain[:128]]
        cells = spaced + spaced + broken + quoted + accented + [b' \\"usage\\": 12, ']
        self._text = b"".join(rng.choices(cells, k=_POOL_CELLS))
        self._rng = rng
        # whole cells without a line's end in them
        self._lines = [
            b"".join(rng.choices(spaced, k=rng.choice((1, 1, 2, 3)))) for _ in range(_POOL_LINES)
        ]

    def line(self) -> bytes:
        """A line as of a program, without its end: 16 to 48 bytes."""
        return self._lines[int(self._rng.random() * _POOL_LINES)]

    def text(self, size_bytes: int) -> bytes:
        """That many bytes, to the next cell."""
        cells = max(1, min(size_bytes // _CELL_BYTES, _POOL_CELLS - 1))
        start = int(self._rng.random() * (_POOL_CELLS - cells)) * _CELL_BYTES
        return self._text[start : start + cells * _CELL_BYTES]


class Names:
    """Identifiers, fast."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def uuid(self) -> bytes:
        """A UUID's shape."""
        digits = self._rng.randbytes(16).hex()
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return "-".join(parts).encode()

    def base58(self, prefix: bytes) -> bytes:
        """An API identifier's shape."""
        return prefix + "".join(self._rng.choices(_BASE58, k=22)).encode()


def stamp(ts_ms: int) -> bytes:
    """A timestamp as Claude Code writes it."""
    seconds, milliseconds = divmod(ts_ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds:03d}Z".encode()


def usage(counts: tuple[int, int, int], output: int) -> bytes:
    """A ``usage`` object; ``counts`` are input, cache creation and cache read."""
    given, wrote, read = counts
    # a third of responses keep what they write for an hour
    hour = 0 if wrote % 3 else wrote
    return _USAGE % (given, wrote, read, wrote - hour, hour, output)


def message(model: bytes, message_id: bytes, block: bytes, rest: tuple[bytes, bytes]) -> bytes:
    """The message of an assistant row; ``rest`` is its stop reason and its usage, as JSON."""
    return (
        b'{"model":"%b","id":"%b","type":"message","role":"assistant","content":[%b],'
        b'"stop_reason":%b,"stop_sequence":null,"usage":%b}' % (model, message_id, block, *rest)
    )


class File:
    """The envelope of one file's rows, in the older order (first) or the newer (last)."""

    def __init__(self, project: bytes, session_id: bytes, *, newer: bool, agent_id: bytes) -> None:
        self.session_id = session_id
        self.newer = newer
        self.agent_id = agent_id
        self._project = project
        self._side = b"true" if agent_id else b"false"
        self._agent = b'"agentId":"%b",' % agent_id if agent_id else b""

    def row(self, parent: bytes, inner: bytes) -> bytes:
        """One line; ``inner`` are the row's own keys, without braces."""
        if self.newer:
            head = b'{"parentUuid":"%b","isSidechain":%b,%b' % (parent, self._side, self._agent)
            return head + inner + _LAST % (self._project, self.session_id)
        head = _FIRST % (parent, self._side, self._project, self.session_id, self._agent)
        return head + inner + b"}\n"
