"""Words about starts of a service that fetches its model. Pure."""

from __future__ import annotations

import re

from readiness.declared.startup import MODEL_EXAMPLE, fetched_model_of
from readiness.facts.fetched import FetchedStart, ModelDownloads
from readiness.target import Target
from readiness.verdict import Evidence

__all__ = [
    "evidence_of",
    "first_answered",
    "names_fault_of_copy",
    "names_full_disk",
    "refuses",
    "require_model",
    "sound_start",
    "story_of",
]

UNAVAILABLE = 503
_FULL = re.compile(
    r"no space|space left|ENOSPC|errno 28|disk\W.{0,20}full|full\W.{0,20}disk|(disk|storage|device|space|quota)"
    r".{0,40}(full|exceeded|exhausted|insufficient|not enough|too small)|(insufficient|not enough|out of).{0,40}"
    r"(disk|storage|space)",
    re.IGNORECASE | re.DOTALL,
)
_COPY = re.compile(r"model|weights|cache|checkpoint|safetensors|tensor|\bfile\b", re.IGNORECASE)
_FAULT = re.compile(
    r"corrupt|truncat|incomplete|invalid|mismatch|checksum|sha-?256|hash|damaged|unexpected|unreadable|broken|"
    r"cannot|could not|fail|error|too (small|short)",
    re.IGNORECASE,
)


def require_model(target: Target) -> None:
    """Stop where no model is declared.

    Raises:
        NotApplicable, Inconclusive: as :meth:`readiness.target.Target.require`.
    """
    # A service that loads nothing has no model to fetch either.
    if "probes.loading" in target.declined and fetched_model_of(target) is None:
        target.require("probes.loading", value=False, example=MODEL_EXAMPLE)
    target.require("startup.model", fetched_model_of(target), example=MODEL_EXAMPLE)


def sound_start(seen: ModelDownloads) -> FetchedStart | None:
    """A start with a hub that serves in the end which got ready by itself: without one no end proves anything."""
    starts = (seen.control, seen.broken)
    return next((s for s in starts if s is not None and s.ready_seconds is not None and not s.has_ended), None)


def first_answered(start: FetchedStart, file: str, answer: str) -> float | None:
    """When a download of the file was first answered so; None where none was. Who asks for the size alone downloads nothing."""
    found = (r.seconds for r in start.requests if r.path == file and r.answer == answer and r.method != "HEAD")
    return min(found, default=None)


def refuses(start: FetchedStart) -> bool:
    """Whether the probe's last answer was a 503: it runs, and says that it cannot serve."""
    return start.said is not None and start.said.status == UNAVAILABLE


def names_full_disk(body: str) -> bool:
    """Whether an answer says that there is no room."""
    return _FULL.search(body) is not None


def names_fault_of_copy(start: FetchedStart) -> bool:
    """Whether the probe's answer says that something is wrong with the model's copy."""
    body = start.said.body if start.said is not None else ""
    return _COPY.search(body) is not None and _FAULT.search(body) is not None


def story_of(start: FetchedStart) -> str:
    """What was seen, line by line, in the order of time."""
    lines = [(r.seconds, f"{r.seconds:6.1f} s  {r.method} {r.path}: {r.answer}") for r in start.requests[:20]]
    if start.first_end_seconds is not None:
        at = start.first_end_seconds
        lines.append((at, f"{at:6.1f} s  seen to have ended, exit code {start.exit_code}"))
    if start.ready_seconds is not None:
        lines.append((start.ready_seconds, f"{start.ready_seconds:6.1f} s  ready"))
    told = [text for _, text in sorted(lines)]
    if start.restarts:
        told.append(f"restarts by its engine: {start.restarts}")
    return "\n".join(told)


def evidence_of(start: FetchedStart, name: str) -> tuple[Evidence, ...]:
    """The story, the probe's last words, and the log's."""
    found = [Evidence(source=name, text=story_of(start))]
    if start.said is not None and start.said.status is not None:
        what = f"{start.said.path}: {start.said.status}"
        found.append(Evidence(source=what, text=start.said.body[:400]))
    if start.log:
        found.append(Evidence(source="the last lines of its log", text="\n".join(start.log[-8:])))
    return tuple(found)
