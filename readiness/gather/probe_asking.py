"""From a declared probe to a question, and from the answers to a timeline."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence

from readiness.exceptions import StackError
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.model import StackModel
from readiness.facts.probe_body import leaks_in, mask, read_body, secret_values
from readiness.facts.probes import Answer, Phase, ProbeLeak, ServiceSnapshot, Span, Timeline
from readiness.instruments.poller import NO_ANSWER, Ask, Poller, Sample
from readiness.probes.outages import describes_before
from readiness.runtime import Stack
from readiness.target import Entry, Probe, Request, Target

__all__ = [
    "answer_of",
    "ask_of",
    "asks_of",
    "exchange_of",
    "is_stale_answer",
    "known_secrets",
    "leaks_of",
    "phase_of",
    "ports_of",
    "snapshots",
    "spans_of",
    "timeline_of",
]

KEPT_BODY_CHARS = 4096
#: More changes than this in one phase are noise: bodies are then left out of what makes two answers equal.
MAX_SPANS = 100
#: What differs between two answers that say the same: figures, times, ids.
_FIGURES = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b|\d+", re.IGNORECASE)


def asks_of(target: Target, model: StackModel, *, timeout_seconds: float = 15.0) -> dict[str, Ask]:
    """One question per declared probe whose place is known, by kind."""
    asks = {kind.value: ask_of(target, model, probe, timeout_seconds) for kind, probe in target.probes.items()}
    return {kind: ask for kind, ask in asks.items() if ask is not None}


def ask_of(target: Target, model: StackModel, probe: Probe, timeout_seconds: float = 15.0) -> Ask | None:
    """The question for one probe; None where nobody says on which port to ask."""
    entry = _entry_of(target, model, probe)
    if entry is None:
        return None
    return Ask(name=probe.kind.value, entry=entry, request=Request(path=probe.path), timeout_seconds=timeout_seconds)


def _entry_of(target: Target, model: StackModel, probe: Probe) -> Entry | None:
    if probe.service is None and probe.port is None:
        return target.entries[0] if target.entries else None
    service = probe.service or target.service
    if service is None:
        return None
    known = [e for e in target.entries if e.service == service and probe.port in {None, e.port}]
    if known:
        return Entry(
            name=known[0].name,
            service=service,
            port=known[0].port,
            https=known[0].https,
            server_name=known[0].server_name,
            headers=known[0].headers,
        )
    port = probe.port or next(iter(ports_of(target, model, service)), None)
    return Entry(name=service, service=service, port=port) if port else None


def ports_of(target: Target, model: StackModel, service: str) -> tuple[int, ...]:
    """The ports that a service is declared to listen on."""
    spec = target.processes.get(service)
    modelled = model.services.get(service)
    own = (spec.port,) if spec and spec.port else ()
    return (*own, *(modelled.ports if modelled else ()))


def snapshots(stack: Stack) -> tuple[ServiceSnapshot, ...]:
    """Every service's state right now; one that cannot be looked at is left out."""
    found = []
    for service in stack.services:
        try:
            state = stack.state(service)
        except StackError:
            continue
        found.append(
            ServiceSnapshot(
                service=service,
                status=state.status,
                instance=state.instance,
                started_at=state.started_at,
                restarts=state.restarts,
                health=state.health,
            )
        )
    return tuple(found)


def known_secrets(stack: Stack) -> dict[str, str]:
    """``NAME of SERVICE`` -> value, for every secret that the stack's variables hold."""
    environments: dict[str, Mapping[str, str]] = {}
    for service in stack.services:
        try:
            environments[service] = stack.environment(service)
        except StackError:
            continue
    # The demo of many a stack has user, database and password of one name: finding that word proves nothing.
    ordinary = {name.lower() for name in environments}
    for environment in environments.values():
        ordinary |= {v.lower() for k, v in environment.items() if re.search(r"(USER|NAME|_DB|DATABASE|HOST)$", k)}
    found: dict[str, str] = {}
    for service, environment in environments.items():
        for name, value in secret_values(environment, ordinary=frozenset(ordinary)).items():
            if value not in found.values():
                found[f"{name} of {service}"] = value
    return found


def phase_of(
    poller: Poller, asks: Iterable[Ask], *, stack: Stack, zero: float, since: float, secrets: Mapping[str, str]
) -> Phase:
    """What every probe answered to requests sent since ``since``, counted from ``zero``, and every service's state."""
    now, unix = time.monotonic(), time.time()
    timelines = []
    for ask in asks:
        samples = [sample for sample in poller.samples(ask.name) if sample.sent >= since]
        timelines.append(timeline_of(ask, samples, zero=zero, secrets=secrets))
    return Phase(
        seconds=round(now - zero, 3),
        zero_unix_seconds=round(unix - (now - zero), 3),
        timelines=tuple(timelines),
        states=snapshots(stack),
    )


