"""The server: this machine's own browser is its only client.

It listens on 127.0.0.1, and answers only requests that name this machine as their host: else a page
of another site could read the study through its own name that leads here (DNS rebinding).
"""

from __future__ import annotations

import dataclasses
import errno
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rich.console import Console

from matsweep.core.checks import UserError
from matsweep.reporting.view.pages import Pages

HOST = "127.0.0.1"
_OWN_NAMES = ("127.0.0.1", "localhost")
_HTML, _JSON, _TEXT = "text/html", "application/json", "text/plain"


def serve(pages: Pages, console: Console, *, port: int) -> None:
    """Serve the page of a study until Ctrl-C.

    Parameters
    ----------
    pages : Pages
    console : rich.console.Console
        For the address.
    port : int
        0: any free one.

    Raises
    ------
    UserError
        If the port is unavailable, or there is no page to serve.
    """
    pages.page()  # errors of the store or the objectives are reported here, not in a browser
    with server_of(pages, port) as server:
        address = f"http://{HOST}:{server.server_address[1]}/"
        console.print(f"{address} shows {pages.place}; Ctrl-C ends it", markup=False,
                      highlight=False, soft_wrap=True)  # fmt: skip
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("stopped")


def server_of(pages: Pages, port: int) -> ThreadingHTTPServer:
    """Open a server that listens; `serve_forever` makes it answer.

    Parameters
    ----------
    pages : Pages
    port : int
        0: any free one.

    Returns
    -------
    http.server.ThreadingHTTPServer

    Raises
    ------
    UserError
        If the port is occupied, or not open to this user.
    """

    class Handler(_Handler):
        """The handler of these pages."""

        shown = pages

    try:
        return _Server((HOST, port), Handler)
    except OSError as problem:
        reasons = {errno.EADDRINUSE: "in use", errno.EACCES: "not open to this user"}
        why = reasons.get(problem.errno or 0, str(problem.strerror or problem))
        raise UserError(
            f"port must be a free one, got {port}, which is {why}: give another, or port=0 for any"
        ) from None


class _Server(ThreadingHTTPServer):
    """HTTP server that ignores browsers that go away in the middle of a request."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors other than broken connections."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Handler of GET and HEAD requests for the page and ``state``."""

    shown: Pages
    server_version = "matsweep"
    sys_version = ""
    timeout = 30  # s, for a silent client

    def do_GET(self) -> None:
        """Answer with head and body."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer with the head only."""
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: every look of a page would be a line."""

    def _answer(self) -> None:
        if not self._meant():
            self._send(HTTPStatus.FORBIDDEN, _TEXT, "this server answers to localhost only\n")
            return
        path = self.path.partition("?")[0]
        try:
            if path == "/":
                self._send(HTTPStatus.OK, _HTML, self.shown.page())
            elif path == "/state":
                state = dataclasses.asdict(self.shown.state())
                self._send(HTTPStatus.OK, _JSON, json.dumps(state))
            else:
                self._send(HTTPStatus.NOT_FOUND, _TEXT, "there is / and /state\n")
        except UserError as problem:  # the store is gone or damaged; it may come back
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, f"{problem}\n")
        except Exception as problem:
            text = f"the page cannot be built: {type(problem).__name__}: {problem}\n"
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT, text)

    def _meant(self) -> bool:
        """Return whether a request names this machine as its host."""
        name, _, port = self.headers.get("Host", "").partition(":")
        return name.lower() in _OWN_NAMES and port in ("", str(self.connection.getsockname()[1]))

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode("utf-8", "replace")
        try:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("X-Frame-Options", "DENY")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the browser went away meanwhile
