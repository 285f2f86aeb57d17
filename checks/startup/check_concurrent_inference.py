"""Whoever embeds a text gets the vector of that text, however many ask at the same moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.embedded import BatchAnswer, ConcurrentInference, Embedded
from readiness.target import Target

EXAMPLE = (
    "validation:\n  input: {request: {method: POST, path: /embed, json: {text: hello}}, at: text}\n"
    "  batch: {request: {method: POST, path: /embed/batch, json: {texts: [hello]}}, at: texts, items: 32}"
)


@dataclass(frozen=True, kw_only=True)
class InferenceLimits:
    """From where on two vectors are different ones."""

    tolerance: float = 1e-5  # the ledger's figure
    #: Servers that collect texts into batches compute in half precision, and round differently in other company: up to
    #: 2^-10 for each of a few layers. What is further away is no rounding.
    rounding: float = 0.03
    #: A text that is looked up takes a fraction of what it took to embed; below ``slow_seconds`` the way there hides that.
    cached_ratio: float = 0.25
    slow_seconds: float = 0.02
    at_least: int = 8  # texts; with fewer nothing overlaps


@check(
    id="startup.concurrent_inference",
    category=Category.STARTUP,
    severity=Severity.HIGH,
    title="Texts that are embedded at the same moment get the vectors that they get one by one, batches in their order",
    why="A vector of somebody else's text is wrong without any error, and stays in the index that it is written to.",
    source="Claims ledger, startup.concurrent_inference (aistack): vectors equal text by text, tolerance 1e-5",
    remediation="Share no buffer between requests: give each call its own tensors, or let a lock or one worker own the "
    "model. Whoever sorts a batch by length has to put its vectors back in order.",
    seeds=("aistack",),
    defects=("inference-shares-a-buffer", "batch-order-lost"),
)
def check_concurrent_inference(
    concurrent_inference: ConcurrentInference, target: Target, limits: InferenceLimits
) -> Verdict:
    """Judge each text's vector of the crowd beside its own, and the order of batches."""
    seen = concurrent_inference
    if not seen.at_once:
        target.require("probes.loading", seen.request or seen.no_vector, example=EXAMPLE)
        raise Inconclusive(seen.not_done or "no text was embedded", supply=EXAMPLE, undeclared="validation.input")
    _require_comparable(seen, limits)
    findings: list[Finding] = []
    told = [e for e in seen.at_once if e.error or e.nearest is not None]
    errors = [e for e in told if e.error]
    mixed = [e for e in told if not e.error and _is_another(e, limits, seen.smallest_distance)]
    rounded = [e for e in told if not e.error and e not in mixed and (e.difference or 0.0) > limits.tolerance]
    if mixed:
        others = [f"text {e.text}: nearest to that of text {e.nearest}" for e in mixed if e.nearest != e.text]
        evidence = Evidence(source=f"{seen.request}, {len(told)} at once", text="\n".join(others[:8]) or _worst(mixed))
        message = f"{len(mixed)} of {len(told)} texts sent at once are answered with other vectors than alone"
        findings.append(Finding(message=message, evidence=(evidence,)))
    if errors:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in Counter(e.error for e in errors).most_common(3))
        findings.append(Finding(message=f"of {len(told)} texts sent at once: {kinds}"))
    findings.extend(_batch_findings(seen.batches, limits))
    measured = [
        Measurement(name="texts at once", value=len(told), unit="count"),
        Measurement(
            name="largest difference", value=max((e.difference or 0.0 for e in told), default=0.0), unit="ratio"
        ),
    ]
    if not findings:
        _require_told(seen, len(told), len(rounded), measured[1].value, limits)
    ordered = [b for b in seen.batches if b.nearest]
    batches = f"{len(ordered)} batches in order" if ordered else f"batches: {seen.batch_not_done or 'not answered'}"
    summary = "" if findings else f"{len(told)} texts at once got the same vectors as one by one; {batches}"
    return Verdict(findings=findings, measured=measured, summary=summary)


