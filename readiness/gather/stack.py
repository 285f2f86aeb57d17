"""The facts that everything else stands on: the owner's model, how the stack started, and the completed target."""

from __future__ import annotations

from readiness.check import Impact
from readiness.discovery import complete_online
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.model import StackModel
from readiness.facts.start import StackStart
from readiness.gather import gatherer
from readiness.instruments.client import HttpClient
from readiness.runtime import Runtime, Stack
from readiness.target import Entry, Request, Target

#: Discovery asks at most about sixty questions; each is answered in milliseconds by a sound stack.
ASK_SECONDS = 3.0


@gatherer(impact=Impact.OBSERVES, at_most_seconds=30)
def stack_model(runtime: Runtime) -> StackModel:
    """What the owner's compose file or process table declares."""
    return runtime.model()


@gatherer(impact=Impact.OBSERVES, at_most_seconds=300)
def stack_start(started: Stack) -> StackStart:
    """How the stack came up, or why it did not."""
    return started.report


@gatherer(impact=Impact.OBSERVES, at_most_seconds=300)
def target(declared: Target, runtime: Runtime, started: Stack) -> Target:
    """The target with what the running stack tells about it; what the model tells is in ``declared`` already."""
    if not started.report.is_up:
        return declared
    with HttpClient(started, timeout_seconds=ASK_SECONDS) as http:

        def ask(entry: Entry, request: Request) -> Exchange:
            return http.send(entry, request, purpose=StatusClass.PROBE)

        return complete_online(declared, ask, model=runtime.model())
