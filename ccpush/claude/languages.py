"""What language a file is in, by its name alone.

The names are those that Claude Code puts on its own edit decisions: what highlight.js calls the
language of a file's last extension, else "unknown". It reads no file, and no part of a path ever
becomes a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

UNKNOWN: Final = "unknown"

# The 48 most usual; a label has room for 50 values. Left out are extensions for which highlight.js
# names an unusual language: Mercury for .m, SML for .ml, Verilog for .v.
_EXTENSIONS_BY_NAME: Final[Mapping[str, str]] = {
    "Bash": "sh bash zsh",
    "Batch file (DOS)": "bat cmd",
    "C": "c h",
    "C#": "cs",
    "C++": "cpp cc cxx hpp hh hxx",
    "CMake": "cmake",
    "CSS": "css",
    "Clojure": "clj edn",
    "Dart": "dart",
    "Diff": "diff patch",
    "Dockerfile": "dockerfile",
    "Elixir": "ex exs",
    "Erlang": "erl",
    "F#": "fs",
    "Go": "go",
    "Gradle": "gradle",
    "GraphQL": "graphql gql",
    "Groovy": "groovy",
    "HTML, XML": "html xhtml xml xsd xsl svg plist rss atom",
    "Haskell": "hs",
    "JSON": "json jsonc json5",
    "Java": "java jsp",
    "JavaScript": "js jsx mjs cjs",
    "Kotlin": "kt kts",
    "LaTeX": "tex",
    "Less": "less",
    "Lua": "lua",
    "Makefile": "mk mak make",
    "Markdown": "md mkd mkdown markdown",
    "Nix": "nix",
    "Objective-C": "mm",
    "Perl": "pl pm",
    "Plain text": "txt text",
    "PowerShell": "ps1",
    "Protocol Buffers": "proto",
    "Python": "py",
    "R": "r",
    "Ruby": "rb gemspec podspec",
    "Rust": "rs",
    "SCSS": "scss",
    "SQL": "sql",
    "Scala": "scala",
    "Swift": "swift",
    "TOML, also INI": "toml ini",
    "TypeScript": "ts tsx mts cts",
    "Visual Basic .NET": "vb",
    "YAML": "yaml yml",
    "php": "php",
}
NAMES: Final = frozenset(_EXTENSIONS_BY_NAME)
_BY_EXTENSION: Final[Mapping[str, str]] = MappingProxyType(
    {
        extension: name
        for name, extensions in _EXTENSIONS_BY_NAME.items()
        for extension in extensions.split()
    }
)
# No extension is longer; a path may be.
_LONGEST: Final = max(map(len, _BY_EXTENSION))
# A dot that begins a name (.bashrc) begins no extension.
_EXTENSION: Final = re.compile(rf"[^/\\]\.([A-Za-z0-9]{{1,{_LONGEST}}})\Z")


def language_of(path: str) -> str:
    """The language of the file at ``path`` (POSIX or Windows): one of NAMES, or UNKNOWN.

    Source: Claude Code's attribute ``language`` of ``claude_code.code_edit_tool.decision``. Names
    without an extension (``Makefile``, ``Dockerfile``) are unknown to it, and so here.
    """
    found = _EXTENSION.search(path[-_LONGEST - 2 :])
    return UNKNOWN if found is None else _BY_EXTENSION.get(found[1].lower(), UNKNOWN)
