"""Bad requests to every operation that the API's document names: generated from its schemas, and spoilt by hand."""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.validation import BadInput, BadInputs
from readiness.gather.error_asking import ErrorAsker
from readiness.gather.input_limits import app_entry, good_request, with_content
from readiness.gather.probe_asking import snapshots
from readiness.inputs.bad_bodies import bad_bodies
from readiness.inputs.documented import BodyOperation, body_operations, example_of, prefix_of
from readiness.inputs.said import Said, said_by, said_of
from readiness.instruments.negative import generator_name, negative_cases
from readiness.target import Entry, Request, Target

__all__ = ["BadInputSender"]

PER_OPERATION, MOST_GENERATED, GENERATING_SECONDS = 10, 200, 10.0
#: Of one operation's spoilt bodies, and of all.
MOST_BODIES, MOST_SPOILT = 40, 300
#: What a service may take for one bad request; the same request must be late twice to count.
ANSWER_SECONDS = 10.0
ENOUGH_TROUBLE = 10
#: These would end the session, or the service: by design, not by bad input.
_ENDS = re.compile(r"log-?out|sign-?out|revoke|shutdown|restart|terminate", re.IGNORECASE)
SERVER_ERROR = 500
#: How an operation ends whose own upstream is away, slow or out of the copy's reach (RFC 9110, 15.6.3 to 15.6.5).
AWAY = frozenset({None, 502, 503, 504})
#: About who asks, not about the input.
CLOSED = frozenset({401, 403})
#: Not implemented, an answer about the method rather than about the input (RFC 9110, 15.6.2).
NOT_IMPLEMENTED = 501


@dataclass(frozen=True, kw_only=True)
class _Case:
    """``control`` is a good request to the same operation; None where nobody knows one."""

    operation: str
    what: str
    request: Request
    control: Request | None = None
    is_broken: bool = False
    is_generated: bool = False


@dataclass
class BadInputSender:
    """Works on one stack; ``at_most_seconds`` bounds the sending."""

    target: Target
    asker: ErrorAsker
    at_most_seconds: float = 25.0
    sleep: Callable[[float], None] = time.sleep
    _controls: dict[str, Exchange | None] = field(default_factory=dict)

    def run(self) -> BadInputs:
        """Send everything once, and whatever is not answered as bad input once more."""
        entry = app_entry(self.target)
        if entry is None:
            return BadInputs(problem="there is no entry to ask")
        before = self._state()
        statuses, uncounted, troubled = Counter[str](), Counter[str](), list[BadInput]()
        answered: dict[str, Counter[int | None]] = {}
        silent = set[str]()
        spent, cut_short, sent, generated = 0.0, "", 0, 0
        for case in self._cases():
            if case.operation in silent:
                continue
            # What the making of cases takes is bounded by itself, and is not the service's.
            began = time.monotonic()
            control = self._control(entry, case)
            answer = self.asker.ask(entry, case.request, purpose=StatusClass.INVALID, timeout_seconds=ANSWER_SECONDS)
            spent += time.monotonic() - began
            if self.asker.is_refused:
                cut_short = "a limiter refuses every further request"
                break
            sent += 1
            generated += case.is_generated
            answered.setdefault(case.operation, Counter())[answer.status] += 1
            statuses[str(answer.status or "no answer")] += 1
            reason = _uncounted(case, answer, control) if _is_trouble(case, answer) else ""
            if reason:
                uncounted[reason] += 1
                # Every further wait would take as long, and say as little.
                silent |= {case.operation} if answer.status is None else set()
            elif _is_trouble(case, answer):
                troubled.append(self._again(entry, case, answer))
            if len(troubled) >= ENOUGH_TROUBLE or spent > self.at_most_seconds:
                cut_short = "enough was found" if len(troubled) >= ENOUGH_TROUBLE else "the time was up"
                break
        now = self._state()
        problem = "" if sent else "no document of the API, and no request with a JSON body, says what could be sent"
        return BadInputs(
            sent=sent,
            generated=generated,
            statuses=dict(statuses),
            operations=tuple(answered),
            closed=tuple(operation for operation, found in answered.items() if all(map(_is_closed, found))),
            troubled=tuple(troubled),
            good_after=self._good(entry),
            restarts=now[0] - before[0],
            is_replaced=now[1:] != before[1:],
            problem=problem,
            cut_short=cut_short,
            uncounted=dict(uncounted),
            generator=generator_name() if self.target.openapi is not None else "",
        )

    def _control(self, entry: Entry, case: _Case) -> Exchange | None:
        """The answer to the operation's good request, sent once: before any bad input can have spoilt it."""
        if case.operation not in self._controls:
            self._controls[case.operation] = (
                self.asker.ask(entry, case.control, purpose=StatusClass.OK, timeout_seconds=ANSWER_SECONDS)
                if case.control is not None
                else None
            )
        return self._controls[case.operation]

    def _cases(self) -> Iterator[_Case]:
        """By turns: where time runs out, there were some of both kinds."""
        spoilt = itertools.islice(self._spoilt(), MOST_SPOILT)
        for pair in itertools.zip_longest(spoilt, self._generated()):
            yield from (case for case in pair if case is not None)

    def _generated(self) -> Iterator[_Case]:
        if self.target.openapi is None:
            return
        good = {
            operation.name: _good_request_of(operation)
            for operation in body_operations(self.target.openapi)
            if not _ENDS.search(operation.path)
        }
        for case in negative_cases(
            self.target.openapi,
            prefix=prefix_of(self.target.openapi),
            per_operation=PER_OPERATION,
            most=MOST_GENERATED,
            at_most_seconds=GENERATING_SECONDS,
        ):
            if not _ENDS.search(case.request.path):
                what = "breaks the documented schema"
                control = good.get(case.operation) or _plain_get(case.operation)
                yield _Case(
                    operation=case.operation, what=what, request=case.request, control=control, is_generated=True
                )

    def _spoilt(self) -> Iterator[_Case]:
        known = set()
        for operation in body_operations(self.target.openapi):
            if _ENDS.search(operation.path):
                continue
            known.add((operation.method, operation.path))
            plain = Request(method=operation.method, path=operation.path)
            control = _good_request_of(operation)
            for body in itertools.islice(bad_bodies(example_of(operation)), MOST_BODIES):
                request = with_content(plain, body.content)
                is_broken = body.is_broken and operation.is_required
                yield _Case(
                    operation=operation.name, what=body.what, request=request, control=control, is_broken=is_broken
                )
        good, _ = good_request(self.target)
        if good is not None and (good.method.upper(), good.path) not in known:
            name = f"{good.method.upper()} {good.path}"
            for body in itertools.islice(bad_bodies(good.json), MOST_BODIES):
                request = with_content(good, body.content)
                yield _Case(operation=name, what=body.what, request=request, control=good, is_broken=body.is_broken)

    def _again(self, entry: Entry, case: _Case, first: Exchange) -> BadInput:
        """The same once more, after a pause: a service may have been busy with something else."""
        self.sleep(0.3)
        again = self.asker.ask(entry, case.request, purpose=StatusClass.INVALID, timeout_seconds=ANSWER_SECONDS)
        if first.status is None and again.status is None:
            self._revive(entry)
        content = case.request.content()[0][:200].decode("utf-8", "replace")
        text = f"{case.request.method} {case.request.path[:300]}" + (f"\n{content}" if content else "")
        return BadInput(operation=case.operation, what=case.what, sent=text, first=first, again=again)

    def _revive(self, entry: Entry) -> None:
        """A service that bad input ended is started again, so that the rest can be tried."""
        service = self.target.service
        if service is None or self._good(entry).status is not None:
            return
        try:
            if not self.asker.stack.state(service).is_running:
                self.asker.stack.start(service)
        except (StackError, UnsupportedError):
            return
        deadline = time.monotonic() + ANSWER_SECONDS
        while self._good(entry).status is None and time.monotonic() < deadline:
            self.sleep(0.3)

    def _good(self, entry: Entry) -> Exchange:
        return self.asker.ask(entry, self.target.steady_request, purpose=StatusClass.OK)

    def _state(self) -> tuple[int, str, str]:
        for state in snapshots(self.asker.stack):
            if state.service == self.target.service:
                return state.restarts, state.instance, state.started_at
        return 0, "", ""


