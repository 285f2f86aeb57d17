"""Complete a declaration from the model of the stack alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from readiness.discovery.probe_paths import kind_of
from readiness.discovery.services import (
    HttpPort,
    RoleGuess,
    health_address,
    http_port,
    is_user_interface,
    role_of,
)
from readiness.facts.model import ServiceModel, StackModel
from readiness.target import Discovery, Entry, Probe, ProbeKind, Role, Target

__all__ = ["complete_offline"]

_STORES = (Role.DB, Role.REDIS, Role.VECTOR, Role.SEARCH)
_USUAL_NAMES = ("api", "app", "backend", "server", "web", "service")
NOT_FOUND = "not found"


def complete_offline(target: Target, model: StackModel) -> Target:
    """Fill in the service under audit, roles, entries and probe hints that the owner left out.

    Args:
        target: as declared. An entry without a service, port or name (empty, 0, empty) is completed; one whose port
            cannot be found is left out, and a row says so.
        model: the owner's stack. Where it is empty (an attached target) nothing can be found.
    """
    if not model.services:
        return target
    rows: list[Discovery] = []
    roles = _roles(target, model, rows)
    service = target.service
    if service is None:
        service = _service(target, model, roles, rows)
    if service in model.services and not any(service in names for names in roles.values()):
        roles.setdefault(Role.APP, (service,))
    _add_front(target, model, service, roles, rows)
    completed = dataclasses.replace(target, service=service, roles=roles)
    entries = _declared_entries(completed, model, rows) if target.entries else _entries(completed, model, rows)
    completed = dataclasses.replace(completed, entries=entries)
    probes = _probes(completed, model, rows)
    return dataclasses.replace(completed, probes=probes, discovered=(*target.discovered, *rows))


def _roles(target: Target, model: StackModel, rows: list[Discovery]) -> dict[Role, tuple[str, ...]]:
    """Declared roles stay; a role that is declared (or declined) gets no further services."""
    roles = dict(target.roles)
    placed = {name for names in roles.values() for name in names} | {target.service}
    closed = set(roles) | {role for role in Role if f"roles.{role}" in target.declined}
    found: dict[Role, list[tuple[str, str]]] = {}
    for name, service in model.services.items():
        guess = None if name in placed else role_of(service, model)
        if guess is None and name not in placed:
            guess = _silent_twin(service, model)
        if guess is not None and guess.role not in closed:
            found.setdefault(guess.role, []).append((name, guess.reason))
    for role, services in found.items():
        roles[role] = tuple(name for name, _ in services)
        reason = "; ".join(f"{name}: {why}" for name, why in services)
        rows.append(Discovery(key=f"roles.{role}", value=", ".join(roles[role]), reason=reason))
    return roles


def _silent_twin(service: ServiceModel, model: StackModel) -> RoleGuess | None:
    """A worker that says so neither by name nor by command: the application's image, another command, no port."""
    if http_port(service) is not None or not service.command:
        return None
    for other in model.services.values():
        is_same = (service.build_context is not None and service.build_context == other.build_context) or (
            service.image != "" and service.image == other.image
        )
        if other.name != service.name and is_same and other.command != service.command and http_port(other) is not None:
            return RoleGuess(role=Role.WORKER, reason=f"the image of {other.name} with another command and no port")
    return None


