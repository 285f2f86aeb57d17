"""What several checks of the rate limiter conclude in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from readiness.chart import Chart, Line, Tone
from readiness.facts.http import Exchange
from readiness.facts.limiter import (
    DeployedLimit,
    Phase,
    SharedLimit,
    SmallLimit,
    StoreAway,
    Tried,
    is_let_through,
    is_served,
)
from readiness.limiting.declared import VARIABLE_EXAMPLE
from readiness.target import Role, Target
from readiness.verdict import Evidence, Inconclusive, NotApplicable

__all__ = [
    "ASKED",
    "chart_of",
    "evidence_of",
    "judged_outages",
    "refusal_of",
    "require_deployed",
    "require_refusals",
    "require_served",
    "require_shared",
    "timeline",
    "words_of",
]

#: A curve of more points looks the same.
MAX_POINTS = 120
MAX_SHOWN = 40
#: Commands of the store for one limited request: less than for every second one is something else's.
ASKED = 0.5


_NOBODY_REFUSED = "premise failed: nothing was refused, which ratelimit.enforced judges"
_EVERYBODY_REFUSED = "every request of a rested caller is refused, from the first, which ratelimit.enforced judges"


def require_refusals(small: SmallLimit) -> None:
    """Stop where nothing is limited, or nothing is let through: whatever else holds then holds of nothing.

    Raises:
        NotApplicable: the limiter refused nothing at all.
        Inconclusive: it refused everything.
    """
    _require_a_limit(small.phases)


def require_deployed(deployed: DeployedLimit) -> None:
    """Stop where a burst at the deployed limit was not refused, or wholly: what lies behind it is not to be blamed as well.

    Raises:
        NotApplicable: nothing was refused.
        Inconclusive: everything was.
    """
    if deployed.phase is not None:
        _require_a_limit([deployed.phase])


def require_shared(shared: SharedLimit) -> None:
    """The same, of the bursts against several processes.

    Raises:
        NotApplicable, Inconclusive: as :func:`require_refusals`.
    """
    _require_a_limit(shared.attempts)


def refusal_of(deployed: DeployedLimit) -> Exchange:
    """One refusal of a limiter that lets others through.

    Raises:
        NotApplicable: nothing was refused.
        Inconclusive: no burst was sent, or everything was refused.
    """
    if deployed.phase is None:
        raise Inconclusive(deployed.reason or "no burst was sent", supply=VARIABLE_EXAMPLE)
    require_deployed(deployed)
    if deployed.refusal is None:
        raise NotApplicable(_NOBODY_REFUSED)
    return deployed.refusal


def require_served(phase: Phase, path: str) -> None:
    """Stop where what the limiter let through was turned away by something else: whether that is counted is untold.

    Raises:
        Inconclusive: says what the path answers.
    """
    # Half of them: one that runs out in the middle, stock for example, has been served all the same.
    if phase.let_through and 2 * phase.served < phase.let_through:
        statuses = Counter(s for _, s in phase.shots if is_let_through(s) and not is_served(s))
        usual, _ = statuses.most_common(1)[0]
        raise Inconclusive(
            f"GET {path} answers {usual}; name a GET that is limited, and served", supply="limit: {path: /items}"
        )


def _require_a_limit(phases: Collection[Phase]) -> None:
    if not any(phase.refused for phase in phases):
        raise NotApplicable(_NOBODY_REFUSED)
    if not any(phase.let_through for phase in phases):
        raise Inconclusive(_EVERYBODY_REFUSED)


def evidence_of(phase: Phase) -> Evidence:
    """A timeline as proof."""
    return Evidence(
        source=f"{phase.caller}, {phase.name}, {phase.figures.words}", text=f"{phase.words}; {timeline(phase)}"
    )


def timeline(phase: Phase) -> str:
    """The statuses in order, runs drawn together: ``"0.0 s 100 x 200, 1.1 s 20 x 429"``."""
    runs: list[tuple[float, int, int]] = []
    for at, status in phase.shots:
        if runs and runs[-1][1] == status:
            runs[-1] = (runs[-1][0], status, runs[-1][2] + 1)
        else:
            runs.append((at, status, 1))
    shown = ", ".join(f"{at:.1f} s {count} x {status or 'no answer'}" for at, status, count in runs[:MAX_SHOWN])
    return shown if len(runs) <= MAX_SHOWN else f"{shown}, …"


def words_of(tried: Tried) -> str:
    """``"GET /items?x=1 (with a query): 200"``."""
    last = tried.statuses[-1] if tried.statuses else 0
    return f"{tried.name}: {last or 'no answer'}"


def chart_of(title: str, phases: Iterable[Phase]) -> Chart:
    """What was let through and what was refused, added up over time."""
    shots = sorted((round(phase.began + at, 3), status) for phase in phases for at, status in phase.shots)
    start = shots[0][0] if shots else 0.0
    lines = []
    for label, tone, wanted in (("let through", Tone.GOOD, True), ("refused", Tone.BAD, False)):
        points, total = [(0.0, 0.0)], 0
        for at, status in shots:
            if is_let_through(status) is wanted and status:
                total += 1
                points.append((round(at - start, 3), float(total)))
        step = max(1, len(points) // MAX_POINTS + 1)
        kept = [*points[::step], *([points[-1]] if (len(points) - 1) % step else [])]
        lines.append(Line(label=label, points=tuple(kept), tone=tone, is_step=True))
    return Chart(title=title, lines=tuple(lines))


def judged_outages(shared: SharedLimit, target: Target) -> tuple[StoreAway, ...]:
    """The outages of the store that the limiter is proven to use.

    Raises:
        NotApplicable: there is no store, or the limiter asks it nothing.
        Inconclusive: that could not be told, or no outage could be made.
    """
    target.require("roles.redis", target.services_of(Role.REDIS), example="roles:\n  redis: SERVICE")
    if shared.reason:
        raise Inconclusive(shared.reason, supply="limit:\n  env: {requests: RATE_LIMIT_PER_MINUTE}")
    require_shared(shared)
    if shared.commands_per_request is None:
        raise Inconclusive(f"whether the limiter uses the store could not be counted: {shared.not_counted}")
    if shared.commands_per_request < ASKED:
        raise NotApplicable(
            f"premise failed: the limiter does not ask {shared.store} "
            f"({shared.commands_per_request:g} commands per limited request)"
        )
    if not shared.outages:
        raise Inconclusive(
            "the store could not be taken away: this needs four users of the limiter's own, and a runtime that stops services"
        )
    return shared.outages
