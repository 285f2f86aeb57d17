"""An unhandled exception again and again, with good requests in between, and errors of every other kind once."""

from __future__ import annotations

import dataclasses
import time
import urllib.parse
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from readiness.declared.logs import logs_of, request_id_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.errors import LogEntry, Provocations
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.probe_body import mask
from readiness.facts.probes import ServiceSnapshot
from readiness.failures.entries import entries_of, is_error
from readiness.failures.shape import body_ids
from readiness.gather.error_asking import ErrorAsker
from readiness.gather.input_limits import app_entry, with_content
from readiness.gather.probe_asking import known_secrets, snapshots
from readiness.logs.ids import HEADERS, id_of
from readiness.runtime import Capability
from readiness.target import Entry, Request, Role, Target

__all__ = ["Provoker"]

#: The ledger's figure.
PROVOCATIONS = 100
#: Where good requests fail one after the other, more provocations show nothing more.
ENOUGH_FAILURES = 5
KEPT = 5
#: The method that hardly a service knows, as elsewhere in this audit.
UNKNOWN_METHOD = "PROPFIND"
UNKNOWN_PATH = "/readiness-no-such-path"
UNKNOWN_TYPE = "application/x-readiness"
MIN_ID_CHARS = 8
#: Larger bodies are tried by another gatherer.
LARGEST_BODY = 16 * 1024 * 1024


