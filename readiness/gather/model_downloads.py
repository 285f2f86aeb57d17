"""Play the model hub for a copy of the stack: cut a download, limit one, cut the cached copy off, leave it no room.

Every disk that fills up, and every file that is cut, is one of the copy's own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from readiness.check import Impact
from readiness.declared.startup import MODEL_EXAMPLE, FetchedModel, fetched_model_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.fetched import FetchedStart, HubRequest, ModelDownloads, SmallCache
from readiness.facts.probe_body import mask
from readiness.facts.startup import Said
from readiness.gather import gatherer
from readiness.gather.late_dependency import closure_of
from readiness.gather.probe_asking import answer_of, ask_of, known_secrets
from readiness.gather.reaching import reaches
from readiness.instruments.poller import Ask, Sample, ask_once, run_bounded
from readiness.instruments.stub import Kind, Plan, Received, Script, Stub, Stubs, answer, half
from readiness.instruments.variants import Variants
from readiness.probes.standing import Standing, standing
from readiness.runtime import Capability, Endpoint, Progress, Runtime, Stack, Variant
from readiness.starting.fetching import names_full_disk
from readiness.starting.vectors import is_same
from readiness.target import Entry, Probe, ProbeKind, Target
from readiness.verdict import Inconclusive

__all__ = ["FetchScenario", "Patience", "contents_of", "is_own_folder", "model_downloads", "served", "small_cache"]

MAX_BYTES = 256 * 1024 * 1024
#: The smallest file system in memory: one page.
PAGE_BYTES = 4096
ENDED = frozenset({"exited", "dead"})
LAST_LINES, LINE_CHARS = 30, 500
#: Requests that are kept of a start's first, and of its last: of those for declared files, and of all others.
KEPT_REQUESTS = 30
#: A service that was started again so often starts again for ever.
LOOP = 3
NOT_MODIFIED, NOT_FOUND, LIMITED = 304, 404, 429
#: All files of a model are of one: clients keep them in a folder of its name.
COMMIT = hashlib.sha256(b"readiness").hexdigest()[:40]
#: In the order in which one is looked for: the one about loading says most.
PROBES = (ProbeKind.LOADING, ProbeKind.READY, ProbeKind.HEALTH)
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long each part is watched, in seconds.

    Attributes:
        ready: for the start with a download that is cut, and for that with a cut copy: three tries 5, 10 and 20 s apart,
            as model servers do, and what loading takes.
        ended: after its program ended, for an engine that starts it again.
        full: with a full disk, from the first download on; ``full_silent`` where the probe does not say why until then:
            some say so once they have tried several times.
        word: for the first request to the hub; who does not ask until then is not going to.
        interval: between two looks.
        ask: one question.
        all: every start of one copy together. One that might be cut short is not begun: of half a start nothing is made.
    """

    ready: float = 90.0
    ended: float = 4.0
    full: float = 6.0
    full_silent: float = 45.0
    word: float = 60.0
    interval: float = 0.2
    ask: float = 5.0
    all: float = 380.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=420)
