"""The programs that the owner's commands run: there, executable, without a syntax error, and named in a document."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from readiness.declared.backup import Backup
from readiness.facts.backup_upkeep import OwnerScript
from readiness.gather.backup_shelf import run_here
from readiness.runtime import Stack

__all__ = ["documents_naming", "owner_scripts", "script_of"]

SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh")
_INTERPRETERS = (*SHELLS, "python", "python3", "node", "perl", "ruby", "env")
MAX_DOCUMENTS, MAX_DOCUMENT_BYTES = 200, 1024 * 1024
ASK_SECONDS = 20.0
#: Prints path, whether it is executable, its first line, and what its shell says of its syntax. A file without its mode
#: bit is not found by ``command -v``, so the folders of PATH are looked through.
_LOOK = r"""
cd "$1" 2>/dev/null; word=$2 found=
case $word in
*/*) [ -e "$word" ] && found=$word;;
*) IFS=:; for folder in $PATH; do [ -e "$folder/$word" ] && { found=$folder/$word; break; }; done; unset IFS;;
esac
[ -n "$found" ] || exit 3
real=$(readlink -f "$found" 2>/dev/null || echo "$found")
echo "$real"
[ -x "$found" ] && echo yes || echo no
first=$(head -c 200 "$real" | head -n 1 | tr -d '\000')
case $first in '#!'*) echo "$first";; *) echo;; esac
shell=${3:-}
[ -n "$shell" ] || case $first in
'#!'*bash*) shell=bash;; '#!'*/sh|'#!'*/sh\ *|'#!'*dash*|'#!'*ash*|'#!'*'env sh'*) shell=sh;; esac
[ -z "$shell" ] || { command -v "$shell" >/dev/null && "$shell" -n "$real" 2>&1 | head -n 5; }
exit 0
"""


def owner_scripts(stack: Stack, backup: Backup, *, folder: Path) -> tuple[OwnerScript, ...]:
    """Every program of the declared commands, each once.

    Args:
        stack: a copy.
        backup: the declaration.
        folder: of the target: where documents are.

    Raises:
        StackError: the service cannot be asked.
    """
    commands: list[tuple[str, Sequence[str]]] = [("backup", backup.command)]
    commands += [("restore", backup.restore)] if backup.restore else []
    commands += [(f"restore of {service}", command) for service, command in backup.partial.items()]
    found: dict[str, OwnerScript] = {}
    for use, command in commands:
        word, shell = script_of(command)
        if word and word not in found:
            found[word] = _looked_at(stack, backup, folder, use=use, word=word, shell=shell)
    return tuple(found.values())


def script_of(command: Sequence[str]) -> tuple[str, str]:
    """The word of a command that is the owner's program, and the shell that it is given to, where it is."""
    words = list(command)
    shell = ""
    while words and PurePosixPath(words[0]).name in _INTERPRETERS:
        name = PurePosixPath(words.pop(0)).name
        shell = name if name in SHELLS else "none"
        if words[:1] == ["-c"] and len(words) > 1:
            return script_of(_first_command(words[1]))
        words = list(itertools.dropwhile(lambda word: word.startswith("-") or "=" in word, words))
    return (words[0] if words else "", shell)


def _first_command(line: str) -> list[str]:
    """The words of the first command of a shell line that is no ``cd`` or ``set``."""
    for part in line.replace("&&", ";").replace("||", ";").split(";"):
        words = [word for word in part.split() if "=" not in word.partition("/")[0]]
        if words and words[0] not in {"cd", "set", "export", "exec"}:
            return words
        if words[:1] == ["exec"]:
            return words[1:]
    return []


def _looked_at(stack: Stack, backup: Backup, folder: Path, *, use: str, word: str, shell: str) -> OwnerScript:
    asked = shell if shell in SHELLS else ""
    cwd = backup.cwd or ("." if backup.is_on_host else "/")
    look = ["sh", "-c", _LOOK, "sh", cwd, word, asked]
    if backup.is_on_host:
        done = run_here(look, folder=folder)
    else:
        done = stack.execute(backup.run, look, timeout_seconds=ASK_SECONDS)
    lines = done.output.splitlines()
    if done.exit_code != 0 or len(lines) < 3:  # noqa: PLR2004  # path, mode, first line
        return OwnerScript(use=use, word=word)
    path, mode, first = lines[:3]
    names = {PurePosixPath(word).name, PurePosixPath(path).name}
    by_shell = asked or next((name for name in SHELLS if first.startswith("#!") and name in first), "")
    return OwnerScript(
        use=use,
        word=word,
        path=path,
        # What is given to an interpreter needs no mode bit.
        is_executable=mode == "yes" or bool(shell),
        by_shell=by_shell,
        syntax="\n".join(lines[3:])[:500],
        documents=documents_naming(folder, names),
    )


def documents_naming(folder: Path, names: set[str]) -> tuple[str, ...]:
    """Documents of the owner's that name one of these files; nothing outside the folder is read."""
    found = []
    for path in itertools.islice(_documents(folder), MAX_DOCUMENTS):
        try:
            with path.open("rb") as file:
                text = file.read(MAX_DOCUMENT_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
        if any(name in text for name in names):
            found.append(path.relative_to(folder).as_posix())
    return tuple(found)


def _documents(folder: Path) -> Iterator[Path]:
    """Of the folder itself, and of its folders for documents and scripts."""
    for pattern in ("*", "*/*", "*/*/*"):
        for path in sorted(folder.glob(pattern)):
            is_document = path.suffix.lower() in {".md", ".rst", ".adoc"} or path.name.upper().startswith("README")
            if is_document and path.is_file() and not path.is_symlink() and "node_modules" not in path.parts:
                yield path
