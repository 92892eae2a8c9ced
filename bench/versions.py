"""Which ccpush is measured: this checkout's, and an earlier one unpacked from git for comparison.

Both run by the same interpreter from their sources, and each is asked where it was imported from:
a comparison of a version with itself would look like a goal that is reached.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import FailedRunError

CHECKOUT = Path(__file__).resolve().parent.parent
# the last commit before cost and friction, whose price in speed is bounded
DEFAULT_BEFORE = "b52dc8f"


@dataclass(frozen=True, slots=True)
class Version:
    """A source tree of ccpush and what to call it."""

    name: str
    root: Path

    def environment(self, plain: Mapping[str, str]) -> dict[str, str]:
        """The one given, with this version before any that is installed."""
        return {**plain, "PYTHONPATH": str(self.root)}

    def check(self, imported_from: str) -> None:
        """Raise FailedRunError unless a ``ccpush.__file__`` is of this version."""
        if Path(imported_from).resolve().parent != (self.root / "ccpush").resolve():
            raise FailedRunError(f"{self.name} should be in {self.root}, ran from {imported_from}")


PRESENT = Version("this checkout", CHECKOUT)


def ask_where(version: Version, plain: Mapping[str, str]) -> None:
    """Raise FailedRunError unless ``python -P -m ccpush`` would run this very version."""
    command = [sys.executable, "-P", "-c", "import ccpush; print(ccpush.__file__)"]
    told = subprocess.run(
        command, env=version.environment(plain), capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise FailedRunError(f"{version.name} cannot be imported:\n{told.stderr.strip()}")
    version.check(told.stdout.strip())


def unpack(revision: str, folder: Path, checkout: Path = CHECKOUT) -> Version | None:
    """The ccpush of a git revision, in ``folder/before``; None, and why, when there is none."""
    try:
        commit = _git(checkout, "rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
        archive = _git(checkout, "archive", "--format=zip", commit, "ccpush")
    except FileNotFoundError:
        print(f"\nNo comparison with {revision}: git is not installed")
        return None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        print(f"\nNo comparison with {revision}: it is not in {checkout}, git says: {said}")
        print("  (in a shallow clone, git fetch --unshallow brings it)")
        return None
    root = folder / "before"
    shutil.rmtree(root, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(root)
    return Version(revision, root)


def _git(checkout: Path, *words: str) -> bytes:
    # what a hook or a caller has set would lead git to another repository
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(checkout), *words]
    return subprocess.run(command, env=plain, capture_output=True, check=True).stdout
