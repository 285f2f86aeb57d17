"""What a probe said about the loss of a dependency: whether it fell, when, for how long, and what it named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from readiness.facts.probe_body import Component, HealthBody, Says, read_body
from readiness.facts.probes import Outage, Phase, Span, Timeline
from readiness.probes.standing import Standing, standing
from readiness.target import Probe, Role, Target
from readiness.verdict import Evidence, Finding, Inconclusive, NotApplicable, Verdict

__all__ = [
    "CLOCK_SECONDS",
    "Course",
    "course_of",
    "describes_before",
    "evidence_of",
    "is_stale",
    "judge_fall",
    "misnamed",
    "outages_with",
    "pass_or_fail",
    "require_outage",
    "require_well",
    "service_of_component",
    "settled_body",
    "was_well",
    "words_for",
]

#: Names under which health bodies speak of a store, where the owner has not declared them.
NAMES: dict[str, frozenset[str]] = {
    Role.DB: frozenset(
        [
            "database",
            "db",
            "postgres",
            "postgresql",
            "pg",
            "mysql",
            "mariadb",
            "mongo",
            "mongodb",
            "sql",
            "datasource",
            "sqlalchemy",
            "timescaledb",
            "cockroachdb",
            "sqlserver",
            "mssql",
        ]
    ),
    Role.REDIS: frozenset(["redis", "cache", "valkey", "keydb", "dragonfly"]),
}
#: Between *in time* and *late*: what a busy machine and one more beat of the poller may add.
MARGIN_SECONDS = 1.0
#: What a time stamp in a body may be off by rounding down to whole seconds.
CLOCK_SECONDS = 1.0
#: An answer that is this much older than the request for it was kept and repeated.
REPEATED_SECONDS = 3.0
SERVER_ERROR = 500
ROLE_WORDS = {Role.DB: "database", Role.REDIS: "Redis"}


def words_for(role: str) -> str:
    """How a role is called in a sentence."""
    return {Role.DB.value: "database", Role.REDIS.value: "Redis"}.get(role, "backend")


def require_outage(target: Target, outage: Outage, role: Role, probe: Probe) -> Phase:
    """The phase without the dependency.

    Raises:
        NotApplicable: the stack has no such dependency, or the probe is declared not to watch it.
        Inconclusive: it has one, and could not be had without it.
    """
    words = words_for(role)
    if not outage.services:
        key = f"roles.{role.value}"
        if any(key == declined or key.startswith(f"{declined}.") for declined in target.declined):
            target.require(key, value=None, example="")
        if components := [name for name in probe.components if name.lower() in NAMES.get(role, frozenset())]:
            raise Inconclusive(
                f"the probe reports {components[0]}, and no service of the stack has the role {role.value}",
                supply=f"roles:\n  {role.value}: NAME_OF_THE_SERVICE",
                undeclared=key,
            )
        services = ", ".join(outage.stack_services) or "none"
        raise NotApplicable(
            f"no {words} in the stack: no service is declared or recognised as one (services: {services})"
        )
    if probe.components and not set(probe.components.values()) & set(outage.services):
        raise NotApplicable(
            f"the {probe.kind} probe is declared to watch {', '.join(probe.components)}, not the {words} "
            f"({', '.join(outage.services)})"
        )
    if outage.stopped is None:
        raise Inconclusive(f"the {words} was not stopped: {outage.not_done.get('stopped', 'no reason was recorded')}")
    return outage.stopped


def outages_with(*outages: Outage) -> tuple[Outage, ...]:
    """Those in which something was really stopped."""
    return tuple(outage for outage in outages if outage.services and outage.stopped is not None)


def was_well(probe: Probe, outage: Outage) -> bool:
    """Whether the probe said yes at rest, which is the premise of every outage.

    Raises:
        Inconclusive: it was asked and said something that tells nothing about health.
    """
    timeline = outage.before.of(probe.kind) if outage.before else None
    if timeline is None or not timeline.spans:
        raise Inconclusive(
            f"the {probe.kind} probe {probe.path} could not be asked: nobody says on which port",
            supply=f"probes:\n  {probe.kind}: {{path: {probe.path}, service: NAME, port: 8000}}",
        )
    said = standing(probe, timeline.spans[-1])
    if not said.is_usable:
        raise Inconclusive(
            f"the {probe.kind} probe {said} at rest ({timeline.spans[-1].status}), so its answers tell nothing about health",
            supply="exempt the probe from the rate limit and the login, as probers have neither",
        )
    return said is Standing.YES


def require_well(probe: Probe, outage: Outage) -> None:
    """Stop where the probe did not say yes even at rest.

    Raises:
        Inconclusive: it did not.
    """
    if not was_well(probe, outage):
        assert outage.before is not None  # noqa: S101  # was_well() raised otherwise
        timeline = outage.before.of(probe.kind)
        last = timeline.spans[-1] if timeline else None
        says = (last.status or last.error) if last else "nothing"
        raise Inconclusive(f"the {probe.kind} probe did not say yes at rest ({says}), so its fall would show nothing")


def describes_before(moment: float, *, zero: float, sent: float) -> bool:
    """Whether an answer with the time stamp ``moment``, to a request of ``sent``, says nothing about the time after ``zero``.

    One made in the second of the fault may describe either side of it; it counts as old once it is only repeated.
    All are seconds since the epoch.
    """
    return moment < zero - CLOCK_SECONDS or (moment < zero + CLOCK_SECONDS and sent - moment > REPEATED_SECONDS)


def is_stale(span: Span, phase: Phase) -> bool:
    """Whether the span's last answer describes, by its own time stamp, a moment before the phase's zero."""
    body = read_body(span.last_body or span.body)
    if body.timestamp is None or body.is_naive or not phase.zero_unix_seconds:
        return False
    return describes_before(
        body.timestamp, zero=phase.zero_unix_seconds, sent=phase.zero_unix_seconds + span.last_seconds
    )


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a probe went through one phase; only requests sent after the phase's zero count.

    Attributes:
        timeline: what it is taken from.
        settled: the last usable answer, and what it said.
        last_yes: when the last *yes* that described the present was sent; None without one.
        last_stale_yes: when the last *yes* from before the zero was sent.
        first_no: when the *no* was first sent after which no yes came; None where the last answer is a yes.
        unusable: why no answer tells anything.
    """

    timeline: Timeline
    settled: Span | None
    says: Standing | None
    last_yes: float | None
    last_stale_yes: float | None
    first_no: float | None
    unusable: str = ""

    @property
    def has_fallen(self) -> bool:
        """Whether it ended the phase without saying yes."""
        return self.says is not None and self.says is not Standing.YES


