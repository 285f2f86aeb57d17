"""Facts are obtained once per run, whatever the number of workers, and kept as JSON that can be judged again.

Every fact is one file in the run's folder behind one lock. The first worker that wants a fact gathers it; a worker that
finds it under way gathers another one meanwhile, so waits overlap. A failed gathering is kept like a fact: nobody
repeats a disruption that went wrong, and every check that needs it reports the same cause.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, ReadWriteLock, Timeout

from readiness.check import Impact
from readiness.exceptions import ReadinessError, RecordingError
from readiness.facts._codec import decode, encode
from readiness.verdict import Inconclusive, NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from readiness.gather._declare import GathererMeta
    from readiness.runtime import Progress

__all__ = ["FactStore", "Span", "read_spans"]

#: How often a worker looks whether another one has finished; short against every gathering.
POLL_SECONDS = 0.05
#: A worker that waits for another's gathering gives up after this many times its declared bound. The bound is the
#: gatherer's own; a busy machine and a stack start come on top.
PATIENCE = 4.0
#: A worker waits so long at a time for one that perturbs. Not for ever: it holds the lock of the fact that it wants to
#: gather, and the one that perturbs may need that very fact.
HELD_UP_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Span:
    """One stretch of work or waiting of one worker; times are seconds of the machine's monotonic clock."""

    worker: str
    name: str
    kind: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.ended - self.began


