"""A service that answers every connection in one bad way: ``serve.py PORT WAY``. Standard library only."""

from __future__ import annotations

import functools
import gzip
import itertools
import os
import socketserver
import sys
import time
from collections.abc import Callable, Iterable, Iterator

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
JSON = OK + b"Content-Type: application/json\r\n"
BARE = b"Content-Length: 0\r\n\r\n"


def whole(head: bytes, body: bytes) -> list[bytes]:
    return [head + b"Content-Length: %d\r\n\r\n" % len(body) + body]


def drops(data: bytes) -> Iterator[bytes]:
    for byte in itertools.cycle(data):
        time.sleep(0.2)
        yield bytes([byte])


def silence() -> Iterator[bytes]:
    time.sleep(3600)
    yield b""


#: Way -> its parts, made when they are asked for: some are large.
WAYS: dict[str, Callable[[], Iterable[bytes]]] = {
    "binary garbage": lambda: [os.urandom(4096)],
    "nothing at all": silence,
    "a closed connection": list,
    "an invalid status line": lambda: [b"HTTP/1.1 abc OK\r\n\r\n"],
    "headers without end": lambda: itertools.chain([OK], itertools.repeat(b"X-More: more\r\n" * 1000)),
    "continue without end": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body without end": lambda: itertools.chain([JSON + b"\r\n"], itertools.repeat(b'{"a": ' * 10_000)),
    "a body in drops": lambda: itertools.chain([JSON + b"\r\n"], drops(b"[")),
    "a body cut short": lambda: [JSON + b'Content-Length: 1000\r\n\r\n{"status": "ok"}'],
    "two lengths": lambda: [JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
    "chunks of garbage": lambda: [JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"],
    "a gzip bomb": lambda: whole(JSON + b"Content-Encoding: gzip\r\n", gzip.compress(bytes(64 * 1024 * 1024))),
    "10 MB in a header": lambda: [OK + b"X-Big: " + b"x" * 10_000_000 + b"\r\n" + BARE],
    "control characters": lambda: [OK + b"X-A: \x1b[2J\x00b\nX-C: d\r\n" + BARE],
    "text in no encoding": lambda: whole(JSON, b'{"status": "\xff\xfe\x1b[31mred"}'),
    "half a surrogate": lambda: whole(JSON, b'{"status": "\\ud800", "checks": {"\\udfff": {"status": "\\ud800"}}}'),
    "JSON nested deeply": lambda: whole(JSON, b"[" * 30_000 + b"]" * 30_000),
    "numbers beyond all": lambda: whole(JSON, b'{"status": ' + b"9" * 5000 + b', "timestamp": 1e999}'),
    "HTML called JSON": lambda: whole(JSON, b"<html><body>It works!</body></html>"),
    "a redirect elsewhere": lambda: [b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n" + BARE],
    "a redirect to itself": lambda: [b"HTTP/1.1 302 Found\r\nLocation: /\r\n" + BARE],
    "200 to everything": lambda: whole(JSON, b'{"status": "ok"}'),
    "500 to everything": lambda: [b"HTTP/1.1 500 Internal Server Error\r\n" + BARE],
    "429 to everything": lambda: [b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n" + BARE],
    "401 to everything": lambda: [b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n" + BARE],
}
#: Of fixed parts, which are made once; the others are made anew for every connection.
FIXED = frozenset(WAYS) - {
    "headers without end",
    "continue without end",
    "a body without end",
    "a body in drops",
    "nothing at all",
}


@functools.cache
def fixed(way: str) -> list[bytes]:
    return list(WAYS[way]())


def parts(way: str) -> Iterable[bytes]:
    return fixed(way) if way in FIXED else WAYS[way]()


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        way = sys.argv[2]
        if way not in {"a closed connection", "binary garbage"}:
            self.request.recv(65536)
        try:
            for part in parts(way):
                self.request.sendall(part)
        except OSError:
            pass  # the caller has had enough


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        server.serve_forever()
