"""Which values of a label are kept does not depend on how the reading is cut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import homes
from homes import NOW_S, Row
from tool_rows import call, result

from ccpush.claude import facts as f

if TYPE_CHECKING:
    import pytest


def kept(
    tmp_path: Path, home: homes.Home, rows: list[Row], family: str, monkeypatch: pytest.MonkeyPatch
) -> list[dict[tuple[str, str], int]]:
    """What a family counts of the rows, read in one go and one by one."""
    home.main().write(*rows)
    found = []
    for piece in (False, True):
        reader = homes.Reader(tmp_path / f"state {piece}", home)
        if piece:
            homes.read_in_pieces(monkeypatch, 10)
        reader.run(**({"chunk_keys": 1} if piece else {}))
        totals = reader.account().totals
        found.append({(s.a, s.b): n for s, n in totals.items() if s.family == family and n})
    return found


def test_the_first_tools_keep_their_names(
    tmp_path: Path, home: homes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of sixty tools those that were called first have a series each, the rest is other."""
    rows = [call(f"t{n}", f"tool{n:02d}", at_s=NOW_S - 3000 + n) for n in range(60)]
    whole, pieces = kept(tmp_path, home, rows, f.TOOL_CALLS, monkeypatch)

    assert whole == {**{(f"tool{n:02d}", ""): 1 for n in range(39)}, ("other", ""): 21}
    assert pieces == whole


def test_series_of_the_rest_take_no_room(
    tmp_path: Path, home: homes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty series of errors by tool, beside those that hold the others, whenever these came."""
    rows: list[Row] = []
    for number in range(45):
        at_s = NOW_S - 3000 + number
        rows.append(call(f"t{number}", f"tool{number:02d}", at_s=at_s))
        rows.append(result(f"t{number}", "no", error=True, at_s=at_s))
    for number in range(3):
        at_s = NOW_S - 2000 + number
        rows.append(call(f"d{number}", f"tool{number:02d}", at_s=at_s))
        rows.append(result(f"d{number}", error=True, toolDenialKind="user-rejected", at_s=at_s))
    whole, pieces = kept(tmp_path, home, rows, f.TOOL_ERRORS, monkeypatch)

    assert whole == {
        **{(f"tool{n:02d}", "error"): 1 for n in range(39)},
        ("other", "error"): 6, ("tool00", "denied"): 1, ("other", "denied"): 2,
    }  # fmt: skip
    assert pieces == whole
