"""An S3 endpoint of ours, where the stack can reach it: moto's server, which keeps objects in memory and takes any key.

It is of this process and ends with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
import urllib.parse
from typing import TYPE_CHECKING, Self
from xml.etree import ElementTree as ET

import httpx

from readiness.exceptions import GatherError
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ObjectStore"]

MAX_OBJECTS = 1000
ASK_SECONDS = 30.0
_NAME = "{http://s3.amazonaws.com/doc/2006-03-01/}"
OK = 200
#: moto lets nobody read a private object, and everybody who says who they are.
_SOMEBODY = "AWS4-HMAC-SHA256 Credential=readiness/20250101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class ObjectStore:
    """A running endpoint with one empty bucket. A context manager that stops it.

    Args:
        host: address to listen on, which is also how the stack reaches it.
        bucket: that is made.

    Raises:
        Inconclusive: its package is not installed.
        OSError: the address cannot be listened on.
    """

    def __init__(self, host: str, *, bucket: str) -> None:
        try:
            from moto.server import ThreadedMotoServer  # noqa: PLC0415  # optional, and a second to import
        except ImportError as error:
            raise Inconclusive(
                f"an S3 endpoint of our own needs the package moto ({error})",
                supply="pip install 'pytest-readiness[s3]'",
            ) from error
        # moto's own thread would never come back from an address that is not there.
        socket.create_server((host, 0)).close()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.bucket = bucket
        self._server = ThreadedMotoServer(ip_address=host, port=0, verbose=False)
        self._server.start()
        self.host, self.port = host, int(self._server.get_host_and_port()[1])
        self._client = httpx.Client(
            base_url=self.url, timeout=ASK_SECONDS, trust_env=False, headers={"authorization": _SOMEBODY}
        )
        # What moto keeps belongs to the process, not to the server.
        self._ask("POST", "/moto-api/reset")
        self._ask("PUT", f"/{bucket}")

    def __enter__(self) -> Self:
        """Use as a context manager to stop it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.close()

    @property
    def url(self) -> str:
        """How the stack reaches it, without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    def objects(self) -> dict[str, str]:
        """Key of each object of the bucket -> MD5 of its content.

        Raises:
            GatherError: it does not answer as it should.
        """
        listing = ET.fromstring(self._ask("GET", f"/{self.bucket}?list-type=2&max-keys={MAX_OBJECTS}"))  # noqa: S314  # moto's own
        keys = [str(key.text) for key in listing.iter(f"{_NAME}Key")]
        return {key: self._sum(key) for key in keys}

    def close(self) -> None:
        """Stop listening; idempotent."""
        self._client.close()
        with contextlib.suppress(RuntimeError, OSError):
            self._server.stop()

    def _sum(self, key: str) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        with self._client.stream("GET", f"/{self.bucket}/{urllib.parse.quote(key)}") as answer:
            if answer.status_code != OK:
                raise GatherError(f"the object {key} cannot be read: {answer.status_code}")
            for part in answer.iter_bytes():
                digest.update(part)
        return digest.hexdigest()

    def _ask(self, method: str, path: str) -> str:
        try:
            answer = self._client.request(method, path)
        except httpx.HTTPError as error:
            raise GatherError(f"the S3 endpoint of ours does not answer: {error}") from error
        if answer.status_code != OK:
            raise GatherError(f"the S3 endpoint of ours answers {answer.status_code} to {method} {path}")
        return answer.text