def course_of(probe: Probe, phase: Phase | None) -> Course | None:
    """The probe's course through a phase; None where it was not asked."""
    timeline = phase.of(probe.kind) if phase else None
    if phase is None or timeline is None:
        return None
    said = [(standing(probe, span), span) for span in timeline.spans if span.last_seconds >= 0]
    usable = [(what, span) for what, span in said if what.is_usable]
    yes = [span for what, span in usable if what is Standing.YES]
    fresh = [span.last_seconds for span in yes if not is_stale(span, phase)]
    stale = [span.last_seconds for span in yes if is_stale(span, phase)]
    after = max((span.last_seconds for span in yes), default=-1.0)
    nos = [span.first_seconds for what, span in usable if what is not Standing.YES and span.first_seconds > after]
    return Course(
        timeline=timeline,
        settled=usable[-1][1] if usable else None,
        says=usable[-1][0] if usable else None,
        last_yes=max(fresh, default=None),
        last_stale_yes=max(stale, default=None),
        first_no=max(0.0, min(nos)) if nos else None,
        unusable="" if usable else (said[-1][0].value if said else "it was not asked"),
    )


def evidence_of(timeline: Timeline, span: Span, when: str) -> Evidence:
    """One answer as proof; ``when`` says from which moment its seconds count."""
    said = span.status if span.status is not None else span.error
    source = (
        f"GET {timeline.url} ({timeline.entry}), {span.first_seconds:.1f} to {span.last_seconds:.1f} s {when}: {said}"
    )
    body = (span.last_body or span.body).strip()
    return Evidence(source=source, text=body[:600] or (span.error or "(empty body)"))


