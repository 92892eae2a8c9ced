"""What libraries say: as lines of our log, in the daemon only, and never a URL."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest

from ccpush.log import configure
from ccpush.schedule.foreign_logs import foreign_logs


@pytest.fixture
def out() -> io.StringIO:
    """Where the log goes."""
    return io.StringIO()


def told(out: io.StringIO) -> list[tuple[str, ...]]:
    """Level, logger and message of each line."""
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {line["event"] for line in lines} <= {"library_message"}
    return [(line["level"], line["logger"], line["message"]) for line in lines]


def test_warnings_and_errors_become_lines(out):
    """From warning upwards, what a library logs is one line of ours with its logger's name."""
    with foreign_logs(configure("debug", "json", out)):
        logging.getLogger("some.package").info("left out")
        logging.getLogger("some.package").warning("%d of %s", 3, "these")
        logging.getLogger("other").critical("two\nlines")
    assert told(out) == [
        ("warning", "some.package", "3 of these"),
        ("error", "other", "two\nlines"),
    ]


def test_an_exception_is_told_without_its_data(out):
    """An exception that a library logs is told by type and place like our own."""
    with foreign_logs(configure("info", "json", out)):
        try:
            int("sentinel-of-a-conversation")
        except ValueError:
            logging.getLogger("lib").exception("it broke")
    line = json.loads(out.getvalue())
    assert (line["message"], line["error"]) == ("it broke", "ValueError")
    assert "test_foreign_logs.py" in line["at"]
    assert "sentinel" not in out.getvalue()


def test_urllib3_says_nothing(out):
    """Messages of urllib3 quote URLs, which may hold a token; none is told."""
    with foreign_logs(configure("debug", "json", out)):
        logging.getLogger("urllib3.connectionpool").warning("Retrying: /push?token=secret")
        logging.getLogger("urllib3").error("/push?token=secret")
        logging.getLogger("requests").error("/push?token=secret")
        logging.getLogger("apscheduler.scheduler").warning("Execution of job skipped")
        logging.getLogger("apscheduler.scheduler").error("Error submitting job")
    assert told(out) == [("error", "apscheduler.scheduler", "Error submitting job")]


def test_a_message_that_does_not_fit_its_arguments(out):
    """A library's own mistake in a message does not become ours."""
    with foreign_logs(configure("info", "json", out)):
        for message, given in (("%d of %d", 3), ("%d", "x")):
            logging.getLogger("lib").warning(message, given)
    assert told(out) == [("warning", "lib", "%d of %d"), ("warning", "lib", "%d")]


def test_python_warnings_become_lines(out, capfd):
    """Python's warnings are lines too, or they would break a log of JSON lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with foreign_logs(configure("info", "json", out)):
            warnings.warn("this will go away", DeprecationWarning, stacklevel=1)
    ((level, logger, message),) = told(out)
    assert (level, logger) == ("warning", "py.warnings")
    assert "DeprecationWarning: this will go away" in message
    assert capfd.readouterr() == ("", "")


def test_everything_is_put_back(out):
    """Afterwards handlers, levels and warnings are as they were."""
    names = (None, "urllib3", "requests", "apscheduler")

    def state():
        loggers = [logging.getLogger(name) for name in names]
        return [(list(logger.handlers), logger.level) for logger in loggers], warnings.showwarning

    def fail_within():
        with foreign_logs(configure("info", "json", out)):
            assert state() != before
            raise ZeroDivisionError

    before = state()
    with pytest.raises(ZeroDivisionError):
        fail_within()
    assert state() == before
