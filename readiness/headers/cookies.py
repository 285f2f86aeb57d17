"""``Set-Cookie`` (RFC 6265bis, draft "Cookies: HTTP State Management Mechanism": 4.1.2 attributes, 4.1.3 name prefixes)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from readiness.headers.grade import Grade

__all__ = ["CookieGrade", "grade", "is_secret", "parse"]

#: Words of a cookie's name that say it is a key to somebody's account.
SECRET_WORDS = frozenset(
    {
        "session",
        "sessionid",
        "sess",
        "sid",
        "ssid",
        "token",
        "auth",
        "jwt",
        "refresh",
        "access",
        "login",
        "remember",
        "sso",
    }
)
#: Scripts must read these: double-submit tokens against request forgery.
FORGERY_WORDS = frozenset({"csrf", "xsrf", "csrftoken", "xsrftoken", "antiforgery"})
#: Set by balancers to find the same instance again; no key to anything.
BALANCER = re.compile(
    r"affinity|^awsalb|^awselb|^route|^serverid$|^bigipserver|^__cf|^cf_|^lb[-_]|^sticky|^incap_|^visid_", re.IGNORECASE
)
#: Names that frameworks give to the session.
FRAMEWORK = re.compile(
    r"^(phpsessid|jsessionid|aspsessionid\w*|asp\.net_sessionid|cfid|cftoken|connect\.sid|\.aspnetcore\.(cookies|session))$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class CookieGrade(Grade):
    """One cookie's grade. ``attributes`` is lower-case name -> value; ``is_secret`` whether it opens an account."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    is_secret: bool = False


def parse(line: str) -> tuple[str, str, dict[str, str]]:
    """Name, value and attributes of one ``Set-Cookie`` line; of two attributes the last counts (5.6)."""
    pair, *rest = line.split(";")
    name, has_value, value = pair.partition("=")
    if not has_value:
        name, value = "", pair
    attributes = {}
    for part in rest:
        key, _, text = part.partition("=")
        if key.strip():
            attributes[key.strip().lower()] = text.strip()
    return name.strip(), value.strip(), attributes


def is_secret(name: str, value: str) -> bool:
    """Whether a cookie looks like a session or a token, by its name's words or by a JWT's beginning."""
    bare = re.sub(r"^__(Host|Secure)-", "", name)
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", bare)}
    if words & FORGERY_WORDS or BALANCER.search(bare):
        return False
    # {"alg… in base64url: every JWT begins so (RFC 7519, 7.1).
    return bool(words & SECRET_WORDS) or FRAMEWORK.match(bare) is not None or value.startswith("eyJ")


def grade(line: str, *, https: bool, has_hsts: bool = False) -> CookieGrade:
    """Grade one ``Set-Cookie`` line.

    Args:
        line: the header's value.
        https: the answer came over TLS, or its request said so; only then is ``Secure`` asked for, which services set
            by the scheme.
        has_hsts: browsers never go there over plain http; excuses a missing ``Secure`` of what is no secret.
    """
    name, value, attributes = parse(line)
    secret = is_secret(name, value)
    is_secure, shown = "secure" in attributes, f"cookie {name[:60]!r}"
    findings = []
    if "samesite" in attributes and attributes["samesite"].lower() not in {"strict", "lax", "none"}:
        findings.append(f"{shown} has an unknown SameSite={attributes['samesite'][:20]}")
    if https and attributes.get("samesite", "").lower() == "none" and not is_secure:
        findings.append(f"{shown} has SameSite=None without Secure, so browsers refuse it")
    if https and name.lower().startswith(("__host-", "__secure-")) and not is_secure:
        findings.append(f"{shown} has a prefix that needs Secure")
    if name.lower().startswith("__host-") and (attributes.get("path") != "/" or "domain" in attributes):
        findings.append(f"{shown} has the prefix __Host-, which needs Path=/ and no Domain")
    # An expired cookie is being removed; its flags protect nothing.
    if not _is_removal(value, attributes):
        if secret and "httponly" not in attributes:
            findings.append(f"{shown} opens an account and lacks HttpOnly, so scripts can read it")
        if https and not is_secure and (secret or not (has_hsts or BALANCER.search(name))):
            findings.append(f"{shown} lacks Secure, so it also travels over plain http")
    advice = () if "samesite" in attributes or not secret else (f"{shown} leaves SameSite to the browser's default",)
    return CookieGrade(findings=tuple(findings), advice=advice, name=name, attributes=attributes, is_secret=secret)


def _is_removal(value: str, attributes: dict[str, str]) -> bool:
    """Whether the line deletes the cookie: no lifetime left, or the epoch as its end."""
    max_age = attributes.get("max-age", "")
    if re.fullmatch(r"-?[0-9]+", max_age):
        return max_age.startswith("-") or max_age.strip("0") == ""
    return value in {"", '""', "deleted"} and "1970" in attributes.get("expires", "")
