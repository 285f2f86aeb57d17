"""The service under audit started while its database is away; then the database comes, late.

Seen are who comes to the database's port, what is logged of it, and what the probes say. One variant of the stack serves four questions. In the database's place something of ours listens, accepts and hangs up,
so that every attempt is seen where it arrives.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from readiness.check import Impact
from readiness.declared.logs import logs_of
from readiness.declared.retry import Schedule, retry_of_database
from readiness.exceptions import StackError
from readiness.facts.model import StackModel
from readiness.facts.probe_body import mask
from readiness.facts.startup import Attempt, Away, Back, LateDependency, Said
from readiness.gather import gatherer
from readiness.gather.probe_asking import answer_of, asks_of, known_secrets, ports_of
from readiness.gather.probe_outage import stoppable
from readiness.instruments.poller import Ask, Sample, ask_once, run_bounded
from readiness.instruments.stand_in import StandingIn, standing_in
from readiness.instruments.variants import Variants
from readiness.probes.standing import Standing, standing
from readiness.runtime import Capability, Endpoint, Progress, Runtime, Stack, StandIn, Variant
from readiness.runtime.stand_in import INTERPRETERS
from readiness.starting.attempts import grouped
from readiness.target import ProbeKind, Role, Target
from readiness.verdict import Inconclusive

__all__ = ["Patience", "closure_of", "late_dependency", "ports_of_store"]

#: Image or program -> the port that its clients go to where nobody says otherwise.
USUAL_PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306, "mongo": 27017}
POSTGRES_PORT = 5432
#: Attempts whose log lines are told apart; later ones show nothing new.
MAX_ATTEMPTS = 40
#: So many times what the whole stack took to start on this machine, as busy as it is.
SLOWER = 3.0
LINES_OF_ATTEMPT, LAST_LINES = 12, 30
#: Of a line: its beginning and its end. Some programs write a whole stack before the words that say what failed.
LINE_CHARS = 1000
ASKED = (ProbeKind.LIVE, ProbeKind.READY)
ENDED = frozenset({"exited", "dead"})
#: The name of the ordinary request among the questions.
OK = "ok"
#: Who is refused by a limiter is refused by a service that serves.
SERVES = frozenset({Standing.YES, Standing.LIMITED})


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long each part is watched, in seconds.

    Attributes:
        away: without the database, and ``away_few`` at most until there are ``attempts``: pauses of 5 s that double
            show twice in it.
        away_at_most: where longer pauses are declared; what then is not seen is not judged.
        sign: for the program's first word or first attempt, from which on the others count.
        attempts: that many show whether pauses grow.
        ended: after the program has ended, for an engine that starts it again.
        back: from the database's start to the service's readiness; the next attempt of a schedule that doubles comes
            after as long again as it was watched before.
        store: for the database's own health check.
        interval: between two looks.
        ask: one question.
    """

    away: float = 12.0
    away_few: float = 20.0
    sign: float = 30.0
    attempts: int = 4
    away_at_most: float = 90.0
    ended: float = 4.0
    back: float = 45.0
    store: float = 60.0
    interval: float = 0.2
    ask: float = 5.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=240)
def late_dependency(
    target: Target, stack: Stack, runtime: Runtime, variants: Variants, progress: Progress
) -> LateDependency:
    """A variant of the stack whose database comes late."""
    service = target.service
    if service is None:
        raise Inconclusive("nobody says which service is under audit", undeclared="service", supply="service: api")
    stores = stoppable(target, stack, target.services_of(Role.DB))
    if not stores:
        return LateDependency(service=service, not_done="the stack has no database that could be late")
    model = runtime.model()
    asks = _asks(target, model, service)
    if not asks:
        raise Inconclusive("no request is known by which the service tells that it is ready", supply="entry: 8000")
    needed = closure_of(model, service)
    between = tuple(sorted(n for n in needed - {service, *stores} if closure_of(model, n) & {*stores}))
    fronts = tuple(sorted({ask.entry.service for ask in asks.values()} - {service}))
    ports = ports_of_store(target, model, stores[0])
    names = _names(model, stores, ports)
    image_of, unseen = _who_can_listen(stack, service)
    awake = needed - {service, *stores, *between}
    variant = Variant(
        name="latedb",
        stopped=tuple(sorted({*stack.services, *stores} - awake)),
        # What asks for readiness asks the database, and such connections are no attempts of the start.
        health_checks=dict.fromkeys((service, *fronts), ()) if stack.runtime == "compose" else {},
        stand_ins={stores[0]: StandIn(image_of=image_of, ports=ports)} if image_of and len(stores) == 1 else {},
    )
    with variants(variant) as second:
        scenario = LateScenario(
            target=target,
            stack=second,
            progress=progress,
            service=service,
            stores=stores,
            between=between,
            fronts=fronts,
            ports=ports,
            asks=asks,
            schedule=retry_of_database(target),
            usual_seconds=stack.report.seconds - stack.report.build_seconds,
            unseen=unseen or ("" if len(stores) == 1 else "there are several databases"),
        )
        away, back = scenario.run()
    return LateDependency(
        service=service,
        dependency=stores[0],
        names=names,
        away=away,
        back=back,
        also_missing=between,
        logs_elsewhere=any(file.service == service for file in logs_of(target).files),
    )


