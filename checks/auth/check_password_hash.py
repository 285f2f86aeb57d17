"""How passwords are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.auth import AuthTrials, StoredHash
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class HashLimits:
    """The least costs where the owner declares none (OWASP Password Storage Cheat Sheet, 2025)."""

    bcrypt_cost: int = 10
    argon2_memory_kib: int = 7168  # with five passes; the more memory, the fewer passes
    argon2_work_kib: int = 35840  # memory times passes: the least of OWASP's five equal choices (7168 KiB, 5 passes)
    scrypt_iterations: int = 8192  # with ten lanes; the more iterations, the fewer lanes
    pbkdf2_iterations: int = 210_000  # for SHA-512, the least of its figures


#: Slow on purpose, and salted by their form.
STRONG = ("argon2id", "argon2i", "argon2d", "bcrypt", "scrypt", "pbkdf2", "yescrypt")


@check(
    id="auth.bcrypt_12",
    category=Category.AUTH,
    severity=Severity.HIGH,
    title="Passwords are stored under a slow hash, with the declared scheme and cost",
    why="A stolen table of fast hashes is a table of passwords within hours.",
    source="OWASP Password Storage Cheat Sheet; Claims ledger, auth.bcrypt_12 (brain)",
    remediation="Hash with argon2id (19 MiB, two passes) or bcrypt at the cost that you declare, and hash again at the next login.",
    seeds=("brain",),
    defects=("password-hash-weak",),
)
def check_password_hash(auth_trials: AuthTrials, target: Target, limits: HashLimits) -> Verdict:
    """Judge the stored form of a password registered for this look against ``login.hash``, else against OWASP's least."""
    login = target.login
    target.require("login", login, example="login: {…}   # how a user logs in")
    if login is None or login.request is None:
        raise NotApplicable("nobody logs in with a password")
    passwords = auth_trials.passwords
    if passwords.problem:
        raise Inconclusive(passwords.problem, supply=passwords.supply)
    own = [stored for stored in passwords.hashes if stored.is_own] or list(passwords.hashes)
    told = [stored for stored in own if stored.scheme != "unknown"]
    if not told:
        missed = "; ".join(f"{where}: {why}" for where, why in passwords.not_searched.items())
        places = ", ".join(stored.place for stored in own)
        raise Inconclusive(
            f"no stored password was recognised: {places or missed or 'none was found in the database'}"[:400],
            supply="login:\n  hash: {scheme: argon2id, table: users, column: password_hash}",
        )
    findings: list[Finding] = []
    for stored in told:
        findings += _weak(stored, login.hash, limits)
    costs = "; ".join(f"{stored.place}: {_words(stored)}" for stored in told)
    return Verdict(findings=tuple(findings), summary=costs[:500])


def _weak(stored: StoredHash, declared: dict[str, object], limits: HashLimits) -> Iterator[Finding]:
    proof = (Evidence(source=stored.place, text=_words(stored)),)
    if stored.scheme not in STRONG:
        yield Finding(message=f"passwords are stored as {stored.scheme} in {stored.place}", evidence=proof)
        return
    if "scheme" in declared and declared["scheme"] != stored.scheme:
        message = f"passwords are stored under {stored.scheme} in {stored.place}; {declared['scheme']} is declared"
        yield Finding(message=message, evidence=proof)
        return
    for name, value in stored.parameters.items():
        wanted = declared.get(name)
        # Dearer than declared is no harm; cheaper is.
        if isinstance(wanted, int) and value < wanted:
            message = (
                f"the {name.replace('_', ' ')} of {stored.scheme} in {stored.place} is {value}; {wanted} is declared"
            )
            yield Finding(message=message, evidence=proof)
    if not any(name in declared for name in stored.parameters) and (least := _least(stored, limits)):
        yield Finding(message=f"{stored.scheme} in {stored.place} is cheap: {least}", evidence=proof)


def _least(stored: StoredHash, limits: HashLimits) -> str:
    """What is below the least recommended cost, or an empty text."""
    costs = stored.parameters
    iterations = costs.get("iterations", 0)
    match stored.scheme:
        case "bcrypt" if costs.get("cost", 0) < limits.bcrypt_cost:
            return f"cost {costs.get('cost', 0)}, at least {limits.bcrypt_cost}"
        case "argon2id" | "argon2i" | "argon2d":
            memory = costs.get("memory_kib", 0)
            if memory < limits.argon2_memory_kib or memory * iterations < limits.argon2_work_kib:
                return f"{memory} KiB and {iterations} passes, at least {limits.argon2_memory_kib} KiB and five"
        case "scrypt" if iterations < limits.scrypt_iterations:
            return f"N {iterations}, at least {limits.scrypt_iterations}"
        case "pbkdf2" if iterations < limits.pbkdf2_iterations:
            return f"{iterations} iterations, at least {limits.pbkdf2_iterations}"
    return ""


def _words(stored: StoredHash) -> str:
    costs = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in stored.parameters.items())
    return f"{stored.scheme} ({costs})" if costs else stored.scheme
