"""ccpush as it was first released, run on a laptop of today: what it kept and what it sent.

    release = Imitated()                      # or Unpacked(tmp_path): its own code
    assert release.tick(laptop) == {"central": "delivered"}
    laptop.tick()                             # the upgrade's first

Between ticks the ledger is always one of the first release.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import homes
import old_ledger
import pytest
from slow_count import embedded

from ccpush import metrics, push
from ccpush.claude import facts as f
from ccpush.metrics import catalogue
from ccpush.metrics.catalogue import Metric

if TYPE_CHECKING:
    from laptops import Laptop

ROOT = Path(__file__).resolve().parents[1]
COMMIT = "b52dc8f"
# A metric without a past, which no generation tells.
LATER = "ccpush_label_values_folded_total"

# A laptop's tick in a process of its own; what it is told comes by its input.
TICK = """
import json, sys
from pathlib import Path
import msgspec
import ccpush
from laptops import Clock, Laptop, to
from ccpush.config.settings import HttpConfig, PushgatewayConfig
told = json.load(sys.stdin)
assert Path(ccpush.__file__).is_relative_to(told["code"] or "/"), ccpush.__file__
laptop = Laptop(Path(told["root"]), Clock(told["now_s"]))
laptop.remote_write = [
    msgspec.structs.replace(to(url, name), max_samples_per_send=size)
    for name, url, size in told["remote_write"]
]
laptop.pushgateway = [
    PushgatewayConfig(name, HttpConfig(url, timeout_s=10.0)) for name, url in told["pushgateway"]
]
print(json.dumps({name: result.outcome for name, result in laptop.tick().items()}))
"""


class Imitated:
    """The first release as far as today's code can be it: what came later is left out."""

    def __init__(self) -> None:
        self._rows: list[homes.Row] = []
        # what is first imported while something is left out would go without it for ever
        for package in (metrics, push):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                importlib.import_module(module.name)

    def tick(self, laptop: Laptop) -> dict[str, str]:
        """Collect and push once; the outcomes by the sinks' names."""
        with pytest.MonkeyPatch.context() as patch:
            for name, module in list(sys.modules.items()):
                for table in ("GRID", "CATALOGUE") if name.startswith("ccpush.") else ():
                    if hasattr(module, table):
                        known = tuple(filter(_was_there, getattr(catalogue, table)))
                        patch.setattr(module, table, known)
            results = laptop.tick()
        self._rows += rows_of(laptop.home)
        old_ledger.set_back(homes.Reader(laptop.root / "state", laptop.home), self._rows)
        return {name: result.outcome for name, result in results.items()}


class Unpacked:
    """The first release itself, unpacked below a folder; skips the test where git has it not."""

    def __init__(self, folder: Path) -> None:
        command = ["git", "archive", COMMIT, "ccpush", "tests"]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("git is not installed")
        if done.returncode:
            pytest.skip(f"the first release ({COMMIT}) is not in this clone")
        self.code = folder / "first-release"
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            # Python before 3.11.4 knows no filter, later ones complain of its absence
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(self.code, **safely)  # type: ignore[arg-type]

    def tick(self, laptop: Laptop) -> dict[str, str]:
        """Collect and push once; the outcomes by the sinks' names."""
        with ticking(laptop, self.code) as process:
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        outcomes: dict[str, str] = json.loads(said)
        return outcomes

    def command(self, *words: str) -> list[str]:
        """A command of it, for an environment with :meth:`variables`."""
        return [sys.executable, "-m", "ccpush", *words]

    def variables(self) -> dict[str, str]:
        """What lets Python find it before what is installed."""
        return {"PYTHONPATH": str(self.code), "PYTHONDONTWRITEBYTECODE": "1"}


Release = Imitated | Unpacked


def ticking(laptop: Laptop, code: Path | None = None) -> subprocess.Popen[str]:
    """A process that makes one tick of a laptop, by ``code`` or by what is installed."""
    tests = [code, code / "tests"] if code else [ROOT / "tests"]
    told: dict[str, Any] = {
        "code": str(code) if code else None,
        "root": str(laptop.root),
        "now_s": laptop.clock(),
        "remote_write": [(s.name, s.http.url, s.max_samples_per_send) for s in laptop.remote_write],
        "pushgateway": [(sink.name, sink.http.url) for sink in laptop.pushgateway],
    }
    process = subprocess.Popen(
        [sys.executable, "-c", TICK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=laptop.root,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(map(str, tests)), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told))
    process.stdin.flush()
    process.stdin.close()
    process.stdin = None
    return process


def rows_of(home: Path) -> list[homes.Row]:
    """All rows of a home's transcripts; a subagent's that its parent repeats stand alone."""
    found = []
    for path in sorted(home.glob("projects/**/*.jsonl")):
        if path.name != "journal.jsonl":
            found += [json.loads(line) for line in path.read_bytes().splitlines()]
    return [embedded(row) or row for row in found]


def _was_there(metric: Metric) -> bool:
    return metric.name != LATER and all(f.GENERATIONS[one] == 1 for one in metric.families)
