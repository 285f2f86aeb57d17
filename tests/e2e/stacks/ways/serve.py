"""A service that answers every connection in one bad way: ``serve.py PORT WAY``. Standard library only."""

from __future__ import annotations

import gzip
import itertools
import os
import socketserver
import sys
import time
from collections.abc import Iterable, Iterator

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


def parts(way: str) -> Iterable[bytes]:
    ways: dict[str, Iterable[bytes]] = {
        "binary garbage": [os.urandom(4096)],
        "nothing at all": silence(),
        "a closed connection": [],
        "an invalid status line": [b"HTTP/1.1 abc OK\r\n\r\n"],
        "headers without end": itertools.chain([OK], itertools.repeat(b"X-More: more\r\n" * 1000)),
        "continue without end": itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
        "a body without end": itertools.chain([JSON + b"\r\n"], itertools.repeat(b'{"a": ' * 10_000)),
        "a body in drops": itertools.chain([JSON + b"\r\n"], drops(b"[")),
        "a body cut short": [JSON + b'Content-Length: 1000\r\n\r\n{"status": "ok"}'],
        "two lengths": [JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
        "chunks of garbage": [JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"],
        "a gzip bomb": whole(JSON + b"Content-Encoding: gzip\r\n", gzip.compress(bytes(64 * 1024 * 1024))),
        "10 MB in a header": [OK + b"X-Big: " + b"x" * 10_000_000 + b"\r\n" + BARE],
        "control characters": [OK + b"X-A: \x1b[2J\x00b\nX-C: d\r\n" + BARE],
        "text in no encoding": whole(JSON, b'{"status": "\xff\xfe\x1b[31mred"}'),
        "half a surrogate": whole(JSON, b'{"status": "\\ud800", "checks": {"\\udfff": {"status": "\\ud800"}}}'),
        "JSON nested deeply": whole(JSON, b"[" * 30_000 + b"]" * 30_000),
        "numbers beyond all": whole(JSON, b'{"status": ' + b"9" * 5000 + b', "timestamp": 1e999}'),
        "HTML called JSON": whole(JSON, b"<html><body>It works!</body></html>"),
        "a redirect elsewhere": [b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n" + BARE],
        "a redirect to itself": [b"HTTP/1.1 302 Found\r\nLocation: /\r\n" + BARE],
        "200 to everything": whole(JSON, b'{"status": "ok"}'),
        "500 to everything": [b"HTTP/1.1 500 Internal Server Error\r\n" + BARE],
        "429 to everything": [b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n" + BARE],
        "401 to everything": [b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n" + BARE],
    }
    return ways[way]


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
