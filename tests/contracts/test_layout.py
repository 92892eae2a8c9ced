"""The layout holds: layers, sizes, names, and nothing of the machine it was written on."""

from __future__ import annotations

import ast
import os
import pwd
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
EMPTY_NAMES = {"utils", "util", "helpers", "common", "manager", "core", "misc"}
NOT_WRITTEN = {".git", ".coverage"}
FOLDERS = (
    *("ccpush", "tests", "bench", "docs", "prices", "prometheus", "grafana", "systemd", "launchd"),
    ".ci",
)
CACHES = re.compile(r"(^|/)(__pycache__|\.[a-z_]+_cache|\.hypothesis)/")


def ours() -> Iterator[Path]:
    """Every file of the project that people wrote."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.name not in NOT_WRITTEN)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not CACHES.search(str(path.relative_to(ROOT))):
                yield path


def test_imports_run_one_way() -> None:
    """import-linter finds every contract kept: a lower layer never imports a higher one."""
    program = Path(sys.executable).parent / "lint-imports"
    if not program.exists():
        pytest.skip("import-linter is not installed (dependency group tests)")
    ran = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert " 0 broken" in ran.stdout


def test_files_stay_small() -> None:
    """No module grows beyond what one reads in one go."""
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "ccpush").rglob("*.py")
        if not path.name.endswith("_pb2.py")
    }

    assert {} == {name: lines for name, lines in sizes.items() if lines > MAX_LINES}


def test_names_say_something() -> None:
    """No folder or module has a name under which anything could be put."""
    names = {path.stem for path in (ROOT / "ccpush").rglob("*")}

    assert set() == names & EMPTY_NAMES


def test_every_module_says_what_it_is_for() -> None:
    """Every module of the package begins with a docstring."""
    modules = [
        path for path in (ROOT / "ccpush").rglob("*.py") if not path.name.endswith("_pb2.py")
    ]
    silent = [
        str(path.relative_to(ROOT))
        for path in modules
        if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]

    assert [] == silent


def test_nothing_names_the_machine_it_was_written_on() -> None:
    """No file holds the path of this checkout, of its environment or of this user's home."""
    home = pwd.getpwuid(os.getuid()).pw_dir.rstrip("/")
    environment = sys.prefix if sys.prefix != sys.base_prefix else ""
    here = [f"{folder}/" for folder in (str(ROOT), environment, home) if folder]
    for path in ours():
        text = path.read_bytes().decode("utf-8", "replace")
        assert [] == [folder for folder in here if folder in text], path