def model_downloads(
    *, target: Target, stack: Stack, runtime: Runtime, variants: Variants, stubs: Stubs, progress: Progress
) -> ModelDownloads:
    """One copy of the service, started with a hub that fails at first, and once more with a copy that is cut off."""
    prepared = _prepared(target, stack, runtime)
    if isinstance(prepared, str):
        return ModelDownloads(not_done=prepared)
    declared, service, probe, ask = prepared
    if stack.runtime == "process":
        # There a service writes where it says: what the audit's hub serves must not end up in the owner's own cache.
        try:
            stack.throw_away_place(service, _place(declared.cache, stack.environment(service)))
        except StackError as error:
            return ModelDownloads(not_done=f"nothing is fetched into a folder that is not the copy's own: {error}")
    contents = contents_of(declared, Path(target.folder))
    with stubs(_script(contents)) as stub:
        began = time.monotonic()
        variant = _variant(runtime, stack, service, {declared.hub_variable: stub.url}, name="hub")
        with variants(variant) as copy:
            scenario = FetchScenario(
                stack=copy,
                service=service,
                probe=probe,
                ask=ask,
                stub=stub,
                contents=contents,
                progress=progress,
                patience=Patience(ready=max(Patience.ready, target.deadlines.get(service, 0.0))),
            )
            return scenario.run(_place(declared.cache, copy.environment(service)), since=began)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def small_cache(
    *, target: Target, stack: Stack, runtime: Runtime, variants: Variants, stubs: Stubs, progress: Progress
) -> SmallCache:
    """Another copy, whose cache is a file system in memory that holds half of the model."""
    prepared = _prepared(target, stack, runtime)
    if isinstance(prepared, str):
        return SmallCache(not_done=prepared)
    if Capability.TMPFS not in stack.capabilities:
        raise UnsupportedError(Capability.TMPFS, runtime=stack.runtime, hint="run with --readiness-runtime=compose")
    declared, service, probe, ask = prepared
    contents = contents_of(declared, Path(target.folder))
    place = _place(declared.cache, stack.environment(service))
    if not is_own_folder(place):
        return SmallCache(not_done=f"the cache of {service} is no folder of its own: {place or '/'}")
    largest = max(len(content) for content in contents.values())
    size = max(PAGE_BYTES, largest // 2 // PAGE_BYTES * PAGE_BYTES)
    if size >= largest:
        return SmallCache(not_done=f"the declared model of {largest} bytes fits on the smallest disk")
    with stubs(Script(plans=served(contents), otherwise=_unknown())) as stub:
        began = time.monotonic()
        variables = {declared.hub_variable: stub.url}
        small = dataclasses.replace(
            _variant(runtime, stack, service, variables, name="smallcache"), tmpfs={service: {place: size}}
        )
        with variants(small) as copy:
            scenario = FetchScenario(
                stack=copy,
                service=service,
                probe=probe,
                ask=ask,
                stub=stub,
                contents=contents,
                progress=progress,
                patience=Patience(ready=max(Patience.ready, target.deadlines.get(service, 0.0))),
            )
            start = scenario.watch(since=began, until_ready=False)
            # Of one that has ended nothing can be seen: then it is the size that was asked for.
            disk_bytes = _disk_bytes(copy, service, place) or size
            file = max(contents, key=lambda path: len(contents[path]))
            seen = SmallCache(service=service, file=file, disk_bytes=disk_bytes, model_bytes=largest)
            if not start.requests and (why := why_silent(copy, service, stub)):
                return dataclasses.replace(seen, not_done=why)
            return dataclasses.replace(seen, start=start)


def _prepared(target: Target, stack: Stack, runtime: Runtime) -> tuple[FetchedModel, str, Probe, Ask] | str:
    """What both need, or why nothing can be done."""
    declared = fetched_model_of(target)
    if declared is None:
        return "no model is declared that is fetched at the start"
    service = declared.service or target.service or ""
    if service not in stack.services:
        return f"there is no service {service or 'under audit'} that could fetch a model"
    for kind in PROBES:
        probe = target.probes.get(kind)
        ask = ask_of(target, runtime.model(), probe) if probe is not None else None
        if probe is not None and ask is not None:
            own = next((entry for entry in target.entries if entry.service == service), None)
            if own is not None and ask.entry.service != service:
                ask = dataclasses.replace(ask, entry=own)
            return declared, service, probe, ask
    return "no probe is declared that tells whether the model is loaded: probes.loading"


def contents_of(declared: FetchedModel, folder: Path) -> dict[str, bytes]:
    """Path at the hub -> what it answers.

    Raises:
        Inconclusive: a declared file is not there, not below the target's folder, or all are too large together.
    """
    found: dict[str, bytes] = {}
    room = MAX_BYTES
    for path, source in declared.files.items():
        if isinstance(source, int):
            # Always the same, so that a checksum of the owner's could be declared.
            content = random.Random(path).randbytes(source)  # noqa: S311  # no secret
        else:
            place = (folder / source).resolve()
            if not place.is_relative_to(folder.resolve()) or not place.is_file():
                reason = f"startup.model.files: {source} is no file below the folder of readiness.yaml"
                raise Inconclusive(reason, supply=MODEL_EXAMPLE)
            if place.stat().st_size > room:
                raise Inconclusive(f"startup.model.files: more than {MAX_BYTES} bytes together are not served")
            content = place.read_bytes()
        room -= len(content)
        found[path] = content
    return found


def _headers(content: bytes) -> dict[str, str]:
    """As hubs send them with large files: the entity tag is the content's SHA-256. Tried with huggingface_hub 2.4."""
    digest = hashlib.sha256(content).hexdigest()
    return {
        "content-type": "application/octet-stream",
        "etag": f'"{digest}"',
        "x-linked-etag": f'"{digest}"',
        "x-linked-size": str(len(content)),
        "x-repo-commit": COMMIT,
    }


def served(contents: Mapping[str, bytes]) -> dict[str, Plan]:
    """Every file as it is."""
    return {
        path: Plan(then=answer(body=content, headers=_headers(content), has_ranges=True))
        for path, content in contents.items()
    }


def _unknown() -> Plan:
    return Plan(then=answer(NOT_FOUND, b'{"error": "not found"}', headers={"x-error-code": "EntryNotFound"}))


def _script(contents: Mapping[str, bytes]) -> Script:
    """The largest file cut once, then limited once; everything else as it is."""
    plans = served(contents)
    largest = max(contents, key=lambda path: len(contents[path]))
    content = contents[largest]
    steps = (
        half(content, headers=_headers(content), has_ranges=True),
        answer(LIMITED, b'{"error": "too many requests"}', headers={"retry-after": "1"}),
    )
    plans[largest] = dataclasses.replace(plans[largest], steps=steps)
    return Script(plans=plans, otherwise=_unknown())


def _variant(runtime: Runtime, stack: Stack, service: str, variables: Mapping[str, str], *, name: str) -> Variant:
    """The service and what it needs; who waits for it stays away, so that its start holds nobody up."""
    awake = closure_of(runtime.model(), service) | {service}
    return Variant(
        name=name,
        environment={service: dict(variables)},
        stopped=tuple(sorted(set(stack.services) - awake)),
        wait=False,
        may_fail=True,
    )


def _place(cache: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), cache).rstrip("/")


