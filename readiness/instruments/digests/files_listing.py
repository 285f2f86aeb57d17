"""The same list as ``files_listing.sh`` gives, for containers that have Python and no shell: ``python3 -c`` runs this text."""

import base64
import gzip
import hashlib
import io
import os
import stat
import sys

CHUNK_BYTES = 1 << 20
NO_FOLDER = 3
LOST_AND_FOUND = b"./lost+found"


def names(root: bytes, device: int) -> "list[bytes]":
    """Everything below a folder on the same device, the folder itself first."""
    found = [root]
    with os.scandir(root) as entries:
        for entry in entries:
            state = entry.stat(follow_symlinks=False)
            path = root + b"/" + entry.name
            if stat.S_ISSOCK(state.st_mode) or path == LOST_AND_FOUND:
                continue
            if stat.S_ISDIR(state.st_mode) and state.st_dev == device:
                found += names(path, device)
            else:
                found.append(path)
    return found


def described(path: bytes) -> bytes:
    """The lines of one file."""
    state = os.lstat(path)
    numbers = (
        f"S {state.st_mode:x} {state.st_uid} {state.st_gid} {state.st_size} {state.st_blocks} {int(state.st_mtime)} "
    )
    text = numbers.encode() + path + b"\n"
    if stat.S_ISLNK(state.st_mode):
        return text + b"L " + path + b"\t" + os.readlink(path) + b"\n"  # noqa: PTH115  # names are bytes
    if stat.S_ISREG(state.st_mode):
        content = hashlib.sha256()
        try:
            with open(path, "rb") as file:  # noqa: PTH123  # names are bytes
                while chunk := file.read(CHUNK_BYTES):
                    content.update(chunk)
        except OSError:
            return text
        text += content.hexdigest().encode() + b"  " + path + b"\n"
    return text


def main() -> None:
    """List the page that the arguments ask for."""
    try:
        os.chdir(sys.argv[1])
    except OSError:
        sys.exit(NO_FOLDER)
    first, count = int(sys.argv[2]), int(sys.argv[3])
    every = sorted(names(b".", os.lstat(b".").st_dev))
    whole = [name for name in every if b"\n" not in name]
    out = io.BytesIO()
    out.write(b"B\n")
    if first == 1:
        out.write(f"N {len(every) - len(whole)}\n".encode())
    for name in whole[first - 1 : first - 1 + count]:
        out.write(described(name))
    out.write(b"E\n")
    sys.stdout.write(base64.b64encode(gzip.compress(out.getvalue())).decode())


if __name__ == "__main__":
    main()
