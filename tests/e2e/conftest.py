"""Central receivers that every laptop here pushes to, each under an instance of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import servers
from central import KEEP, WINDOW


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """A Prometheus that takes the past."""
    with servers.prometheus(WINDOW, tmp_path_factory.mktemp("central"), KEEP) as server:
        yield server


@pytest.fixture(scope="session")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """A VictoriaMetrics, which keeps even what comes twice."""
    with servers.victoria_metrics(tmp_path_factory.mktemp("central")) as server:
        yield server
