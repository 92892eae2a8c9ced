"""Hooks: what people have run before and after prompts, tools and turns, and how long it took.

A hook at a turn's end is written twice, beside the turn and in the turn's summary: only the summary
counts. Versions that do not tell durations are asked for none.
"""

from __future__ import annotations

from ccpush.demo.rows import Row
from ccpush.demo.stage import Stage
from ccpush.demo.transcript import Transcript

_AFTER_EDITS = frozenset({"Edit", "Write", "MultiEdit"})
_OUTCOMES = (
    ("hook_success", 12),
    ("hook_non_blocking_error", 2),
    ("hook_blocking_error", 1),
    ("hook_cancelled", 1),
)


def before_prompt(stage: Stage, main: Transcript) -> None:
    """A hook that sees what is about to be asked."""
    _attach(stage, main, "hook_success", "UserPromptSubmit", "UserPromptSubmit")


def around_tool(stage: Stage, by: Transcript, tool: str) -> None:
    """Now and then something is run after an edit, say a formatter."""
    if not stage.era.envelope_last or tool not in _AFTER_EDITS or not stage.chance.often(0.2):
        return
    outcome = stage.chance.choices([name for name, _ in _OUTCOMES], [one for _, one in _OUTCOMES])
    _attach(stage, by, outcome[0], "PostToolUse", f"PostToolUse:{tool}")


def at_end(stage: Stage, main: Transcript) -> None:
    """A turn's summary of the hooks at its end; later versions have them beside it, too."""
    if stage.era.sources_told:
        _attach(stage, main, "hook_success", "Stop", "Stop", counted=False)
    commands: tuple[str, ...] = ("make lint", "notify-send done")
    hooks: list[Row] = [{"command": one} for one in commands[: stage.chance.randrange(1, 3)]]
    if stage.era.envelope_last:
        for hook in hooks:
            hook["durationMs"] = _took_ms(stage)
            stage.tally.hook_durations_ms.append(hook["durationMs"])
    main.system(
        "stop_hook_summary",
        stage.clock.after(0.05, 0.5),
        hookCount=len(hooks),
        hookInfos=hooks,
        hookErrors=[],
        preventedContinuation=False,
        stopReason="",
        hasOutput=False,
        level="suggestion",
    )


def at_subagents_end(stage: Stage, helper: Transcript) -> None:
    """The same for a subagent, which has no summary of its own."""
    if stage.era.sources_told:
        _attach(stage, helper, "hook_success", "SubagentStop", "SubagentStop", counted=False)


def _attach(
    stage: Stage, by: Transcript, kind: str, event: str, name: str, *, counted: bool = True
) -> None:
    hook: Row = {"type": kind, "hookName": name, "hookEvent": event, "content": "", "exitCode": 0}
    if stage.era.sources_told:
        hook["durationMs"] = _took_ms(stage)
        if counted:
            stage.tally.hook_durations_ms.append(hook["durationMs"])
    by.attachment(hook, stage.clock.after(0.01, 0.1))


def _took_ms(stage: Stage) -> int:
    return stage.chance.randrange(15, 2_600)
