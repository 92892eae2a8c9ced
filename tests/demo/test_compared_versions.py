"""What is compared in a benchmark: the version that was asked for, on a home of today's inventor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
NAMED = ("-c", "user.name=Robin", "-c", "user.email=robin@example.com", "-c", "commit.gpgsign=no")


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that unpacks versions; scripts of a benchmark import each other by name."""
    monkeypatch.syspath_prepend(BENCH)
    import versions

    return versions


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout whose package says 1 in its only commit and 2 as it lies there."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "checkout" / "ccpush" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("number = 1\n")
    for words in (["init", "-q"], ["add", "."], [*NAMED, "commit", "-q", "-m", "One"]):
        # a home of its own: nobody's hooks or settings
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        command = ["git", "-C", str(tmp_path / "checkout"), *words]
        subprocess.run(command, env=environment, check=True, timeout=30)
    package.write_text("number = 2\n")
    return tmp_path / "checkout"


def test_an_earlier_version_is_what_its_processes_import(
    versions: ModuleType, repository: Path, tmp_path: Path
) -> None:
    """A revision is unpacked as it was committed, and comes before the ccpush installed."""
    earlier = versions.unpack("HEAD", tmp_path, repository)

    assert "number = 1\n" == (earlier.root / "ccpush" / "__init__.py").read_text()
    versions.ask_where(earlier, os.environ)
    versions.ask_where(versions.PRESENT, os.environ)


def test_a_version_that_another_stands_in_for_is_not_measured(
    versions: ModuleType, tmp_path: Path
) -> None:
    """Where nothing was unpacked the installed ccpush would be imported: that is a failure."""
    with pytest.raises(versions.FailedRunError):
        versions.ask_where(versions.Version("empty", tmp_path), os.environ)


@pytest.mark.parametrize("revision", ["no-such-revision", "--help"])
def test_a_revision_that_is_not_there_is_said_and_left_out(
    versions: ModuleType,
    repository: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    revision: str,
) -> None:
    """A shallow clone or a slip in a name costs the comparison, not the benchmark."""
    assert versions.unpack(revision, tmp_path, repository) is None
    assert f"No comparison with {revision}" in capsys.readouterr().out


def test_a_folder_without_git_is_said_and_left_out(
    versions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an unpacked sdist everything but the comparison is measured."""
    assert versions.unpack("HEAD", tmp_path, tmp_path) is None
    assert "No comparison with HEAD" in capsys.readouterr().out


def test_a_home_is_used_again_until_its_inventor_changes(
    versions: ModuleType, tmp_path: Path
) -> None:
    """A home of another inventor would be compared with figures that were of this one's."""
    from setting import Bench

    bench = Bench(tmp_path, quick=True)
    _, made = bench.home("small", "200KB", 4)
    assert made == bench.home("small", "200KB", 4)[1]

    truth = tmp_path / "small-200KB-4" / "truth.json"
    truth.write_text(json.dumps({**made, "made_by": "another", "responses": -1}))
    _, again = bench.home("small", "200KB", 4)
    assert made["made_by"] == again["made_by"]
    assert again["responses"] > 0
