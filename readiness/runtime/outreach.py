"""What a service says that shows it wanted to reach beyond this machine, where a copy may not. Pure.

A name with a dot, or an address outside the stack's networks, is beyond. A name without one is not: nothing outside a
stack answers to it, so a wrong one stays a finding. Where a failure tells no name at all, what stands around it and the
service's variables decide; what they leave open is not held against the owner.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readiness.runtime.provide import NOWHERE, is_host_variable

__all__ = ["UNTOLD", "Confined", "Outreach", "last_words", "named_hosts", "names_of_this_machine", "outreach"]

#: Stands for a host where nothing tells it.
UNTOLD = "an address that it does not tell"
#: Around a failure that tells no name: a traceback's frames and the messages that wrap it.
LINES_BEFORE, LINES_AFTER = 12, 4
#: What a service that waits in silence has said last.
LAST_LINES = 3
MAX_LINE_CHARS = 2000
MAX_VALUE_CHARS = 4096

_HOST = r"([A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?)"
_URL = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]{{0,39}}://(?:[^\s/@'\"]*@)?{_HOST}")
#: Addresses to read more at, as error messages give them.
_READING = re.compile(r"\b(see|visit|docs?|documentation|read|info(rmation)?|help|refer to)\b", re.IGNORECASE)

#: A name was not found. The engine's own resolver says so of every name that is not of the stack.
_NO_NAME = re.compile(
    r"Temporary failure (in name resolution|resolving)|Name or service not known|could not translate host name|"
    r"ENOTFOUND|EAI_AGAIN|EAI_NONAME|no such host|server misbehaving|Name does not resolve|getaddrinfo|gaierror|"
    r"UnknownHost|nodename nor servname|No address associated with hostname|[Cc]ould not resolve|"
    r"unable to resolve host|[Ff]ailed to (resolve|lookup)|\bbad address\b|NameResolutionError|nxdomain|"
    r"Could not contact DNS servers|dns error|SERVFAIL|host not found in"
)
#: This machine's own answer to what it does not let out.
_NO_ROUTE = re.compile(
    r"No route to host|Network is unreachable|EHOSTUNREACH|ENETUNREACH|NoRouteToHost|host (is )?unreachable",
    re.IGNORECASE,
)
#: A connection came to nothing on its way, for this reason or another.
_NO_WAY = re.compile(
    r"ETIMEDOUT|timed?[ -]?out|CONNECT_TIMEOUT|ConnectTimeout|[Cc]onnection (attempt )?failed|"
    r"(Failed|[Uu]nable|[Cc]ould not|[Cc]annot|[Cc]an't) (to )?connect",
    re.IGNORECASE,
)
#: A host where a message names it for certain, also one without a dot.
_STRONG = (
    _URL,
    re.compile(rf"\bhost(?:name)?\s*[=:]\s*['\"]?{_HOST}", re.IGNORECASE),
    re.compile(rf"\bhost(?: ?name| address)?\s+['\"‘“]{_HOST}", re.IGNORECASE),  # noqa: RUF001  # wget quotes so
    re.compile(rf"(?:ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)\s+{_HOST}"),
    re.compile(rf"\blookup (?!address\b){_HOST}"),
    re.compile(rf"[Rr]esolv(?:e|ing):? ['\"‘“]{_HOST}"),  # noqa: RUF001  # as above
    re.compile(rf"UnknownHost(?:Exception|Error)?: {_HOST}"),
    re.compile(rf"[Cc]onnect(?:ing|ion)? to (?:host |server |server at )?['\"]?{_HOST}['\"]?:\d{{2,5}}\b"),
    re.compile(rf"[Cc]onnection to server at \"{_HOST}\""),
    re.compile(rf"getaddrinfo for {_HOST} failed"),
    re.compile(rf"bad address '{_HOST}'"),
    re.compile(rf"\bupstream \"{_HOST}"),
)
_DOTTED = re.compile(rf"(?<![\w/.@-]){_HOST}(?![\w/(])")
#: How the lines of Python's, Node's and the JVM's tracebacks begin.
_FRAMES = ('File "', "at ", "^", "~")
#: What a dot also stands in: files and the names of errors.
_NO_DOMAINS = frozenset({
    "c", "cfg", "cjs", "conf", "cpp", "cs", "dll", "env", "error", "errors", "exceptions", "gaierror", "go", "gz", "herror",
    "html", "ini", "jar", "java", "js", "json", "kt", "lock", "log", "md", "mjs", "php", "py", "pyc", "rb", "rs", "service",
    "sh", "so", "sock", "socket", "sql", "tar", "timeout", "toml", "ts", "tsx", "txt", "whl", "xml", "yaml", "yml", "zip",
})  # fmt: skip
_BARE_HOST = re.compile(rf"^{_HOST}(?::\d{{1,5}})?$")


@dataclass(frozen=True, kw_only=True)
class Confined:
    """What a service that may not reach beyond this machine can reach.

    Attributes:
        names: every name of the stack.
        subnets: of the networks that it is on, ``172.18.0.0/16``.
        hosts: those that its variables name.
    """

    names: frozenset[str] = frozenset()
    subnets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def is_beyond(self, host: str) -> bool:
        """Whether this is a host beyond this machine, as far as its name or address tells."""
        if host in self.names or host == NOWHERE:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return "." in host and not host.endswith((".localhost", ".localdomain"))
        if address.is_loopback or address.is_unspecified:
            return False
        return not any(address in ipaddress.ip_network(subnet, strict=False) for subnet in self.subnets)

    def is_misnamed(self, host: str) -> bool:
        """Whether this could only be a service of the stack, and none is called so."""
        return "." not in host and host not in self.names and host != "localhost"


@dataclass(frozen=True, kw_only=True)
class Outreach:
    """One attempt to reach beyond this machine: the host, or :data:`UNTOLD`, and the line that shows it."""

    host: str
    index: int


def outreach(
    lines: Sequence[str], confined: Confined, *, down: Collection[str] = (), needs: Collection[str] = ()
) -> Outreach | None:
    """The newest failure to reach beyond this machine, or None.

    Args:
        lines: what it said, oldest first.
        confined: what it can reach.
        down: services that do not run; their names do not resolve either.
        needs: those that it is declared to need; while one is down, a failure without a name may well be about it.
    """
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index][:MAX_LINE_CHARS]
        if NOWHERE in line or _is_frame(lines, index):
            continue
        is_certain = bool(_NO_NAME.search(line) or _NO_ROUTE.search(line))
        if not is_certain and not _NO_WAY.search(line):
            continue
        hosts = _strong(line) or _loose(line, is_certain=is_certain)
        if beyond := next(filter(confined.is_beyond, hosts), None):
            return Outreach(host=beyond, index=index)
        untold = _untold(lines, index, confined, down, needs) if is_certain and not hosts else None
        if untold is not None:
            return Outreach(host=untold, index=index)
    return None


def last_words(lines: Sequence[str], confined: Confined) -> Outreach | None:
    """The address beyond this machine that a service speaks of last, or that it is given where it says nothing."""
    for index in range(len(lines) - 1, max(-1, len(lines) - 1 - LAST_LINES), -1):
        for host in _urls(lines[index][:MAX_LINE_CHARS]):
            if confined.is_beyond(host):
                return Outreach(host=host, index=index)
    if not lines and (given := next(filter(confined.is_beyond, confined.hosts), None)):
        return Outreach(host=given, index=0)
    return None


def named_hosts(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """The hosts that variables name: in URLs, and where the variable's own name says that it holds one."""
    hosts: list[str] = []
    for name, raw in environment.items():
        value = str(raw or "")[:MAX_VALUE_CHARS]
        hosts += [match[1] for match in _URL.finditer(value)]
        if is_host_variable(name) and (match := _BARE_HOST.match(value)):
            hosts.append(match[1])
    return tuple(dict.fromkeys(hosts))


