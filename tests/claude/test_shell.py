"""How many commits and pull requests a Bash command line makes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ccpush.claude.shell import MAX_DEPTH, outcomes_of

TRANSCRIPTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "transcripts"

HEREDOC_MESSAGE = """git commit -m "$(cat <<'EOF'
fix: (git commit) docs; `git commit` and "gh pr create"

It's said && git commit
EOF
)\""""

ONE_COMMIT = [
    "git commit",
    "git commit -m 'fix: a'",
    'cd x && git add . && git commit -m "fix" && git push 2>&1',
    "cd x; git commit -am fix; ls",
    "git add -A\ngit commit -m fix\ngit log -1",
    "true & git commit -m fix & wait",
    "echo message | git commit -F -",
    "git commit -m fix 2>&1 | tail -5",
    "git commit -m fix >/dev/null 2>&1",
    "2>err git commit -m fix",
    "git commit --amend --no-edit",
    "git commit --allow-empty -m 'a\nb'",
    # what belongs to git itself stands before the command
    "git -C path commit -m fix",
    "git -C path -c user.name='A B' --no-pager --git-dir=x/.git --work-tree x commit -m fix",
    "/usr/bin/git commit -m fix",
    r"C:\\Git\\bin\\git.exe commit -m fix",
    r"\git commit -m fix",
    "'git' \"commit\" -m fix",
    "git \\\n  commit \\\n  -m fix",
    # assignments and wrappers
    'GIT_AUTHOR_NAME=x GIT_AUTHOR_DATE="$(date -R)" git commit -m fix',
    "sudo -u me git commit -m fix",
    "sudo -Eu me -- git commit -m fix",
    "env -u X A=b git commit -m fix",
    "command git commit -m fix",
    "time git commit -m fix",
    "nohup nice -n 5 git commit -m fix",
    "timeout -k 5 60 git commit -m fix",
    "timeout 60s sudo FOO=1 git commit -m fix",
    "exec git commit -m fix",
    "ls | xargs -I {} git commit -m {}",
    # groups
    "(cd x && git commit -m fix)",
    "{ git add .; git commit -m fix; } > log",
    "if ! git diff --quiet; then git commit -m fix; fi",
    "if git diff --quiet; then echo none; elif true; then git commit -m a; else git commit -m b; fi",
    "if true\nthen\n  git commit -m fix\nfi",
    "for f in a b; do git add $f; done && git commit -m fix",
    'while read -r f; do git commit -m "$f" -- "$f"; done < <(git diff --name-only)',
    'for f in *.md; do git commit -m "$f" "$f"; done',
    "case $x in a) git commit -m a;; (b|c) git commit -m b;; esac",
    'save() { git commit -m "$1"; }',
    "! git commit -m fix",
    "f() {\n  if true; then\n    git commit -m fix\n  fi\n}",
    # of alternatives one can succeed
    "git diff --cached --quiet || git commit -m fix",
    "git commit -m fix || git commit --no-verify -m fix",
    "git add . && git commit -m fix || (git add -u && git commit -m fix)",
    "git commit -m fix ||\n  git commit --no-verify -m fix",
    "git commit -m fix || true; git push",
    # messages are no commands
    HEREDOC_MESSAGE,
    f"git add . && {HEREDOC_MESSAGE} && git push",
    "git commit -F - <<EOF\ngit commit\nEOF",
    "git commit -F - <<-'END'\n\tit's\n\tEND\necho done",
    'git commit -m "use <(git commit) and ((git commit)) # git commit"',
    "git commit -m 'a' # && git commit -m b",
    "git commit -m $'it\\'s; git commit'",
    "git commit -m it\\'s\\;git\\ commit",
    "git commit -m '--help' --author '--dry-run'",
    "git commit -am --help",
    "git commit -m fix -- --help",
    # commands inside words
    'echo "$(git commit -m fix)"',
    'echo "a $(echo "b $(git commit -m "c d")")"',
    "x=$(git commit -m fix)",
    "x=`git commit -m fix`",
    "echo `echo \\`git commit -m fix\\``",
    "diff <(git commit -m fix) out",
    "echo $((1 << 2)) && git commit -m fix",
    "echo $(( (1 + 2) << 3 ))\ngit commit -m fix",
    "echo ${x#git} ${#x} && git commit -m fix",
    # shells in shells
    "bash -c 'git commit -m fix'",
    'sh -c "cd x && git commit -m \\"fix\\""',
    "/bin/bash -o pipefail -lc 'git commit -m fix' arg",
    "sudo -u me bash -ec \"git commit -m 'fix'\"",
    "bash -c \"bash -c 'git commit -m fix'\"",
    'bash -c "echo $(git commit -m fix)"',
    "eval git commit -m fix",
    "eval \"git commit -m 'a; git commit'\"",
    # Windows' line ends
    "git add .\r\ngit commit -F - <<'EOF'\r\ngit commit\r\nEOF\r\n",
]  # fmt: skip

NOTHING = [
    "",
    "ls -la",
    'echo "git commit"',
    "echo git commit",
    "echo 'a' 'git commit'",
    'grep -rn "git commit" file',
    "grep 'x' file # git commit",
    "# git commit -m fix",
    "cat > x.sh <<EOF\ngit commit -m fix\nEOF",
    "cat > x.sh <<'EOF' && chmod +x x.sh\n#!/bin/sh\ngit commit -m fix\nEOF\n",
    'cat <<A <<"B"\ngit commit\nA\ngit commit\nB\necho git commit',
    "cat <<EOF\n EOF\ngit commit\nEOF",
    "cat <<EOF\ngit commit never ended",
    "python3 - <<'PY'\nimport subprocess\nsubprocess.run('git commit')\nPY",
    "python3 -c 'run(\"git commit\")'",
    "git commit-tree HEAD^{tree}",
    "git commit-graph write",
    "git log commit",
    "git log --grep commit",
    "git show commit create",
    "git help commit",
    "git -C commit status",
    "git commit --help",
    "git commit -h",
    "git commit --dry-run -m fix",
    "git commit -m fix --porcelain",
    "bash commit.sh git commit",
    "bash -c",
    "bash script.sh -c 'git commit'",
    "man git commit",
    "command -v git commit-x",
    "which git && ls commit",
    "mygit commit",
    "git",
    "sudo timeout",
    "gh pr list --search create",
    "gh issue create -t bug",
    "gh repo create x --private",
    "gh pr create --web",
    "gh pr create --dry-run",
    "gh pr create --help",
    "gh pr view 3 # gh pr create",
    "glab mr list create",
    "npx create-next-app@latest x",
    'x="git commit"',
    "echo > 'git commit'",
    "cat <<< 'git commit'",
    "echo <<<git commit",
    "echo \\(git commit\\)",
    "echo a\\;git commit",
    'echo "`echo "git commit"`"',
]  # fmt: skip

OTHER_COUNTS = [
    ("git commit -m a && git commit -m b", (2, 0)),
    ("git commit -m a; git commit -m b\ngit commit -m c & git commit -m d", (4, 0)),
    ("git commit -m a | git commit -m b", (2, 0)),
    ('git commit -m "$(git commit -m inner)"', (2, 0)),
    ("(git commit -m a; git commit -m b) || git commit -m c", (2, 0)),
    ("git commit -m a || git commit -m b && git commit -m c", (2, 0)),
    ("if git commit -m a; then git commit -m b; else git commit -m c; fi; git commit -m d", (3, 0)),
    ("bash -c 'git commit -m a; git commit -m b'", (2, 0)),
    ("cat <<EOF\n)\nEOF\ngit commit -m a\ncat <<'X Y'\ngit commit\nX Y\ngit commit -m b", (2, 0)),
    ("gh pr create --fill", (0, 1)),
    ("gh pr new -f", (0, 1)),
    ("gh -R o/r pr create -t 'a; gh pr create' -b x", (0, 1)),
    ("gh pr -R o/r create --title --web --body \"$(cat <<'EOF'\n## gh pr create\nEOF\n)\"", (0, 1)),
    ("glab mr create --fill --yes", (0, 1)),
    ("glab mr new -d --help", (0, 1)),
    ("GH_TOKEN=x /opt/homebrew/bin/gh pr create -f | tail -1", (0, 1)),
    ('url=$(gh pr create --fill) && echo "$url"', (0, 1)),
    ("gh pr create -f || (git push -u origin HEAD && gh pr create -f)", (0, 1)),
    ("git commit -m a && git push && gh pr create --fill", (1, 1)),
    ("git commit -m a || gh pr create -f", (1, 1)),
    (f"{HEREDOC_MESSAGE}\ngh pr create --body \"$(cat <<'EOF'\ngit commit\nEOF\n)\"", (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize("command", ONE_COMMIT)
def test_one_commit(command: str) -> None:
    """However it is wrapped, a commit is one."""
    assert outcomes_of(command) == (1, 0)


@pytest.mark.parametrize("command", NOTHING)
def test_nothing_is_made(command: str) -> None:
    """Text, other commands and commands that only show something make nothing."""
    assert outcomes_of(command) == (0, 0)


@pytest.mark.parametrize(("command", "outcomes"), OTHER_COUNTS)
def test_several_are_counted(command: str, outcomes: tuple[int, int]) -> None:
    """What runs adds up, of alternatives the larger counts."""
    assert outcomes_of(command) == outcomes


# Bash is asked what it runs: its git and gh write down how they were called.
STUB = '#!/bin/sh\n[ "$1" = commit ] || [ "$1 $2" = "pr create" ] && echo "${0##*/}" >> "$CALLS"\nexit 0\n'

QUOTED = [
    "git commit",
    "; git commit",
    "it's $5",
    "# gh pr create",
    ") fi done }",
    "a\nEOF\nb",
    "<<EOF",
]
LEAVES = st.one_of(
    st.sampled_from(
        ["git commit -m x", "git log", "gh pr create -f", "command git commit", "A=b env C=d git commit", ":",
         "echo $((1<<2))", "git status # git commit", "echo ${#PATH} a#b", "2>&1 git commit >/dev/null", "time git commit"]
    ),
    st.sampled_from(QUOTED).map(lambda text: f"echo {shlex.quote(text)}"),
    st.sampled_from(QUOTED).map(lambda text: f"git commit -m {shlex.quote(text)}"),
    st.sampled_from(["git commit", ") `x", "$(git log", "it's \""]).map(lambda text: f"cat <<'END'\n{text}\nEND\n"),
    st.sampled_from(["git commit", ") x", "it's"]).map(lambda text: f"git commit -m \"$(cat <<'END'\n{text}\nEND\n)\""),
)  # fmt: skip
INSIDE = [
    "( {} \n)", "{{ {} \n}}", "if {} \nthen :; fi", "if true; then {} \nelse git log; fi", "for i in a; do {} \ndone",
    'echo "$({} \n)"', "x=$({} \n)", "cat <({} \n)", "case a in (b) ;; a) {} \n;; esac", "if ! {{ {} \n}} \nthen :; fi", "while {} \ndo break; done",
]  # fmt: skip
JOINED = [
    "{} \n{}",
    "{{ {} \n}} && {}",
    "{{ {} \n}} ; {}",
    "{{ {} \n}} | {{ cat; {} \n}}",
    "{{ {} \n}} & {} \nwait",
]


def grown(lines: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Larger command lines of smaller ones."""
    return st.one_of(
        st.builds(str.format, st.sampled_from(INSIDE), lines),
        st.builds(str.format, st.sampled_from(JOINED), lines, lines),
        st.builds(lambda line: f"bash -c {shlex.quote(line)}", lines),
        st.builds(lambda line: f"eval {shlex.quote(line)}", lines),
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a git and a gh that only write down that they were called."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    folder = tmp_path_factory.mktemp("machine")
    for name in ("git", "gh"):
        program = folder / name
        program.write_text(STUB)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def run_by_bash(machine: Path, command: str) -> tuple[int, int] | None:
    """How often Bash called ``git commit`` and ``gh pr create``; nothing if it could not parse."""
    calls = machine / "calls"
    calls.write_text("")
    environment = {"PATH": f"{machine}:{os.environ['PATH']}", "CALLS": str(calls)}
    done = subprocess.run(
        ["bash", "-c", f"{command}\nwait"], cwd=machine, env=environment, check=False, timeout=20,
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    names = calls.read_text().split()
    return None if b"syntax error" in done.stderr else (names.count("git"), names.count("gh"))


@settings(max_examples=120)
@given(command=st.recursive(LEAVES, grown, max_leaves=6))
def test_bash_runs_what_is_counted(machine: Path, command: str) -> None:
    """Where every part runs and succeeds, Bash makes exactly what was counted."""
    by_bash = run_by_bash(machine, command)
    # Bash 5.2 loses the semicolon behind a here-document in braces in a substitution.
    assume(by_bash is not None)
    assert outcomes_of(command) == by_bash


PIECES = st.sampled_from(
    ["git commit", "gh pr create", "$(", ")", "((", "))", "`", "\\", "'", '"', "$'", "<<EOF", "<<-'E F'", "\nEOF\n", "\n", ";",
     "||", "&&", "|", "&", "{ ", "} ", "if ", "fi ", "case ", "esac ", ";;", "# ", "bash -c ", "eval ", "<(", "${", " ", "2>", "\r", "é", "\0"]
)  # fmt: skip


@settings(max_examples=600)
@given(command=st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join)))
def test_any_text_has_an_answer(command: str) -> None:
    """Broken command lines are counted somehow, by no more than they name."""
    commits, requests = outcomes_of(command)
    assert 0 <= commits <= command.count("commit")
    assert 0 <= requests <= command.count("create")


