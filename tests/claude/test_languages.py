"""What language a file is in, by its name alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccpush.claude.languages import NAMES, UNKNOWN, language_of


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/home/me/src/app.ts", "TypeScript"),
        ("/home/me/src/App.tsx", "TypeScript"),
        ("src/index.mjs", "JavaScript"),
        ("tool.py", "Python"),
        ("README.md", "Markdown"),
        ("lib/spotter/tmux.ex", "Elixir"),
        ("index.html", "HTML, XML"),
        ("logo.svg", "HTML, XML"),
        ("Cargo.toml", "TOML, also INI"),
        ("install.sh", "Bash"),
        ("notes.txt", "Plain text"),
        ("a.c", "C"),
        ("a.cc", "C++"),
        ("prod.dockerfile", "Dockerfile"),
        # the last extension only, in whatever letters
        ("types.d.ts", "TypeScript"),
        ("MAIN.PY", "Python"),
        ("archive.py.gz", UNKNOWN),
        ("a..py", "Python"),
        # Windows
        (r"C:\Users\me\src\app.ts", "TypeScript"),
        (r"C:\Users\me.py\notes", UNKNOWN),
        (r"src\.bashrc", UNKNOWN),
        # a folder's extension is not the file's
        ("/home/me.py/notes", UNKNOWN),
        ("app.ts/", UNKNOWN),
        # no extension, whatever the name: so does Claude Code
        ("Makefile", UNKNOWN),
        ("/srv/Dockerfile", UNKNOWN),
        (".gitignore", UNKNOWN),
        (".py", UNKNOWN),
        ("/home/me/.md", UNKNOWN),
        ("notes.", UNKNOWN),
        ("", UNKNOWN),
        # what highlight.js does not know, or takes for something unusual
        ("book.ipynb", UNKNOWN),
        ("App.vue", UNKNOWN),
        ("View.m", UNKNOWN),
        # nothing that only looks like an extension
        ("a.py\n", UNKNOWN),
        ("a.p y", UNKNOWN),
        ("a.ﬀ", UNKNOWN),
        ("x.dockerfiles", UNKNOWN),
    ],
)
def test_the_last_extension_names_the_language(path: str, language: str) -> None:
    """Only the last extension of the last component counts."""
    assert language_of(path) == language


def test_the_names_fit_a_label() -> None:
    """With "unknown" and "other" a label has at most 50 values."""
    assert len(NAMES | {UNKNOWN, "other"}) <= 50


@given(path=st.one_of(st.text(), st.from_regex(r"[/\\.a-z]{0,12}\.[A-Za-z.]{0,6}")))
def test_nothing_of_a_path_leaves(path: str) -> None:
    """Whatever the path, the answer is one of a fixed list."""
    assert language_of(path) in NAMES | {UNKNOWN}
