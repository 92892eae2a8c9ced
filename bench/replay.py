"""Sends ready-made remote-write requests one after the other, as fast as the receiver answers.

Nothing is computed here, so this is the most that a sender of these requests can reach on that
receiver. Prints the seconds that it took.

    python bench/replay.py URL FOLDER
"""

from __future__ import annotations

import http.client
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "ccpush-bench",
}


def main() -> None:
    """Send every file of the folder, in the order of their names."""
    url = urlsplit(sys.argv[1])
    bodies = [path.read_bytes() for path in sorted(Path(sys.argv[2]).iterdir())]
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    began_s = time.perf_counter()
    for body in bodies:
        connection.request("POST", url.path, body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            sys.exit(f"the receiver answered {answer.status}")
    print(time.perf_counter() - began_s)


if __name__ == "__main__":
    main()
