"""Signing keys that everybody can know: those of tutorials, and those that the owner's own example files give away."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
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
#: A default in a compose file, ``${NAME:-value}``.
_DEFAULTED = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*):?-(?P<value>[^}$]*)\}")


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
        yield from ((text, f"the defaults in {name}") for text in _keys_among(_defaults(folder / name)))
    for name in EXAMPLE_FILES:
        for pairs in (_defaults(folder / name), _assignments(folder / name)):
            yield from ((text, name) for text in _keys_among(pairs))


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
        put |= set(_keys_among(_assignments(Path(target.folder) / target.compose.env_file)))
    return put


def _keys_among(pairs: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Values of variables that are named like a key."""
    yield from (value for name, value in pairs if value and not value.isspace() and _KEY_NAME.search(name))


def _defaults(path: Path) -> list[tuple[str, str | None]]:
    return [(found["name"], found["value"]) for found in _DEFAULTED.finditer(_text(path))]


def _assignments(path: Path) -> list[tuple[str, str | None]]:
    """What a file of variables sets, as dotenv reads it."""
    from dotenv import dotenv_values  # noqa: PLC0415  # only who forges tokens pays for loading it

    return list(dotenv_values(stream=io.StringIO(_text(path)), interpolate=False).items())


def _text(path: Path) -> str:
    """The file, or nothing where it is none or is too large for one."""
    if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")
