"""How the public entry speaks TLS: one polite look, and one scan of everything it would accept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from readiness.check import Impact
from readiness.declared.tls import tls_entry_of, tls_of
from readiness.exceptions import StackError
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.model import StackModel
from readiness.facts.tls import PlainAnswer, TlsEntry, TlsScan
from readiness.gather import gatherer
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN
from readiness.instruments.tls import certificates_in, chain_of, read_certificate, request_http2, scan, shake_hands
from readiness.runtime import Capability, Runtime, Stack
from readiness.target import Entry, ProbeKind, Request, Target

__all__ = ["tls_entry", "tls_scan"]

#: Probes in the order in which the entry is asked for its health: those that need no dependency first.
_HEALTH = (ProbeKind.LEGACY, ProbeKind.HEALTH, ProbeKind.LIVE, ProbeKind.BASIC, ProbeKind.READY)
MAX_PLAIN_PORTS = 5
#: A machine's whole bundle of public authorities takes a quarter of the second.
KEPT_BODY_CHARS, MAX_AUTHORITY_BYTES = 500, 1_000_000


@gatherer(impact=Impact.OBSERVES, at_most_seconds=90)
def tls_entry(target: Target, runtime: Runtime, stack: Stack, http: HttpClient) -> TlsEntry:
    """The handshake of a client of today, the certificate, one request over HTTP/2, and what is said without TLS."""
    entry = tls_entry_of(target)
    if entry is None:
        return TlsEntry()
    name = tls_of(target).server_name or entry.server_name or ""
    seen_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    nothing = TlsEntry(
        entry=entry.name, service=entry.service, port=entry.port, is_tls=entry.https, server_name=name, seen_at=seen_at
    )
    if not entry.https:
        return nothing
    try:
        where = stack.endpoint(entry.service, entry.port)
    except StackError as error:
        return _with(nothing, problem=str(error)[:300])
    handshake = shake_hands(where, name)
    plain = tuple(_plain(target, runtime.model(), entry, http))
    if handshake.problem:
        return _with(
            nothing,
            problem=handshake.problem,
            is_refusal=handshake.is_refusal,
            may_want_name=handshake.is_alert and not name,
            plain=plain,
        )
    authority, ca_problem = _authority(target, stack)
    trusted = "the public authorities" + (" and the declared one" if authority is not None else "")
    chain = chain_of(where, name, authority=authority)
    http2_status, http2_problem = None, ""
    if handshake.alpn == "h2":
        http2_status, http2_problem = request_http2(where, name, f"{entry.base}{_health(target).path}")
    return _with(
        nothing,
        version=handshake.version,
        cipher=handshake.cipher,
        certificate=read_certificate(handshake.certificate) if handshake.certificate else None,
        chain_problem=chain.problem,
        chain_not_seen=chain.not_seen,
        trusted=trusted,
        ca_problem=ca_problem,
        alpn=handshake.alpn,
        http2_status=http2_status,
        http2_problem=http2_problem,
        answers=tuple(_answers(target, entry, http)),
        plain=plain,
    )


@gatherer(impact=Impact.PERTURBS, at_most_seconds=90)
def tls_scan(target: Target, stack: Stack) -> TlsScan:
    """Every protocol version and cipher suite, each offered alone: some hundred handshakes, on a throw-away copy only."""
    entry = tls_entry_of(target)
    if entry is None or not entry.https:
        return TlsScan(problem="no entry speaks TLS")
    label = f"{entry.service}:{entry.port} ({entry.name})"
    if Capability.WRITE not in stack.capabilities:
        return TlsScan(label=label, problem="some hundred handshakes are not for somebody's running system")
    try:
        where = stack.endpoint(entry.service, entry.port)
    except StackError as error:
        return TlsScan(label=label, problem=str(error)[:300])
    return scan(where, tls_of(target).server_name or entry.server_name or "", label=label)


def _with(look: TlsEntry, **values: object) -> TlsEntry:
    return TlsEntry(**{**vars(look), **values})


def _health(target: Target) -> Request:
    """A request that answers well while all is well: a probe of the entry's own, else the usual path."""
    for kind in _HEALTH:
        probe = target.probes.get(kind)
        if probe is not None and probe.service is None and probe.port is None:
            return Request(path=probe.path, expect=probe.expect)
    return target.steady_request


