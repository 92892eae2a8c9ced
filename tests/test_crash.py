"""Unexpected exceptions: what happened and where, without a word of the data."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import msgspec
import pytest
import requests

from ccpush.crash import MAX_CAUSES, crash_values
from ccpush.errors import CcpushError

SECRET = "sentinel-of-a-conversation"


def caught(raise_it) -> BaseException:
    """The exception that this raises."""
    try:
        raise_it()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def decode_wrong_type():
    """Decode a string where a struct is expected."""
    msgspec.json.decode(json.dumps(SECRET), type=msgspec.defstruct("S", [("a", int)]) | None)


@pytest.mark.parametrize(
    "raise_it",
    [
        lambda: int(SECRET),
        lambda: {}[SECRET],
        lambda: f"{SECRET} ☃".encode("ascii"),
        lambda: (_ for _ in ()).throw(requests.ConnectionError(f"http://host/?token={SECRET}")),
        lambda: (_ for _ in ()).throw(Exception(SECRET)),
        decode_wrong_type,
    ],
)
def test_words_that_may_quote_data_are_not_told(raise_it):
    """Of exceptions that may quote what they stumbled over only type and place are told."""
    error = caught(raise_it)
    told = crash_values(error)
    assert told["error"] == type(error).__name__
    assert SECRET not in str(told)


@pytest.mark.parametrize(
    ("raise_it", "told"),
    [
        (
            lambda: Path("/nowhere/at/all").read_text(),
            "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'",
        ),
        (
            lambda: sqlite3.connect(":memory:").execute("SELECT * FROM t"),
            "OperationalError: no such table: t",
        ),
        (lambda: None.x, "AttributeError: 'NoneType' object has no attribute 'x'"),
        (
            lambda: (_ for _ in ()).throw(CcpushError("for people")),
            "CcpushError: for people",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_words_about_the_program_or_the_system_are_told(raise_it, told):
    """What cannot quote data is told in full, because it is what a person needs."""
    assert crash_values(caught(raise_it))["error"] == told


def test_the_call_path_leads_to_the_place():
    """The path has file, line and function of every step, outermost first."""

    def inner():
        raise ValueError(SECRET)

    def outer():
        inner()

    at = str(crash_values(caught(outer))["at"])
    steps = [step.split() for step in at.split(" > ")]
    assert [function for _, function in steps] == ["caught", "outer", "inner"]
    assert all(place.startswith("tests/test_crash.py:") for place, _ in steps)


def test_causes_are_told():
    """What an exception was caused by follows it, with its own place."""

    def cause():
        try:
            int(SECRET)
        except ValueError as error:
            raise OSError(5, "Input/output error") from error

    told = crash_values(caught(cause))
    assert told["error"] == "OSError: [Errno 5] Input/output error, caused by ValueError"
    assert str(told["at"]).count(", caused at tests/test_crash.py:") == 1


def test_a_chain_without_end_is_cut():
    """A chain of causes is followed only so far."""
    first = error = ValueError()
    for _ in range(20):
        error.__cause__ = ValueError()
        error = error.__cause__
    assert str(crash_values(first)["error"]).count("ValueError") == MAX_CAUSES
