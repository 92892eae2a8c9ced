"""Tool calls of a big invented home and what they answer, by the proportions of real transcripts.

Which tool is called how often, how large its input is and its answer, how many lines an edit
changes, how many calls fail: all as measured on public transcripts.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lines import Names, Pool

# of all calls, in percent
_TOOLS = (
    *((b"Bash", 39), (b"Read", 22), (b"Edit", 16), (b"Write", 6), (b"Glob", 5), (b"Grep", 4)),
    *((b"TodoWrite", 3), (b"WebSearch", 3), (b"WebFetch", 2)),
)
# the size of an answer's text: mean in bytes and spread
_ANSWERS = {b"Bash": (3_800, 1.6), b"Read": (12_500, 1.4), b"Edit": (17_000, 1.0)}
_OTHER_ANSWER = (5_000, 1.4)
# tools cut what they answer; a main file's row has it twice
_MAX_ANSWER_BYTES = 90_000
_FAILED_SHARE, _DENIED_SHARE = {b"Bash": 0.095}, 0.05
_OTHER_FAILED_SHARE = 0.04
_COMMANDS = (
    *((b"cd /srv/app && npm test 2>&1 | tail -40; echo %b", 14), (b"ls -la /srv/app/%b", 64)),
    *((b"git status --short %b", 8), (b"git diff -- '%b' | head -100", 8)),
    (b"git add -A && git commit -m \\\"$(cat <<'EOF'\\n%b\\n\\nEOF\\n)\\\"", 6),
)
_EDIT = b'{"file_path":"/srv/app/part.py","old_string":"%b","new_string":"%b","replace_all":false}'
_EDITED = (
    b'{"filePath":"/srv/app/part.py","oldString":"%b","newString":"%b","originalFile":"%b",'
    b'"structuredPatch":[%b],"userModified":false,"replaceAll":false}'
)
_HUNK = b'{"oldStart":7,"oldLines":%d,"newStart":7,"newLines":%d,"lines":[%b]}'
_CREATED = (
    b'{"type":"create","filePath":"/srv/app/new.py","content":"%b","structuredPatch":[],'
    b'"originalFile":null}'
)
_DENIED = b"The user doesn't want to proceed with this tool use. The tool use was rejected."


@dataclass(frozen=True, slots=True)
class Call:
    """A call that waits for its answer; ``given`` and ``pieces`` are JSON or stand in it."""

    call_id: bytes
    tool: bytes
    given: bytes
    # of Write the content, of Edit old and new text and the hunk
    pieces: tuple[bytes, ...] = ()


class Calls:
    """Draws calls and answers them."""

    def __init__(self, rng: random.Random, names: Names, pool: Pool) -> None:
        self._rng, self._names, self._pool = rng, names, pool
        self._tools = [tool for tool, weight in _TOOLS for _ in range(weight)]
        self._commands = [command for command, weight in _COMMANDS for _ in range(weight)]

    def skewed(self, mean: float, sigma: float) -> float:
        """A log-normal size with this mean: many small ones, few very large."""
        return math.exp(self._rng.gauss(math.log(mean) - sigma * sigma / 2, sigma))

    def call(self) -> Call:
        """The next call."""
        tool, call_id = self._rng.choice(self._tools), self._names.base58(b"toolu_01")
        if tool == b"Edit":
            return self._edit(call_id)
        if tool == b"Write":
            content = b"\\n".join(self._code(2_800 / 32, 1.3))
            given = b'{"file_path":"/srv/app/new.py","content":"%b"}' % content
            return Call(call_id, tool, given, (content,))
        if tool == b"Bash":
            command = self._rng.choice(self._commands) % self._pool.text(int(self.skewed(110, 1.3)))
            return Call(call_id, tool, b'{"command":"%b","description":"Try it once"}' % command)
        text = self._pool.text(int(self.skewed(90, 0.5)))
        return Call(call_id, tool, b'{"file_path":"/srv/app/%b"}' % text)

    def _edit(self, call_id: bytes) -> Call:
        """Some lines put in place of fewer, with what is around them on either side."""
        removed, added = self._code(5, 1.2), self._code(16, 1.2)
        above, below = self._code(5, 0.8), self._code(5, 0.8)
        old = b"\\n".join([*above, *removed, *below])
        new = b"\\n".join([*above, *added, *below])
        marked = [(b" ", above[-3:]), (b"-", removed), (b"+", added), (b" ", below[:3])]
        lines = b",".join(b'"%b%b"' % (mark, line) for mark, some in marked for line in some)
        around = len(above[-3:]) + len(below[:3])
        hunk = _HUNK % (around + len(removed), around + len(added), lines)
        return Call(call_id, b"Edit", _EDIT % (old, new), (old, new, hunk))

    def _code(self, mean: float, sigma: float) -> list[bytes]:
        """Lines as of a program; at least one."""
        count = max(1, round(self.skewed(mean, sigma)))
        return [b"    " + self._pool.line() for _ in range(count)]

    def answer(self, call: Call) -> tuple[bytes, bytes]:
        """The result block of a call and the structured copy of it that main files have."""
        if self._rng.random() < _FAILED_SHARE.get(call.tool, _OTHER_FAILED_SHARE):
            return self._failure(call)
        mean, sigma = _ANSWERS.get(call.tool, _OTHER_ANSWER)
        text = self._pool.text(min(int(self.skewed(mean, sigma)), _MAX_ANSWER_BYTES))
        if call.tool == b"Edit":
            said = b"The file /srv/app/part.py has been updated. " + text[: 16 * 24]
            old, new, hunk = call.pieces
            return _block(call, said), _EDITED % (old, new, text, hunk)
        if call.tool == b"Write":
            said = b"File created successfully at: /srv/app/new.py"
            return _block(call, said), _CREATED % call.pieces
        if call.tool == b"Bash":
            shown = b'{"stdout":"%b","stderr":"","interrupted":false,"isImage":false}' % text
            return _block(call, text, b',"is_error":false'), shown
        return _block(call, text), b'{"type":"text","file":{"content":"%b"}}' % text

    def _failure(self, call: Call) -> tuple[bytes, bytes]:
        said, shown = _DENIED, b"User rejected tool use"
        if self._rng.random() >= _DENIED_SHARE:
            said = b"Exit code 1 " + self._pool.text(int(self.skewed(400, 1.2)))
            shown = b"Error: " + said
        return _block(call, said, b',"is_error":true'), b'"%b"' % shown


def _block(call: Call, text: bytes, rest: bytes = b"") -> bytes:
    keys = b'{"tool_use_id":"%b","type":"tool_result","content":"%b"%b}'
    return keys % (call.call_id, text, rest)
