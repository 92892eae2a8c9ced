"""What one simple command makes: a commit, a pull request, or nothing that is counted.

It judges the words of a command as they are without quotes, and looks through programs that only
run another one. It never looks into files or the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from ccpush.claude.shell_outcomes import NONE, Outcomes

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*\+?=")

# Programs that run the command behind their options: the letters of options that take a value, and
# how many words come before the command. xargs counts as running it once.
_WRAPPERS: Final[Mapping[str, tuple[str, int]]] = {
    "builtin": ("", 0),
    "caffeinate": ("tw", 0),
    "command": ("", 0),
    "doas": ("Cu", 0),
    "env": ("Cu", 0),
    "exec": ("a", 0),
    "ionice": ("cnpPu", 0),
    "nice": ("n", 0),
    "noglob": ("", 0),
    "nohup": ("", 0),
    "setsid": ("", 0),
    "stdbuf": ("eio", 0),
    "sudo": ("CDghpRrTtUu", 0),
    "time": ("fo", 0),
    "timeout": ("ks", 1),
    "winpty": ("", 0),
    "xargs": ("adEIJLnPRs", 0),
}
_SHELLS: Final = frozenset({"bash", "dash", "ksh", "sh", "zsh"})
_VALUED_BY_SHELLS: Final = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})


class _Maker(Struct, frozen=True):
    """A program that makes what is counted.

    An option of ``valued`` takes the next word for its value; with one of ``idle`` nothing is made.
    """

    commands: tuple[tuple[str, ...], ...]
    outcomes: Outcomes
    valued: frozenset[str]
    idle: frozenset[str]


def _options(names: str) -> frozenset[str]:
    return frozenset(names.split())


_MAKERS: Final[Mapping[str, _Maker]] = {
    "git": _Maker(
        commands=(("commit",),),
        outcomes=(1, 0),
        valued=_options(
            "-C -c -F -m -t --attr-source --author --cleanup --config-env --date --file --fixup"
            " --git-dir --message --namespace --pathspec-from-file --reedit-message"
            " --reuse-message --squash --super-prefix --template --trailer --work-tree"
        ),
        # The last three only show what a commit would hold.
        idle=_options("-h --help --dry-run --long --porcelain --short"),
    ),
    "gh": _Maker(
        commands=(("pr", "create"), ("pr", "new")),
        outcomes=(0, 1),
        valued=_options(
            "-a -B -b -F -H -l -m -p -R -r -T -t --assignee --base --body --body-file --head"
            " --label --milestone --project --recover --repo --reviewer --template --title"
        ),
        # In a browser a person may or may not create it.
        idle=_options("-h --help --dry-run -w --web"),
    ),
    "glab": _Maker(
        commands=(("mr", "create"), ("mr", "new")),
        outcomes=(0, 1),
        valued=_options(
            "-a -b -d -H -i -l -m -R -s -t --assignee --description --head --label --milestone"
            " --related-issue --repo --reviewer --source-branch --target-branch --title"
        ),
        idle=_options("-h --help -w --web"),
    ),
}


def unwrapped(words: Sequence[str]) -> Sequence[str]:
    """The command itself, without assignments and wrappers (``sudo``, ``env``) in front of it."""
    at = 0
    while at < len(words):
        wrapper = _WRAPPERS.get(_program(words[at]))
        if wrapper is not None:
            at = _behind_options(words, at + 1, wrapper[0]) + wrapper[1]
        elif _ASSIGNMENT.match(words[at]):
            at += 1
        else:
            break
    return words[at:]


def script_of(words: Sequence[str]) -> str:
    """The command line that ``bash -c`` or ``eval`` is given, "" of any other command."""
    program = _program(words[0])
    if program == "eval":
        return " ".join(words[1:])
    if program not in _SHELLS:
        return ""
    is_script = False
    rest = iter(words[1:])
    for word in rest:
        if word in _VALUED_BY_SHELLS:
            next(rest, None)
        elif not word.startswith(("-", "+")):
            return word if is_script else ""
        elif not word.startswith("--"):
            is_script = is_script or "c" in word
    return ""


def outcomes_of_words(words: Sequence[str]) -> Outcomes:
    """What a simple command of at least one word makes if it succeeds."""
    maker = _MAKERS.get(_program(words[0]))
    if maker is None:
        return NONE
    arguments: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word == "--":
            break
        if not word.startswith("-"):
            arguments.append(word)
        elif word.partition("=")[0] in maker.idle:
            return NONE
        elif _takes_value(word, maker.valued):
            next(rest, None)
    made = any(tuple(arguments[: len(command)]) == command for command in maker.commands)
    return maker.outcomes if made else NONE


def _program(word: str) -> str:
    return word.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")


def _behind_options(words: Sequence[str], at: int, valued: str) -> int:
    while at < len(words) and words[at].startswith("-"):
        option = words[at]
        at += 1
        if option == "--":
            break
        if not option.startswith("--") and option[-1] in valued:
            at += 1
    return at


def _takes_value(option: str, valued: frozenset[str]) -> bool:
    # -am is -a -m: the last letter of a bundle may take a value.
    bundle = not option.startswith("--") and option[1:].isalpha()
    return option in valued or (bundle and f"-{option[-1]}" in valued)
