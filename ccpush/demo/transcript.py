"""One transcript in the making: rows appended to a file that is not written yet.

Knows which row follows which, and how full the model's context is. Counts nothing.
"""

from __future__ import annotations

from ccpush.demo.active import Presence
from ccpush.demo.chance import Chance
from ccpush.demo.rows import Envelope, Row, iso

# the system prompt and the tools, before anybody has said anything
_FRESH_CONTEXT_TOKENS = 17_000


class Transcript:
    """Rows of one file; ``path`` is relative to the Claude home.

    A transcript that is not ``kept`` is never written: what it holds is found elsewhere or nowhere.
    ``presence`` is None in subagents' transcripts.
    """

    def __init__(self, path: str, envelope: Envelope, chance: Chance, *, kept: bool = True) -> None:
        self.path = path
        self.envelope = envelope
        self.kept = kept
        self.presence: Presence | None = None
        self.rows: list[Row] = []
        self.parent: str | None = None
        self.context_tokens = _FRESH_CONTEXT_TOKENS + chance.randrange(4_000)
        self._chance = chance

    def note(self, row: Row) -> None:
        """Append a metadata row: one without an envelope."""
        self.rows.append(row)

    def user(self, content: object, at_ms: int, **extras: object) -> str:
        """Append what a person or a tool said; gives the row's id."""
        return self._row(
            {"type": "user", "message": {"role": "user", "content": content}}, at_ms, extras
        )

    def assistant(self, message: Row, request_id: str | None, at_ms: int, **extras: object) -> str:
        """Append one content block of a response, or a row the client made up."""
        request = {} if request_id is None else {"requestId": request_id}
        inner = {"message": message, **request, "type": "assistant"}
        row_id = self._row(inner, at_ms, extras)
        if self.presence is not None:
            self.presence.work(row_id, at_ms)
        return row_id

    def system(self, subtype: str, at_ms: int, **fields: object) -> str:
        """Append an event of the client's own."""
        return self._row({"type": "system", "subtype": subtype, **fields}, at_ms, {})

    def progress(self, data: Row, call_id: str, at_ms: int) -> str:
        """Append a sign of life of a tool call."""
        ids = {"toolUseID": call_id, "parentToolUseID": call_id}
        return self._row({"type": "progress", "data": data, **ids}, at_ms, {})

    def attachment(self, attachment: Row, at_ms: int) -> str:
        """Append something the client put beside a prompt."""
        return self._row({"attachment": attachment, "type": "attachment"}, at_ms, {})

    def _row(self, inner: Row, at_ms: int, extras: Row) -> str:
        row_id = self._chance.row_id()
        whole = {**inner, "uuid": row_id, "timestamp": iso(at_ms), **extras}
        self.rows.append(self.envelope.around(self.parent, whole))
        self.parent = row_id
        return row_id