def names_of_this_machine(extra_hosts: object) -> tuple[str, ...]:
    """The names that ``extra_hosts`` gives to this machine, which are not beyond it."""
    if isinstance(extra_hosts, Mapping):
        pairs: Iterable[tuple[str, str]] = ((str(name), str(where)) for name, where in extra_hosts.items())
    elif isinstance(extra_hosts, list):
        pairs = ((found[1], found[2]) for entry in extra_hosts if (found := re.match(r"([^=:]+)[=:](.*)", str(entry))))
    else:
        pairs = ()
    return tuple(name for name, where in pairs if "host-gateway" in where or "127.0.0.1" in where)


def _untold(
    lines: Sequence[str], index: int, confined: Confined, down: Collection[str], needs: Collection[str]
) -> str | None:
    """The host of a failure that does not name it; None where it is, or may be, one that the stack should have."""
    if NOWHERE in confined.hosts:
        return None
    around = range(max(0, index - LINES_BEFORE), min(len(lines), index + LINES_AFTER + 1))
    said = [
        host
        for place in around
        for host in (_urls if _is_frame(lines, place) else _strong)(lines[place][:MAX_LINE_CHARS])
    ]
    if beyond := next(filter(confined.is_beyond, said), None):
        return beyond
    given = [*said, *confined.hosts]
    if any(need in down for need in needs) and not any(map(confined.is_beyond, given)):
        return None
    if any(host in down for host in given) or any(map(confined.is_misnamed, said)):
        return None
    if any(map(confined.is_misnamed, given)) and not any(map(confined.is_beyond, given)):
        return None
    return UNTOLD


def _is_frame(lines: Sequence[str], index: int) -> bool:
    """Whether a line is one of a traceback: the program's text, where a message would be what it said."""
    line = lines[index].lstrip()
    return line.startswith(_FRAMES) or (index > 0 and lines[index - 1].lstrip().startswith('File "'))


def _loose(line: str, *, is_certain: bool) -> list[str]:
    """The hosts that a message of failure may name; where that is not sure to be one of ours, addresses only."""
    return [host for host in _DOTTED.findall(line) if _is_address(host) or (is_certain and _is_like_a_name(host))]


def _strong(line: str) -> list[str]:
    hosts = _urls(line)
    return hosts + [match[1] for pattern in _STRONG[1:] for match in pattern.finditer(line)]


def _urls(line: str) -> list[str]:
    """The hosts of addresses in a line, but for those to read more at."""
    return [m[1] for m in _URL.finditer(line) if not _READING.search(line[max(0, m.start() - 40) : m.start()])]


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def _is_like_a_name(word: str) -> bool:
    last = word.rpartition(".")[2]
    return "." in word and last.isalpha() and last.islower() and len(last) > 1 and last not in _NO_DOMAINS
