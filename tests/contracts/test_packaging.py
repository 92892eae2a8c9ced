"""What is built holds what is needed, and what is tested is what is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest

import ccpush

ROOT = Path(__file__).resolve().parents[2]
# what one needs to test, to build and to read the documents, from the sdist alone
SDIST = (
    "pyproject.toml", "README.md", "README_zh.md", "CHANGELOG.md", "LICENSE", "Makefile", "start.sh",
    ".ci/run", ".ci/servers", "docs/architecture.md", "docs/generate.py", "docs/metrics_zh.toml",
    "prices/generate.py", "prometheus/prometheus.yml", "bench/run.py", "tests/conftest.py", "tests/contracts/test_packaging.py",
)  # fmt: skip


def build(kind: str, folder: Path) -> Path:
    """Build a wheel or an sdist from the checkout."""
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed (dependency group tests)")
    command = [
        sys.executable,
        "-Im",
        "hatchling",
        "build",
        "--target",
        kind,
        "--directory",
        str(folder),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of the checkout."""
    with zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel"))) as opened:
        yield opened


def test_the_wheel_is_the_package(wheel: zipfile.ZipFile) -> None:
    """Every file of the package is in the wheel, the types' marker and what is generated among them."""
    packed = {name for name in wheel.namelist() if name.startswith("ccpush/")}
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ccpush").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert here == packed
    generated = {
        "ccpush/push/remote_write/proto/remote_write_v1_pb2.py",
        "ccpush/prices/table.json",
    }
    assert {"ccpush/py.typed"} | generated <= packed


def test_the_wheel_says_who_it_is(wheel: zipfile.ZipFile) -> None:
    """Name, version, command and licence are in the wheel's own words."""
    folder = f"ccpush-{ccpush.__version__}.dist-info"
    told = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())

    assert ("ccpush", ccpush.__version__, ">=3.11") == (
        told["Name"],
        told["Version"],
        told["Requires-Python"],
    )
    assert "MIT" == told["License-Expression"]
    assert "ccpush = ccpush.cli:main" in wheel.read(f"{folder}/entry_points.txt").decode()
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    assert str(told.get_payload()).startswith("# ccpush")


def test_the_sdist_can_test_itself(tmp_path: Path) -> None:
    """The sdist holds the tests, the documents and everything that they read."""
    with tarfile.open(build("sdist", tmp_path)) as opened:
        packed = {name.partition("/")[2] for name in opened.getnames()}

    assert set() == set(SDIST) - packed


def test_there_is_one_version() -> None:
    """The package, its metadata and pyproject.toml agree on the version."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]

    assert {written} == {ccpush.__version__, distribution("ccpush").version}


def test_what_is_tested_is_what_is_installed() -> None:
    """The tests see the installed package, and would notice a file missing from it."""
    origin = json.loads(distribution("ccpush").read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        pytest.skip("ccpush is installed editable: here the checkout is what is installed")

    assert Path(ccpush.__file__).is_relative_to(sys.prefix)
