"""The mark outside the ledger: how far each receiver was offered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ccpush.push.remote_write.witness import Witness


def _files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_what_was_noted_is_read_by_the_next_process(tmp_path: Path) -> None:
    """The folder is made; nothing is left over from writing."""
    folder = tmp_path / "not" / "there"
    made = Witness(folder, "id", "laptop", "there")
    assert made.through() == -1
    made.note(29_000_000)
    made.note(29_000_001)

    assert Witness(folder, "id", "laptop", "there").through() == 29_000_001
    assert len(_files(folder)) == 1


def test_each_receiver_and_identity_has_a_mark_of_its_own(tmp_path: Path) -> None:
    """What one was offered says nothing of another."""
    Witness(tmp_path, "id", "laptop", "there").note(5)

    assert Witness(tmp_path, "id", "laptop", "elsewhere").through() == -1
    assert Witness(tmp_path, "id", "desktop", "there").through() == -1
    assert Witness(tmp_path, "other", "laptop", "there").through() == -1


def test_names_tell_nothing(tmp_path: Path) -> None:
    """Neither the instance nor the address can be read from a cache folder."""
    Witness(tmp_path, "id", "laptop", "there").note(5)
    (name,) = _files(tmp_path)

    assert name.startswith("offered-")
    assert not {"id", "laptop", "there"} & set(name.split("-"))


@pytest.mark.parametrize("content", [b"", b"soon", b"-5", b"\xff\xfe", b"9" * 400, "٣".encode()])
def test_a_damaged_mark_says_nothing(tmp_path: Path, content: bytes) -> None:
    """It is a second line of defence only."""
    made = Witness(tmp_path, "id")
    made.note(5)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)

    assert made.through() == -1


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_push(tmp_path: Path) -> None:
    """Nor one that is a file."""
    (tmp_path / "file").write_bytes(b"")
    made = Witness(tmp_path / "file" / "folder", "id")
    made.note(5)

    assert made.through() == -1


def test_the_same_step_is_written_once(tmp_path: Path) -> None:
    """Every push of one minute need not touch the disk; a mark taken away is known to be gone."""
    made = Witness(tmp_path, "id")
    made.note(5)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_ino
    made.note(5)

    assert path.stat().st_ino == before
    made.forget()
    assert made.through() == -1
    made.forget()
    made.note(5)
    assert made.through() == 5
