"""``Content-Security-Policy`` (W3C CSP Level 3, called CSP3 below).

CSP3 2.2.1: directives are separated by semicolons, names have no case, the first of two with one name counts, what is
not ASCII is skipped. 2.2.2: commas and repeated headers make several policies, all of which must agree. 3.3: a policy in
``<meta>`` cannot carry ``frame-ancestors``, ``report-uri`` or ``sandbox``. 6.8.3: which directive stands in for which.
6.7.3.3: nonces, hashes and ``'strict-dynamic'`` switch ``'unsafe-inline'`` off.

What is judged is whether injected script would run: that is a finding. Everything else is advice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from readiness.headers.grade import Grade

__all__ = ["CspGrade", "Policy", "grade", "nonces", "normalised", "parse", "parse_meta", "predictable"]

#: Directives of CSP3 and its companions, the retired ones included: a policy naming one was written on purpose.
DIRECTIVES = frozenset(
    {
        "base-uri", "block-all-mixed-content", "child-src", "connect-src", "default-src", "fenced-frame-src",
        "font-src", "form-action", "frame-ancestors", "frame-src", "img-src", "manifest-src", "media-src",
        "navigate-to", "object-src", "plugin-types", "prefetch-src", "referrer", "reflected-xss", "report-to",
        "report-uri", "require-sri-for", "require-trusted-types-for", "sandbox", "script-src", "script-src-attr",
        "script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types",
        "upgrade-insecure-requests", "webrtc", "worker-src",
    }
)  # fmt: skip
#: Their values are no source lists.
_NO_SOURCES = frozenset({"report-to", "report-uri", "sandbox", "trusted-types", "plugin-types", "referrer"})
#: CSP3 3.3.
_NOT_IN_META = frozenset({"frame-ancestors", "report-uri", "sandbox"})

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)
_HASH = re.compile(r"'sha(?:256|384|512)-[A-Za-z0-9+/_-]+={0,2}'", re.IGNORECASE)
#: A source that lets in a whole scheme or every host. ``*.com`` is every host that somebody can buy.
_ANY_HOST = re.compile(
    r"(?:(?:https?|ftp|wss?):|(?:(?:https?|ftp)://)?\*(?:\.(?:\*|[a-z]+|(?:co|com|org|net|ac|gov|edu)\.[a-z]{2}))?(?::(?:\*|\d+))?(?:/.*)?)"
)
#: Anybody can get a name below these (a selection of the private part of the public suffix list).
_TENANTS = (
    "amazonaws.com", "appspot.com", "azureedge.net", "azurewebsites.net", "blob.core.windows.net", "cloudfront.net",
    "cloudfunctions.net", "firebaseapp.com", "fly.dev", "github.io", "githubusercontent.com", "gitlab.io",
    "herokuapp.com", "netlify.app", "ngrok.io", "onrender.com", "pages.dev", "r2.dev", "surge.sh", "vercel.app",
    "web.app", "workers.dev",
)  # fmt: skip
#: Whole hosts that serve anybody's script, or AngularJS or JSONP that runs an attacker's (Weichselbaum et al., "CSP Is
#: Dead, Long Live CSP!", 2016; the lists of Google's CSP Evaluator). With a path below them they are not findings.
_BYPASS = frozenset(
    {
        "ajax.aspnetcdn.com", "ajax.googleapis.com", "cdn.jsdelivr.net", "cdn.rawgit.com", "cdn.skypack.dev",
        "cdnjs.cloudflare.com", "code.angularjs.org", "esm.run", "esm.sh", "fastly.jsdelivr.net", "ga.jspm.io",
        "gitcdn.xyz", "rawgit.com", "raw.githack.com", "s3.amazonaws.com", "storage.googleapis.com", "unpkg.com",
        "www.gstatic.com", "yandex.st", "yastatic.net",
    }
)  # fmt: skip
#: Paths of such hosts below which anybody still publishes.
_OPEN_PATHS = frozenset({"", "/", "/npm/", "/gh/", "/ajax/libs/", "/ajax/"})
_HOST = re.compile(r"(?:([a-z][a-z0-9+.-]*)://)?((?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::(?:\d+|\*))?(/.*)?")

#: CSP3 7.1: a nonce "should be at least 128 bits long"; below half of that it can be tried out.
ADVISED_NONCE_BITS, LEAST_NONCE_BITS = 128, 64
#: Words from manuals, which end up in real headers.
_SAMPLE_NONCE = re.compile(
    r"nonce|r[a4]nd[o0]m|test|example|changeme|placeholder|static|secret|deadbeef", re.IGNORECASE
)
#: Digits of a time in nanoseconds, or of any 64-bit count.
_LONGEST_COUNTER = 20
#: Share of equal characters at equal places from which two nonces follow one another; two random ones share 1/16 at most.
_ALIKE = 0.75


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One parsed policy.

    Attributes:
        directives: lower-case name -> source expressions as written; the first of a name.
        repeated: names that occurred again and were ignored.
        skipped: directives that are not ASCII.
    """

    directives: dict[str, tuple[str, ...]]
    repeated: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def name_for(self, *names: str) -> str | None:
        """The first of ``names`` that the policy has: the directive in force."""
        return next((name for name in names if name in self.directives), None)

    def sources(self, *names: str) -> tuple[str, ...] | None:
        """The source list in force, lower case except nonces and hashes; None where everything is allowed."""
        name = self.name_for(*names)
        return None if name is None else self.directives[name]