def service_of_component(target: Target, probe: Probe, name: str) -> tuple[str, ...]:
    """The services that a component of a body stands for: as declared, else by its usual name."""
    if name in probe.components:
        return (probe.components[name],)
    if probe.components:
        return ()
    for role in (Role.DB, Role.REDIS):
        if name.lower() in NAMES[role] or name in target.services_of(role):
            return target.services_of(role)
    return tuple(s for services in target.roles.values() for s in services if s == name)


def settled_body(course: Course) -> HealthBody:
    """The body of the settled answer."""
    span = course.settled
    return read_body((span.last_body or span.body) if span is not None else "")


def misnamed(target: Target, probe: Probe, outage: Outage, course: Course) -> Iterator[str]:
    """What the settled body gets wrong: a lost component called healthy, or a present one called unhealthy.

    A component that was not healthy at rest, or whose service has itself gone down meanwhile, is not judged; a body
    that lists no components gets nothing wrong here.
    """
    before = _bad_names(_at_rest(outage, probe))
    for component in settled_body(course).components:
        services = service_of_component(target, probe, component.name)
        if not services:
            continue
        if set(services) & set(outage.services):
            if component.says is Says.HEALTHY:
                yield f"{component.name} is called {component.status or component.says!r} although {services[0]} is stopped"
        elif component.says.is_bad and component.name not in before and _is_blameless(target, outage, services):
            yield f"{component.name} is called {component.status!r} although {services[0]} runs: only {outage.services[0]} is stopped"


def _is_blameless(target: Target, outage: Outage, services: Iterable[str]) -> bool:
    """Whether these run, and depend on no other service whose loss could make them unhealthy."""
    roles = (Role.DB, Role.REDIS, Role.VECTOR, Role.SEARCH)
    names = tuple(services)
    states = [outage.stopped.state(service) if outage.stopped else None for service in names]
    return any(name in target.services_of(role) for role in roles for name in names) and any(
        state is not None and state.status == "running" and state.health != "unhealthy" for state in states
    )


def _at_rest(outage: Outage, probe: Probe) -> tuple[Component, ...]:
    timeline = outage.before.of(probe.kind) if outage.before else None
    return read_body(timeline.spans[-1].body).components if timeline and timeline.spans else ()


def _bad_names(components: Iterable[Component]) -> frozenset[str]:
    return frozenset(component.name for component in components if component.says.is_bad)


