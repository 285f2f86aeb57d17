"""Signing keys that everybody can know: those of tutorials, and those that the owner's own example files give away."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from readiness.instruments import forgery

if TYPE_CHECKING:
    from readiness.target import Target

__all__ = ["default_keys"]

#: Where examples of settings lie, in the owner's folder.
EXAMPLE_FILES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", "example.env")
MAX_FILE_BYTES = 256 * 1024
#: More tokens than this prove nothing that these do not.
MAX_DEFAULT_KEYS = 200
_KEY_NAME = re.compile(r"SECRET|KEY|TOKEN|JWT|SIGN", re.IGNORECASE)
#: As dotenv reads a line: in double quotes with escapes, in single ones without, both over several lines, or bare.
_ASSIGNED = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*"""
    r"""(?:"(?P<double>(?:[^"\\]|\\.){0,8192})"|'(?P<single>[^']{0,8192})'|(?P<bare>[^\r\n]*))""",
    re.MULTILINE | re.DOTALL,
)
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t"}
_DEFAULTED = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*):?-(?P<bare>[^}$]*)\}")


def default_keys(target: Target, *, in_force: bytes | None) -> tuple[dict[bytes, str], str]:
    """Keys that everybody can know -> where they are from; and which of them are left out, because this audit put them in force.

    Args:
        target: the declaration, with the folder in which example files lie.
        in_force: the declared signing key as the settings have it, if it is known.
    """
    texts = dict(_examples(target))
    number = len(texts)
    texts = {**dict.fromkeys(forgery.WELL_KNOWN_KEYS, "the list of well-known ones"), **texts}
    put = _put_by_us(target) & set(texts)
    if in_force is not None:
        put = {text for text in put if in_force.strip() in forgery.forms_of(text.encode())}
    origins = sorted({texts.pop(text) for text in put})
    left_out = ""
    if put:
        which = "the key in force is one" if in_force is not None else "the key in force may be one"
        left_out = f"{which} from {', '.join(origins)}, but the declaration of this audit put it there"
    elif number > MAX_DEFAULT_KEYS:
        left_out = f"the example files hold {number} keys, and {MAX_DEFAULT_KEYS} were tried"
    return dict(itertools.islice(_in_every_form(texts).items(), MAX_DEFAULT_KEYS)), left_out


def _examples(target: Target) -> Iterator[tuple[str, str]]:
    """Key -> the file that gives it away."""
    folder = Path(target.folder)
    for name in target.compose.files if target.compose else ():
        yield from ((text, f"the defaults in {name}") for text in _values(folder / name, _DEFAULTED))
    for name in EXAMPLE_FILES:
        yield from ((text, name) for pattern in (_DEFAULTED, _ASSIGNED) for text in _values(folder / name, pattern))


def _in_every_form(texts: Mapping[str, str]) -> dict[bytes, str]:
    """The words themselves before what they may encode, and the owner's own first: the list is cut at its end."""
    keys: dict[bytes, str] = {}
    for is_encoded in (False, True):
        for text, origin in reversed(list(texts.items())):
            form, *others = forgery.forms_of(text.encode())
            for each in others if is_encoded else [form]:
                keys.setdefault(each, origin)
    return keys


def _put_by_us(target: Target) -> set[str]:
    """Keys that are in force in the audited copy only because the declaration says so."""
    declared = (*target.environment.values(), *(process.env for process in target.processes.values()))
    put = {text for variables in declared for name, text in variables.items() if _KEY_NAME.search(name)}
    if target.compose is not None and target.compose.env_file:
        put |= set(_values(Path(target.folder) / target.compose.env_file, _ASSIGNED))
    return put


def _values(path: Path, pattern: re.Pattern[str]) -> Iterator[str]:
    """Values of variables that are named like a key."""
    if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        return
    for found in pattern.finditer(path.read_text(encoding="utf-8", errors="replace")):
        parts = found.groupdict()
        if parts.get("double") is not None:
            text = re.sub(r"\\.", lambda sign: _ESCAPES.get(sign[0], sign[0][1:]), parts["double"], flags=re.DOTALL)
        elif parts.get("single") is not None:
            text = parts["single"]
        else:
            # A comment begins with a hash behind a space; one inside a word belongs to the word.
            text = re.split(r"(?:^|\s)#", parts["bare"], maxsplit=1)[0].strip()
        if _KEY_NAME.search(parts["name"]) and text:
            yield text
