"""The logged client is the real one."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.logs import Asked, RequestLogs
from readiness.logs.view import Entry, View, view_of
from readiness.target import Role, Target

#: What the audit wrote into X-Forwarded-For (first, last) and X-Real-IP: addresses of RFC 5737, which nobody has.
SPOOFED_FIRST, SPOOFED_LAST, SPOOFED_REAL = "203.0.113.77", "198.51.100.8", "203.0.113.78"
SUPPLY = "logs:\n  fields: {client: place.of.the.address}"


@check(
    id="log.client_ip",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="The logged client address is the real one, behind the proxy too, and cannot be made up",
    why="With the proxy's address in every line nobody can tell an attacker from a customer; with a believed header, "
    "the attacker writes the line.",
    source="claims ledger, log.client_ip; RFC 7239, 8.1 (header validity)",
    remediation=(
        "Let the proxy overwrite X-Forwarded-For, and believe its last entry only in requests from the proxy; "
        "log that address."
    ),
    seeds=("memorai",),
    defects=("log-proxy-address", "log-forwarded-believed", "client-not-forwarded", "leftmost-forwarded-trusted"),
)
def check_client_ip(request_logs: RequestLogs, target: Target) -> Verdict:
    """Read the address that is logged of requests through the proxy and past it, with a forged header and without."""
    view = view_of(request_logs, target)
    asked = request_logs.of("client")
    found = {a: _addresses(view, a) for a in asked}
    if not any(found.values()):
        if not any(view.of(a) for a in asked):
            raise NotApplicable("no line names any of the requests; log.access_line judges that")
        raise Inconclusive("no line of a request names its client", supply=SUPPLY)
    is_proxied = bool(target.services_of(Role.PROXY))
    hidden = list(_hidden(found, request_logs))
    several = _several(view, hidden, request_logs)
    findings = [*_forged(found, is_proxied=is_proxied)]
    if hidden and not several:
        findings.append(_hidden_finding(*hidden[0], request_logs.source_address))
    doubt = several or _doubt(found, request_logs, target)
    if not findings and doubt:
        raise Inconclusive(doubt, supply=SUPPLY if several else "")
    shown = "; ".join(
        f"{a.kind}: {', '.join(dict.fromkeys(x for _, x in pairs))}" for a, pairs in found.items() if pairs
    )
    return Verdict(findings=tuple(findings), summary=f"logged clients: {shown}")


def _addresses(view: View, asked: Asked) -> list[tuple[Entry, str]]:
    """What the request's lines call the client, the port left out."""
    found = []
    for entry in view.of(asked):
        value = view.get(entry, "client")
        if isinstance(value, str) and value:
            found.append((entry, _without_port(value)))
    return found


def _without_port(value: str) -> str:
    text = value.removeprefix("::ffff:")
    host, colon, port = text.rpartition(":")
    return host if colon and port.isdecimal() and host.count(":") == 0 else text


def _forged(found: dict[Asked, list[tuple[Entry, str]]], *, is_proxied: bool) -> Iterator[Finding]:
    """Addresses that only the forged headers hold.

    The last entry of X-Forwarded-For, past the proxy, is believed by services that trust every private address: wrong
    only where that way is open to everybody.
    """
    for asked, pairs in found.items():
        if not asked.kind.startswith("spoofed"):
            continue
        is_public = "via proxy" in asked.kind or not is_proxied
        forged = {SPOOFED_FIRST, SPOOFED_REAL} | ({SPOOFED_LAST} if is_public else set())
        for entry, address in pairs:
            if any(made_up in address for made_up in forged):
                proof = (
                    Evidence(source=asked.label, text=f"sent X-Forwarded-For: {SPOOFED_FIRST}, {SPOOFED_LAST}"),
                    entry.evidence,
                )
                yield Finding(message=f"a forged client address is logged as the client ({asked.kind})", evidence=proof)
                break


def _hidden(found: dict[Asked, list[tuple[Entry, str]]], fact: RequestLogs) -> Iterator[tuple[Asked, Entry, str]]:
    """Lines with the proxy's own address in place of the client's."""
    for asked, pairs in found.items():
        for entry, address in pairs:
            is_other = address != fact.source_address
            if asked.kind == "plain via proxy" and is_other and address in fact.proxy_addresses:
                yield asked, entry, address


def _hidden_finding(asked: Asked, entry: Entry, address: str, source: str | None) -> Finding:
    real = f", not {source}" if source else ""
    proof = (Evidence(source=asked.label, text=f"logged client {address}{real}"), entry.evidence)
    return Finding(message="the proxy's address is logged in place of the client's", evidence=proof)


def _several(view: View, hidden: list[tuple[Asked, Entry, str]], fact: RequestLogs) -> str:
    """Why the proxy's address in a line may be no fault: the line has another one, and which is meant is not declared."""
    for _, entry, _ in hidden:
        told = {p: _without_port(v) for p, v in view.places.every(entry, "client").items() if isinstance(v, str) and v}
        if any(address not in fact.proxy_addresses for address in told.values()):
            return f"lines name several addresses: {', '.join(f'{place} {address}' for place, address in told.items())}"
    return ""


def _doubt(found: dict[Asked, list[tuple[Entry, str]]], fact: RequestLogs, target: Target) -> str:
    """Why an unremarkable address proves nothing."""
    through = [pairs for asked, pairs in found.items() if asked.kind == "plain via proxy"]
    if target.services_of(Role.PROXY) and through and not any(through):
        return "no line of a request through the proxy names its client"
    if through and not fact.proxy_addresses:
        return "the proxy's own address cannot be seen, so a logged one cannot be told from it"
    return ""