def judge_fall(
    target: Target, probe: Probe, outage: Outage, *, period_seconds: float, is_late_a_finding: bool = True
) -> tuple[tuple[Finding, ...], str]:
    """Whether the probe fell with the dependency, by status, in time, and named it: findings, and a sentence.

    Args:
        target: for the services behind components.
        probe: one that is declared to depend on what was stopped.
        outage: with its stopped phase.
        period_seconds: how long after the loss, and after a declared cache time, a prober may still see *yes*.
        is_late_a_finding: False where another check judges how long answers are reused.

    Raises:
        Inconclusive: the answers do not decide; says what would.
    """
    require_well(probe, outage)
    course = course_of(probe, outage.stopped)
    words, when = words_for(outage.role), f"after {' and '.join(outage.services)} had stopped"
    if course is None or course.settled is None or outage.stopped is None:
        reason = course.unusable if course else "it was not asked"
        raise Inconclusive(f"the {probe.kind} probe told nothing while the {words} was stopped: {reason}")
    proof = (evidence_of(course.timeline, course.settled, when),)
    if not course.has_fallen:
        if course.last_yes is None:
            raise Inconclusive(
                f"the {probe.kind} probe repeated an answer from before the outage for {course.last_stale_yes or 0:.0f} s, "
                "as long as it was watched",
                supply=f"probes:\n  {probe.kind}: {{path: {probe.path}, cache_seconds: HOW_LONG_AN_ANSWER_IS_REUSED}}",
            )
        message = f"{probe.path} still says {course.settled.status} {course.last_yes:.0f} s {when}"
        return (Finding(message=message, evidence=(*proof, *_is_required(probe, outage, words))),), ""
    findings = list(_wrong_refusal(probe, course, words, proof))
    last = max((t for t in (course.last_yes, course.last_stale_yes) if t is not None), default=0.0)
    allowed = probe.cache_seconds + period_seconds
    if last > allowed and is_late_a_finding:
        if not probe.cache_seconds or last <= allowed + MARGIN_SECONDS:
            raise Inconclusive(
                f"{probe.path} still said yes {last:.1f} s {when}, and no afterwards; "
                f"expected within {allowed:g} s. Whether it reuses answers is not declared",
                supply=f"probes:\n  {probe.kind}: {{path: {probe.path}, cache_seconds: {round(last) + 1}}}",
            )
        findings.append(
            Finding(message=f"{probe.path} still said yes {last:.1f} s {when}; at most {allowed:g} s", evidence=proof)
        )
    findings += [
        Finding(message=f"{probe.path}: {error}", evidence=proof) for error in misnamed(target, probe, outage, course)
    ]
    summary = f"{probe.path} answered {course.settled.status or course.settled.error} from {course.first_no or 0:.1f} s {when}"
    return tuple(findings), summary


def _is_required(probe: Probe, outage: Outage, words: str) -> tuple[Evidence, ...]:
    """What shows that the service cannot do without the dependency: its owner's word, else a failing request.

    Raises:
        Inconclusive: neither does, and a probe need not fall with what the service can do without.
    """
    if probe.components:
        return ()
    supply = f"probes:\n  {probe.kind}: {{path: {probe.path}, components: {{NAME: {outage.services[0]}}}}}"
    asked = {timeline.url for timeline in (outage.before.timelines if outage.before else ())}
    ordinary = next((exchange for exchange in outage.exchanges if exchange.url not in asked), None)
    unknown = f"{probe.path} stays as it is without the {words}; whether the service needs the {words} is not declared"
    if ordinary is None:
        raise Inconclusive(unknown, supply=supply)
    if ordinary.status is not None and ordinary.status < SERVER_ERROR:
        raise Inconclusive(f"{unknown}, and {ordinary.label}", supply=supply)
    return (Evidence(source=ordinary.label, text=ordinary.body.strip()[:300] or (ordinary.error or "(empty body)")),)


def _wrong_refusal(probe: Probe, course: Course, words: str, proof: tuple[Evidence, ...]) -> Iterator[Finding]:
    """A *no* that callers do not understand."""
    assert course.settled is not None  # noqa: S101  # the caller has looked
    status = course.settled.status
    if course.says is Standing.BODY_NO:
        message = f"{probe.path} says unhealthy in its body and {status} in its status, which is what probers and balancers read"
        yield Finding(message=message, evidence=proof)
    elif course.says is Standing.SILENT:
        yield Finding(message=f"{probe.path} gives no answer while the {words} is stopped", evidence=proof)
    elif status is not None and status < SERVER_ERROR:
        yield Finding(
            message=f"{probe.path} answers {status} while the {words} is stopped, which is not a 503", evidence=proof
        )


def pass_or_fail(findings: Iterable[Finding], summary: str) -> Verdict:
    """A verdict whose sentence is kept for the pass."""
    found = tuple(findings)
    return Verdict(findings=found, summary="" if found else summary)
