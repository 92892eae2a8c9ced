"""However versions follow one another, a new family ends as if it had been seen from the start."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import homes
import laws
import next_version
import pytest
import small_steps
from homes import NOW_S
from hypothesis import given
from hypothesis import strategies as st

from ccpush.ledger import positions
from ccpush.ledger.intake import Intake
from ccpush.ledger.store import open_ledger

NAMES = ("a", "b", "c")
TIMES = st.integers(NOW_S - 2 * homes.DAY_S, NOW_S)
calls = st.sampled_from(["t1", "t2", "t3"]).map(lambda call: [homes.tool_use(call)])
rows = st.one_of(
    st.builds(
        homes.assistant,
        st.sampled_from(["m1", "m2", "m3"]),
        output=st.sampled_from([3, 8]),
        stop=st.sampled_from([None, "end_turn"]),
        blocks=st.one_of(st.just([homes.text()]), calls),
        at_s=TIMES,
    ),
    st.builds(homes.user, uuid=st.sampled_from(["u1", "u2", "u3"]), at_s=TIMES),
    # copies of a row are alike but for their session
    st.builds(homes.api_error, st.just(0), uuid=st.just("e1"), at_s=TIMES),
    st.builds(homes.api_error, st.just(1), uuid=st.just("e2"), at_s=TIMES),
)
writes = st.tuples(st.just("write"), st.sampled_from(NAMES), st.lists(rows, min_size=1, max_size=4))
copies = st.tuples(st.just("copy"), st.sampled_from(NAMES), st.sampled_from(NAMES))
passes = st.tuples(
    st.sampled_from(["pass", "upgraded pass"]), st.sampled_from([1, 3, 20_000]), st.integers(0, 4)
)


class CrashError(Exception):
    """The process ends here."""


def read(home: homes.Home, state_dir: Path, *, upgraded: bool, keys: int, chunks: int) -> None:
    """A pass that dies at a chunk, unless it has fewer."""
    left, save = [chunks], positions.save

    def dying(*arguments: Any) -> None:
        save(*arguments)
        left[0] -= 1
        if left[0] == 0:
            raise CrashError

    with pytest.MonkeyPatch.context() as patch:
        if upgraded:
            next_version.install(patch)
        patch.setattr(positions, "save", dying)
        with open_ledger(state_dir, write=True) as connection:
            intake = Intake(connection, [home.path], now=lambda: NOW_S, chunk_keys=keys)
            try:
                intake.run()
            except CrashError:
                assert not connection.in_transaction


def act(home: homes.Home, state_dir: Path, step: tuple[Any, ...]) -> None:
    """Do one of the things above."""
    what, one, other = step
    if what == "write":
        home.main(one).append(*other)
    elif what == "copy":
        path = home.main(one).path
        if path.exists() and one != other:
            found = map(json.loads, path.read_bytes().splitlines())
            home.main(other).append(*({**row, "sessionId": "fork"} for row in found))
    else:
        read(home, state_dir, upgraded=what == "upgraded pass", keys=one, chunks=other)


@given(steps=st.lists(st.one_of(writes, writes, copies, passes), max_size=12))
def test_any_order_of_versions_and_passes(steps: list[tuple[Any, ...]]) -> None:
    """Up, down and up again, with crashes: the ledger is what the newest alone would have made."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_steps.take_small_steps(patch, 512)
        home, states = homes.Home(Path(folder) / "home"), Path(folder)
        for step in steps:
            act(home, states / "lived", step)
        read(home, states / "lived", upgraded=True, keys=20_000, chunks=-1)
        read(home, states / "new", upgraded=True, keys=20_000, chunks=-1)
        lived, new = (homes.Reader(states / name, home) for name in ("lived", "new"))
        laws.hold(lived)
        found = [
            json.loads(line)
            for path in home.projects.rglob("*.jsonl")
            for line in path.read_bytes().splitlines()
        ]

        assert lived.by_a(next_version.NOVELTIES) == next_version.novelties(found)
        assert lived.account().totals == new.account().totals
        assert counted_keys(lived) == counted_keys(new)


def counted_keys(reader: homes.Reader) -> list[tuple[Any, ...]]:
    """The keys of what was counted once."""
    return laws.tables(reader)["counted"]
