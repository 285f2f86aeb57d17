"""A small service of the standard library alone: it keeps records in a file, and ends as ``MODE`` says.

``python serve.py STATE PORT``. Modes: ``sound`` finishes what is open; ``deaf`` ignores its stop signal; ``cuts`` ends on
the spot; ``leaves`` ends by itself ``LEAVES_AFTER_SECONDS`` after its start. It listens on ``HOST``, else on loopback.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LEAVES_AFTER_SECONDS = float(os.environ.get("LEAVES_AFTER_SECONDS", "4"))


class Handler(BaseHTTPRequestHandler):
    """Answers about its state, creates and reads records."""

    records: Path
    lock = threading.Lock()

    def do_GET(self) -> None:  # the library's name
        if not self.path.startswith("/records/"):
            self.answer(200, {"status": "ok"})
            return
        found = json.loads(self.records.read_text()).get(self.path.rpartition("/")[2])
        self.answer(404 if found is None else 200, found or {"error": "not found"})

    def do_POST(self) -> None:  # the library's name
        record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            kept = json.loads(self.records.read_text())
            record["id"] = str(len(kept) + 1)
            kept[record["id"]] = record
            self.records.write_text(json.dumps(kept))
        self.answer(201, record)

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    mode = os.environ.get("MODE", "sound")
    Handler.records = Path(sys.argv[1]) / "records.json"
    if not Handler.records.exists():
        Handler.records.write_text("{}")
    server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(sys.argv[2])), Handler)
    server.daemon_threads = False
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif mode != "cuts":
        # The loop cannot be ended from inside of it.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    if mode == "leaves":
        leaving = threading.Timer(LEAVES_AFTER_SECONDS, os._exit, (3,))
        leaving.daemon = True  # nothing waits for it
        leaving.start()
    server.serve_forever()
    print("shutdown started", flush=True)
    server.server_close()  # waits for the threads
    # The last answer may still be on its way through an engine's proxy, which ends with its container.
    time.sleep(0.3)
    print("shutdown complete", flush=True)


if __name__ == "__main__":
    main()