def is_own_folder(place: str) -> bool:
    """Whether it can be a folder of the cache alone: absolute, and not the whole file system."""
    return place.startswith("/") and bool(place.strip("/.")) and "${" not in place


def why_silent(stack: Stack, service: str, stub: Stub) -> str:
    """Why a service that did not ask the hub may not have been able to; empty where it reaches it."""
    is_reachable = reaches(stack, service, stub)
    if is_reachable is None:
        return f"{service} did not ask the audit's hub, and has no program that tells whether it reaches it"
    return "" if is_reachable else f"{service} does not reach the audit's hub"


def _disk_bytes(stack: Stack, service: str, place: str) -> int:
    """How large the file system at ``place`` is; 0 where that cannot be seen."""
    try:
        done = stack.execute(service, ["df", "-P", "-k", place])
    except (StackError, UnsupportedError):
        return 0
    numbers = re.search(r"\s(\d+)\s+\d+\s+\d+\s+\d+%", done.output)
    return int(numbers.group(1)) * 1024 if numbers is not None else 0


@dataclass(kw_only=True)
class FetchScenario:
    """Starts one service of one copy again and again, and watches it."""

    stack: Stack
    service: str
    probe: Probe
    ask: Ask
    stub: Stub
    contents: Mapping[str, bytes]
    progress: Progress
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    cut_bytes: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Know what must not become evidence."""
        self._secrets = known_secrets(self.stack)
        self._began = self.clock()

    def run(self, cache: str, *, since: float) -> ModelDownloads:
        """The start with a hub that fails at first, which runs already; then that with a copy that is cut off."""
        file = max(self.contents, key=lambda path: len(self.contents[path]))
        seen = ModelDownloads(service=self.service, file=file, broken=self.watch(since=since))
        assert seen.broken is not None  # noqa: S101  # tells the type checker
        if not seen.broken.requests and (why := why_silent(self.stack, self.service, self.stub)):
            return ModelDownloads(service=self.service, not_done=why)
        self.stub.play(Script(plans=served(self.contents), otherwise=_unknown()))
        if seen.broken.ready_seconds is None or seen.broken.has_ended:
            seen = dataclasses.replace(seen, control=self._again())
            if seen.control is None or seen.control.ready_seconds is None:
                why = "does not get ready with a hub that serves everything either"
                why = why if seen.control is not None else "could not be stopped and started in the time that is left"
                return dataclasses.replace(seen, corrupt_not_done=f"{self.service} {why}")
        before = self._proof()
        cut, reason = self._cut(cache)
        if not cut:
            return dataclasses.replace(seen, corrupt_not_done=reason)
        corrupt = self._again()
        if corrupt is None:
            why = f"{self.service} could not be stopped and started in the time that is left"
            return dataclasses.replace(seen, corrupt_not_done=why)
        # Who nobody starts again may have thrown the copy away at its end.
        is_left = corrupt.has_ended and not corrupt.restarts and corrupt.ready_seconds is None
        once_more = self._again() if is_left else None
        after = self._proof() if (once_more or corrupt).ready_seconds is not None else ""
        return dataclasses.replace(
            seen,
            cut_files=cut,
            cut_sources=tuple(path for path, content in self.contents.items() if len(content) in self.cut_bytes),
            corrupt=corrupt,
            corrupt_again=once_more,
            is_same_answer=is_same(before, after),
        )

    def _again(self) -> FetchedStart | None:
        """Stop and start it, and watch; None where that cannot be done, or not in time."""
        if self.clock() - self._began + self.patience.ready > self.patience.all:
            return None
        try:
            if self.stack.state(self.service).status not in ENDED:
                self.stack.stop(self.service)
            began = self.clock()
            self.stack.start(self.service)
        except (StackError, UnsupportedError):
            return None
        return self.watch(since=began)

    def watch(self, *, since: float, until_ready: bool = True) -> FetchedStart:
        """A start that began at ``since``, until it is ready, has ended for good, or time is up.

        Where it is not to get ready, until a while after its first download.
        """
        self.progress(f"watching {self.service} fetch its model", at_most_seconds=self.patience.ready)
        watched_from = self.clock()
        ended: float | None = None
        last_end: float | None = None
        was_running = True
        code: int | None = None
        restarts = 0
        ready: float | None = None
        last: Sample | None = None
        while True:
            state = self.stack.state(self.service)
            now = self.clock()
            is_running = state.status not in ENDED
            # One that its engine starts again at once is hardly ever seen at its end.
            has_grown = state.restarts > restarts
            if (was_running and (has_grown or not is_running)) or (has_grown and not is_running):
                last_end = now
                ended, code = (now, state.exit_code) if ended is None else (ended, code)
            restarts, was_running = max(restarts, state.restarts), is_running
            if not is_running:
                if ended is not None and now - ended > self.patience.ended and not restarts:
                    break
            else:
                last = self._asked(self.ask) or last
                if last is not None and self._says(last) is Standing.YES:
                    ready = self.clock()
                    break
            received = self._received(since)
            is_full = not until_ready and received and self._has_told(last, now - received[0].at)
            waited = now - watched_from
            is_late = waited > min(self.patience.all, self.patience.ready if received else self.patience.word)
            if restarts >= LOOP or is_full or is_late:
                break
            self.pause(self.patience.interval)
        return FetchedStart(
            seconds=round(self.clock() - since, 2),
            ready_seconds=None if ready is None else round(ready - since, 2),
            first_end_seconds=None if ended is None else round(ended - since, 2),
            last_end_seconds=None if last_end is None else round(last_end - since, 2),
            exit_code=code,
            restarts=restarts,
            requests=tuple(_request(r, since) for r in self._kept(self._received(since))),
            requests_total=len(self._received(since)),
            said=self._said(last),
            log=self._log(),
        )

    def _has_told(self, last: Sample | None, seconds: float) -> bool:
        """Whether a service with a full disk has said what it has to say."""
        names_it = last is not None and names_full_disk(last.body)
        return seconds > (self.patience.full if names_it else self.patience.full_silent)

    def _received(self, since: float) -> Sequence[Received]:
        return self.stub.received("/", since=since)

    def _kept(self, received: Sequence[Received]) -> Sequence[Received]:
        """The first and the last, so that nobody who asks often for what is not there hides the requests for the model."""
        mine = [r for r in received if r.path.partition("?")[0] in self.contents]
        others = [r for r in received if r.path.partition("?")[0] not in self.contents]
        kept = [
            request
            for part in (mine, others)
            for n, request in enumerate(part)
            if n < KEPT_REQUESTS or n >= len(part) - KEPT_REQUESTS
        ]
        return sorted(kept, key=lambda request: request.at)

    def _asked(self, ask: Ask) -> Sample | None:
        try:
            where: Endpoint = self.stack.endpoint(ask.entry.service, ask.entry.port)
        except StackError:
            return None
        patient = dataclasses.replace(ask, timeout_seconds=self.patience.ask)
        return run_bounded(ask_once(patient, where), at_most_seconds=self.patience.ask + 5)

    def _proof(self) -> str:
        """What the service answers to the request that needs the model; empty without one."""
        request = self.probe.proof
        if request is None:
            return ""
        entry: Entry = self.ask.entry
        found = self._asked(Ask(name="proof", entry=entry, request=request, timeout_seconds=self.patience.ask))
        return found.body if found is not None and found.status in (request.expect or range(200, 300)) else ""

    def _says(self, sample: Sample) -> Standing:
        return standing(self.probe, answer_of(sample, zero=0.0, secrets={}))

    def _said(self, sample: Sample | None) -> Said | None:
        if sample is None:
            return None
        return Said(
            kind=self.probe.kind.value,
            path=self.probe.path,
            standing=self._says(sample).value,
            status=sample.status,
            error=sample.error,
            body=mask(sample.body, self._secrets)[:1000],
        )

    def _log(self) -> tuple[str, ...]:
        try:
            text = self.stack.logs(self.service, tail=LAST_LINES)
        except (StackError, UnsupportedError):
            return ()
        return tuple(line[:LINE_CHARS] for line in mask(text, self._secrets).splitlines()[-LAST_LINES:])

    def _cut(self, cache: str) -> tuple[tuple[str, ...], str]:
        """Cut every copy of a declared file to half its length, each under a new inode: who reads it now keeps his own.

        Only regular files below the cache, of exactly the length of a file that was served.
        """
        sizes = sorted({len(content) for content in self.contents.values() if len(content) >= PAGE_BYTES})
        try:
            if reason := self._untouchable(cache) or (
                "" if sizes else "no declared file is large enough to be told from others"
            ):
                return (), reason
            # Processes of this machine see the owner's folders, and links lead there.
            cache = self.stack.throw_away_place(self.service, cache)
        except (StackError, UnsupportedError) as error:
            return (), f"no copy is cut that may be the owner's: {error}"[:300]
        wanted = ["("]
        for size in sizes:
            wanted += ["-size", f"{size}c", "-o"]
        wanted[-1] = ")"
        script = (
            'for f in "$@"; do n=$(wc -c < "$f"); cp -p "$f" "$f.cut" && head -c $((n / 2)) "$f" > "$f.cut" && '
            'mv -f "$f.cut" "$f" && printf "%s %s\\n" "$n" "$f"; done'
        )
        find = ["find", cache, "-xdev", "-type", "f", *wanted, "-exec", "sh", "-c", script, "sh", "{}", "+"]
        try:
            done = self.stack.execute(self.service, find, timeout_seconds=60)
        except (StackError, UnsupportedError) as error:
            return (), str(error)[:300]
        lines = [line.strip().partition(" ") for line in done.output.splitlines()]
        found = [(place, int(size)) for size, _, place in lines if size.isdigit() and place.startswith(f"{cache}/")]
        if found:
            self.cut_bytes = frozenset(size for _, size in found)
            return tuple(place for place, _ in found[:20]), ""
        said = done.output.strip()[-200:]
        return (), f"no copy of a served file was found below {cache}{f': {said}' if said else ''}"

    def _untouchable(self, cache: str) -> str:
        """Why nothing below it is cut; empty where something may be."""
        if not is_own_folder(cache):
            return f"the cache of {self.service} is no folder of its own: {cache}"
        if self.stack.runtime != "process" and self._is_in_memory(cache):
            return f"{cache} is in memory, so that a restart empties it"
        return ""

    def _is_in_memory(self, place: str) -> bool:
        """Whether the file system there ends with its container."""
        try:
            done = self.stack.execute(self.service, ["df", "-P", place])
        except (StackError, UnsupportedError):
            return False
        return any(line.startswith("tmpfs ") for line in done.output.splitlines())


def _request(received: Received, zero: float) -> HubRequest:
    by_status: dict[int | None, str] = {LIMITED: "limited", NOT_FOUND: "unknown", NOT_MODIFIED: "unchanged"}
    is_cut = received.behaviour is Kind.HALF and received.method != "HEAD"
    what = by_status.get(received.status, "served")
    if what == "served" and received.first("range") == "bytes=0-0":
        what = "sized"
    return HubRequest(
        seconds=round(max(0.0, received.at - zero), 2),
        method=received.method,
        path=received.path.partition("?")[0][:200],
        answer="cut" if is_cut else what,
    )