def closure_of(model: StackModel, service: str) -> set[str]:
    """The service and all that it waits for, directly or not."""
    found: set[str] = set()
    waiting = [service]
    while waiting:
        name = waiting.pop()
        if name not in found and name in model.services:
            found.add(name)
            waiting += model.services[name].depends_on
    return found


def ports_of_store(target: Target, model: StackModel, store: str) -> tuple[int, ...]:
    """Where a database's clients go to, as far as declared, else the usual port of its kind."""
    if spec := target.processes.get(store):
        return (spec.port,) if spec.port else (POSTGRES_PORT,)
    usual = USUAL_PORTS.get(_kind(model, store), POSTGRES_PORT)
    return tuple(dict.fromkeys((usual, *ports_of(target, model, store))))


def _kind(model: StackModel, store: str) -> str:
    service = model.services.get(store)
    words = " ".join((service.image, *service.command)).lower() if service else ""
    return next((kind for kind in USUAL_PORTS if kind in words), "")


def _names(model: StackModel, stores: Sequence[str], ports: Sequence[int]) -> tuple[str, ...]:
    kind = _kind(model, stores[0])
    more = ("postgres", "postgresql") if kind in {"", "postgres"} else (kind,)
    return tuple(dict.fromkeys((*stores, "database", *more, *map(str, ports))))


def _asks(target: Target, model: StackModel, service: str) -> dict[str, Ask]:
    """The questions by kind, put to the service itself where it has an entry of its own."""
    found = {k: a for k, a in asks_of(target, model, timeout_seconds=Patience().ask).items() if ProbeKind(k) in ASKED}
    ordinary = target.steady_request
    # An ordinary request beside the probe: what the probe says is judged elsewhere, here it is believed where both agree.
    if target.entries and (ordinary.as_user == "anonymous" or ProbeKind.READY not in found):
        found[OK] = Ask(name=OK, entry=target.entries[0], request=ordinary, timeout_seconds=Patience().ask)
    own = next((entry for entry in target.entries if entry.service == service), None)
    if own is None:
        return found
    return {
        name: dataclasses.replace(ask, entry=own) if ask.entry.service != service else ask
        for name, ask in found.items()
    }


def _who_can_listen(stack: Stack, service: str) -> tuple[str, str]:
    """A service whose image has what it takes to listen; else why nobody has."""
    if stack.runtime != "compose":
        return "", ""
    if Capability.EXEC not in stack.capabilities:
        return "", "no command can be run inside the services"
    tests = " || ".join(f"command -v {program}" for program in INTERPRETERS)
    for name in (service, *(other for other in stack.services if other != service)):
        with contextlib.suppress(StackError):
            if stack.execute(name, ["/bin/sh", "-c", tests]).exit_code == 0:
                return name, ""
    return "", f"no image of the stack has one of {', '.join(INTERPRETERS)}, so nothing can listen in its place"


def _short(line: str) -> str:
    return line if len(line) <= 2 * LINE_CHARS else f"{line[:LINE_CHARS]} … {line[-LINE_CHARS:]}"