@dataclass(frozen=True, kw_only=True)
class CspGrade(Grade):
    """The grade; ``policies`` are those in force, ``nonces`` those of their script directives."""

    policies: tuple[Policy, ...] = ()
    nonces: frozenset[str] = field(default_factory=frozenset)


#: Directives that govern each way to run a script, the one in force first (CSP3 6.8.3).
_ELEMENTS = ("script-src-elem", "script-src", "default-src")
_HANDLERS = ("script-src-attr", "script-src", "default-src")
_EVAL = ("script-src", "default-src")
_OBJECTS = ("object-src", "default-src")


def parse(values: tuple[str, ...]) -> tuple[Policy, ...]:
    """The policies of a header's lines; those without any directive are left out, as browsers do."""
    policies = (_parse_one(text) for value in values for text in value.split(","))
    return tuple(policy for policy in policies if policy.directives or policy.skipped)


def parse_meta(contents: tuple[str, ...]) -> tuple[Policy, ...]:
    """The policies of ``<meta http-equiv="Content-Security-Policy">``, without what does not count there."""
    policies = []
    for content in contents:
        parsed = _parse_one(content)
        kept = {name: sources for name, sources in parsed.directives.items() if name not in _NOT_IN_META}
        if kept:
            policies.append(Policy(directives=kept, repeated=parsed.repeated, skipped=parsed.skipped))
    return tuple(policies)


def _parse_one(text: str) -> Policy:
    directives: dict[str, tuple[str, ...]] = {}
    repeated, skipped = [], []
    for part in text.split(";"):
        # ASCII white space only, as the Infra standard defines it.
        words = re.findall(r"[^\t\n\f\r ]+", part)
        if not words:
            continue
        if not part.isascii():
            skipped.append(part.strip()[:60])
            continue
        name = words[0].lower()
        if name in directives:
            repeated.append(name)
        else:
            directives[name] = tuple(words[1:])
    return Policy(directives=directives, repeated=tuple(repeated), skipped=tuple(skipped))


def nonces(policies: Iterable[Policy]) -> frozenset[str]:
    """The nonces with which scripts may run."""
    found = (
        match[1]
        for policy in policies
        for name in ("script-src-elem", "script-src", "default-src")
        for source in policy.directives.get(name, ())
        if (match := _NONCE.fullmatch(source))
    )
    return frozenset(found)


def normalised(values: tuple[str, ...]) -> frozenset[tuple[str, frozenset[str]]]:
    """Directives as a comparable set: order, case and the nonces' values do not matter."""
    return frozenset(
        (
            name,
            frozenset("'nonce-*'" if source.lower().startswith("'nonce-") else _folded(source) for source in sources),
        )
        for policy in parse(values)
        for name, sources in policy.directives.items()
    )


