"""The weights of a model that comes from a hub: fetched once, kept in a folder, never trusted unseen.

Whatever goes wrong on the way is said and tried again: a service that ends over it only begins at the start again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import structlog

from . import defects

__all__ = ["BYTES", "Weights"]

log = structlog.get_logger(__name__)

#: Four for each of 512 x 32 weights.
BYTES = 512 * 32 * 4
NAME = "weights.bin"
#: One try to fetch them.
TIMEOUT_SECONDS = 120.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 20.0


class UnusableError(Exception):
    """What came is not what the hub says it has; the message is for who operates the service."""


class Weights:
    """Weights of one hub, with a copy in a folder.

    Args:
        url: the hub's; it answers ``/weights.bin`` with the SHA-256 of the whole as its entity tag.
        folder: where the copy is kept; it is made.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._url = f"{url.rstrip('/')}/{NAME}"
        self._file = folder / NAME
        self._digest = folder / f"{NAME}.sha256"
        #: Why there are none yet, in words; empty while nothing has gone wrong.
        self.problem = ""

    async def get(self) -> bytes:
        """The weights, from the folder or from the hub; tried until they are there."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                found = await asyncio.to_thread(self._from_folder)
                if found is None:
                    found = await asyncio.to_thread(self._from_hub)
            # A header that is no number, and an address that is none, are ValueErrors.
            except (OSError, ValueError, http.client.HTTPException, UnusableError) as error:
                self.problem = _words_of(error)
                log.warning("no model yet", reason=self.problem, retry_in_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self.problem = ""
                return found

    def _from_folder(self) -> bytes | None:
        """The copy; None where there is none, or it is not whole any more: then it is forgotten."""
        try:
            found, expected = self._file.read_bytes(), self._digest.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        if hashlib.sha256(found).hexdigest() == expected:
            return found
        if defects.is_on("corrupt-model-loops"):
            os._exit(1)
        log.warning("the cached model is corrupt, and fetched again", bytes=len(found))
        self._file.unlink(missing_ok=True)
        return None

    def _from_hub(self) -> bytes:
        # Nobody's proxy: the hub is where its address says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self._url, timeout=TIMEOUT_SECONDS) as response:
            expected = response.headers.get("ETag", "").strip('"')
            announced = int(response.headers.get("Content-Length", BYTES))
            try:
                found: bytes = response.read(BYTES + 1)
            except http.client.IncompleteRead as cut:
                found = cut.partial
        if len(found) < announced:
            if defects.is_on("download-cut-kills"):
                os._exit(1)
            raise UnusableError(f"the download of the model was cut after {len(found)} of {announced} bytes")
        if len(found) != BYTES or hashlib.sha256(found).hexdigest() != expected:
            raise UnusableError("what the hub sent is not the model: its checksum or size is another one")
        self._keep(found, expected)
        return found

    def _keep(self, found: bytes, digest: str) -> None:
        """Under another name first, so that a copy that is there is whole."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._file.parent, prefix=f"{NAME}.", delete=False) as part:
                try:
                    part.write(found)
                    part.flush()
                    self._digest.write_text(digest, "ascii")
                    Path(part.name).replace(self._file)
                except OSError:
                    with contextlib.suppress(OSError):
                        Path(part.name).unlink()
                    raise
        except OSError as error:
            if defects.is_on("disk-full-kills"):
                os._exit(1)
            raise UnusableError(f"the model cannot be cached: {error.strerror}") from error


def _words_of(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the model hub answers {error.code}"
    if isinstance(error, urllib.error.URLError):
        return f"the model hub cannot be reached: {error.reason}"
    return str(error) or type(error).__name__
