"""What every scene of a session needs at hand: chance, words, time, and who takes the tally.

Somebody speaks here, and only here: what is said is written row by row and told to the tally once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from ccpush.demo import rows
from ccpush.demo.chance import Chance, Clock
from ccpush.demo.eras import Era
from ccpush.demo.models import Model
from ccpush.demo.plot import Plan
from ccpush.demo.rows import Row, Usage
from ccpush.demo.spending import added, usage_of
from ccpush.demo.tally import Tally
from ccpush.demo.transcript import Transcript
from ccpush.demo.truth import Spent
from ccpush.demo.words import Words

# What a user row is, to whoever counts: a prompt that a person typed, something else that a person
# did, something that a program asked for, a tool's result, or nothing that matters.
Heard = Literal["prompt", "act", "program", "result", "note"]


@dataclass(slots=True)
class Stage:
    """One session under way; ``transcripts`` and ``other_files`` are what it leaves on disk."""

    plan: Plan
    chance: Chance
    clock: Clock
    words: Words
    tally: Tally
    transcripts: list[Transcript] = field(default_factory=list)
    other_files: dict[str, str] = field(default_factory=dict)
    spent: dict[str, Usage] = field(default_factory=dict)

    @property
    def era(self) -> Era:
        """How the Claude Code of this session writes."""
        return self.plan.era

    @property
    def in_folders(self) -> bool:
        """Whether subagents have a folder of their own in this version."""
        return self.era.subagents == "folder"

    def hear(
        self, by: Transcript, heard: Heard, content: object, at_ms: int, **extras: object
    ) -> str:
        """A user row: what a person or a tool said; told to the tally if it reaches the disk."""
        self.tally.user_rows += by.kept
        by.context_tokens += self.chance.randrange(60, 2_500)
        row_id = by.user(content, at_ms, **extras)
        if by.presence is None:
            return row_id
        self.tally.sessions.add(by.envelope.session_id)
        if heard == "prompt":
            self.tally.prompts += 1
        if heard in {"prompt", "act"}:
            by.presence.act(row_id, at_ms)
        elif heard == "program":
            by.presence.program(row_id, at_ms)
        elif heard == "result":
            by.presence.work(row_id, at_ms)
        return row_id

    def musing(self) -> list[Row]:
        """What a model says before it acts: a thought, a sentence, both or neither."""
        blocks: list[Row] = []
        if self.chance.often(0.3):
            # later versions keep the signature of a thought and not its text
            thought = "" if self.era.envelope_last else self.words.answer(3)
            signature = self.chance.signature()
            blocks.append({"type": "thinking", "thinking": thought, "signature": signature})
        if self.chance.often(0.6):
            blocks.append(self.saying(1))
        return blocks

    def saying(self, sentences: int) -> Row:
        """A block of text."""
        return {"type": "text", "text": self.words.answer(sentences)}

    def model_of(self, speaker: Transcript) -> Model:
        """Subagents use the small model."""
        project = self.plan.project
        role = project.small_model if speaker.envelope.sidechain else project.model
        return self.era.cast[role]

    def respond(
        self, by: Transcript, blocks: list[Row], stop: str, *, searches: int = 0, fetches: int = 0
    ) -> str:
        """One API response: a row for each block, all with one message id; gives the last row's id.

        ``searches`` and ``fetches`` are made by the server itself.
        """
        model, seen = self.model_of(by), len(by.rows)
        usage = usage_of(self.chance, self.era, model, by, len(blocks))
        usage = replace(usage, searches=searches, fetches=fetches)
        written_stop = stop if self.chance.often(self.era.stop_reason_chance) else None
        row_id = self._write(by, blocks, usage, written_stop)
        self._tell(by, usage, rows.ms_of(by.rows[seen]["timestamp"]))
        if written_stop is not None:
            self.tally.stop_reasons[written_stop] += 1
        for block in blocks:
            if block["type"] == "tool_use":
                self.tally.tool_calls[block["name"]] += 1
        self.spent[model.spelling] = added(self.spent.get(model.spelling), usage)
        return row_id

    def _tell(self, by: Transcript, usage: Usage, at_ms: int) -> None:
        spent = Spent(
            model=self.model_of(by).name,
            origin="subagent" if by.envelope.sidechain else "main",
            at_ms=at_ms,
            input=usage.input,
            output=usage.output,
            cache_read=usage.cache_read,
            cache_5m=usage.cache_5m,
            cache_1h=usage.cache_1h,
            searches=usage.searches,
            fast=usage.fast,
        )
        self.tally.spent.append(spent)
        self.tally.server_fetches += usage.fetches

    def _write(self, by: Transcript, blocks: list[Row], usage: Usage, stop: str | None) -> str:
        """Rows before the last one bear a placeholder, unless this version waits for the end."""
        sidechain, model = by.envelope.sidechain, self.model_of(by)
        final = self.era.final_usage and (not sidechain or self.chance.often(0.6))
        flat_cache = not usage.split or self._fills_flat_field()
        message_id = self.chance.message_id()
        request_id = None if model.foreign else self.chance.request_id()
        extras = {"effort": "high"} if self.era.version == "2.1.270" and not sidechain else {}
        row_id = ""
        spent: Row | None
        for number, block in enumerate(blocks):
            done = final or number == len(blocks) - 1
            output = usage.output if done else 1 + usage.output * number // (3 * len(blocks))
            full = done and self.in_folders
            spent = rows.usage_json(usage, output, full=full, flat_cache=flat_cache)
            if not done and self._flushed_early(by):
                spent = None
            message = rows.message_json(
                model.spelling, message_id, block, stop if done else None, spent
            )
            row_id = by.assistant(message, request_id, self.clock.after(0.3, 6), **extras)
        return row_id

    def _fills_flat_field(self) -> bool:
        """Versions before 2.1.152 now and then left the sum of cache writes at 0."""
        return self.era.version != "2.1.39" or self.chance.often(0.97)

    def _flushed_early(self, by: Transcript) -> bool:
        """Late versions now and then write a subagent's row before its usage is known."""
        return self.era.final_usage and by.envelope.sidechain and self.chance.often(0.2)
