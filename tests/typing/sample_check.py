"""Type-checked, not run: the documented way to write a check and a gatherer keeps type-checking."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Impact, Measurement, NotApplicable, Severity, Verdict, check
from readiness.gather import gatherer
from readiness.instruments.client import HttpClient
from readiness.target import Request, Target


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What the greeting endpoint said."""

    text: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class GreetingLimits:
    """Limits of the check below."""

    seconds: float = 1.0


@gatherer(impact=Impact.OBSERVES)
def greeting(target: Target, http: HttpClient) -> Greeting:
    """Ask for a greeting."""
    answer = http.send(target.entries[0], Request(path="/hello"))
    return Greeting(text=answer.body, seconds=answer.seconds)


@check(
    id="custom.greeting",
    title="The service greets",
    category=Category.PROBE,
    severity=Severity.LOW,
    why="Unfriendly services lose users.",
    source="house rule",
    remediation="Answer /hello with a greeting.",
)
def check_greeting(greeting: Greeting, limits: GreetingLimits) -> Verdict:
    """Judge the greeting."""
    if not greeting.text:
        raise NotApplicable("the service has no greeting")
    findings = [] if "hello" in greeting.text else [Finding(message="no greeting in the answer")]
    time = Measurement(name="answer time", value=greeting.seconds, unit="s", at_most=limits.seconds)
    return Verdict(findings=tuple(findings), measured=(time,))
