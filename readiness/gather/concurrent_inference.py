"""Embed texts one by one, and then all of them at once: does everybody get the vector of their own text?"""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations

from readiness.check import Impact
from readiness.declared.validation import SizeRule, validation_of
from readiness.exceptions import StackError
from readiness.facts.embedded import BatchAnswer, ConcurrentInference, Embedded
from readiness.facts.http import Exchange, StatusClass
from readiness.gather import gatherer
from readiness.gather.input_limits import app_entry, require_write
from readiness.gather.own_user import own_user
from readiness.instruments.client import MAX_BODY_BYTES, HttpClient
from readiness.instruments.identity import PLAIN
from readiness.instruments.poller import NO_ANSWER
from readiness.runtime import Progress, Stack
from readiness.starting.vectors import Place, Vector, difference, nearest, place_of_text, vectors_in, with_value
from readiness.target import Entry, ProbeKind, Request, Target
from readiness.verdict import Inconclusive

__all__ = ["InferenceLab", "Sizes", "text_of"]

WORDS = ("teapot", "lantern", "river", "granite", "violin", "harbour", "pepper", "meadow", "compass", "thunder")
Candidate = tuple[Request, Place]
FAILED = 500
#: Of a declared limit so many requests are left to the login, the repeats and the batches.
RESERVED, MANY, FEWEST_TEXTS = 16, 1000, 8
#: A request that is sent at all is waited for so long, in seconds.
LEAST_SECONDS = 1.0
#: Batches on their way beside the single texts.
BATCHES_AMONG = 2
#: A service that is asked for more than it can queue says so (RFC 9110, 15.6.4); that is no mix-up.
BUSY = 503


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is sent. All together it stays below a usual limit of a hundred requests a minute.

    Attributes:
        texts: distinct ones, sent one by one, then all at once.
        repeats: texts that are sent twice with nothing else under way.
        batch: texts in one batch; batches are sent alone, and among the others.
        timeout: for one request; a small machine has them all to work at.
        alone_seconds: for the texts one by one; what is known then has to do.
        all_seconds: for everything; no request is waited for any longer.
    """

    texts: int = 40
    repeats: int = 3
    batch: int = 8
    timeout: float = 30.0
    alone_seconds: float = 30.0
    all_seconds: float = 100.0


@gatherer(impact=Impact.PERTURBS, at_most_seconds=120)
def concurrent_inference(target: Target, stack: Stack, http: HttpClient, progress: Progress) -> ConcurrentInference:
    """The declared requests that embed a text and a batch of them, some ninety times, as a user of its own."""
    candidates = _candidates(target)
    entry = app_entry(target)
    if not candidates or entry is None:
        return ConcurrentInference(not_done="no request is declared that embeds a text")
    require_write(stack)
    headers: Mapping[str, str] = {}
    with contextlib.suppress(Inconclusive):  # what needs a login is then not accepted, and says so
        headers = own_user(target, stack, http, "embedding", entry=entry).headers
    fewest = min((limit.requests for limit in target.limits), default=MANY)
    sizes = Sizes(texts=max(FEWEST_TEXTS, min(Sizes.texts, (fewest - RESERVED) // 2)))
    lab = InferenceLab(http=http, entry=entry, headers=headers, progress=progress, sizes=sizes)
    return lab.run(candidates, validation_of(target).batch)


def _candidates(target: Target) -> Sequence[Candidate]:
    """Requests that may answer with the vector of a text, and where in their body it stands; none where nothing is loaded."""
    if {"probes", "probes.loading"} & set(target.declined):
        return []
    found: list[Candidate] = []
    rule = validation_of(target).input
    if rule is not None:
        found.append((rule.request, tuple(rule.at.split("."))))
    probe = target.probes.get(ProbeKind.LOADING)
    proof = probe.proof if probe is not None else None
    if proof is not None:
        place = place_of_text(proof.json)
        if place is not None:
            found.append((proof, place))
    return found


@dataclass(kw_only=True)
class InferenceLab:
    """Sends texts and compares what comes back; of the vectors only their differences are kept."""

    http: HttpClient
    entry: Entry
    headers: Mapping[str, str] = field(default_factory=dict)
    progress: Progress
    sizes: Sizes = field(default_factory=Sizes)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Know when it has to be over."""
        self._ends_at = self.clock() + self.sizes.all_seconds

    def run(self, candidates: Sequence[Candidate], rule: SizeRule | None) -> ConcurrentInference:
        """One by one, and all at once."""
        chosen, fact = self._choose(candidates)
        if chosen is None:
            return fact
        request, place = chosen

        def one(number: int) -> Exchange:
            return self._send(request, place, text_of(number))

        self.progress("embedding texts one by one, then all at once", at_most_seconds=90)
        alone: list[Vector] = []
        took: list[float] = []
        alone_until = self.clock() + self.sizes.alone_seconds
        for number in range(self.sizes.texts):
            answer = one(number)
            found = _vectors(request, answer)
            if len(found) != 1:
                break  # a limit is reached, or texts are refused: what is known already has to do
            alone.append(found[0])
            took.append(answer.seconds)
            if self.clock() > alone_until:
                break
        if len(alone) < 2:  # noqa: PLR2004  # there is nobody else to be mixed up with
            return dataclasses.replace(fact, not_done=f"{fact.request} did not go on answering with a vector")
        again = [one(number) for number in range(min(self.sizes.repeats, len(alone)))]
        answered = [(n, e, _vectors(request, e)) for n, e in enumerate(again)]
        repeated = [(difference(alone[n], v[0]), e.seconds) for n, e, v in answered if len(v) == 1]
        distances = [difference(a, b) for a, b in combinations(alone, 2)]
        batch, why_not = self._batch(rule, alone)
        batches = [batch(False)] if batch is not None else []
        if batches and not batches[0].nearest:
            # What it gets alone is no fault of the others.
            batch, why_not = None, f"a batch alone is answered with {batches[0].error or f'status {batches[0].status}'}"
        with ThreadPoolExecutor(max_workers=len(alone) + BATCHES_AMONG) as pool:
            singles = [pool.submit(one, number) for number in range(len(alone))]
            among = [pool.submit(batch, True) for _ in range(BATCHES_AMONG)] if batch is not None else []
            at_once = tuple(_embedded(request, n, future.result(), alone) for n, future in enumerate(singles))
            batches += [future.result() for future in among]
        return dataclasses.replace(
            fact,
            alone=len(alone),
            alone_seconds=round(statistics.median(took), 4),
            repeated_seconds=round(statistics.median(s for _, s in repeated), 4) if repeated else None,
            repeated_difference=max((1.0 if d is None else d for d, _ in repeated), default=None),
            smallest_distance=min((d for d in distances if d is not None), default=0.0),
            at_once=at_once,
            batches=tuple(batches),
            batch_not_done=why_not,
        )

    def _choose(self, candidates: Sequence[Candidate]) -> tuple[Candidate | None, ConcurrentInference]:
        """The first request whose answer holds one vector; else why there is none."""
        accepted, said = False, []
        for request, place in candidates:
            name = f"{request.method} {request.path}"
            try:
                answer = self._send(request, place, text_of(0))
            except LookupError:
                said.append(f"the body of {name} has no {'.'.join(map(str, place))}")
                continue
            except StackError as error:
                said.append(str(error)[:200])
                continue
            if len(_vectors(request, answer)) == 1:
                return (request, place), ConcurrentInference(request=name)
            if _is_accepted(request, answer):
                accepted = True
                said.append(f"the answer to {name} does not hold exactly one vector")
            else:
                said.append(f"{name} is not accepted: {answer.status or answer.error}")
        return None, ConcurrentInference(not_done="; ".join(said), no_vector=accepted)

    def _batch(
        self, rule: SizeRule | None, alone: Sequence[Vector]
    ) -> tuple[Callable[[bool], BatchAnswer] | None, str]:
        """What sends a batch of texts whose vectors are known, or why nothing does."""
        if rule is None:
            return None, "no batch is declared"
        size = min(self.sizes.batch, rule.at_most or self.sizes.batch, len(alone))
        if size < 2:  # noqa: PLR2004  # one has no order
            return None, "a batch holds one text"
        # Neither by their length nor by the alphabet in order, so that an order that is not given back shows.
        numbers = tuple(sorted(range(len(alone)), key=lambda n: n * 7 % 11)[:size])
        place = tuple(rule.at.split("."))

        def send(others: bool) -> BatchAnswer:
            answer = self._send(rule.request, place, [text_of(n) for n in numbers])
            vectors = _vectors(rule.request, answer)
            found = [nearest(vector, alone) for vector in vectors]
            apart = [None if n is None else difference(alone[n], v) for n, v in zip(found, vectors, strict=True)]
            known = [d for d in apart if d is not None]
            return BatchAnswer(
                sent=numbers,
                status=answer.status,
                nearest=tuple(n for n in found if n is not None),
                difference=max(known) if known and len(known) == len(apart) else None,
                others=others,
                error=_error(rule.request, answer),
            )

        try:
            with_value(rule.request.json, place, [])
        except LookupError:
            return None, f"the body of the declared batch has no {rule.at}"
        return send, ""

    def _send(self, request: Request, place: Place, value: object) -> Exchange:
        return self.http.send(
            self.entry,
            dataclasses.replace(request, json=with_value(request.json, place, value)),
            purpose=StatusClass.OK,
            headers={**PLAIN, **self.headers},
            timeout_seconds=max(LEAST_SECONDS, min(self.sizes.timeout, self._ends_at - self.clock())),
            kept_bytes=MAX_BODY_BYTES,
        )


