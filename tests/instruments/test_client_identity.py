"""Who asks is said per request: what an answer sets is never sent along by itself."""

from __future__ import annotations

import http.server
import threading
from http import HTTPStatus

from readiness.instruments.client import HttpClient
from readiness.runtime import Endpoint
from readiness.target import Entry, Request

ENTRY = Entry(name="direct", service="web", port=8000)


class _Stack:
    def __init__(self, port: int) -> None:
        self._port = port

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self._port)


def test_a_cookie_of_one_answer_is_not_sent_with_the_next_request() -> None:
    seen: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Cookie"])
            self.send_response(HTTPStatus.NO_CONTENT)
            self.send_header("Set-Cookie", "sessionid=of-somebody; Path=/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not to the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        with HttpClient(_Stack(server.server_address[1])) as client:  # type: ignore[arg-type]
            client.send(ENTRY, Request(path="/"))
            client.send(ENTRY, Request(path="/"))
            client.send(ENTRY, Request(path="/"), headers={"Cookie": "sessionid=of-another"})
        server.shutdown()
    assert seen == [None, None, "sessionid=of-another"]
