"""Origins as text: look-alikes of an allowed one, placeholders, and lists of origins in variables. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from readiness.facts.cors import OriginKind, OriginSettings

__all__ = [
    "DEVELOPER",
    "INVENTED",
    "OTHER_DEVELOPER",
    "PLACEHOLDERS",
    "STRANGER",
    "as_sent",
    "is_list_name",
    "look_alikes",
    "pattern_in",
    "settings_of",
    "unreal",
    "written",
]

#: Nobody's (RFC 2606, 2).
STRANGER = "https://readiness-audit.invalid"
INVENTED = ("https://first.readiness-audit.test", "https://second.readiness-audit.test")
#: Where development servers of front ends listen.
DEVELOPER = ("http://localhost:3000", "http://localhost:8000", "http://localhost:5173")
#: Others of them, for which the running system is not asked: each costs it a few requests more.
OTHER_DEVELOPER = ("http://localhost:4200", "http://localhost:8080", "http://localhost", "http://127.0.0.1:3000")
#: As guides and templates write them; example.com is RFC 2606's (claims ledger, cors.production_origins_real).
PLACEHOLDERS = (
    "https://yourdomain.com",
    "https://app.yourdomain.com",
    "https://example.com",
    "https://app.example.com",
)
#: Names that stand for a name.
_PLACEHOLDER_NAME = re.compile(
    r"(?:^|\.)(?:example\.(?:com|net|org)|example|(?:your|my)[-_]?(?:app|company|domain|frontend|host|site)\.[a-z]+|"
    r"domain\.(?:com|tld)|changeme(?:\.[a-z]+)?|invalid|test)$"
)
#: A variable of this name holds the list: CORS_ORIGINS, CORS_ALLOWED_ORIGINS, ALLOWED_ORIGINS, CORS_ALLOW_ORIGIN.
_LIST_NAME = re.compile(r"CORS\w*ORIGIN|ORIGIN\w*CORS|ALLOW(?:ED)?_?ORIGINS?", re.IGNORECASE)
#: Other lists of origins: whose forms are taken (CSRF), who may log in by a key (WebAuthn's relying party), who may open
#: a socket; and settings beside the list.
_OTHER_NAME = re.compile(
    r"CSRF|TRUSTED|WEBAUTHN|PASSKEY|(?:^|_)RP_|SOCKET|CABLE|(?:^|_)WS_|ALL_ORIGINS|ALLOW_ALL|CREDENTIALS", re.IGNORECASE
)
_PATTERN_NAME = re.compile(r"REGEX|PATTERN", re.IGNORECASE)
#: In no origin (RFC 6454, 6.2), and in every notation for many of them; ``$`` also begins a variable left unfilled.
_PATTERN = re.compile(r"[*\\()|^$+?{}]")
#: Browsers leave them out (RFC 6454, 6.2).
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s,\"'\[\]]+$")
OTHER_PORT = 8444
#: More origins than these in one list prove nothing more.
MAX_ORIGINS = 50


def look_alikes(origin: str) -> Iterator[tuple[OriginKind, str]]:
    """Origins that sloppy comparison takes for ``origin``: by prefix, by suffix, by pattern, without scheme or port."""
    parts = urlsplit(origin)
    host, number = parts.hostname or "", _port(origin)
    port = f":{number}" if number else ""
    other_scheme = "http" if parts.scheme == "https" else "https"
    yield OriginKind.SCHEME, f"{other_scheme}://{host}{port}"
    yield OriginKind.PORT, f"{parts.scheme}://{host}:{number - 1 if number else OTHER_PORT}"
    yield OriginKind.SUFFIX, f"{origin}.readiness-audit.invalid" if not port else f"{origin}0"
    yield OriginKind.PREFIX, f"{parts.scheme}://evil{host}{port}"
    if not _is_address(host):
        yield OriginKind.SUBDOMAIN, f"{parts.scheme}://evil.{host}{port}"
    if host.count(".") > 1 and not _is_address(host):
        yield OriginKind.DOT, f"{parts.scheme}://{host.replace('.', 'x', 1)}{port}"


def unreal(origin: str) -> str:
    """Why ``origin`` has no place in production's list, or nothing."""
    if origin == "*":
        return "every origin"
    if origin == "null":
        return "the null origin, which any sandboxed frame has"
    parts = urlsplit(origin)
    if parts.scheme and parts.scheme not in _DEFAULT_PORTS:
        return ""  # an installed application's own, such as capacitor://localhost: nobody else can have it
    host = (parts.hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost") or _is_loopback(host):
        return "a developer's own machine"
    if _PLACEHOLDER_NAME.search(host):
        return "a placeholder"
    return "" if parts.scheme == "https" else f"not https but {parts.scheme or 'nothing'}"


def settings_of(
    declared: tuple[str, ...],
    environment: Mapping[str, str],
    *,
    service: str,
    variable: str = "",
    form: str = "comma",
) -> OriginSettings:
    """Where the allowed origins are set: the declared variable, else the one whose name and value speak of origins.

    Of several, the one that holds a declared origin is taken; nothing but origins is kept of any value.
    A pattern anywhere makes the list unknown, unless the owner declared it.
    """
    if pattern := next((origin for origin in declared if _PATTERN.search(origin)), ""):
        return OriginSettings(service=service, variable=variable, form=form, pattern=pattern)
    declared = tuple(map(as_sent, declared))
    if variable:
        text = environment.get(variable, "")
        found, pattern = _listed(text), "" if declared else pattern_in(variable, text)
        if pattern:
            return OriginSettings(service=service, variable=variable, form=form, pattern=pattern)
        return OriginSettings(origins=declared or found, effective=found, service=service, variable=variable, form=form)
    lists = {
        name: text for name, text in environment.items() if _LIST_NAME.search(name) and not _OTHER_NAME.search(name)
    }
    for name, text in () if declared else sorted(lists.items()):
        if pattern := pattern_in(name, text):
            return OriginSettings(service=service, variable=name, pattern=pattern)
    candidates = {name: _listed(text) for name, text in lists.items()}
    candidates = {name: origins for name, origins in candidates.items() if origins}
    best = sorted(candidates, key=lambda name: (-len(set(candidates[name]) & set(declared)), "CORS" not in name, name))
    if not best or (declared and not set(candidates[best[0]]) & set(declared)):
        return OriginSettings(origins=declared)
    name = best[0]
    return OriginSettings(
        origins=declared or candidates[name],
        effective=candidates[name],
        service=service,
        variable=name,
        form=_form(environment[name]),
    )


def is_list_name(name: str) -> bool:
    """Whether a variable of this name takes the list of allowed origins, each written out."""
    return bool(_LIST_NAME.search(name)) and not _OTHER_NAME.search(name) and not _PATTERN_NAME.search(name)


def pattern_in(name: str, text: str) -> str:
    """What in a variable stands for origins instead of being one, or nothing; ``*`` alone is every origin."""
    words = text[:10_000].split()
    if _PATTERN_NAME.search(name):
        return words[0][:100] if words else ""
    return next((word[:100] for word in _words(text) if word != "*" and _PATTERN.search(word)), "")


def as_sent(origin: str) -> str:
    """An origin as browsers write it: small letters, no slash at the end, no port that is the scheme's own."""
    plain = origin.rstrip("/").lower()
    default = _DEFAULT_PORTS.get(plain.partition("://")[0])
    return plain.removesuffix(f":{default}") if default and _port(plain) == default else plain


def written(origins: tuple[str, ...], form: str) -> str:
    """A list of origins as the variable takes it."""
    if form == "json":
        return json.dumps(list(origins))
    return (" " if form == "space" else ",").join(origins)


def _listed(text: str) -> tuple[str, ...]:
    found = [word if word == "*" else as_sent(word) for word in _words(text) if word == "*" or _is_origin(word)]
    return tuple(dict.fromkeys(found))[:MAX_ORIGINS]


def _is_origin(word: str) -> bool:
    return _ORIGIN.match(word.lower().rstrip("/")) is not None and not _PATTERN.search(word)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,\"'\[\]]+", text[:10_000]) if word]


def _form(text: str) -> str:
    if text.lstrip().startswith("["):
        return "json"
    return "space" if " " in text.strip() and "," not in text else "comma"


def _port(origin: str) -> int | None:
    try:
        return urlsplit(origin).port
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_address(host) and (ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified)