@dataclass(kw_only=True)
class FactStore:
    """The facts of one run.

    Args:
        folder: shared by all workers of the run.
        worker: this worker's name, for spans.
        instrument: gives an instrument by name; called only when a fact is really gathered here.
        after: called after each gathering with its impact, so that a disturbed stack is proven steady or replaced.
        progress: tells the terminal what begins and how long it may take.
        refusal: why facts of an impact may not be gathered here, or an empty text.
        plan: every gatherer that the collected items will ask for.
        is_replay: facts are only read.
    """

    folder: Path
    worker: str = "main"
    instrument: Callable[[str], Any] | None = None
    after: Callable[[Impact], None] = lambda _: None
    progress: Progress | None = None
    refusal: Callable[[Impact], str] = lambda _: ""
    plan: Sequence[GathererMeta] = ()
    is_replay: bool = False
    _known: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _is_held_up: bool = field(default=False, init=False)

    def obtain(self, meta: GathererMeta, *, meanwhile: bool = True) -> Any:
        """The fact, gathered by whoever comes first.

        Args:
            meta: the gatherer of the wanted fact.
            meanwhile: gather another fact of the plan while somebody else gathers this one. False for a fact that
                the others are gathered with.

        Raises:
            Inconclusive: it could not be gathered, or the recording does not hold it; says why.
            NotApplicable: the gatherer found its premise not to hold.
        """
        deadline = time.monotonic() + PATIENCE * meta.at_most_seconds + 300
        waiting_since: float | None = None
        while (record := self._read(meta.name)) is None:
            if self.is_replay:
                reason = f"the recording holds no fact {meta.name!r}"
                raise Inconclusive(reason, supply="record again with --readiness-record, with the checks that need it")
            if self._gather_if_free(meta, is_nested=not meanwhile) or (meanwhile and self._gather_another(than=meta)):
                continue
            waiting_since = waiting_since or time.monotonic()
            if time.monotonic() > deadline:
                raise Inconclusive(f"another worker has been gathering {meta.name} for too long; it may hang")
            time.sleep(POLL_SECONDS)
        if waiting_since is not None:
            self.span(f"wait for {meta.name}", "wait", waiting_since)
        return self._deliver(meta, record)

    def peek(self, name: str, kind: type) -> Any:
        """The fact if it is there, else None; never gathers."""
        record = self._read(name)
        return decode(kind, record["fact"]) if record and "fact" in record else None

    def span(self, name: str, kind: str, began: float) -> None:
        """Note that this worker did ``name`` from ``began`` until now."""
        line = json.dumps(encode(Span(worker=self.worker, name=name, kind=kind, began=began, ended=time.monotonic())))
        with (self.folder / f"spans-{self.worker}.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _gather_another(self, *, than: GathererMeta) -> bool:
        """Do useful work while somebody else gathers what is wanted; the longest first, it bounds the run."""
        rest = sorted((m for m in self.plan if m.name != than.name), key=lambda m: -m.at_most_seconds)
        for meta in rest:
            if self._read(meta.name) is None and self._gather_if_free(meta):
                return True
            if self._is_held_up:
                return False
        return False

    def _gather_if_free(self, meta: GathererMeta, *, is_nested: bool = False) -> bool:
        """Gather unless somebody else does, or is in the way. A nested gathering has its caller's lease already."""
        self._is_held_up = False
        try:
            lock = FileLock(self.folder / f"{meta.name}.lock").acquire(timeout=0)
        except Timeout:
            return False
        with lock:
            if self._read(meta.name) is not None:
                return True
            with nullcontext(True) if is_nested else self._lease(meta.impact) as is_leased:
                if is_leased:
                    self._gather(meta)
                return is_leased

    def _gather(self, meta: GathererMeta) -> None:
        assert self.instrument is not None  # noqa: S101  # a store that gathers is always given its instruments
        began = time.monotonic()
        record: dict[str, Any] = {"type": meta.fact.__name__, "impact": meta.impact.value}
        try:
            if refusal := self.refusal(meta.impact):
                raise Inconclusive(refusal)  # noqa: TRY301  # one place keeps every reason
            instruments = {name: self.instrument(name) for name in meta.instruments}
            began = time.monotonic()
            if self.progress is not None:
                self.progress(f"gathering {meta.name}", at_most_seconds=meta.at_most_seconds)
            fact = meta.function(**instruments)
            record["fact"] = encode(fact)
        except NotApplicable as reason:
            record["not_applicable"] = str(reason)
        except Inconclusive as reason:
            record["inconclusive"] = _reason(reason)
        except ReadinessError as error:
            record["inconclusive"] = {"reason": f"{meta.name} could not be gathered: {error}"}
        except Exception as error:  # noqa: BLE001  # a crash of ours must not look like a finding of theirs
            trace = "".join(traceback.format_exception(error))[-4000:]
            record["inconclusive"] = {"reason": f"the gatherer {meta.name} crashed, which is our bug:\n{trace}"}
        # Stored before the stack is put right: checks can be judged while it recovers.
        record["seconds"] = time.monotonic() - began
        self._write(meta.name, record)
        self.span(meta.name, "gather", began)
        self.after(meta.impact)

    @contextmanager
    def _lease(self, impact: Impact) -> Iterator[bool]:
        """Whoever perturbs is alone on the host: no latency is skewed, and nobody else meets its refusals.

        Yields False where others are at work. Who would perturb gathers something else first: waiting would keep
        further ones from beginning. Who met one that perturbs is held up: nothing else may begin either.
        """
        lease = ReadWriteLock(self.folder / "host-lease.db", is_singleton=False)
        try:
            if impact is Impact.PERTURBS:
                lease.acquire_write(timeout=0)
            else:
                lease.acquire_read(timeout=HELD_UP_SECONDS)
        except Timeout:
            self._is_held_up = impact is not Impact.PERTURBS
            yield False
            return
        try:
            yield True
        finally:
            lease.release()
            lease.close()

    def _read(self, name: str) -> dict[str, Any] | None:
        if name not in self._known:
            try:
                text = (self.folder / f"{name}.json").read_text(encoding="utf-8")
                record = json.loads(text)
            except FileNotFoundError:
                return None
            except (OSError, ValueError) as error:
                raise RecordingError(f"fact {name} cannot be read: {error}") from error
            if not isinstance(record, dict):
                raise RecordingError(f"fact {name} is not a record but {type(record).__name__}")
            self._known[name] = record
        return self._known[name]

    def _write(self, name: str, record: Mapping[str, Any]) -> None:
        """Atomically: a worker killed half way leaves no half fact."""
        path = self.folder / f"{name}.json"
        draft = path.with_name(f".{name}.{os.getpid()}.draft")
        draft.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        draft.replace(path)

    @staticmethod
    def _deliver(meta: GathererMeta, record: dict[str, Any]) -> Any:
        if "not_applicable" in record:
            raise NotApplicable(record["not_applicable"])
        if "inconclusive" in record:
            raise Inconclusive(**record["inconclusive"])
        return decode(meta.fact, record.get("fact"))


def _reason(reason: Inconclusive) -> dict[str, str]:
    return {"reason": reason.reason, "supply": reason.supply, "undeclared": reason.undeclared}


def read_spans(folder: Path) -> tuple[Span, ...]:
    """All spans of a run, oldest first; a line cut short by a killed worker is left out."""
    spans = []
    for path in folder.glob("spans-*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                spans.append(decode(Span, json.loads(line)))
            except ValueError:
                continue
    return tuple(sorted(spans, key=lambda span: span.began))