def _service(
    target: Target, model: StackModel, roles: Mapping[Role, tuple[str, ...]], rows: list[Discovery]
) -> str | None:
    """The service under audit: of those without another role, the one with the most signs of an application."""
    if declared := [name for name in roles.get(Role.APP, ()) if name in model.services]:
        rows.append(Discovery(key="service", value=declared[0], reason="the first with the declared role app"))
        return declared[0]
    if len(target.entries) == 1 and target.entries[0].service in model.services:
        name = target.entries[0].service
        if name not in roles.get(Role.PROXY, ()):
            rows.append(Discovery(key="service", value=name, reason="the service of the declared entry"))
            return name
    placed = {name for names in roles.values() for name in names}
    candidates = [service for name, service in model.services.items() if name not in placed]
    candidates = [service for service in candidates if not is_user_interface(service)] or candidates
    if not candidates:
        candidates = [model.services[name] for name in roles.get(Role.PROXY, ()) if name in model.services]
    if not candidates:
        reason = "every service is a store, a worker or a tool; declare service:"
        rows.append(Discovery(key="service", value=NOT_FOUND, reason=reason))
        return None
    ranked = sorted(candidates, key=lambda service: _signs(service, model, roles), reverse=True)
    best, signs = ranked[0], _signs(ranked[0], model, roles)
    reason = _reason(best, model, roles, is_only=len(ranked) == 1)
    if len(ranked) > 1 and _signs(ranked[1], model, roles) == signs:
        reason += f"; {ranked[1].name} shows as many signs: declare service: to be sure"
    rows.append(Discovery(key="service", value=best.name, reason=reason))
    return best.name


def _add_front(
    target: Target,
    model: StackModel,
    service: str | None,
    roles: dict[Role, tuple[str, ...]],
    rows: list[Discovery],
) -> None:
    """A proxy that says so neither by image nor by name: the one way in to a service that is not published itself."""
    audited = model.services.get(service or "")
    is_closed = Role.PROXY in roles or Role.PROXY in target.roles or f"roles.{Role.PROXY}" in target.declined
    if audited is None or audited.published or is_closed or target.entries:
        return
    placed = {name for names in roles.values() for name in names}
    fronts = [
        other.name
        for other in model.services.values()
        if other.published and audited.name in other.depends_on and other.name not in placed
    ]
    if len(fronts) == 1 and not is_user_interface(model.services[fronts[0]]):
        roles[Role.PROXY] = (fronts[0],)
        reason = f"it is published and depends on {audited.name}, which is not published"
        rows.append(Discovery(key=f"roles.{Role.PROXY}", value=fronts[0], reason=f"{fronts[0]}: {reason}"))


def _signs(
    service: ServiceModel, model: StackModel, roles: Mapping[Role, tuple[str, ...]]
) -> tuple[bool, int, bool, bool, bool]:
    """What makes a service the application, the strongest sign first."""
    stores = {name for role in _STORES for name in roles.get(role, ())}
    return (
        bool(_fronted_by(service.name, model, roles)),
        len(stores & service.depends_on.keys()),
        http_port(service) is not None,
        service.name in _USUAL_NAMES,
        service.build_context is not None,
    )


def _reason(service: ServiceModel, model: StackModel, roles: Mapping[Role, tuple[str, ...]], *, is_only: bool) -> str:
    fronted, stores, speaks_http, is_usual, is_built = _signs(service, model, roles)
    signs = [f"{_fronted_by(service.name, model, roles)} stands before it"] if fronted else []
    signs += [f"it uses {stores} of the stores"] if stores else []
    signs += ["it has an HTTP port"] if speaks_http else []
    signs += ["its name"] if is_usual else []
    signs += ["it is built here"] if is_built else []
    text = ", ".join(signs)
    if is_only:
        return f"the only service without another role{f' ({text})' if text else ''}"
    return text or "the first service without another role"


def _fronted_by(name: str, model: StackModel, roles: Mapping[Role, tuple[str, ...]]) -> str:
    """The proxy that depends on this service, or nothing."""
    proxies = (model.services[proxy] for proxy in roles.get(Role.PROXY, ()) if proxy in model.services)
    return next((proxy.name for proxy in proxies if name in proxy.depends_on), "")


