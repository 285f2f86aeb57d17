"""Bodies, content types, lists and texts, each at its limit and beyond it."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readiness.check import Impact
from readiness.declared.validation import SizeRule, validation_of
from readiness.exceptions import UnsupportedError
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.validation import BodyTrial, InputLimits, SizeTrial, SizeTrials, TypeTrial
from readiness.gather import gatherer
from readiness.gather.own_user import own_user
from readiness.inputs.bad_bodies import place
from readiness.inputs.documented import BodyOperation, Sized, body_operations, distinct_items, example_of, sized
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import MASK, PLAIN, masked
from readiness.instruments.memory import memory_of
from readiness.instruments.poller import NO_ANSWER
from readiness.instruments.upload import upload
from readiness.runtime import Capability, Progress, Stack
from readiness.target import Entry, Request, Target
from readiness.verdict import Inconclusive

__all__ = ["BodyLab", "app_entry", "good_request", "with_content"]

MIB = 1024 * 1024
#: Above a limit so much is offered: more than all buffers between here and the service hold.
BEYOND_BYTES = 16 * MIB
#: Where nobody knows the limit this is offered: no API takes a JSON body of this size on purpose.
UNKNOWN_BYTES = 32 * MIB
#: What is offered once more where a body was read to its end and memory grew. Node keeps up to some 30 MiB of what it has
#: thrown away until its next collection (measured with 16 and 64 MiB): a body has to be a multiple of that to tell.
TELLING_BYTES = 96 * MIB
#: So often memory is looked at: a look takes a tenth of a second in a container, and the sender waits for it.
LOOKS = 16
#: Below the limit by so much a body must fit; a service may count its request line too.
MARGIN_BYTES = 1024
#: A longer answer says nothing more.
KEPT_CHARS = 2000
#: Too large, or without a length (RFC 9110, 15.5.14 and 15.5.12).
REFUSED = frozenset({413, 411})
UPLOAD_SECONDS = 20.0
#: For an answer that comes before the end of the body, where it is known when and where it is not; at a second trial so
#: many times that.
PAUSE_SECONDS, SHORT_PAUSE_SECONDS, LONGER = 1.0, 0.15, 4
#: What a service must refuse where it takes JSON: scripts' own types, and those that parsers were broken with.
UNSAFE_TYPES = ("text/html", "application/xml", "application/x-java-serialized-object", "text/plain")
#: Two bytes in UTF-8, one character: the difference between counting either.
MULTIBYTE = "é"


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=90)
def input_limits(target: Target, stack: Stack, http: HttpClient, progress: Progress) -> InputLimits:
    """What is refused at which size and under which content type, asked as a user of its own.

    Some 30 requests, and bodies that are meant to be refused, up to 32 MiB each, 96 where a service reads what it
    refuses: one that keeps them may not live.
    """
    require_write(stack)
    good, problem = good_request(target)
    entry = app_entry(target)
    if entry is None:
        return InputLimits(problem="there is no entry to ask")
    lab = _Lab(target, stack, http, entry)
    fact = InputLimits(
        problem=problem, batch=lab.sizes("array", _batch_rule(target)), input=lab.sizes("string", _input_rule(target))
    )
    if good is None:
        return fact
    answer = lab.send(good)
    if not lab.is_accepted(good, answer):
        reason = f"the request that bodies and types are tried with is not accepted: {answer.label}"
        return dataclasses.replace(fact, good=_cut(answer), problem=reason)
    progress("trying bodies beyond their limit", at_most_seconds=UPLOAD_SECONDS)
    bodies = BodyLab(target, stack, good, lab.headers)
    limit = validation_of(target).max_body_bytes
    allowed, types = lab.types(good)
    return dataclasses.replace(
        fact,
        good=_cut(answer),
        bodies=tuple(trial for each in target.entries for trial in bodies.trials(each, limit)),
        types=types,
        types_allowed=allowed,
    )


def require_write(stack: Stack) -> None:
    """Stop where the stack is somebody's running system.

    Raises:
        UnsupportedError: it is.
    """
    if Capability.WRITE not in stack.capabilities:
        raise UnsupportedError(Capability.WRITE, runtime=stack.runtime, hint="audit a throw-away copy")


def app_entry(target: Target) -> Entry | None:
    """The entry of the service under audit itself, else the first: a proxy in front has limits and errors of its own."""
    own = (entry for entry in target.entries if entry.service == target.service)
    return next(own, target.entries[0] if target.entries else None)


def good_request(target: Target) -> tuple[Request | None, str]:
    """A request with a JSON body that is accepted as it stands, or why there is none.

    Declared, else the first of those declared for other purposes, else made from the API's document.
    """
    declared = validation_of(target)
    rules = (declared.request, *(rule.request for rule in (declared.input, declared.batch) if rule is not None))
    for request in rules:
        if request is not None and request.json is not None:
            return request, ""
    for operation in body_operations(target.openapi):
        if "auth" not in operation.path and "login" not in operation.path:
            return _request_of(operation, example_of(operation)), ""
    return None, "not configured: validation.request, and no document of the API shows a request with a JSON body"


def with_content(request: Request, content: bytes, content_type: str | None = "application/json") -> Request:
    """The request with another body, byte for byte."""
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    encoded = base64.b64encode(content).decode()
    return dataclasses.replace(request, json=None, form=None, body=None, body_base64=encoded, headers=headers)


def _request_of(operation: BodyOperation, body: Any) -> Request:
    return Request(method=operation.method, path=operation.path, json=body, as_user="user")


def _batch_rule(target: Target) -> SizeRule | None:
    return validation_of(target).batch


def _input_rule(target: Target) -> SizeRule | None:
    return validation_of(target).input


@dataclass
class _Lab:
    """Sends requests at the application as one user."""

    target: Target
    stack: Stack
    http: HttpClient
    entry: Entry

    def __post_init__(self) -> None:
        self.headers: Mapping[str, str] = {}
        self._secrets: frozenset[str] = frozenset()
        try:
            identity = own_user(self.target, self.stack, self.http, "inputs", entry=self.entry)
        except Inconclusive:
            return  # what needs a login is then not accepted, and says so
        self.headers, self._secrets = identity.headers, identity.secrets

    def send(self, request: Request) -> Exchange:
        """One answer, masked; a request that nobody need be logged in for is sent as the user too: limits count."""
        answer = self.http.send(self.entry, request, purpose=StatusClass.INVALID, headers={**PLAIN, **self.headers})
        return masked(answer, self._secrets)

    @staticmethod
    def is_accepted(request: Request, answer: Exchange) -> bool:
        """Whether the answer is the one that the owner expects, else any 2xx."""
        return answer.status in (request.expect or range(200, 300))

    def types(self, good: Request) -> tuple[tuple[str, ...], tuple[TypeTrial, ...]]:
        """The good body under types that are allowed, under others, and under none."""
        content = json.dumps(good.json).encode()
        documented = next(
            (
                operation.content_types
                for operation in body_operations(self.target.openapi)
                if (operation.method, operation.path) == (good.method.upper(), good.path.partition("?")[0])
            ),
            (),
        )
        allowed = validation_of(self.target).content_types or documented or ("application/json",)
        plain = {kind.lower() for kind in allowed}
        with_charset = [f"{kind}; charset=utf-8" for kind in allowed if kind.lower() == "application/json"]
        unsafe = [kind for kind in UNSAFE_TYPES if kind not in plain]
        # A body under another type that is allowed would have to be another body.
        judged = [kind for kind in allowed if kind.lower() == "application/json" or kind.lower().endswith("+json")]
        tried = [*judged, *with_charset, *unsafe, None]
        trials = tuple(
            TypeTrial(content_type=kind, exchange=_cut(self.send(with_content(good, content, kind)))) for kind in tried
        )
        return tuple(allowed), trials

    def sizes(self, kind: str, rule: SizeRule | None) -> SizeTrials:
        """The trials of one list (``array``) or text (``string``), declared, else found in the document."""
        key = "validation.batch" if kind == "array" else "validation.input"
        if key in self.target.declined or "validation" in self.target.declined:
            return SizeTrials()
        documented = [found for o in body_operations(self.target.openapi) for found in sized(o, kind)]
        if rule is not None:
            return self._of_rule(kind, rule, documented)
        if not documented:
            has_document = bool(body_operations(self.target.openapi))
            what = "list" if kind == "array" else "text"
            reason = (
                f"no documented operation takes a {what} whose size could be tried"
                if has_document
                else f"not configured: {key}, and no document of the API shows a {what}"
            )
            return SizeTrials(problem=reason, is_absent=has_document and kind == "array")
        largest = max(documented, key=lambda found: found.at_most or 0)
        if largest.at_most is None:
            return SizeTrials(
                at=largest.at, problem=f"{largest.operation.name} documents no largest size of {largest.at}"
            )
        request = _request_of(largest.operation, example_of(largest.operation))
        return self._tried(kind, request, largest.at, largest.at_most, "the API's document", found=largest)

    def _of_rule(self, kind: str, rule: SizeRule, documented: Sequence[Sized]) -> SizeTrials:
        if rule.at_most is not None:
            return self._tried(kind, rule.request, rule.at, rule.at_most, "readiness.yaml")
        place_of = (rule.request.method.upper(), rule.request.path)
        for found in documented:
            is_same = (found.operation.method, found.operation.path) == place_of and found.at == rule.at
            if is_same and found.at_most is not None:
                return self._tried(kind, rule.request, rule.at, found.at_most, "the API's document")
        figure = "items" if kind == "array" else "characters"
        return SizeTrials(at=rule.at, problem=f"neither the owner nor the document says how many {figure} are allowed")

    def _tried(
        self, kind: str, request: Request, at: str, limit: int, source: str, *, found: Sized | None = None
    ) -> SizeTrials:
        """Every size once, after a small one: where that is not accepted either, no refusal is about the size.

        ``found`` is what the request was made up from; None where it is the owner's.
        """
        known = SizeTrials(at=at, limit=limit, source=source, is_made_up=found is not None)
        try:
            here = _at(request.json, at)
        except KeyError:
            return dataclasses.replace(known, problem=f"the request's JSON body has no {at}")
        small = _repeated("a", here, limit) if kind == "string" else here
        control = self._sized(request, at, small)
        if not self.is_accepted(request, control):
            reason = f"the request that sizes are tried with is not accepted: {control.label}"
            return dataclasses.replace(known, problem=reason)
        if kind == "string":
            return self._texts(known, request, here, limit)
        made_up = distinct_items(found, limit + 1) if found is not None else None
        if found is not None and found.is_unique and made_up is None:
            reason = f"the items of {at} must differ, and the document leaves no freedom to make them up"
            return dataclasses.replace(known, problem=reason)
        return self._lists(known, request, made_up or here, limit, found)

    def _texts(self, known: SizeTrials, request: Request, here: object, limit: int) -> SizeTrials:
        """One alphabet at the limit and beyond it, another one at the limit; the other one is tried in small first."""
        values = [("at", limit, "a" * limit), ("over", limit + 1, "a" * (limit + 1))]
        untried = ""
        small = self._sized(request, known.at, _repeated(MULTIBYTE, here, limit // 2))
        if self.is_accepted(request, small):
            values.append(("multibyte", limit, MULTIBYTE * limit))
        else:
            untried = f"other alphabets, because a few such characters are not accepted either: {small.label}"
        trials = tuple(
            SizeTrial(kind=kind, size=size, exchange=_cut(self._sized(request, known.at, value)))
            for kind, size, value in values
        )
        return dataclasses.replace(known, trials=trials, untried=untried)

    def _lists(self, known: SizeTrials, request: Request, items: object, limit: int, found: Sized | None) -> SizeTrials:
        """A full list, one item more, and none, where none is forbidden: by the document, or by the owner's rule."""
        several = items if isinstance(items, list) and items else ["a"]
        values = [("at", limit), ("over", limit + 1)]
        if found is None or found.at_least > 0:
            values.append(("empty", 0))
        trials = []
        for name, size in values:
            sent = [several[number % len(several)] for number in range(size)]
            answer = self._sized(request, known.at, sent)
            trials.append(
                SizeTrial(
                    kind=name,
                    size=size,
                    exchange=_cut(answer),
                    # What an operation answers that nobody declared may be anything.
                    returned=_longest_list(answer) if found is None else None,
                    distinct=min(size, len({json.dumps(item) for item in several})),
                )
            )
        return dataclasses.replace(known, trials=tuple(trials))

    def _sized(self, request: Request, at: str, value: object) -> Exchange:
        # Not escaped: a body of escapes would be three times as large, and refused for that.
        content = json.dumps(place(request.json, at, value), ensure_ascii=False).encode()
        return self.send(with_content(request, content))