def predictable(seen: Iterable[frozenset[str]]) -> str | None:
    """Why the nonces of successive answers to one request can be foretold, or None.

    Args:
        seen: per answer its nonces.
    """
    answers = [nonce_set for nonce_set in seen if nonce_set]
    for index, earlier in enumerate(answers):
        for later in answers[index + 1 :]:
            if both := earlier & later:
                return f"the nonce {min(both)[:40]!r} is in more than one answer"
            for one in sorted(earlier):
                for other in sorted(later):
                    same = sum(a == b for a, b in zip(one, other, strict=False))
                    if len(one) == len(other) and same >= _ALIKE * len(one):
                        return f"the nonces {one[:40]!r} and {other[:40]!r} follow one another"
    return None


def grade(
    values: tuple[str, ...],
    *,
    meta: tuple[str, ...] = (),
    report_only: tuple[str, ...] = (),
    is_document: bool = True,
    require_base_uri: bool = False,
    require_form_action: bool = False,
) -> CspGrade:
    """Grade the policies of one answer together.

    Args:
        values: lines of ``Content-Security-Policy``.
        meta: contents of such ``<meta>`` elements.
        report_only: lines of ``Content-Security-Policy-Report-Only``, which protect nobody.
        is_document: the answer is HTML. Any other answer runs no script: there a policy must be in force, and must not
            say outright that injected script may run; ``default-src 'none'; frame-ancestors 'none'`` is ideal.
        require_base_uri: a missing ``base-uri`` is a finding even without nonces.
        require_form_action: a missing ``form-action`` is a finding; it has no stand-in.
    """
    policies = (*parse(values), *parse_meta(meta))
    if not policies:
        return CspGrade(findings=(_missing(values, report_only),))
    findings = _misspelt(policies)
    if not any(set(policy.directives) & DIRECTIVES for policy in policies):
        findings.append(f"Content-Security-Policy {' | '.join(values)[:120]!r} has no known directive")
        return CspGrade(findings=tuple(dict.fromkeys(findings)), policies=policies)
    findings += _loose(policies, is_document=is_document)
    advice: list[str] = []
    script_nonces = nonces(policies)
    if is_document:
        findings += _weak_nonces(script_nonces, advice)
        findings += _open_ends(
            policies, advice, require_base_uri=require_base_uri, require_form_action=require_form_action
        )
    return CspGrade(
        findings=tuple(dict.fromkeys(findings)),
        advice=tuple(dict.fromkeys(advice)),
        policies=policies,
        nonces=script_nonces,
    )


def _missing(values: tuple[str, ...], report_only: tuple[str, ...]) -> str:
    if values:
        return "Content-Security-Policy is empty"
    if report_only:
        return "Content-Security-Policy-Report-Only alone: violations are reported and not stopped"
    return "Content-Security-Policy is missing"


def _misspelt(policies: tuple[Policy, ...]) -> list[str]:
    """Directives that do not do what they were written for."""
    findings = []
    for policy in policies:
        findings += [f"{name[:60]} occurs twice; the second one is ignored" for name in policy.repeated]
        findings += [f"{text!r} is ignored: it is not ASCII" for text in policy.skipped]
        for name, sources in policy.directives.items():
            if name not in DIRECTIVES and (close := difflib.get_close_matches(name[:60], DIRECTIVES, n=1, cutoff=0.8)):
                findings.append(f"{name[:60]} is no directive and is ignored; {close[0]} was probably meant")
            swallowed = [s for s in sources if s.lower().strip("':") in DIRECTIVES] if name not in _NO_SOURCES else []
            findings += [
                f"{name[:60]} swallows {source[:60]}: a semicolon is missing before it" for source in swallowed
            ]
    return findings


def _folded(source: str) -> str:
    """Lower case, except nonces and hashes, whose case matters."""
    return source if _NONCE.fullmatch(source) or _HASH.fullmatch(source) else source.lower()


