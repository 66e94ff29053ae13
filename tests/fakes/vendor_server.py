"""A vendor on this machine: answers as scripted, faults included, and remembers what it was asked."""

import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer; bytes go out as they are, anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the first byte."""
    cut: int = 0
    """Bytes that are announced by Content-Length and never sent."""
    drip: float = 0.0
    """Seconds between two bytes of the body."""
    reset: bool = False
    """No answer: the connection is torn down."""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


type_of_answer = Reply | Callable[[Seen], Reply]
NOTHING_SCRIPTED = Reply({"message": "the test scripted no answer for this path"}, status=404)


class VendorServer:
    """`with VendorServer() as vendor: vendor.answers("/v1/news", Reply(...), Reply(...))`; the last one repeats."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._scripts: dict[str, tuple[type_of_answer, ...]] = {}
        self._turns: dict[str, Any] = {}
        self._lock = Lock()
        vendor = self

        class Handler(_Handler):
            def reply_to(self, request: Seen) -> Reply:
                return vendor._next(request)

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._server.server_close()

    def answers(self, path: str, *replies: type_of_answer) -> None:
        """From now on `path` answers with these in turn; a function is called with what arrived (`Seen`)."""
        with self._lock:
            self._scripts[path], self._turns[path] = replies, count()

    def paths(self) -> list[str]:
        return [request.path for request in self.seen]

    def _next(self, request: Seen) -> Reply:
        with self._lock:
            self.seen.append(request)
            script = self._scripts.get(request.path, (NOTHING_SCRIPTED,))
            turn = next(self._turns.get(request.path, count()))
        answer = script[min(turn, len(script) - 1)]
        return answer(request) if callable(answer) else answer


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a reply that still drips must not hold up the end of a test

    def handle_error(self, request, client_address):
        """Clients that hang up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply_to(self, request: Seen) -> Reply:
        raise NotImplementedError

    def answer(self):
        reply = self.reply_to(self._seen())
        time.sleep(reply.delay)
        if reply.reset:
            self._tear_down()
            return
        body = reply.content
        head = self._head(reply, len(body))
        if self.command == "HEAD":
            self.connection.sendall(head)
        elif reply.drip:
            self.connection.sendall(head)
            for byte in body[: len(body) - reply.cut]:
                self.connection.sendall(bytes([byte]))
                time.sleep(reply.drip)
        else:
            self.connection.sendall(head + body[: len(body) - reply.cut])  # one write: two would wait for Nagle
        if reply.cut:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815  http.server wants these names

    def _seen(self) -> Seen:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Seen(self.command, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)

    def _head(self, reply: Reply, length: int) -> bytes:
        headers = {"Content-Type": "application/json", "Content-Length": str(length), **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} scripted", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _tear_down(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_arguments):
        """Silent."""
