"""What every scene of a session needs at hand: chance, words, time, and who takes the tally.

A model speaks here, and only here: a response is written row by row and told to the tally once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ccpush.demo import rows
from ccpush.demo.chance import Chance, Clock
from ccpush.demo.plot import Era, Model, Plan
from ccpush.demo.rows import Row, Usage
from ccpush.demo.transcript import Transcript
from ccpush.demo.truth import Tally, Tokens
from ccpush.demo.words import Words


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

    def hear(self, by: Transcript, content: object, at_ms: int, **extras: object) -> str:
        """A user row: what a person or a tool said; told to the tally if it reaches the disk."""
        self.tally.user_rows += by.kept
        if not by.envelope.sidechain:
            self.tally.sessions.add(by.envelope.session_id)
        by.context_tokens += self.chance.randrange(60, 2_500)
        return by.user(content, at_ms, **extras)

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
        return project.small_model if speaker.envelope.sidechain else project.model

    def respond(
        self, by: Transcript, blocks: list[Row], stop: str, *, searches: int = 0, fetches: int = 0
    ) -> str:
        """One API response: a row for each block, all with one message id; gives the last row's id.

        ``searches`` and ``fetches`` are made by the server itself.
        """
        usage = self._usage(by, len(blocks))
        usage = replace(usage, searches=searches, fetches=fetches)
        written_stop = stop if self.chance.often(self.era.stop_reason_chance) else None
        row_id = self._write(by, blocks, usage, written_stop)
        model = self.model_of(by)
        tokens = Tokens(usage.input, usage.output, usage.cache_read, usage.cache_creation)
        self.tally.response(model.name, tokens, written_stop)
        self.tally.server_searches += searches
        self.tally.server_fetches += fetches
        for block in blocks:
            if block["type"] == "tool_use":
                self.tally.tool_calls[block["name"]] += 1
        self._spend(model.spelling, usage)
        return row_id

    def _usage(self, by: Transcript, blocks: int) -> Usage:
        fresh = self.chance.randrange(400, 5_000)
        usage = Usage(
            input=self.chance.randrange(2, 12),
            output=self.chance.randrange(60, 500) * blocks,
            cache_read=by.context_tokens,
            # later versions cache for an hour, subagents for five minutes as before
            cache_5m=0 if self._caches_long(by) else fresh,
            cache_1h=fresh if self._caches_long(by) else 0,
        )
        by.context_tokens += fresh + usage.output
        return usage

    def _caches_long(self, by: Transcript) -> bool:
        return self.era.envelope_last and not by.envelope.sidechain

    def _write(self, by: Transcript, blocks: list[Row], usage: Usage, stop: str | None) -> str:
        """Rows before the last one bear a placeholder, unless this version waits for the end."""
        sidechain = by.envelope.sidechain
        final = self.era.final_usage and (not sidechain or self.chance.often(0.6))
        flat_cache = self.era.version != "2.1.39" or self.chance.often(0.97)
        message_id, request_id = self.chance.message_id(), self.chance.request_id()
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
                self.model_of(by).spelling, message_id, block, stop if done else None, spent
            )
            row_id = by.assistant(message, request_id, self.clock.after(0.3, 6), **extras)
        return row_id

    def _flushed_early(self, by: Transcript) -> bool:
        """Late versions now and then write a subagent's row before its usage is known."""
        return self.era.final_usage and by.envelope.sidechain and self.chance.often(0.2)

    def _spend(self, spelling: str, usage: Usage) -> None:
        before = self.spent.get(spelling, Usage(0, 0, 0, 0, 0))
        self.spent[spelling] = Usage(
            before.input + usage.input,
            before.output + usage.output,
            before.cache_read + usage.cache_read,
            before.cache_5m + usage.cache_5m,
            before.cache_1h + usage.cache_1h,
            before.searches + usage.searches,
            before.fetches + usage.fetches,
        )