def is_stale_answer(sample: Sample, *, zero: float) -> bool:
    """Whether the answer says by its own time stamp that it describes a moment before ``zero``."""
    moment = read_body(sample.body)
    zero_unix = sample.unix - sample.seconds - (sample.sent - zero)
    if moment.timestamp is None or moment.is_naive:
        return False
    return describes_before(moment.timestamp, zero=zero_unix, sent=sample.unix - sample.seconds)


def timeline_of(ask: Ask, samples: Iterable[Sample], *, zero: float, secrets: Mapping[str, str]) -> Timeline:
    """The samples as a timeline; times count from ``zero``, known secrets are masked."""
    return Timeline(
        kind=ask.name,
        url=ask.url,
        entry=ask.entry.name,
        service=ask.entry.service,
        spans=spans_of(samples, zero=zero, secrets=secrets),
    )


def spans_of(samples: Iterable[Sample], *, zero: float, secrets: Mapping[str, str]) -> tuple[Span, ...]:
    """Runs of equal answers; equal means the same status or error, and the same body apart from figures."""
    known = list(samples)
    spans = _runs(known, zero, secrets, with_body=True)
    return spans if len(spans) <= MAX_SPANS else _runs(known, zero, secrets, with_body=False)


def _runs(samples: Sequence[Sample], zero: float, secrets: Mapping[str, str], *, with_body: bool) -> tuple[Span, ...]:
    runs: list[list[Sample]] = []
    last: tuple[object, ...] | None = None
    for sample in samples:
        # A port that nobody listens on refuses, resets or closes as it likes: all of that is *nobody there*.
        error = sample.error and ("late" if sample.error.startswith(NO_ANSWER) else "nobody there")
        likeness = (sample.status, error, _FIGURES.sub("0", sample.body) if with_body else None)
        if likeness == last:
            runs[-1].append(sample)
        else:
            runs.append([sample])
            last = likeness
    return tuple(_span(run, zero, secrets) for run in runs)


def _span(run: Sequence[Sample], zero: float, secrets: Mapping[str, str]) -> Span:
    body, last_body = (mask(each.body, secrets)[:KEPT_BODY_CHARS] for each in (run[0], run[-1]))
    return Span(
        first_seconds=round(run[0].sent - zero, 3),
        last_seconds=round(run[-1].sent - zero, 3),
        count=len(run),
        status=run[0].status,
        error=run[0].error,
        slowest_seconds=round(max(sample.seconds for sample in run), 4),
        body=body,
        last_body=last_body if last_body != body else "",
    )


def answer_of(sample: Sample, *, zero: float, secrets: Mapping[str, str]) -> Answer:
    """One answer at rest."""
    return Answer(
        at_seconds=round(sample.sent - zero, 3),
        unix_seconds=round(sample.unix, 3),
        status=sample.status,
        seconds=round(sample.seconds, 4),
        body=mask(sample.body, secrets)[: 2 * KEPT_BODY_CHARS],
        error=sample.error,
    )


def exchange_of(ask: Ask, sample: Sample, *, purpose: StatusClass, secrets: Mapping[str, str]) -> Exchange:
    """A sample with its headers, for whoever judges those."""
    return Exchange(
        entry=ask.entry.name,
        purpose=purpose,
        method=ask.request.method,
        url=ask.url,
        https=ask.entry.https,
        status=sample.status,
        headers=sample.headers,
        body=mask(sample.body, secrets)[:KEPT_BODY_CHARS],
        body_bytes=len(sample.body.encode()),
        seconds=round(sample.seconds, 4),
        error=sample.error,
    )


def leaks_of(ask: Ask, samples: Iterable[Sample], *, phase: str, secrets: Mapping[str, str]) -> tuple[ProbeLeak, ...]:
    """What a probe's answers showed and must not, each kind once; searched before anything is masked."""
    found: dict[str, ProbeLeak] = {}
    seen: set[str] = set()
    for sample in samples:
        if sample.body in seen:
            continue
        seen.add(sample.body)
        for leak in leaks_in(sample.body, secrets):
            where = f"{ask.name} probe {ask.url}, {phase}: {sample.status}"
            found.setdefault(leak.kind, ProbeLeak(where=where, leak=leak))
    return tuple(found.values())
