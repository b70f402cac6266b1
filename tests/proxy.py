"""A server in the middle: it passes HTTP on to another one, or makes trouble instead."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}
"""Headers that are not passed on."""


@dataclass(frozen=True)
class Trouble:
    """What happens to requests: a delay, and an answer that the server behind never gave."""

    status: int | None = None
    """That of the answer; None: the server's own answer."""
    body: str = ""
    delay: float = 0.0
    """Seconds before anything is done with a request."""
    served: bool = False
    """Whether the server behind gets the request all the same, and only its answer is lost."""
    requests: float = float("inf")
    """How many requests it happens to, one after the other."""
    first: str = ""
    """It begins with a request whose method and path match this pattern."""
    nth: int = 1
    """With which of those."""


@dataclass
class Proxy:
    """The server in the middle, at ``address``; troubles befall the requests to come."""

    server: str
    address: str = ""
    struck: int = 0
    """How many requests have had the latest trouble."""
    _trouble: Trouble | None = None
    _left: float = 0.0
    _passed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, trouble: Trouble) -> None:
        """Let the next requests have this trouble."""
        with self._lock:
            self._trouble, self._left, self._passed, self.struck = trouble, trouble.requests, 0, 0

    def heal(self) -> None:
        """Pass everything on from now."""
        self.make(Trouble(requests=0))

    def trouble_of(self, request: str) -> Trouble | None:
        """The trouble of a request, given its method and path, if it has any."""
        with self._lock:
            if not self._trouble or self._left <= 0:
                return None
            if self._passed < self._trouble.nth:
                self._passed += bool(re.search(self._trouble.first, request))
            if self._passed < self._trouble.nth:
                return None
            self._left -= 1
            self.struck += 1
            return self._trouble


@contextmanager
def proxy_of(server: str) -> Iterator[Proxy]:
    """A proxy of ``server`` (``host:port``) on a port of its own."""
    proxy = Proxy(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:  # the client has gone
                self.close_connection = True

        def answer(self) -> None:
            _answer(self, proxy)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = answer

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        proxy.address = f"127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown()


def _answer(request: BaseHTTPRequestHandler, proxy: Proxy) -> None:
    content = _content(request)
    trouble = proxy.trouble_of(f"{request.command} {request.path}")
    if trouble:
        time.sleep(trouble.delay)
    if trouble and trouble.status:
        if trouble.served:
            _ask(request, content, proxy.server)
        _say(request, trouble.status, {}, trouble.body.encode())
        return
    try:
        _say(request, *_ask(request, content, proxy.server))
    except HTTPException as error:
        _say(request, 502, {}, str(error).encode())


def _content(request: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in request.headers.get("Transfer-Encoding", ""):
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    content = b""
    while size := int(request.rfile.readline().partition(b";")[0], 16):
        content += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return content


def _ask(
    request: BaseHTTPRequestHandler, content: bytes, server: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer of the server behind."""
    connection = HTTPConnection(server, timeout=60)
    try:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in OF_ONE_CONNECTION | {"expect"}
        }
        connection.request(request.command, request.path, content, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def _say(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
) -> None:
    request.send_response_only(status)
    length = str(len(body))
    for name, value in headers.items():
        if name.lower() == "content-length" and request.command == "HEAD":
            length = value
        elif name.lower() not in OF_ONE_CONNECTION:
            request.send_header(name, value)
    request.send_header("Content-Length", length)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