@pytest.mark.parametrize(
    "opening",
    ["$(", "(", "`", '"$(', "{ ", "if ", "bash -c '", 'eval "', "((", "$((", "case x in a) ", "<(", "$'\\", "((a)"],
)  # fmt: skip
def test_any_depth_has_an_answer(opening: str) -> None:
    """Whatever is nested, a command line of 100 KB is read at once and without recursion errors."""
    started = time.perf_counter()
    outcomes_of("git commit; " + opening * (100_000 // len(opening)))
    outcomes_of(opening * (100_000 // len(opening)) + " git commit")
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    "part",
    ["git commit -m x\n", "cat <<EOF\n", "'", "`", '"', "\\", "$'\\'", "a=b ", "eval ", "((a)", "1", "x ;; ", "sudo "],
)  # fmt: skip
def test_time_is_linear(part: str) -> None:
    """Four times the text takes about four times as long, not sixteen."""
    short, long = (
        seconds("git commit " + part * (size // len(part))) for size in (40_000, 160_000)
    )
    assert long < 10 * short + 0.05


def seconds(command: str) -> float:
    """The shortest of three times in which a command line is read."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        outcomes_of(command)
        times.append(time.perf_counter() - started)
    return min(times)


def test_nesting_beyond_the_bound_is_left_out() -> None:
    """What lies deeper than any program nests is not counted, what stands around it is."""
    deep = MAX_DEPTH + 1
    assert outcomes_of("( " * 10 + "git commit" + " )" * 10) == (1, 0)
    assert outcomes_of("git commit; " + "( " * deep + "git commit" + " )" * deep) == (1, 0)


# All that name "commit" or "create" were read: 36 commit, each once; the others write files, call a
# tracker or npx.
REAL_CALLS, REAL_COMMITS = 554, 36


def test_real_commands() -> None:
    """The commits of the real transcripts are found, and nothing else."""
    if not TRANSCRIPTS.is_dir():
        pytest.skip("the real transcripts are not beside this checkout (../shared/data)")
    outcomes = {key: outcomes_of(command) for key, command in real_commands()}
    assert len(outcomes) == REAL_CALLS
    assert set(outcomes.values()) == {(0, 0), (1, 0)}
    assert sum(commits for commits, _ in outcomes.values()) == REAL_COMMITS


def real_commands() -> Iterator[tuple[str, str]]:
    """Every Bash call of the real transcripts: its id and its command line."""
    for path in sorted(TRANSCRIPTS.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            message = row.get("message") if isinstance(row, dict) else None
            content = message.get("content") if isinstance(message, dict) else None
            for block in content if isinstance(content, list) else ():
                if isinstance(block, dict) and block.get("name") == "Bash":
                    yield block["id"], block["input"]["command"]
