"""Everything that logins, tokens and roles have to withstand, in a second stack whose limiter is wide open."""

from __future__ import annotations

from readiness.check import Impact
from readiness.facts.auth import AuthTrials
from readiness.gather import gatherer
from readiness.gather.auth_asking import Asker
from readiness.gather.auth_guesses import try_guesses
from readiness.gather.auth_operations import try_operations
from readiness.gather.auth_passwords import try_passwords
from readiness.gather.auth_records import try_records
from readiness.gather.auth_tokens import try_tokens
from readiness.instruments.client import HttpClient
from readiness.instruments.variants import Variants
from readiness.runtime import Progress, Stack, Variant
from readiness.target import Target
from readiness.verdict import Inconclusive

__all__ = ["auth_trials", "unlimited"]

#: Far above what this look sends: a few hundred requests.
WIDE_OPEN = "100000"


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=600)
def auth_trials(target: Target, variants: Variants, progress: Progress) -> AuthTrials:
    """What became of forged tokens, wrong passwords and strangers' requests.

    A token that does not verify counts as anonymous with most limiters, so a volley of them would have the rest of the
    audit refused: it goes to a stack of its own, with the limit raised where the declaration says how.
    """
    if not target.entries:
        raise Inconclusive("there is no entry to log in through", undeclared="entry")
    raised = unlimited(target)
    with variants(Variant(name="auth", environment=raised)) as stack, HttpClient(stack) as http:
        asker = _asker(target, stack, http)
        progress("forged tokens, strangers' requests and wrong passwords", at_most_seconds=300)
        tokens, isolation, passwords = try_tokens(asker), try_records(asker), try_passwords(asker)
        # These last: an administrator's operations may end more than a session, and guesses take their time and lock accounts.
        operations = try_operations(asker)
        guesses = try_guesses(Asker(target, stack, http))
    if guesses.are_unlimited and raised:
        # The limit that this look raised may be the very one that stops a guesser.
        progress("wrong passwords against the limits as deployed", at_most_seconds=180)
        with variants(Variant(name="guesses")) as stack, HttpClient(stack) as http:
            guesses = try_guesses(_asker(target, stack, http))
    return AuthTrials(tokens=tokens, isolation=isolation, passwords=passwords, operations=operations, guesses=guesses)


def _asker(target: Target, stack: Stack, http: HttpClient) -> Asker:
    asker = Asker(target, stack, http)
    for request in target.setup:
        asker.send(request)
    return asker


def unlimited(target: Target) -> dict[str, dict[str, str]]:
    """Service -> variables that raise every limit whose variable is declared."""
    names = {limit.env["requests"] for limit in target.limits if "requests" in limit.env}
    return {target.service: dict.fromkeys(sorted(names), WIDE_OPEN)} if target.service and names else {}