def _allows_inline(sources: tuple[str, ...]) -> bool:
    """CSP3 6.7.3.3, for scripts and handlers."""
    lower = {source.lower() for source in sources}
    strict = "'strict-dynamic'" in lower or any(_NONCE.fullmatch(s) or _HASH.fullmatch(s) for s in sources)
    return "'unsafe-inline'" in lower and not strict


def _by_address(sources: tuple[str, ...]) -> tuple[str, ...]:
    """The sources that let scripts in by where they come from; ``'strict-dynamic'`` switches them off (CSP3 8.2)."""
    lower = tuple(source.lower() for source in sources)
    return () if "'strict-dynamic'" in lower else tuple(s for s in lower if not s.startswith("'"))


def _any_host(sources: tuple[str, ...]) -> str | None:
    for source in _by_address(sources):
        if _ANY_HOST.fullmatch(source):
            return source
        match = _HOST.fullmatch(source)
        if match and match[2].startswith("*.") and match[2][2:] in _TENANTS:
            return source
    return None


def _scheme(name: str) -> Callable[[tuple[str, ...]], str | None]:
    def look(sources: tuple[str, ...]) -> str | None:
        return name if name in _by_address(sources) else None

    return look


def _insecure(sources: tuple[str, ...]) -> str | None:
    return next((s for s in _by_address(sources) if s.startswith(("http://", "ftp://"))), None)


def _bypass(sources: tuple[str, ...]) -> str | None:
    for source in _by_address(sources):
        match = _HOST.fullmatch(source)
        if match is None or (match[3] or "") not in _OPEN_PATHS:
            continue
        host = match[2]
        if host in _BYPASS or (host.startswith("*.") and any(known.endswith(host[1:]) for known in _BYPASS)):
            return source
    return None


def _inline(sources: tuple[str, ...]) -> str | None:
    return "'unsafe-inline'" if _allows_inline(sources) else None


def _eval(sources: tuple[str, ...]) -> str | None:
    return "'unsafe-eval'" if "'unsafe-eval'" in {source.lower() for source in sources} else None


#: What each looseness lets happen, how it is seen in one source list, and the directives that decide.
_LOOSENESS: tuple[tuple[str, Callable[[tuple[str, ...]], str | None], tuple[str, ...]], ...] = (
    ("runs injected inline scripts", _inline, _ELEMENTS),
    ("runs injected inline event handlers", _inline, _HANDLERS),
    ("lets scripts evaluate text", _eval, _EVAL),
    ("runs scripts from any host", _any_host, _ELEMENTS),
    ("runs scripts that are data: addresses", _scheme("data:"), _ELEMENTS),
    ("runs scripts that are blob: addresses", _scheme("blob:"), _ELEMENTS),
    ("runs scripts that are filesystem: addresses", _scheme("filesystem:"), _ELEMENTS),
    ("loads scripts over plain http", _insecure, _ELEMENTS),
    ("loads plugins from any host", _any_host, _OBJECTS),
    ("loads plugins that are data: addresses", _scheme("data:"), _OBJECTS),
)
_LOOSENESS_OF_DOCUMENTS = (
    ("trusts a host where anybody publishes scripts, or whose JSONP runs them", _bypass, _ELEMENTS),
)


def _loose(policies: tuple[Policy, ...], *, is_document: bool) -> list[str]:
    """Ways for injected script to run that every policy leaves open; one strict policy closes them all."""
    findings: list[str] = []
    if is_document and all(policy.sources(*_ELEMENTS) is None for policy in policies):
        findings.append("neither script-src nor default-src: scripts from everywhere run")
    elif is_document and all(policy.sources(*_HANDLERS) is None for policy in policies):
        findings.append("neither script-src nor default-src nor script-src-attr: injected inline event handlers run")
    said: set[tuple[str, str]] = set()
    for what, look, names in (*_LOOSENESS, *(_LOOSENESS_OF_DOCUMENTS if is_document else ())):
        # A policy without any of these directives leaves the way open without saying so.
        lists = [(policy.name_for(*names), policy.sources(*names)) for policy in policies]
        seen = [(name, look(sources)) for name, sources in lists if name is not None and sources is not None]
        if not seen or any(source is None for _, source in seen):
            continue
        name, source = seen[0]
        # default-src '…' stands in for scripts, handlers and plugins alike: say it once.
        if (str(name), str(source)) not in said:
            said.add((str(name), str(source)))
            findings.append(f"{name} {str(source)[:80]} {what}")
    return findings