def _repeated(character: str, here: object, at_most: int) -> str:
    """As long as the text that is there, because a shorter one may not be allowed."""
    length = len(here) if isinstance(here, str) else 1
    return character * max(1, min(length, at_most))


def _at(body: object, at: str) -> object:
    """What stands at a dotted place.

    Raises:
        KeyError: there is no such place.
    """
    value = body
    for key in at.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise KeyError(at)
        value = value[key]
    return value


def _longest_list(answer: Exchange) -> int | None:
    """The length of the longest list in the first two levels of a JSON answer; None where that is not all at hand."""
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    values = [data, *(data.values() if isinstance(data, dict) else [])]
    return max((len(value) for value in values if isinstance(value, list)), default=0)


def _cut(answer: Exchange) -> Exchange:
    return dataclasses.replace(answer, body=answer.body[:KEPT_CHARS])


@dataclass
class BodyLab:
    """Sends bodies near and beyond a limit through one entry after the other."""

    target: Target
    stack: Stack
    request: Request
    headers: Mapping[str, str]

    def trials(self, entry: Entry, limit: int | None, *, size: int | None = None) -> Iterator[BodyTrial]:
        """One that fits, where the limit is known; one that is announced, and one that is streamed, both too large.

        Without a ``size`` they are far too large, so that it shows whether they are read to their end.
        """
        content = json.dumps(self.request.json).encode()
        if limit is not None and limit > 2 * MARGIN_BYTES + len(content):
            yield self._sent(entry, "fits", limit, limit - MARGIN_BYTES, content)
        if size is None:
            size = UNKNOWN_BYTES if limit is None else limit + BEYOND_BYTES
        for kind in ("announced", "streamed"):
            trial = self._sent(entry, kind, limit, size, content)
            yield self._larger(entry, trial, content) if _may_be_kept(trial) else trial

    def _larger(self, entry: Entry, first: BodyTrial, content: bytes) -> BodyTrial:
        """The same with so much more that garbage cannot be taken for a body that was kept."""
        size = (first.limit_bytes or 0) + TELLING_BYTES
        trial = self._sent(entry, first.kind, first.limit_bytes, size, content)
        # Without an answer in time it tells nothing of memory.
        return trial if trial.status is not None else dataclasses.replace(first, memory_peak_bytes=None)

    def _sent(self, entry: Entry, kind: str, limit: int | None, size: int, content: bytes) -> BodyTrial:
        """One trial; another one, with more patience, where the connection was closed without an answer.

        A server that closes while bytes are still on their way resets the connection, which may take its answer along
        (RFC 9112, 9.6): a slow one needs longer until its answer has come, and the next byte may be sent.
        """
        pause = PAUSE_SECONDS if limit is not None else SHORT_PAUSE_SECONDS
        trial = self._sent_once(entry, kind, limit, size, content, pause_seconds=pause)
        is_closed = trial.status is None and not (trial.error or "").startswith(NO_ANSWER)
        if is_closed:
            return self._sent_once(entry, kind, limit, size, content, pause_seconds=LONGER * pause)
        return trial

    def _sent_once(
        self, entry: Entry, kind: str, limit: int | None, size: int, content: bytes, *, pause_seconds: float
    ) -> BodyTrial:
        service, port = entry.service, entry.port
        if self.target.service is not None and service != self.target.service:
            own = app_entry(self.target)
            service, port = (own.service, own.port) if own is not None else (service, port)
        before = memory_of(self.stack, service, port) if kind != "fits" else None
        peak = before

        passed = 0

        def look() -> None:
            nonlocal peak
            now = memory_of(self.stack, service, port) if kind != "fits" else None
            if now is not None:
                peak = max(peak or 0, now)

        def pass_by() -> None:
            nonlocal passed
            passed += 1
            if passed % max(1, size // MIB // LOOKS) == 0:
                look()

        shown = {"Content-Type": "application/json", **PLAIN, **self.request.headers, **self.headers}
        done = upload(
            self.stack.endpoint(entry.service, entry.port),
            entry,
            method=self.request.method,
            path=f"{entry.base}{self.request.path}",
            headers=shown,
            size=size,
            tail=content,
            is_announced=kind != "streamed",
            pauses=_pauses(kind, limit, size),
            pause_seconds=pause_seconds,
            timeout_seconds=UPLOAD_SECONDS,
            at_pause=pass_by,
        )
        look()
        body = done.body
        for secret in self.headers.values():
            body = body.replace(secret, MASK)
        return BodyTrial(
            entry=entry.name,
            kind=kind,
            limit_bytes=limit,
            offered_bytes=size,
            sent_bytes=done.sent_bytes,
            status=done.status,
            error=done.error,
            seconds=done.seconds,
            body=body[:KEPT_CHARS],
            memory_before_bytes=before,
            memory_peak_bytes=peak,
        )


def _may_be_kept(trial: BodyTrial) -> bool:
    """Whether it was refused after its last byte, and memory grew meanwhile by more than a part of it."""
    before, peak = trial.memory_before_bytes, trial.memory_peak_bytes
    is_read = trial.status in REFUSED and trial.sent_bytes >= trial.offered_bytes >= BEYOND_BYTES
    return is_read and before is not None and peak is not None and peak - before > trial.offered_bytes // 4


def _pauses(kind: str, limit: int | None, size: int) -> tuple[int, ...]:
    """Where an early answer is waited for: before the body where it is announced, else right after the limit."""
    if kind == "fits":
        return ()
    if kind == "announced":
        return (0,)
    if limit is not None:
        return (limit + 64 * 1024,)
    return tuple(step * MIB for step in (1, 2, 4, 8, 16) if step * MIB < size)
