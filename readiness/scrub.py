"""Secrets leave the result model before any writer sees it: by value, in every spelling that stacks commonly echo.

What the suite knows to be secret (passwords, tokens and keys from the environment, compose files, logins and cookies)
is looked for in every string. A value too short or too common to be one cannot be searched for without shredding the
report (the password ``postgres`` is also an image, a user and a database), so it is blanked only where the text around
it says that it is a secret: in a URL's user part, or after ``password=`` and the like.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from readiness.check import Category, Impact, Stability
from readiness.verdict import Outcome, Severity

__all__ = ["REDACTED", "Scrubber", "secrets_of"]

T = TypeVar("T")

#: What stands in place of a secret.
REDACTED = "[redacted]"

#: Three characters occur by chance in any text; what they protect is open to guessing anyway.
_LEAST_LENGTH = 4

#: From here on a value is taken out even from the middle of a longer word.
_LONG = 8

#: The shortest piece of a secret that is recognised where evidence was cut off in the middle of it.
_LEAST_PIECE = 6

#: Values that people put where a secret belongs, and that every report is full of.
_PLACEHOLDERS = """
admin administrator auto changeme cache database default demo dev development disabled docker dummy enabled example
false guest health healthy host http https info local localhost minio mongo mysql none null password postgres postgresql
prod production public readiness redis root secret service services staging test testing token true unhealthy user
username worker
"""
_COMMON_WORDS = frozenset(_PLACEHOLDERS.split()) | frozenset(
    str(word) for kind in (Outcome, Severity, Impact, Category, Stability) for word in kind
)

_SECRET_NAME = re.compile(
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|dsn|salt|cookie|auth|key)s?(?:_?\d+)?$|password|passwd",
    re.IGNORECASE,
)
#: A name that ends so describes a secret without being one.
_ABOUT_SECRETS = re.compile(
    r"(?:file|path|dir|name|header|length|algorithm|expiry|minutes|hours|days|seconds|ttl|cost|rounds|method|type)$",
    re.IGNORECASE,
)
_USER_PART = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s/@:\"']*:)(?P<secret>[^\s/@\"']+)(?=@)", re.IGNORECASE)
_LABELLED = (
    r"(?P<before>(?:password|passwd|pwd|passphrase|secret|token|api_?key)[\"']?\s*[=:]\s*[\"']?)(?P<secret>{})(?![\w-])"
)
_FIELD_NAME = re.compile(r"[a-z_]+")


def secrets_of(environment: Mapping[str, str]) -> frozenset[str]:
    """The values of an environment that must reach no report: by the variable's name, or a URL's password."""
    found: set[str] = set()
    for name, value in environment.items():
        if not value:
            continue
        found |= {match["secret"] for match in _USER_PART.finditer(value)}
        is_place = value.startswith(("/", "./")) or ("://" in value and not _USER_PART.search(value))
        if _SECRET_NAME.search(name) and not _ABOUT_SECRETS.search(name) and not is_place:
            found.add(value)
    return frozenset(found)


class Scrubber:
    """Takes secrets out of texts and of anything made of dataclasses, dicts, lists, tuples and texts.

    Args:
        secrets: values in the clear, in any order; empty ones are ignored.
        public: words that are no secrets even where one of ``secrets`` is the same: names of services, of the target.
    """

    def __init__(self, secrets: Iterable[str], *, public: Iterable[str] = ()) -> None:
        known = _COMMON_WORDS | {word.casefold() for word in public}
        values = {piece for secret in secrets for piece in _pieces(secret)}
        weak = {value for value in values if len(value) < _LEAST_LENGTH or value.casefold() in known}
        self._strong = sorted(values - weak, key=lambda value: (-len(value), value))
        forms = {form for value in self._strong for form in _spellings(value)}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        labelled = "|".join(re.escape(value) for value in sorted(weak, key=len, reverse=True))
        self._weak = re.compile(_LABELLED.format(labelled), re.IGNORECASE) if weak else None

    def clean(self, value: T) -> T:
        """``value`` without secrets; numbers, enums and keys that are plain field names stay as they are."""
        return self._walk(value)  # type: ignore[no-any-return]  # the walk keeps the type of what it is given

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        present = [form for form in self._forms if form in text]
        if present:
            text = re.sub("|".join(map(_pattern, present)), REDACTED, text)
        for secret in self._strong:
            text = _without_cut_off(text, secret)
        text = _USER_PART.sub(_redact, text)
        return self._weak.sub(_redact, text) if self._weak else text

    def _walk(self, value: Any) -> Any:
        if type(value) is str:
            return self.text(value)
        if isinstance(value, dict):
            return {self._key(key): self._walk(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._walk(item) for item in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes = {f.name: self._walk(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
            return dataclasses.replace(value, **changes)
        return value

    def _key(self, key: Any) -> Any:
        return key if not isinstance(key, str) or _FIELD_NAME.fullmatch(key) else self.text(key)


def _pieces(secret: str) -> Iterator[str]:
    """The value, and the lines of one that has several: logs print a private key line by line."""
    value = secret.strip()
    if value:
        yield value
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= 2 * _LONG and not line.startswith("-----"))


def _spellings(secret: str) -> Iterator[str]:
    """The forms in which a value turns up in URLs, headers, JSON, HTML and logs."""
    raw = secret.encode("utf-8", "surrogateescape")
    yield secret
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(secret))[3:-3]
    yield html.escape(secret)
    yield repr(secret)[1:-1]
    if len(secret) < _LONG:
        return  # the base64 core of a short value is itself shorter than what may be searched for
    yield raw.hex()
    for shift in range(3):
        # Inside a longer text ("user:password") the value starts at any of three places of a base64 group; the
        # characters at its edges depend on its neighbours and are left out.
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        core = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (shift + len(raw)) % 3 else 0)].decode("ascii")
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _pattern(form: str) -> str:
    """A short word is only taken out where it stands alone: ``live`` as a password must not empty ``/health/live``."""
    if len(form) < _LONG and form.isalnum():
        return rf"(?<![\w./-]){re.escape(form)}(?![\w/-])"
    return re.escape(form)


def _without_cut_off(text: str, secret: str) -> str:
    """Without a piece of ``secret`` that bounded evidence left at its start or end."""
    least = max(_LEAST_PIECE, len(secret) // 2)
    bare = text.rstrip("….")
    if secret[:least] in bare[-len(secret) :]:
        for length in range(min(len(secret) - 1, len(bare)), least - 1, -1):
            if bare.endswith(secret[:length]):
                text = bare[:-length] + REDACTED + text[len(bare) :]
                break
    bare = text.lstrip("….")
    if secret[-least:] in bare[: len(secret)]:
        for length in range(min(len(secret) - 1, len(bare)), least - 1, -1):
            if bare.startswith(secret[-length:]):
                return text[: len(text) - len(bare)] + REDACTED + bare[length:]
    return text


def _redact(match: re.Match[str]) -> str:
    return f"{match['before']}{REDACTED}"