@dataclass(kw_only=True)
class LateScenario:
    """One service on one variant, whose database does not run yet."""

    target: Target
    stack: Stack
    progress: Progress
    service: str
    stores: tuple[str, ...]
    between: tuple[str, ...]
    fronts: tuple[str, ...]
    ports: tuple[int, ...]
    asks: Mapping[str, Ask]
    schedule: Schedule
    usual_seconds: float = 0.0
    unseen: str = ""
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    stand_in: Callable[[Stack, str, Sequence[int]], contextlib.AbstractContextManager[StandingIn]] = standing_in

    def __post_init__(self) -> None:
        """Learn what must not be told."""
        self._secrets = known_secrets(self.stack)
        declared = self.target.deadlines.get(self.service, 0.0)
        self._deadline = max(self.patience.back, declared, SLOWER * self.usual_seconds)

    def run(self) -> tuple[Away, Back]:
        """Both parts."""
        with contextlib.ExitStack() as standing_there:
            listener: StandingIn | None = None
            if not self.unseen:
                try:
                    listener = standing_there.enter_context(self.stand_in(self.stack, self.stores[0], self.ports))
                except StackError as error:
                    self.unseen = str(error)
            away = self._away(listener)
        return away, self._back(has_ended=self._is_over())

    def _away(self, listener: StandingIn | None) -> Away:
        seconds = self._watch_seconds()
        self.progress(f"watching {self.service} start without its database", at_most_seconds=seconds)
        zero, zero_unix = time.monotonic(), time.time()
        for name in (self.service, *self.fronts):
            self.stack.start(name)
        first_end: float | None = None
        exit_code: int | None = None
        first_sign: float | None = None
        while (now := time.monotonic() - zero) < self.patience.away_at_most:
            # On a busy machine a program may need longer for its first word than others for their whole start.
            first_sign = now if first_sign is None and self._has_shown(listener) else first_sign
            alive = 0.0 if first_sign is None else now - first_sign
            if first_sign is None and now >= self.patience.sign:
                break
            if alive >= seconds and (alive >= self.patience.away_few or not self._is_too_early(listener)):
                break
            state = self.stack.state(self.service)
            has_ended = state.status in {*ENDED, "restarting"} or state.restarts > 0
            if has_ended and first_end is None:
                first_end, exit_code = now, state.exit_code
            if first_end is not None and state.status in ENDED and now - first_end > self.patience.ended:
                break
            exit_code = state.exit_code if exit_code is None else exit_code
            self.sleep(self.patience.interval)
        watched = time.monotonic() - zero
        until = zero_unix + watched
        attempts: tuple[Attempt, ...] | None = None
        if listener is not None:
            with self._frozen():
                attempts = self._attempts(listener.arrivals(), zero_unix, until)
        log = self._lines(tail=LAST_LINES)
        # Asked only now: a question about readiness may ask the database, too, and is logged.
        said = tuple(self._ask(name) for name in self.asks)
        return Away(
            seconds=round(watched, 3),
            attempts=attempts,
            unseen=self.unseen,
            first_end_seconds=None if first_end is None else round(first_end, 3),
            exit_code=exit_code,
            restarts=self.stack.state(self.service).restarts,
            said=said,
            log=log,
        )

    @contextlib.contextmanager
    def _frozen(self) -> Iterator[None]:
        """The service stands still, so that its log does not grow while it is read part by part; where it runs."""
        try:
            self.stack.pause(self.service)
        except StackError:
            yield
            return
        try:
            yield
        finally:
            self.stack.unpause(self.service)

    def _has_shown(self, listener: StandingIn | None) -> bool:
        """Whether the program has said or done anything yet."""
        return bool((listener is not None and listener.arrivals()) or self._lines(tail=1))

    def _is_too_early(self, listener: StandingIn | None) -> bool:
        """Whether more attempts have to come before anything can be said of their pauses."""
        return listener is not None and 0 < len(list(grouped(listener.arrivals()))) < self.patience.attempts

    def _watch_seconds(self) -> float:
        """Long enough for the declared schedule's end, where it names one."""
        total = self.schedule.total_seconds
        pauses = self.schedule.pauses(4)
        wanted = total if total is not None else sum(pauses)
        return min(max(self.patience.away, wanted + 3), self.patience.away_at_most)

    def _attempts(self, arrivals: Sequence[float], zero: float, until: float) -> tuple[Attempt, ...]:
        found = [(at, count) for at, count in grouped(arrivals) if at <= until]
        told = found[:MAX_ATTEMPTS]
        counts = [self._since(at) for at, _ in told]
        counts.append(self._since(found[len(told)][0] if len(found) > len(told) else until))
        attempts = []
        for number, (at, connections) in enumerate(told):
            # What was logged since this attempt, without what was logged since the next one.
            lines = counts[number][: max(0, len(counts[number]) - len(counts[number + 1]))]
            kept = tuple(_short(line) for line in lines[:LINES_OF_ATTEMPT])
            attempts.append(Attempt(seconds=round(at - zero, 3), connections=connections, lines=kept))
        attempts += [Attempt(seconds=round(at - zero, 3), connections=n) for at, n in found[MAX_ATTEMPTS:]]
        return tuple(attempts)

    def _since(self, unix: float) -> tuple[str, ...]:
        text = self.stack.logs(self.service, since=datetime.fromtimestamp(unix, UTC), tail=5000)
        return tuple(line for line in mask(text, self._secrets).splitlines() if line.strip())

    def _lines(self, *, tail: int) -> tuple[str, ...]:
        try:
            text = self.stack.logs(self.service, tail=tail)
        except StackError:
            return ()
        lines = [line for line in mask(text, self._secrets).splitlines() if line.strip()]
        return tuple(_short(line) for line in lines[-tail:])

    def _ask(self, name: str) -> Said:
        ask = self.asks[name]
        sample = self._sample(ask)
        answer = answer_of(sample, zero=sample.sent, secrets=self._secrets)
        return Said(
            kind=name,
            path=ask.request.path,
            standing=self._standing(name, sample).value,
            status=sample.status,
            error=sample.error,
            body=answer.body[:500],
        )

    def _sample(self, ask: Ask) -> Sample:
        where: Endpoint | None = None
        with contextlib.suppress(StackError):
            where = self.stack.endpoint(ask.entry.service, ask.entry.port)
        return run_bounded(ask_once(ask, where), at_most_seconds=ask.timeout_seconds + 5)

    def _standing(self, name: str, sample: Sample) -> Standing:
        probe = None if name == OK else self.target.probes[ProbeKind(name)]
        if probe is not None:
            return standing(probe, answer_of(sample, zero=sample.sent, secrets={}))
        if sample.status is None:
            return Standing.SILENT
        if sample.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Standing.LIMITED
        # Without a declared status anything but an error of the server's own is an answer, a refusal of strangers too.
        expected: Collection[int] = self.asks[name].request.expect or range(200, 500)
        return Standing.YES if sample.status in expected else Standing.NO

    def _is_over(self) -> bool:
        return self.stack.state(self.service).status in ENDED

    def _back(self, *, has_ended: bool) -> Back:
        self.progress(f"watching {self.service} after its database has come", at_most_seconds=self._deadline)
        zero = time.monotonic()
        for store in self.stores:
            self.stack.start(store)
        store_seconds = self._await_stores(zero)
        for name in self.between:
            self.stack.start(name)
        questions = [name for name in (ProbeKind.READY.value, OK) if name in self.asks]
        ready: float | None = None
        since = time.monotonic()
        # Who has ended for good is not waited for as if it still tried.
        at_most = self.patience.ended if has_ended else self._deadline
        while time.monotonic() - since < at_most:
            if all(self._standing(name, self._sample(self.asks[name])) in SERVES for name in questions):
                ready = time.monotonic() - zero
                break
            self.sleep(self.patience.interval)
        state = self.stack.state(self.service)
        return Back(
            seconds=round(time.monotonic() - zero, 3),
            dependency_seconds=store_seconds,
            ready_seconds=None if ready is None else round(ready, 3),
            how=" and ".join(f"{self.asks[name].request.method} {self.asks[name].request.path}" for name in questions),
            restarts=state.restarts,
            state=state.status,
            log=self._lines(tail=LAST_LINES),
        )

    def _await_stores(self, zero: float) -> float | None:
        """Until their own health checks pass, where they have any."""
        while time.monotonic() - zero < self.patience.store:
            states = [self.stack.state(store) for store in self.stores]
            if all(state.health == "healthy" for state in states):
                return round(time.monotonic() - zero, 3)
            if all(state.health is None for state in states):
                return None
            self.sleep(self.patience.interval)
        return None