def _good_request_of(operation: BodyOperation) -> Request:
    return Request(method=operation.method, path=operation.path, json=example_of(operation))


def _plain_get(operation: str) -> Request | None:
    """The operation without any parameter, where that can be asked and changes nothing."""
    method, _, path = operation.partition(" ")
    return Request(path=path) if method == "GET" and "{" not in path else None


def _is_closed(status: int | None) -> bool:
    return status in CLOSED or said_of(status) is Said.REDIRECTED


def _is_trouble(case: _Case, answer: Exchange) -> bool:
    if answer.status is None:
        return True
    if answer.status >= SERVER_ERROR:
        return answer.status != NOT_IMPLEMENTED
    # A redirect takes nothing in: it leads to a login, or to the same path with a slash.
    return case.is_broken and said_by(answer) is Said.ACCEPTED


def _uncounted(case: _Case, answer: Exchange, control: Exchange | None) -> str:
    """Why a troubled answer says nothing about the input; empty where it does.

    What a schema forbids a service may still take, and then it does its work: where the copy lacks what that work
    needs, good input fares the same.
    """
    if control is None:
        return f"{case.operation}: {_shown(answer)}, and no good request to compare with" if _is_away(answer) else ""
    if said_by(control) in {Said.FAILED, Said.SILENT}:
        is_same = answer.status == control.status or {answer.status, control.status} <= AWAY
        return f"{case.operation}: {_shown(control)} to good input too" if is_same else ""
    # Refused itself, it does not tell whether the operation works. What is no JSON cannot have set it to work.
    if said_by(control) is not Said.ACCEPTED and _is_away(answer) and not case.is_broken:
        return f"{case.operation}: {_shown(answer)}, and good input is answered with {control.status}"
    return ""


def _is_away(answer: Exchange) -> bool:
    return answer.status in AWAY


def _shown(answer: Exchange) -> str:
    return str(answer.status or "no answer")


def without_bodies(found: BadInputs) -> BadInputs:
    """The fact with answers cut to what evidence shows."""
    cut = tuple(
        dataclasses.replace(
            each,
            first=dataclasses.replace(each.first, body=each.first.body[:1000]),
            again=dataclasses.replace(each.again, body=each.again.body[:1000]) if each.again else None,
        )
        for each in found.troubled
    )
    return dataclasses.replace(found, troubled=cut)
