"""What holds for every test: an environment of nobody's, UTC, and how golden files are renewed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SCRUBBED = ("CCPUSH_", "CLAUDE_", "XDG_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")

# ci is what every run does; search is for an evening: HYPOTHESIS_PROFILE=search pytest ...
_SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile(
    "ci", max_examples=40, deadline=None, derandomize=True, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile(
    "search", max_examples=1500, deadline=None, suppress_health_check=_SLOW_IS_FINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden files be rewritten from what the code now says."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden/* instead of comparing"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten in this run."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's home with nothing in it; without HOME programs would find the real one."""
    return tmp_path_factory.mktemp("nobody")


# Uses no function-scoped fixture, so that hypothesis may run beneath it.
@pytest.fixture(autouse=True)
def clean_environment(empty_home: Path) -> Iterator[None]:
    """Hide this machine's settings, proxies, home and time zone; tests set what they need."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(SCRUBBED) or name.lower() in PROXIES:
                patch.delenv(name)
        patch.setenv("HOME", str(empty_home))
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