def _weak_nonces(script_nonces: frozenset[str], advice: list[str]) -> list[str]:
    findings = []
    for nonce in sorted(script_nonces):
        text = nonce.rstrip("=")
        per_character = 10 / 3 if text.isdigit() else 4 if re.fullmatch(r"[0-9a-fA-F-]+", text) else 6
        bits, shown = len(text) * per_character, repr(nonce[:40])
        if text.isdigit() and len(text) <= _LONGEST_COUNTER:
            findings.append(f"the nonce {shown} is a number, so it can be guessed")
        elif bits < LEAST_NONCE_BITS:
            findings.append(f"the nonce {shown} has at most {bits:.0f} bits and can be guessed")
        elif len(set(text)) * 4 <= len(text) and len(set(text)) <= 4:  # noqa: PLR2004  # random text this long has more
            findings.append(f"the nonce {shown} is a pattern, so it can be guessed")
        elif _SAMPLE_NONCE.search(text) and not _is_random(text):
            findings.append(f"the nonce {shown} is a sample from a manual")
        elif bits < ADVISED_NONCE_BITS:
            advice.append(f"the nonce {shown} has at most {bits:.0f} bits; {ADVISED_NONCE_BITS} are advised")
    return findings


def _is_random(text: str) -> bool:
    """Whether the text mixes cases and figures as encoded random bytes do; a word in it is then chance."""
    return all(re.search(kind, text) for kind in ("[a-z].*[a-z].*[a-z]", "[A-Z].*[A-Z].*[A-Z]", "[0-9].*[0-9]"))


def _open_ends(
    policies: tuple[Policy, ...], advice: list[str], *, require_base_uri: bool, require_form_action: bool
) -> list[str]:
    """Directives without a stand-in: ``base-uri`` and ``form-action`` (CSP3 6.3)."""
    findings = []
    bases = [sources for policy in policies if (sources := policy.directives.get("base-uri")) is not None]
    if not bases or all(_any_host(sources) for sources in bases):
        # A nonce follows relative addresses: <base> turns every trusted relative script into the attacker's.
        trusts = [policy.sources(*_ELEMENTS) for policy in policies]
        follows = any(sources is not None and _follows_addresses(sources) for sources in trusts)
        closed = any(sources is not None and _is_none(sources) for sources in trusts)
        if follows and not closed:
            findings.append("base-uri is missing, so an injected <base> leads trusted relative scripts to another host")
        elif require_base_uri:
            findings.append("base-uri is missing")
        else:
            advice.append("base-uri 'none' would keep an injected <base> out")
    if not any("form-action" in policy.directives for policy in policies):
        message = "form-action is missing, so an injected form may send what users type to another host"
        (findings if require_form_action else advice).append(message)
    if all(policy.sources(*_OBJECTS) is None for policy in policies):
        advice.append("object-src 'none' would keep plugins out")
    return findings


def _is_none(sources: tuple[str, ...]) -> bool:
    """Whether nothing matches: an empty list, or 'none' alone (CSP3 6.7.2.5)."""
    return not sources or [source.lower() for source in sources] == ["'none'"]


def _follows_addresses(sources: tuple[str, ...]) -> bool:
    """Whether a script is trusted for a nonce, or by a trusted script, wherever it comes from."""
    lower = {source.lower() for source in sources}
    has_hash = any(_HASH.fullmatch(source) for source in sources)
    return any(_NONCE.fullmatch(source) for source in sources) or ("'strict-dynamic'" in lower and has_hash)
