"""The prose and the code that people and machines exchange in an invented home.

All of it is put together from the word lists below; it means nothing and harms nobody.
"""

from __future__ import annotations

from ccpush.demo.chance import Chance

_ASKS = (
    "Please {verb} the {thing} in {file}; it {trouble} when the {noun} is {state}.",
    "Can you {verb} how the {noun} handles a {state} {thing}?",
    "The {thing} test {trouble} again. Find out why and {verb} it.",
    "Before we ship: {verb} the {noun}, then add a test for a {state} {thing}.",
    "{file} is getting long. {verb} the {thing} so that the {noun} can use it too.",
    "What would it take to {verb} the {noun}? Keep the {thing} as it is.",
)
_ANSWERS = (
    "I'll look at {file} first, since the {noun} is built there.",
    "The {thing} {trouble} because the {noun} is {state} when it is read.",
    "Done: {file} now checks whether the {noun} is {state} before it uses the {thing}.",
    "Two places build a {thing}; both now go through the {noun}.",
    "The tests pass. I left the {noun} alone, as you asked.",
    "There is one more caller in {file}, which expects a {state} {thing}.",
)
_TITLES = ("Mend the {thing}", "Teach the {noun} about a {state} {thing}", "Tidy {file}")
_VERBS = ("mend", "simplify", "rename", "speed up", "document", "untangle")
_THINGS = ("harvest form", "tide table", "pantry list", "crate label", "recipe parser", "quay map")
_NOUNS = ("scheduler", "importer", "router", "cache", "price book", "mail queue")
_STATES = ("empty", "stale", "twice as long", "written in Dutch", "half loaded", "brand new")
_TROUBLES = ("fails", "hangs", "loses a row", "rounds wrongly", "warns", "returns early")
_STEMS = ("harvest", "tides", "pantry", "crates", "recipes", "quay", "ledger", "router", "mailer")
_FOLDERS = ("src", "src/api", "tests", "internal/store", "web/views")
_LINES = (
    "def {stem}_total(rows):",
    "    return sum(row.weight for row in rows if row.kind == '{stem}')",
    "    if not {stem}:",
    '        raise ValueError(f"no {stem} for {day!r}")',
    "for {stem} in sorted(load_{stem}()):",
    "    log.info('%s → %d crates', {stem}.name, {stem}.count)",
    "# the {noun} may be {state} here",
    "",
)
_OUTPUTS = (
    "{file}:{number}: ok",
    "collected {number} items",
    "PASSED {file}::test_{stem}_{number}",
    "{number} files checked, {noun} {state}",
    "warning: {stem} is {state}",
)


class Words:
    """Draws sentences, paths, code and output from the lists."""

    def __init__(self, chance: Chance, suffix: str) -> None:
        self._chance = chance
        self._suffix = suffix
        self._marks = 0

    def _fill(self, templates: tuple[str, ...]) -> str:
        pick = self._chance.choice
        return pick(templates).format(
            verb=pick(_VERBS),
            thing=pick(_THINGS),
            noun=pick(_NOUNS),
            state=pick(_STATES),
            trouble=pick(_TROUBLES),
            stem=pick(_STEMS),
            file=self.file(),
            number=self._chance.randrange(2, 400),
            day="day",
        )

    def file(self) -> str:
        """A path inside the project."""
        pick = self._chance.choice
        return f"{pick(_FOLDERS)}/{pick(_STEMS)}{self._suffix}"

    def prompt(self) -> str:
        """What a person types."""
        return self._fill(_ASKS)

    def answer(self, sentences: int = 1) -> str:
        """What the model says, or thinks."""
        return " ".join(self._fill(_ANSWERS) for _ in range(sentences))

    def title(self) -> str:
        """What a conversation is called."""
        return self._fill(_TITLES)

    def code(self, lines: int) -> list[str]:
        """Lines of something like a program."""
        return [self._fill(_LINES) for _ in range(lines)]

    def unlike(self, lines: int) -> list[str]:
        """Lines of something like a program, each unlike any other of this session."""
        written = self.code(lines)
        self._marks += len(written)
        return [f"{line}  # {self._marks - number}" for number, line in enumerate(written)]

    def output(self, lines: int) -> str:
        """What a command prints."""
        return "\n".join(self._fill(_OUTPUTS) for _ in range(lines))
