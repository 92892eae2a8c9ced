"""A trivial receiver on loopback: takes any POST and says 204; prints its port first.

A process of its own, so that what it costs is not in any figure. Ends when its standard input does.
Queries find nothing, as at a receiver that is new. With a folder it keeps the bodies there.
"""

from __future__ import annotations

import itertools
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Receiver(BaseHTTPRequestHandler):
    """Reads the body and forgets it."""

    protocol_version = "HTTP/1.1"
    folder: Path | None = None
    number = itertools.count()

    def do_POST(self) -> None:
        """Take it."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        # a probe holds nothing
        if self.folder is not None and len(body) > 1:
            (self.folder / f"{next(self.number):06d}").write_bytes(body)
        self._say(204)

    def do_GET(self) -> None:
        """Nothing is known here."""
        self._say(200, b'{"status":"success","data":{"resultType":"vector","result":[]}}')

    def _say(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until standard input is closed."""
    if len(sys.argv) > 1:
        Receiver.folder = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