def _entries(target: Target, model: StackModel, rows: list[Discovery]) -> tuple[Entry, ...]:
    """The proxy's public port where one stands before the service, then the service's own."""
    entries = []
    service = model.services.get(target.service or "")
    # Local processes and host networks publish nothing: there every port is as public as the next.
    publishes = any(other.published for other in model.services.values())
    for name in target.services_of(Role.PROXY):
        proxy = model.services.get(name)
        is_public = proxy is not None and (bool(proxy.published) or not publishes)
        port = http_port(proxy, prefers_tls=True) if proxy is not None and is_public else None
        if proxy is None or port is None or name == target.service:
            continue
        if service is not None and service.name in proxy.depends_on:
            why = f"it depends on {service.name}"
        elif len(target.services_of(Role.PROXY)) == 1:
            why = "it is the only proxy"
        else:
            continue
        entries.append(Entry(name="proxy", service=name, port=port.port, https=port.is_https))
        rows.append(_entry_row(entries[-1], f"proxy: {why}; {port.reason}"))
        break
    direct = None if service is None else http_port(service)
    if service is not None and direct is not None:
        entries.append(Entry(name="direct", service=service.name, port=direct.port, https=direct.is_https))
        rows.append(_entry_row(entries[-1], f"the service itself; {direct.reason}"))
    elif service is not None:
        reason = (
            "no published or exposed port, none in its command or health check; declare entry: {service: …, port: …}"
        )
        rows.append(Discovery(key="entry.direct", value=NOT_FOUND, reason=reason))
    return tuple(entries)


def _declared_entries(target: Target, model: StackModel, rows: list[Discovery]) -> tuple[Entry, ...]:
    """The owner's entries with what they leave open."""
    entries: list[Entry] = []
    for declared in target.entries:
        name = declared.service or target.service or ""
        port: HttpPort | None = None
        if declared.port == 0:
            is_proxy = name in target.services_of(Role.PROXY)
            port = http_port(model.services[name], prefers_tls=is_proxy) if name in model.services else None
            if port is None:
                reason = "no port of it is known; write entry.port"
                rows.append(Discovery(key=f"entry.{declared.name or name}", value=NOT_FOUND, reason=reason))
                continue
        label = declared.name or _entry_name(name, target, {entry.name for entry in entries})
        entry = dataclasses.replace(
            declared,
            name=label,
            service=name,
            port=declared.port or (port.port if port else 0),
            https=declared.https or bool(port and port.is_https),
        )
        if port is not None:
            rows.append(_entry_row(entry, port.reason))
        entries.append(entry)
    return tuple(entries)


def _entry_name(service: str, target: Target, taken: set[str]) -> str:
    name = service
    if service in target.services_of(Role.PROXY) and service != target.service:
        name = "proxy"
    elif service == target.service:
        name = "direct"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique


def _entry_row(entry: Entry, reason: str) -> Discovery:
    scheme = "https" if entry.https else "http"
    return Discovery(key=f"entry.{entry.name}", value=f"{scheme}://{entry.service}:{entry.port}", reason=reason)


def _probes(target: Target, model: StackModel, rows: list[Discovery]) -> dict[ProbeKind, Probe]:
    """The endpoint that the container's own health check asks, with the meaning that its path declares."""
    probes = dict(target.probes)
    service = model.services.get(target.service or "")
    address = None if service is None else health_address(service)
    if service is None or address is None or address.path is None:
        return probes
    kind, meaning = kind_of(address.path)
    if address.path == "/":
        reason = "the container's health check asks /, which is a page rather than a probe"
        rows.append(Discovery(key="probes.health", value="not taken", reason=reason))
        return probes
    is_settled = kind in probes or f"probes.{kind}" in target.declined or "probes" in target.declined
    if is_settled or address.path in {probe.path for probe in probes.values()}:
        return probes
    direct = next((entry for entry in target.entries if entry.service == service.name), None)
    port = address.port or (direct.port if direct else None)
    asked = service.name if port is not None else None
    probes[kind] = Probe(kind=kind, path=address.path, service=asked, port=port)
    reason = f"the container's health check asks it; {meaning}"
    rows.append(
        Discovery(key=f"probes.{kind}", value=f"{address.path} on port {port or 'of the entry'}", reason=reason)
    )
    return probes