@dataclass
class Provoker:
    """Works on one stack; ``at_most_seconds`` bounds the repeated part."""

    target: Target
    asker: ErrorAsker
    at_most_seconds: float = 20.0
    log_seconds: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    _missing: dict[str, str] = field(default_factory=dict)

    def run(self, *, body_limit: int | None = None) -> Provocations:
        """Do it; what cannot be done is in ``missing``."""
        entry = app_entry(self.target)
        if entry is None:
            return Provocations(missing={"everything": "there is no entry to ask"})
        others = tuple(self._others(entry, body_limit))
        error = self.target.paths.error
        if error is None:
            self._missing["error_path"] = self.target.declined.get("error_path", "not configured: error_path")
            return Provocations(others=others, missing=self._missing)
        return dataclasses.replace(self._provoked(entry, error), others=others, missing=self._missing)

    def _provoked(self, entry: Entry, error: Request) -> Provocations:
        good = self.target.steady_request
        before = {state.service: state for state in snapshots(self.asker.stack)}
        good_before = self.asker.ask(entry, good, purpose=StatusClass.OK)
        since = datetime.now(UTC)
        marker = uuid.uuid4().hex
        logged = self.asker.ask(entry, _marked(error, marker))
        examples = [logged]
        # Read now: a hundred traces later the entry would be among the oldest.
        entries, unlogged = self._entries(logged, since)
        # Through the other entries once each: a proxy may replace an error's body.
        examples += [self.asker.ask(other, error) for other in self.target.entries if other != entry]
        bad, fine = Counter({_outcome(logged): 1}), Counter[str]()
        failed: list[Exchange] = []
        sent, in_a_row, deadline = 1, 0, time.monotonic() + self.at_most_seconds
        while sent < PROVOCATIONS and in_a_row < ENOUGH_FAILURES:
            if time.monotonic() > deadline or self.asker.is_refused:
                break
            answer = self.asker.ask(entry, error)
            sent += 1
            between = self.asker.ask(entry, good, purpose=StatusClass.OK, timeout_seconds=5.0)
            fine[_outcome(between)] += 1
            is_well = between.status in {good_before.status, HTTPStatus.TOO_MANY_REQUESTS}
            in_a_row = 0 if is_well else in_a_row + 1
            # What a service answers that dies of it is no example of its answers.
            if is_well and _outcome(answer) not in bad:
                examples.append(answer)
            bad[_outcome(answer)] += 1
            if not is_well and len(failed) < KEPT:
                failed.append(between)
        restarts, is_replaced = self._states(before)
        return Provocations(
            wanted=PROVOCATIONS,
            sent=sent,
            bad=dict(bad),
            good=dict(fine),
            examples=tuple(examples[: 2 * KEPT]),
            failed_good=tuple(failed),
            good_before=good_before,
            good_after=self.asker.ask(entry, good, purpose=StatusClass.OK),
            logged_exchange=logged,
            entries=entries,
            unlogged=unlogged,
            restarts=restarts,
            is_replaced=is_replaced,
        )

    def _states(self, before: Mapping[str, ServiceSnapshot]) -> tuple[dict[str, int], bool]:
        service = self.target.service or ""
        now = {state.service: state for state in snapshots(self.asker.stack)}
        if service not in before or service not in now:
            return {}, False
        was, is_now = before[service], now[service]
        is_replaced = (is_now.instance, is_now.started_at) != (was.instance, was.started_at)
        return {service: is_now.restarts - was.restarts}, is_replaced

    def _entries(self, logged: Exchange, since: datetime) -> tuple[tuple[LogEntry, ...] | None, str]:
        """The log entries about one answer; looked for again until one is an error's, or time is up."""
        stack = self.asker.stack
        if Capability.LOGS not in stack.capabilities:
            return None, f"the {stack.runtime} runtime cannot read logs"
        wanted = self._names(logged)
        if not wanted:
            return None, "the answer names no request id to look for"
        application = (self.target.service, *self.target.services_of(Role.APP))
        services = logs_of(self.target).services or tuple(dict.fromkeys(s for s in application if s))
        secrets, deadline = known_secrets(stack), time.monotonic() + self.log_seconds
        while True:
            found = []
            for service in services:
                try:
                    text = stack.logs(service, since=since, tail=5000)
                except (StackError, UnsupportedError) as problem:
                    return None, f"the log of {service} cannot be read: {problem}"
                found += [
                    LogEntry(service=service, text=mask(entry, secrets), is_error=is_error(entry))
                    for entry in dict.fromkeys(entry for name in wanted for entry in entries_of(text, name))
                ]
            if any(entry.is_error for entry in found) or time.monotonic() > deadline:
                return tuple(found), ""
            self.sleep(0.2)

    def _names(self, logged: Exchange) -> tuple[str, ...]:
        """What the log may call the request: any id that its answer bears."""
        header = request_id_of(self.target).header
        sent = [logged.first(name) or "" for name in ((header,) if header else HEADERS)]
        told = [value for _, value in body_ids(logged)]
        # A short one in the body may be the number of a kind of error, and stand in any line.
        told = [value for value in told if len(value) >= MIN_ID_CHARS or not any(sent)]
        return tuple(dict.fromkeys(id_of(value) for value in (*sent, *told) if value))

    def _others(self, entry: Entry, body_limit: int | None) -> Iterator[Exchange]:
        """One error of each other kind that can be provoked at the application."""
        paths = self.target.paths
        unauthorized = paths.unauthorized or paths.private
        if unauthorized is not None:
            yield self.asker.ask(entry, unauthorized, purpose=StatusClass.UNAUTHORIZED, anonymous=True)
        not_found = paths.not_found or Request(path=UNKNOWN_PATH)
        if "paths.not_found" not in self.target.declined:
            yield self.asker.ask(entry, not_found, purpose=StatusClass.NOT_FOUND)
        method = paths.method_not_allowed
        if method is None and paths.ok is not None and "paths.method_not_allowed" not in self.target.declined:
            method = Request(method=UNKNOWN_METHOD, path=paths.ok.path, headers={"Depth": "0"})
        if method is not None:
            yield self.asker.ask(entry, method, purpose=StatusClass.METHOD_NOT_ALLOWED)
        invalid = paths.invalid
        if invalid is None:
            return
        yield self.asker.ask(entry, invalid, purpose=StatusClass.INVALID)
        if invalid.method in {"POST", "PUT", "PATCH"}:
            yield self.asker.ask(entry, with_content(invalid, b'{"a": '), purpose=StatusClass.INVALID)
            yield self.asker.ask(entry, with_content(invalid, b"x", UNKNOWN_TYPE), purpose=StatusClass.WRONG_TYPE)
            if body_limit is not None and body_limit < LARGEST_BODY:
                large = with_content(invalid, b'"' + b"a" * (body_limit + 1024) + b'"')
                yield self.asker.ask(entry, large, purpose=StatusClass.TOO_LARGE)


def _marked(request: Request, marker: str) -> Request:
    separator = "&" if "?" in request.path else "?"
    return dataclasses.replace(request, path=f"{request.path}{separator}readiness={urllib.parse.quote(marker)}")


def _outcome(answer: Exchange) -> str:
    return str(answer.status) if answer.status is not None else "no answer"
