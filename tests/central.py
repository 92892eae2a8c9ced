"""What has a real receiver of a laptop? Every sample of it, and what is odd about them."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Final

from servers import Server, wait_until

DAY_S: Final = 86_400
HOUR_S: Final = 3600
# The newest noon (UTC) that is over, so that no sample lies in a real server's future.
NOON_S: Final = int(time.time() - DAY_S // 2) // DAY_S * DAY_S + DAY_S // 2
TOKENS: Final = "claude_code_token_usage_tokens_total"
# A Prometheus that takes what laptops make up, and keeps it.
WINDOW: Final = "storage: {tsdb: {out_of_order_time_window: 31d}}\n"
KEEP: Final = ("--storage.tsdb.retention.time=10y",)
# The coarsest grid; nothing may lie further apart.
WIDEST_S: Final = 240

Points = list[tuple[float, float]]


def output(server: Server, instance: str, at_s: float, span: str = "40d") -> Points:
    """Every sample of the output tokens of all models together, of a time before ``at_s``."""
    total: dict[float, float] = {}
    for points in series(server, f'{TOKENS}{{instance="{instance}",type="output"}}', at_s, span):
        for ts_s, value in points:
            total[ts_s] = total.get(ts_s, 0.0) + value
    return sorted(total.items())


def series(server: Server, selector: str, at_s: float, span: str = "40d") -> list[Points]:
    """Every sample of some series; none of them may have a moment twice."""
    settle(server)
    found = []
    for one in server.query(f"{selector}[{span}]", at_s):
        points = [(float(ts_s), float(value)) for ts_s, value in one["values"]]
        assert len({ts_s for ts_s, _ in points}) == len(points), f"twice: {one['metric']}"
        found.append(points)
    return found


def settle(server: Server) -> None:
    """Wait until a server shows all that it has taken: a VictoriaMetrics may need a second."""
    if server.before_query is None:
        return

    def shows_all() -> bool:
        server.get(str(server.before_query))
        rows = dict.fromkeys(("added", "ignored", "shown"), 0.0)
        names = {"vm_rows_added_to_storage_total": "added", 'vm_rows{type="storage': "shown"}
        names["vm_rows_ignored_total"] = "ignored"
        for line in server.get("/metrics").splitlines():
            for name, what in names.items():
                if line.startswith(name):
                    rows[what] += float(line.rpartition(" ")[2])
        return rows["added"] - rows["ignored"] == rows["shown"]

    wait_until(shows_all, 10.0, "everything that was taken is shown")


def gaps(points: Points) -> list[tuple[float, float]]:
    """Where a series has nothing for longer than its grid allows: from, to."""
    return [(a, b) for (a, _), (b, _) in pairwise(points) if b - a > WIDEST_S]


def falls(points: Points) -> list[tuple[float, float]]:
    """Where a counter falls: from, to."""
    return [(a, b) for (_, a), (_, b) in pairwise(points) if b < a]


def grown(points: Points) -> float:
    """By how much a counter grew in all, as PromQL sees it: when it falls, it began anew."""
    return sum(b - a if b >= a else b for (_, a), (_, b) in pairwise(points))
