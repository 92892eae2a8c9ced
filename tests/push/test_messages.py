"""The generated message classes load everywhere, and are what the sources beside them say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ccpush.push.remote_write import proto

FOLDER = Path(proto.__file__).parent
SOURCES = ["remote_write_v1.proto", "remote_write_v2.proto"]


@pytest.mark.parametrize("source", SOURCES)
def test_the_generated_code_loads_without_a_warning(source: str) -> None:
    """Each module loads on the installed protobuf with warnings as errors, the other beside it."""
    modules = [f"{proto.__name__}.{name.removesuffix('.proto')}_pb2" for name in (source, *SOURCES)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {', '.join(modules)}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("source", SOURCES)
def test_the_generated_code_is_up_to_date(source: str, tmp_path: Path) -> None:
    """The compiler makes of the source what is committed."""
    compiler = shutil.which("protoc")
    if compiler is None:
        pytest.skip("protoc is not installed (Debian package protobuf-compiler)")
    told = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    if not told.stdout.startswith("libprotoc 3.21."):
        pytest.skip(f"another protoc than 3.21 writes other code: {told.stdout.strip()}")
    outputs = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([compiler, f"--proto_path={FOLDER}", *outputs, source], check=True)

    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert len(made) == 2
    assert made == {name: (FOLDER / name).read_text(encoding="utf-8") for name in made}
