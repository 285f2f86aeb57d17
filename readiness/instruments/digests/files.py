"""What a folder or volume holds: every file's path, type, mode, owner, size and content, and where links point to.

Read inside the container by a small shell script (GNU or busybox programs), else by Python, in pages. Not compared: when
files were changed, extended attributes, hard links, sockets. Files on other devices below the folder are not in it.
"""

from __future__ import annotations

import base64
import binascii
import re
import stat
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.digest import StoreDigest
from readiness.instruments.digests.kept import Kept
from readiness.instruments.digests.kept_side import KeptSide
from readiness.instruments.digests.side import Where
from readiness.instruments.digests.summing import HASH_METHOD
from readiness.instruments.stores import COMMAND_NOT_FOUND

__all__ = ["KIND", "FilesSide", "open_side"]

KIND = "files"
#: Packed, a file is some 70 characters of an answer, which may be one MiB; long names make the page shorter.
PAGE_FILES = 10_000
#: What a page may unpack to: names of 4 KiB are as long as they get.
PAGE_BYTES = 64 * 1024 * 1024
#: A page may hold files of gigabytes.
PAGE_SECONDS = 1800.0
MAX_UNREAD = 100
_COLUMNS = ("type", "mode", "owner", "size", "content", "target")
_FOLDER = Path(__file__).parent
_NO_FOLDER = 3
_STATE = re.compile(r"S ([0-9a-f]+) (\d+) (\d+) (\d+) (\d+) (-?\d+) (\..*)")
_CONTENT = re.compile(r"(\\?)([0-9a-f]{64}) [ *](\..*)")
_LINK = re.compile(r"L (\..*?)\t(.*)")
_TYPES = {
    stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "character device", stat.S_IFBLK: "block device",
}  # fmt: skip


def open_side(where: Where) -> FilesSide:
    """The folder ``where.name`` of a service."""
    return FilesSide(where)


class FilesSide(KeptSide):
    """A folder with everything in it (:class:`~readiness.instruments.digests.side.Side`)."""

    def __init__(self, where: Where) -> None:
        super().__init__(Kept(_COLUMNS))
        self._where = where
        self._unread: dict[str, str] = {}
        self._bytes = 0

    def digest(self) -> StoreDigest:
        """Everything in the folder. See :class:`~readiness.instruments.digests.side.Side`."""
        began = time.monotonic()
        try:
            self._read()
            tables = self.kept.digests("path")
        except ReadinessError as error:
            return StoreDigest(service=self._where.service, kind=KIND, name=self._where.name, problem=str(error)[:500])
        return StoreDigest(
            service=self._where.service,
            kind=KIND,
            name=self._where.name,
            method=HASH_METHOD,
            tables=tables,
            not_digested={"times, extended attributes and hard links": "they are not compared", **self._unread},
            size_bytes=self._bytes,
            seconds=round(time.monotonic() - began, 3),
        )

    def _read(self) -> None:
        table, first, count = "files", 1, PAGE_FILES
        self.kept.table(table)
        while True:
            lines = self._page(first, count)
            if lines is None:
                if count == 1:
                    raise GatherError(f"file {first} of {self._where.name} cannot be told in one answer")
                count = max(1, count // 4)
                continue
            files = list(_files(lines))
            for path, values, size in files:
                if values is None:
                    self._left_out(f"file {path}", "could not be read")
                else:
                    self.kept.add(table, path, [value.encode("utf-8", "surrogateescape") for value in values])
                self._bytes += size
            first += len(files)
            self._where.progress(f"digest of {self._where.service}: {first - 1} files of {self._where.name}")
            if len(files) < count:
                return

    def _page(self, first: int, count: int) -> list[str] | None:
        """The lines of one page; None where they are more than an answer holds."""
        words = [self._where.name, str(first), str(count)]
        script = (_FOLDER / "files_listing.sh").read_text(encoding="utf-8")
        python = (_FOLDER / "files_listing.py").read_text(encoding="utf-8")
        for command in (["sh", "-c", script, "sh", *words], ["python3", "-c", python, *words]):
            done = self._where.stack.execute(self._where.service, command, timeout_seconds=PAGE_SECONDS)
            if done.exit_code in COMMAND_NOT_FOUND:
                continue
            if done.exit_code != 0:
                why = "no folder" if done.exit_code == _NO_FOLDER else f"no list ({done.exit_code}) of"
                raise GatherError(f"{self._where.service} has {why} {self._where.name}: {done.output.strip()[-200:]}")
            lines = _unpacked(done.output)
            if lines and (told := re.fullmatch(r"N *([1-9]\d*)", lines[1] if len(lines) > 1 else "")):
                self._left_out("names with line breaks", f"could not be told: {told[1]} files have such names")
            return lines
        raise GatherError(
            f"{self._where.service} has neither sh with find, stat, xargs and sha256sum nor python3 to read its files with"
        )

    def _left_out(self, what: str, why: str) -> None:
        if len(self._unread) < MAX_UNREAD:
            self._unread[what] = why


def _unpacked(output: str) -> list[str] | None:
    """The lines of a page; None where it is not whole."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: as gzip packs
    try:
        data = unpacking.decompress(base64.b64decode("".join(output.split()), validate=True), PAGE_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        return None
    lines = data.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
    return lines if unpacking.eof and lines[0] == "B" and lines[-1] == "E" else None


def _files(lines: list[str]) -> Iterator[tuple[str, tuple[str, ...] | None, int]]:
    """Path, the values of its columns (None where its content is missing) and the bytes on disk of each file."""
    contents = {path: digest for path, digest in map(_content, lines) if path}
    links = {found[1]: found[2] for line in lines if (found := _LINK.fullmatch(line))}
    for line in lines:
        found = _STATE.fullmatch(line)
        if found is None:
            continue
        mode, path, size = int(found[1], 16), found[7], int(found[4])
        kind, is_file = _TYPES.get(stat.S_IFMT(mode), "unknown"), stat.S_ISREG(mode)
        shown = path[2:] or "."
        values = (
            kind,
            # A link's own mode says nothing, and differs between systems.
            "" if kind == "link" else f"{stat.S_IMODE(mode):o}",
            f"{found[2]}:{found[3]}",
            str(size) if is_file else "",
            contents.get(path, "") if is_file else "",
            links.get(path, ""),
        )
        yield shown, None if is_file and path not in contents else values, int(found[5]) * 512


def _content(line: str) -> tuple[str, str]:
    """Path and content of a line of sha256sum, which marks names that it writes with escapes."""
    found = _CONTENT.fullmatch(line)
    if found is None:
        return "", ""
    path = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), found[3]) if found[1] else found[3]
    return path, found[2]
