"""An object storage with faults: a proxy on this machine in front of a plain server."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[[int, str], str | None]
"""Number of a request and its method -> kind of the fault, or None.

refused: 503, nothing is done; lost: done, but answered by 500; reset: done, and the connection
closed; cut: half of the answer's body; slow: answered after a while; wrong: 403.
"""

_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


@contextmanager
def proxy(port: int, fault: Fault, wait: float = 0.3) -> Iterator[tuple[int, list[str]]]:
    """Serve the storage at a port with faults; yields the proxy's port and the faults so far."""
    told: list[str] = []
    counting = threading.Lock()
    count = [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def _serve(self) -> None:
            with counting:
                number = count[0]
                count[0] += 1
            kind = fault(number, self.command)
            if kind is not None:
                told.append(f"{number} {self.command} {kind}")
            body = self._body()
            if kind in ("refused", "wrong"):
                self._answer(503 if kind == "refused" else 403, [], b"<Error/>")
                return
            if kind == "slow":
                time.sleep(wait)
            status, headers, data = self._forwarded(port, body)
            if kind == "reset":
                self.close_connection = True
            elif kind == "lost":
                self._answer(500, [], b"<Error/>")
            else:
                self._answer(status, headers, data, cut=kind == "cut")

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _forwarded(self, port: int, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            there = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            there.request(self.command, self.path, body or None, kept)
            answer = there.getresponse()
            data = answer.read()
            head = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP]
            if self.command == "HEAD":
                head.append(("Content-Length", answer.getheader("Content-Length") or "0"))
            there.close()
            return answer.status, head, data

        def _answer(
            self, status: int, headers: list[tuple[str, str]], data: bytes, cut: bool = False
        ) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if self.command != "HEAD" and status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1], told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