def text_of(number: int) -> str:
    """A short text that no other number has; their lengths go up and down."""
    words = [WORDS[number % len(WORDS)], WORDS[number // len(WORDS) * 3 % len(WORDS)]]
    return " ".join([*words, *WORDS[: number * 5 % 4], str(number)])


def _is_accepted(request: Request, answer: Exchange) -> bool:
    return answer.status in (request.expect or range(200, 300))


def _vectors(request: Request, answer: Exchange) -> tuple[Vector, ...]:
    return vectors_in(answer.body) if _is_accepted(request, answer) else ()


def _error(request: Request, answer: Exchange) -> str:
    """What is wrong with an answer at all; empty where the service only has too much to do, or says whose fault it is."""
    if answer.status is None:
        return "" if (answer.error or "").startswith(NO_ANSWER) else (answer.error or "no answer")[:200]
    if answer.status >= FAILED and answer.status != BUSY:
        return f"status {answer.status}"
    if _is_accepted(request, answer) and not vectors_in(answer.body):
        return f"status {answer.status} without a vector"
    return ""


def _embedded(request: Request, number: int, answer: Exchange, alone: Sequence[Vector]) -> Embedded:
    found = _vectors(request, answer)
    is_one = len(found) == 1
    return Embedded(
        text=number,
        status=answer.status,
        difference=difference(alone[number], found[0]) if is_one else None,
        nearest=nearest(found[0], alone) if is_one else None,
        error=_error(request, answer),
    )
