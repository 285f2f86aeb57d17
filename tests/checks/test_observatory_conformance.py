"""Our graders against the answers of MDN's HTTP Observatory, where its test vectors are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from readiness.headers import cookies, cors, cross_origin, csp, framing, hsts, nosniff, redirection, referrer, sri
from readiness.headers.grade import Grade

REPOSITORY = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("READINESS_OBSERVATORY_VECTORS", REPOSITORY / "../shared/vectors/http-observatory.jsonl"))

#: Browsers' preload list is an input of the grade; these hosts of the vectors stand on it.
PRELOADED = {"facebook.com"}

#: (check, result expected by the Observatory, quoted header) -> why passing it is too generous. Nothing else deviates.
DEVIATIONS = {
    ("csp", "csp-implemented-with-no-unsafe", "'unsafe-inline' 'sha256-"): (
        "two hashes written without a space between them are no hash-source (CSP3 2.3.1), so 'unsafe-inline' holds"
    ),
    ("csp", "csp-implemented-with-no-unsafe-default-src-none", "default-src http:"): (
        "the header allows http:, which also matches https (CSP3 6.7.2.8), and the <meta> allows https:; both allow "
        "every https host"
    ),
    ("csp", "csp-implemented-with-no-unsafe-default-src-none", "'strict-dynamic' 'sha256-"): (
        "a trusted script may load others by relative address, and without base-uri an injected <base> moves them "
        "(CSP3 6.3.1)"
    ),
    ("x-frame-options", "x-frame-options-allow-from-origin", "ALLOW-FROM"): (
        "browsers ignore ALLOW-FROM (HTML standard 7.6.1), so anybody may frame the page"
    ),
}


def load() -> list[dict[str, Any]]:
    if not VECTORS.is_file():
        return []
    return [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines() if line.strip()]


CASES = load()


def lines(answer: dict[str, Any] | None, name: str) -> tuple[str, ...]:
    found: list[str] = []
    for key, value in ((answer or {}).get("headers") or {}).items():
        if key.lower() == name:
            found += value if isinstance(value, list) else [value]
    return tuple(found)


def our_grade(case: dict[str, Any]) -> Grade:  # noqa: C901, PLR0911, PLR0912  # one flat table of graders reads best
    answers, site = case["responses"], case["site"]
    auto = answers["auto"]
    meta = {name: tuple(values) for name, values in auto["httpEquiv"].items()}
    match case["check"]:
        case "cookies":
            grades = [
                cookies.grade(line, https=True, has_hsts=bool(lines(auto, "strict-transport-security")))
                for line in lines(auto, "set-cookie")
            ]
            return Grade(findings=tuple(finding for grade in grades for finding in grade.findings))
        case "cors":
            shared = answers["cors"]
            return cors.grade(
                lines(shared, "access-control-allow-origin"),
                credentials=lines(shared, "access-control-allow-credentials"),
                origin=shared["requestHeaders"].get("origin"),
            )
        case "cross-origin-embedder-policy":
            return cross_origin.embedder(lines(auto, case["check"]))
        case "cross-origin-opener-policy":
            return cross_origin.opener(lines(auto, case["check"]))
        case "cross-origin-resource-policy":
            return cross_origin.resource(lines(auto, case["check"]))
        case "csp":
            name = "content-security-policy"
            return csp.grade(lines(auto, name), meta=meta.get(name, ()))
        case "redirection":
            return redirection.grade(tuple((url, status) for url, status in case["httpRedirects"]))
        case "referrer-policy":
            return referrer.grade(lines(auto, case["check"]), meta=meta.get("referrer-policy", ()), required=False)
        case "strict-transport-security":
            # Over plain http the header means nothing (RFC 6797, 8.1).
            return hsts.grade(lines(answers["https"], case["check"]), preloaded=site in PRELOADED)
        case "subresource-integrity":
            return sri.grade(case["body"] or "", site=site)
        case "x-content-type-options":
            return nosniff.grade(lines(auto, case["check"]))
        case "x-frame-options":
            return framing.grade(lines(auto, case["check"]), csp=lines(auto, "content-security-policy"))
        case unknown:
            raise AssertionError(f"no grader for the vectors of {unknown}")


def deviation_of(case: dict[str, Any]) -> str | None:
    text = json.dumps(case["responses"]["auto"]["headers"])
    for (check, result, quoted), reason in DEVIATIONS.items():
        if case["check"] == check and case["expected"]["result"] == result and quoted in text:
            return reason
    return None


def case_id(case: dict[str, Any]) -> str:
    return f"{CASES.index(case)}-{case['check']}-{case['expected']['result']}"


@pytest.mark.skipif(not CASES, reason=f"no vectors at {VECTORS}; name them in READINESS_OBSERVATORY_VECTORS")
@pytest.mark.parametrize("case", CASES or [{}], ids=case_id if CASES else None)
def test_grade_agrees_with_the_observatory_or_is_stricter_for_a_documented_reason(case: dict[str, Any]) -> None:
    grade = our_grade(case)
    if deviation_of(case):
        assert case["expected"]["pass"]
        assert grade.findings
    else:
        assert grade.is_good is case["expected"]["pass"], (grade.findings, case["expected"]["result"])


@pytest.mark.skipif(not CASES, reason=f"no vectors at {VECTORS}; name them in READINESS_OBSERVATORY_VECTORS")
def test_every_documented_deviation_is_one_vector() -> None:
    deviating = [deviation_of(case) for case in CASES]
    assert sorted(filter(None, deviating)) == sorted(DEVIATIONS.values())