def _answers(target: Target, entry: Entry, http: HttpClient) -> Iterator[Exchange]:
    health = _health(target)
    # The root, where nothing is known to be there, may well answer 404; and so may an entry beside the first one, through
    # which alone paths were declared or found.
    is_known = health != Request(path="/") and entry.name == target.entries[0].name
    asked = [(StatusClass.PROBE if is_known else StatusClass.OK, health), (StatusClass.REDIRECT, target.paths.redirect)]
    for purpose, request in asked:
        if request is not None and request.method == "GET":
            yield _send(http, entry, request, purpose)


def _send(http: HttpClient, entry: Entry, request: Request, purpose: StatusClass) -> Exchange:
    try:
        found = http.send(entry, request, purpose=purpose, headers=PLAIN, kept_bytes=KEPT_BODY_CHARS)
    except StackError as error:
        url = f"{entry.service}:{entry.port}{entry.base}{request.path}"
        return Exchange(
            entry=entry.name, purpose=purpose, method="GET", url=url, https=entry.https, error=str(error)[:300]
        )
    # What a proxy adds to every answer proves nothing here, and cookies are nobody's business.
    kept = tuple((name, value[:500]) for name, value in found.headers if name.lower() in {"location", "content-type"})
    return Exchange(**{**vars(found), "headers": kept})


def _plain(target: Target, model: StackModel, entry: Entry, http: HttpClient) -> Iterator[PlainAnswer]:
    """The service's ports, asked without TLS: the one that speaks it, and those that are open beside it."""
    ports = [entry.port, *_other_ports(target, model, entry)]
    for port in ports[:MAX_PLAIN_PORTS]:
        clear = Entry(name=entry.name, service=entry.service, port=port, base=entry.base, headers=entry.headers)
        if entry.server_name or tls_of(target).server_name:
            clear = Entry(**{**vars(clear), "server_name": tls_of(target).server_name or entry.server_name})
        for request in dict.fromkeys((_health(target).path, target.steady_request.path)):
            answer = _send(http, clear, Request(path=request), StatusClass.OK)
            yield PlainAnswer(
                port=port,
                method="GET",
                path=f"{entry.base}{request}",
                is_tls_port=port == entry.port,
                status=answer.status,
                location=answer.first("location") or "",
                body=answer.body,
                error=answer.error,
            )


def _other_ports(target: Target, model: StackModel, entry: Entry) -> list[int]:
    """Declared ports, else those that the stack publishes, without those that speak TLS themselves."""
    declared = tls_of(target).plain_ports
    if declared is not None:
        return [port for port in declared if port != entry.port]
    service = model.services.get(entry.service)
    secure = {one.port for one in target.entries if one.service == entry.service and one.https}
    # Another protocol than TCP is written behind a slash, and is then no number.
    published = [line.rpartition("->")[2] for line in (service.published if service else ())]
    return [int(port) for port in dict.fromkeys(published) if port.isdecimal() and int(port) not in secure]


def _authority(target: Target, stack: Stack) -> tuple[str | None, str]:
    """The declared authority's certificates, or why they could not be read."""
    declared = tls_of(target)
    data, problem = None, ""
    if declared.ca_file:
        data, problem = _from_folder(target, declared.ca_file)
    elif declared.ca_place:
        data, problem = _from_service(stack, declared.ca_place["service"], declared.ca_place["file_env"])
    if data is None:
        return None, problem
    place = declared.ca_file or f"{declared.ca_place['file_env']} of {declared.ca_place['service']}"
    if len(data) > MAX_AUTHORITY_BYTES:
        return None, f"{place} is larger than {MAX_AUTHORITY_BYTES} bytes"
    try:
        return certificates_in(data), ""
    except ValueError as error:
        return None, f"{place}: {error}"[:300]


def _from_folder(target: Target, name: str) -> tuple[bytes | None, str]:
    folder = Path(target.folder).resolve()
    place = (folder / name).resolve()
    if not place.is_relative_to(folder):
        return None, f"{name} lies outside the folder of readiness.yaml"
    try:
        with place.open("rb") as file:
            return file.read(MAX_AUTHORITY_BYTES + 1), ""
    except OSError as error:
        return None, f"{name}: {error.strerror or error}"


def _from_service(stack: Stack, service: str, variable: str) -> tuple[bytes | None, str]:
    try:
        path = stack.environment(service).get(variable, "")
        if not path:
            return None, f"{service} has no variable {variable}"
        done = stack.execute(service, ["cat", path], timeout_seconds=15)
    except StackError as error:
        return None, str(error)[:300]
    if done.exit_code != 0:
        return None, f"{path} of {service} cannot be read: {done.output.strip()[:200]}"
    return done.output.encode(), ""
