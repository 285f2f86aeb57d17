"""The files of a backup set, read through: by the program that belongs to them where the owner's backup has it, else here.

They are read in pieces, never unpacked to disk, and up to a bound: an archive may claim to hold any amount.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import re
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.backup_drill import Artifact

__all__ = ["MAX_ARTIFACTS", "artifacts_of"]

MAX_ARTIFACTS = 200
PIECE_BYTES = 1024 * 1024
#: Of one file, unpacked; what comes after is not looked at.
MAX_BYTES = 64 * 1024**3
MAX_SECONDS = 300.0
MAX_MEMBERS = 1_000_000
#: A list of checksums is a text of some lines.
MAX_LIST_BYTES = 4 * 1024 * 1024
_PROGRAM_SECONDS = 300.0
_NOT_THERE = frozenset({126, 127})
_TAR_AT, _TAR = 257, b"ustar"
#: First bytes -> what such a file is (file formats' own documents; PostgreSQL and Redis sources).
_MAGIC = {
    b"PGDMP": "pg_dump", b"REDIS": "rdb", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"SQLite format 3\x00": "sqlite",
}  # fmt: skip
#: Kind -> the program that reads it through, before the file's name.
_PROGRAMS = {"pg_dump": ("pg_restore", "--list"), "rdb": ("redis-check-rdb",), "zstd": ("zstd", "-t", "-q")}
#: A program that is older than the one that wrote the file says nothing about the file.
_OTHER_VERSION = re.compile(r"unsupported version|can't handle RDB format version", re.IGNORECASE)
_CHECKSUM = re.compile(rb"\\?([0-9a-fA-F]{32,128}) [ *](.+?)\r?")
_HASHES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
#: How texts begin that say at their end that they are whole.
_WHOLE = {
    b"-- PostgreSQL database dump\n": b"PostgreSQL database dump complete",
    b"-- PostgreSQL database cluster dump\n": b"PostgreSQL database cluster dump complete",
    b"-- MySQL dump": b"Dump completed",
    b"-- MariaDB dump": b"Dump completed",
}
_TAIL_BYTES = 4096
#: Files without content that say something by being there.
_SIGNS = re.compile(r"(^|/)(\.[^/]*|_?(success|complete|completed|done|ok|latest|lock)(\.[a-z]+)?)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What reading found."""

    kind: str
    by: str = ""
    problem: str = ""


class _TooMuch(Exception):  # noqa: N818  # ends the reading, is no error
    """The bound is reached; nothing was wrong until then."""


def artifacts_of(
    folder: Path, files: Sequence[SetFile], run: Callable[[Sequence[str], float], CommandRun], directory: str
) -> tuple[Artifact, ...]:
    """Every file of a set.

    Args:
        folder: a copy of the directory of the sets.
        files: of the set.
        run: runs a program where the owner's backup runs, with so many seconds at most.
        directory: of the sets there.
    """
    return tuple(_artifact(folder, file, run, directory) for file in files[:MAX_ARTIFACTS])


def _artifact(
    folder: Path, file: SetFile, run: Callable[[Sequence[str], float], CommandRun], directory: str
) -> Artifact:
    place = folder / PurePosixPath(file.path)
    try:
        read = _read(place, folder)
    except _TooMuch:
        read = _Read(kind=_kind(place), by="its beginning alone: it is too long to be read through")
    except OSError as error:
        read = _Read(kind="unknown", problem=f"cannot be read: {error.strerror or error}"[:200])
    if read.kind == "empty" and _SIGNS.search(file.path):
        read = _Read(kind="text", by="its name")
    program = _PROGRAMS.get(read.kind)
    if program and not read.problem:
        done = run([*program, f"{directory.rstrip('/')}/{file.path}"], _PROGRAM_SECONDS)
        if not done.problem and done.exit_code not in _NOT_THERE:
            said = " ".join(done.lines[-2:])[:200]
            if done.exit_code == 0:
                read = _Read(kind=read.kind, by=" ".join(program))
            elif not _OTHER_VERSION.search(said):
                read = _Read(kind=read.kind, by=program[0], problem=f"{program[0]} ends with {done.exit_code}: {said}")
    return Artifact(path=file.path, kind=read.kind, size_bytes=file.size_bytes, by=read.by, problem=read.problem)


def _kind(place: Path) -> str:
    with place.open("rb") as file:
        return _magic(file.read(_TAR_AT + len(_TAR)))


def _magic(head: bytes) -> str:
    if not head:
        return "empty"
    known = next((kind for begin, kind in _MAGIC.items() if head.startswith(begin)), "")
    if known:
        return known
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "tar"
    return "unknown" if b"\0" in head else "text"


def _read(place: Path, folder: Path) -> _Read:  # noqa: PLR0911  # a flat table of kinds
    if place.is_symlink() or not place.is_file():
        return _Read(kind="unknown", by="")
    kind = _kind(place)
    match kind:
        case "empty":
            return _Read(kind=kind, problem="is empty")
        case "gzip" | "bzip2" | "xz":
            return _packed(place, kind)
        case "tar":
            return _Read(kind=kind, by="tar, listed", problem=_tar(place))
        case "zip":
            return _Read(kind=kind, by="zip, tested", problem=_zip(place))
        case "rdb":
            return _Read(kind=kind, by="its first and last bytes", problem=_rdb(place))
        case "text":
            return _text(place, folder)
        case _:
            return _Read(kind=kind, by="its first bytes")