def _require_comparable(seen: ConcurrentInference, limits: InferenceLimits) -> None:
    """Stop where two vectors say nothing about their texts.

    Raises:
        Inconclusive: answers differ with nothing else under way, or not at all.
    """
    if seen.repeated_difference is None:
        raise Inconclusive(f"{seen.request} answered no text twice, so what it answers otherwise may be no mix-up")
    if seen.repeated_difference > limits.tolerance:
        raise Inconclusive(f"{seen.request} answers the same text differently, also with nothing else under way")
    if seen.smallest_distance <= limits.rounding:
        raise Inconclusive(f"{seen.request} has the same vector for different texts")


def _require_told(seen: ConcurrentInference, told: int, rounded: int, largest: float, limits: InferenceLimits) -> None:
    """Stop where nothing wrong was seen, and it would not have shown.

    Raises:
        Inconclusive: too few were answered, or rounded, or from a cache, or batches with vectors of their own.
    """
    if told < limits.at_least:
        raise Inconclusive(f"{told} of {len(seen.at_once)} texts sent at once were answered: too few to tell")
    if rounded:
        raise Inconclusive(
            f"{rounded} of {told} vectors differ by up to {largest:.1g}: "
            "rounding in other company, or a mix-up, cannot be told apart"
        )
    if _is_from_cache(seen, limits):
        raise Inconclusive(
            f"{seen.request} answers a text that it has seen in {seen.repeated_seconds} s instead of "
            f"{seen.alone_seconds} s: from a cache, so that nothing was computed at the same moment",
            supply="a variant without that cache",
        )
    if any(_is_misplaced(b) and not _is_known(b, limits) for b in seen.batches):
        raise Inconclusive(
            "the vectors of a batch are not those that its texts get one by one: its order does not show"
        )


def _is_another(embedded: Embedded, limits: InferenceLimits, smallest_distance: float) -> bool:
    """Whether it is no vector of this text: of another length, nearer to another's, or far from its own.

    Models whose activations are quantised by batch stray further than rounding does, and stay near their own.
    """
    far = max(limits.rounding, smallest_distance / 2)
    return embedded.nearest != embedded.text or embedded.difference is None or embedded.difference > far


def _is_from_cache(seen: ConcurrentInference, limits: InferenceLimits) -> bool:
    """Whether a text that was embedded before is answered much quicker."""
    is_slow = seen.alone_seconds >= limits.slow_seconds
    return (
        is_slow
        and seen.repeated_seconds is not None
        and seen.repeated_seconds < seen.alone_seconds * limits.cached_ratio
    )


def _worst(mixed: list[Embedded]) -> str:
    worst = max(mixed, key=lambda e: e.difference or 0.0)
    return f"text {worst.text}: {worst.difference:.3g} of its largest member apart" if worst.difference else ""


def _is_misplaced(batch: BatchAnswer) -> bool:
    """Whether the vectors are nearest to those of other texts than the ones that were sent, or in another order."""
    return len(batch.nearest) == len(batch.sent) and batch.nearest != batch.sent


def _is_known(batch: BatchAnswer, limits: InferenceLimits) -> bool:
    """Whether its vectors are those that single texts get: what comes from another model is near to none of them."""
    return batch.difference is not None and batch.difference <= limits.rounding


def _batch_findings(batches: tuple[BatchAnswer, ...], limits: InferenceLimits) -> list[Finding]:
    findings = []
    errors_alone = {batch.error for batch in batches if not batch.others}
    for batch in batches:
        when = "among other requests" if batch.others else "alone"
        if batch.error and batch.others and batch.error not in errors_alone:
            findings.append(Finding(message=f"a batch of {len(batch.sent)} texts {when}: {batch.error}"))
        elif _is_misplaced(batch) and _is_known(batch, limits):
            is_order = sorted(batch.nearest) == sorted(batch.sent)
            what = "in another order" if is_order else "as vectors of other texts"
            text = f"sent: {list(batch.sent)}\nanswered: {list(batch.nearest)}"
            message = f"a batch of {len(batch.sent)} texts {when} is answered {what}"
            findings.append(Finding(message=message, evidence=(Evidence(source="texts by their number", text=text),)))
    return findings
