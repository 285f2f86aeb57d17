"""Liveness tells the time, and how long it has been running."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Finding, NotApplicable, Severity, Verdict, check
from readiness.facts.probe_body import HealthBody, Says
from readiness.facts.probes import Answer, ProbeAnswers, ProbeBaseline
from readiness.probes.outages import pass_or_fail
from readiness.probes.rest import answers_of, bodies_of, proof_of
from readiness.target import ProbeKind, Target

#: Where a moment without a time zone is local time: the offsets in use are multiples of a quarter of an hour.
QUARTER_SECONDS = 900.0
#: Seconds do not grow so much faster than seconds; milliseconds do, a thousand times.
TOO_FAST = 10.0
UPTIMES = frozenset({"uptime_seconds", "uptime"})


@dataclass(frozen=True, kw_only=True)
class LiveLimits:
    """How exact the figures must be."""

    clock_seconds: float = 5.0  # the ledger: timestamp within 5 s of now
    growth_seconds: float = 1.0  # figures may be rounded to whole seconds


@check(
    id="probe.live",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="Liveness reports its status, the present time and its uptime",
    why="A frozen answer (cached, or from a proxy) looks alive for ever; time and uptime show that the process answers.",
    source="Claims ledger, probe.live (brain)",
    remediation="Compute timestamp and uptime per request, and let nothing cache the answer.",
    seeds=("brain",),
    defects=("live-timestamp-frozen",),
)
def check_live(probe_baseline: ProbeBaseline, target: Target, limits: LiveLimits) -> Verdict:
    """Judge the fields that are declared (``reports``), else those that the answer has."""
    probe = target.probe(ProbeKind.LIVE)
    answers = answers_of(probe_baseline, probe)
    read = bodies_of(answers, probe)
    declared = {name.lower() for name in probe.reports}
    has_time = any(body.timestamp is not None for _, body in read)
    has_uptime = any(body.uptime_seconds is not None for _, body in read)
    if not (declared or has_time or has_uptime or read[0][1].status):
        raise NotApplicable(f"{probe.path} announces neither status, time nor uptime, and none is declared")
    findings: list[Finding] = []
    for name, is_there in (("timestamp", has_time), ("uptime_seconds", has_uptime)):
        if not is_there and declared & ({name, "uptime"} if name in UPTIMES else {name}):
            findings.append(
                Finding(message=f"{probe.path} reports no {name}, which is declared", evidence=(proof_of(answers),))
            )
    if read[0][1].says is Says.UNHEALTHY and probe.status is None:
        findings.append(Finding(message=f"{probe.path} says {read[0][1].status!r}", evidence=(proof_of(answers),)))
    if has_time:
        findings += _clock(answers, read, limits)
    if has_uptime:
        findings += _uptime(answers, read, limits, is_declared=bool(declared & UPTIMES))
    shown = [name for name, there in (("time", has_time), ("uptime", has_uptime)) if there]
    return pass_or_fail(
        findings, f"{probe.path} says {read[0][1].status!r}; {' and '.join(shown) or 'no figures'} move with the clock"
    )


def _clock(answers: ProbeAnswers, read: tuple[tuple[Answer, HealthBody], ...], limits: LiveLimits) -> Iterator[Finding]:
    moments = [(answer, body) for answer, body in read if body.timestamp is not None]
    for answer, body in moments:
        off = abs((body.timestamp or 0.0) - answer.unix_seconds)
        if body.is_naive:
            off = min(off % QUARTER_SECONDS, QUARTER_SECONDS - off % QUARTER_SECONDS)
        # The answer was made at some time during the exchange.
        if off > limits.clock_seconds + answer.seconds:
            message = f"the timestamp {body.timestamp_text} is {off:.0f} s off the present, at most {limits.clock_seconds:g} s"
            yield Finding(message=message, evidence=(proof_of(answers, answer),))
            return
    first, last = moments[0], moments[-1]
    elapsed = last[0].at_seconds - first[0].at_seconds
    if elapsed > limits.growth_seconds and first[1].timestamp == last[1].timestamp:
        message = f"the timestamp {first[1].timestamp_text} does not move in {elapsed:.1f} s"
        yield Finding(message=message, evidence=(proof_of(answers, first[0]), proof_of(answers, last[0])))


def _uptime(
    answers: ProbeAnswers, read: tuple[tuple[Answer, HealthBody], ...], limits: LiveLimits, *, is_declared: bool
) -> Iterator[Finding]:
    known = [(answer, body.uptime_seconds) for answer, body in read if body.uptime_seconds is not None]
    (first, start), (last, end) = known[0], known[-1]
    elapsed = last.at_seconds - first.at_seconds
    # Several processes behind one port have several uptimes; each of them still grows.
    if elapsed > limits.growth_seconds and end == start:
        message = f"the uptime {start:g} does not move in {elapsed:.1f} s"
        yield Finding(message=message, evidence=(proof_of(answers, first), proof_of(answers, last)))
    steps = [(b - a, other.at_seconds - one.at_seconds) for (one, a), (other, b) in itertools.pairwise(known)]
    if steps and all(grown > TOO_FAST * (passed + limits.growth_seconds) for grown, passed in steps):
        message = f"the uptime grows by {end - start:.0f} in {elapsed:.1f} s: not seconds"
        yield Finding(message=message, evidence=(proof_of(answers, first), proof_of(answers, last)))
    age = answers.service_age_seconds
    # An uptime that nobody declared may be the machine's.
    if is_declared and age is not None and start > age + limits.clock_seconds:
        message = f"the uptime is {start:.0f} s, though the service was started {age:.0f} s ago"
        yield Finding(message=message, evidence=(proof_of(answers, first),))