def _packed(place: Path, kind: str) -> _Read:
    """A packed file, unpacked to its end; what is in it is looked at as well."""
    head, tail, total = b"", b"", 0
    try:
        for piece in _bounded(_unpacked(place, kind)):
            if len(head) < _TAR_AT + len(_TAR):
                head += piece[: _TAR_AT + len(_TAR)]
            tail = (tail + piece)[-_TAIL_BYTES:]
            total += len(piece)
    except (zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        return _Read(kind=kind, by=f"{kind}, unpacked", problem=f"cannot be unpacked to its end: {error}"[:200])
    inside = _magic(head)
    if not total:
        return _Read(kind=kind, by=f"{kind}, unpacked", problem="is empty once unpacked")
    if inside == "tar":
        return _Read(kind=kind, by=f"{kind} and tar, listed", problem=_tar(place))
    problem = _unfinished(head, tail) if inside == "text" else ""
    return _Read(kind=kind, by=f"{kind}, unpacked", problem=problem)


def _unpacked(place: Path, kind: str) -> Iterator[bytes]:
    with place.open("rb") as file:
        if kind != "gzip":
            with bz2.open(file) if kind == "bzip2" else lzma.open(file) as opened:
                while piece := opened.read(PIECE_BYTES):
                    yield piece
            return
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: as gzip packs
        while packed := file.read(PIECE_BYTES):
            while packed:
                if unpacking.eof:
                    # One archive behind the other is one archive; what is no archive is filling.
                    if not packed.startswith(b"\x1f\x8b"):
                        return
                    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
                yield unpacking.decompress(packed, PIECE_BYTES)
                packed = unpacking.unconsumed_tail or unpacking.unused_data
        if not unpacking.eof:
            raise EOFError("it ends too early")


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    total, deadline = 0, time.monotonic() + MAX_SECONDS
    for piece in pieces:
        total += len(piece)
        if total > MAX_BYTES or time.monotonic() > deadline:
            raise _TooMuch
        yield piece


def _tar(place: Path) -> str:
    # An archive of an empty folder holds nothing, and is whole.
    count, deadline, total = 0, time.monotonic() + MAX_SECONDS, 0
    try:
        with tarfile.open(place, "r|*") as archive:
            for member in archive:
                count, total = count + 1, total + member.size
                if count > MAX_MEMBERS or total > MAX_BYTES or time.monotonic() > deadline:
                    raise _TooMuch
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError) as error:
        return f"cannot be listed to its end: {error}"[:200]
    return ""


def _zip(place: Path) -> str:
    try:
        with zipfile.ZipFile(place) as archive:
            if sum(each.file_size for each in archive.infolist()) > MAX_BYTES:
                raise _TooMuch
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
        # RuntimeError: it is encrypted, which is no damage.
        return "" if isinstance(error, RuntimeError | NotImplementedError) else f"cannot be read: {error}"[:200]
    return f"{damaged[:100]} in it is damaged" if damaged else ""


def _rdb(place: Path) -> str:
    """Redis ends a snapshot by one byte and a checksum of eight (redis/src/rdb.h, RDB_OPCODE_EOF)."""
    with place.open("rb") as file:
        head = file.read(9)
        size = file.seek(0, 2)
        file.seek(max(0, size - 9))
        end = file.read(1)
    if not re.fullmatch(rb"REDIS\d{4}", head):
        return "does not begin as a snapshot of Redis does"
    return "" if end == b"\xff" and size > len(head) + 8 else "does not end as a snapshot of Redis does: it is cut off"


def _text(place: Path, folder: Path) -> _Read:
    size = place.stat().st_size
    with place.open("rb") as file:
        head = file.read(_TAIL_BYTES)
        if size <= MAX_LIST_BYTES and _CHECKSUM.fullmatch(head.split(b"\n", 1)[0]):
            return _Read(kind="checksums", by="its sums, made again", problem=_sums(place, folder))
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read(_TAIL_BYTES)
    return _Read(kind="text", by="its first and last lines", problem=_unfinished(head, tail))


def _unfinished(head: bytes, tail: bytes) -> str:
    """Why a dump as text is not whole; those of the usual programs say so at their end."""
    begin = head.lstrip(b"-\r\n \xef\xbb\xbf")
    for words, end in _WHOLE.items():
        if begin.startswith(words.lstrip(b"- ").rstrip(b"\n")) and end not in tail:
            return f"does not end with {end.decode()!r}: it is cut off"
    return ""


def _sums(place: Path, folder: Path) -> str:
    wrong, root = [], folder.resolve()
    for line in place.read_bytes().split(b"\n"):
        found = _CHECKSUM.fullmatch(line)
        name = _HASHES.get(len(found[1])) if found else None
        if found is None or name is None:
            continue
        path = found[2].decode("utf-8", "surrogateescape")
        named = (place.parent / path).resolve()
        if not named.is_relative_to(root):
            named = place.parent / PurePosixPath(path).name  # by its path where it was made
        shown = path.encode("utf-8", "backslashreplace").decode()[:100]
        if named.is_symlink() or not named.is_file():
            wrong.append(f"{shown} is missing")
        elif _hash(named, name) != found[1].decode().lower():
            wrong.append(f"{shown} has another sum")
    return "; ".join(wrong[:5])


def _hash(place: Path, name: str) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    with place.open("rb") as file:
        for piece in _bounded(iter(lambda: file.read(PIECE_BYTES), b"")):
            digest.update(piece)
    return digest.hexdigest()
