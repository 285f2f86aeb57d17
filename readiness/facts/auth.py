"""What was tried against logins, tokens and roles, and what came back. No password, token or hash is in it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

__all__ = [
    "AuthTrials",
    "Isolation",
    "Lifetime",
    "OperationTrial",
    "Operations",
    "Passwords",
    "Place",
    "RoleRaise",
    "StoredHash",
    "Tokens",
    "Trial",
    "TrialKind",
]


class TrialKind(enum.StrEnum):
    """What a forged or damaged credential was meant to show."""

    EXPIRED = "expired"
    ALG_NONE = "alg_none"
    CONFUSION = "confusion"
    TAMPERED = "tampered"
    ISSUER = "issuer"
    MALFORMED = "malformed"
    DEFAULT_KEY = "default_key"
    REFRESH = "refresh"
    PASSWORD = "password"  # noqa: S105  # a kind of trial
    RECORD = "record"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One credential that must not work, or one act that must not be allowed.

    Attributes:
        name: what was sent, in words.
        request: method and path of what it was sent to, and through which entry.
        status: of the answer; None where none came, ``error`` then says why.
        before: status of the same request with the right credential just before, where it was asked.
        took_effect: whether a success did anything: the answer held the record, or the owner saw the change afterwards;
            None where that cannot be told. Services answer a stranger also with an empty list, and with a 204 for no rows.
    """

    kind: TrialKind
    name: str
    request: str = ""
    status: int | None = None
    error: str = ""
    before: int | None = None
    took_effect: bool | None = True


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """How long a token is valid, by one source.

    Attributes:
        token: ``access`` or ``refresh``.
        source: where it is written: the token's claims, a cookie's ``Max-Age``, a store's time to live.
        seconds: None where it never ends.
        is_enforced: the service keeps it itself; a cookie's lifetime is only the browser's.
    """

    token: str
    source: str
    seconds: float | None
    is_enforced: bool


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What became of damaged and forged access tokens.

    Attributes:
        problem: why nothing could be tried, or an empty text; ``supply`` is the YAML that would help.
        is_declined: the owner says that there is no login by design; ``problem`` is then why.
        request: what they were sent to.
        is_jwt: the service's own token is a JSON Web Token; ``algorithm`` and ``claims`` are then what it says.
        with_token, without_token: statuses of the right token, and of none, before the trials.
        after: status of the right token when all was over.
        not_tried: kind of trial -> why some or all of it could not be tried.
        lifetimes: how long its tokens are valid, by every source that says so.
        refresh_problem: why the refresh token could not be tried, or an empty text.
        refreshed: status of the exchange of a refresh token; ``refreshed_works`` of the new access token.
    """

    problem: str = ""
    supply: str = ""
    is_declined: bool = False
    request: str = ""
    is_jwt: bool = False
    algorithm: str = ""
    claims: tuple[str, ...] = ()
    with_token: int | None = None
    without_token: int | None = None
    after: int | None = None
    trials: tuple[Trial, ...] = ()
    not_tried: dict[str, str] = field(default_factory=dict)
    lifetimes: tuple[Lifetime, ...] = ()
    refresh_problem: str = ""
    refreshed: int | None = None
    refreshed_works: int | None = None


@dataclass(frozen=True, kw_only=True)
class OperationTrial:
    """One operation of the API, asked as nobody, as a user and as the administrator.

    Attributes:
        operation: ``GET /items/{id}``, as the document writes it.
        request: what was really asked.
        is_admin: declared to be for the administrator alone.
        anonymous: credential -> status; ``none`` is no header at all, an absent answer is 0.
        location: of a redirect for ``none``.
        user, admin: status with their token; None where not asked.
    """

    operation: str
    request: str
    is_admin: bool = False
    anonymous: dict[str, int] = field(default_factory=dict)
    location: str = ""
    user: int | None = None
    admin: int | None = None


@dataclass(frozen=True, kw_only=True)
class RoleRaise:
    """A user who registered as administrator by adding fields.

    Attributes:
        problem: why it was not tried.
        registered: status of the registration with the added fields.
        request, status: what was asked as that user, and what came back; None where the registration was refused.
    """

    problem: str = ""
    registered: int | None = None
    request: str = ""
    status: int | None = None


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Every operation that is not public.

    Attributes:
        problem: why nothing was asked; ``undeclared`` names the key that would help.
        source: what said which operations there are; ``left_out`` of them were too many to be asked.
        unmarked: operations that were not asked, because neither the document nor the declaration says that they need a
            login: they may be everybody's, or lack the guard from which the document takes its marks.
        user_problem, admin_problem: why nobody was logged in.
        is_admin_by_cookie: the administrator is known by a cookie alone.
    """

    problem: str = ""
    undeclared: str = ""
    source: str = ""
    tried: tuple[OperationTrial, ...] = ()
    left_out: int = 0
    unmarked: tuple[str, ...] = ()
    user_problem: str = ""
    admin_problem: str = ""
    is_admin_by_cookie: bool = False
    role_raise: RoleRaise = field(default_factory=RoleRaise)


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """What another user could do with a user's record.

    Attributes:
        problem: why nothing was tried; ``undeclared`` names the key that would help.
        trials: what the other user tried; ``before`` is what the owner is answered.
        changed: what the owner saw differ afterwards, in words.
        public: acts that are declared to be everybody's.
        not_told: what could not be tried, and why.
    """

    problem: str = ""
    undeclared: str = ""
    trials: tuple[Trial, ...] = ()
    changed: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    not_told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StoredHash:
    """A stored password as far as its form tells.

    Attributes:
        place: ``table.column``.
        scheme: ``argon2id``, ``bcrypt``, …; ``plaintext``; ``sha256, unsalted`` and the like; ``unknown``.
        parameters: its costs: ``cost``, ``memory_kib``, ``iterations``, ``parallelism``.
        is_own: in the row of the user registered for this look.
    """

    place: str
    scheme: str
    parameters: dict[str, int] = field(default_factory=dict)
    is_own: bool = True


@dataclass(frozen=True, kw_only=True)
class Place:
    """Somewhere that was searched for the password; ``where`` is ``log of api``, ``database db`` or ``Redis cache``."""

    where: str
    is_found: bool = False
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """How passwords are checked and kept.

    Attributes:
        problem: why nothing could be tried; ``supply`` is the YAML that would help.
        trials: logins with a wrong password; ``before`` is the status of a right one just before.
        hashes: what the database holds.
        searched: places that were searched for the password.
        not_searched: place -> why.
    """

    problem: str = ""
    supply: str = ""
    trials: tuple[Trial, ...] = ()
    not_tried: tuple[str, ...] = ()
    hashes: tuple[StoredHash, ...] = ()
    searched: tuple[Place, ...] = ()
    not_searched: dict[str, str] = field(default_factory=dict)


#: NIST SP 800-63B, 5.2.2: a verifier lets no more than 100 consecutive attempts on one account fail.
MOST_GUESSES = 100


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """Wrong passwords for one account, one after the other.

    Attributes:
        problem: why it could not be told; ``supply`` is the YAML that would help.
        failed: how many were compared and refused; more than :data:`MOST_GUESSES` are not tried.
        stopped: the status by which the service had enough, for longer than a moment; ``announced`` is its Retry-After.
        right_status: of the right password afterwards, where nothing stopped the wrong ones.
        is_right_let_in: whether that logged in; None where it was not tried.
        seconds: for all of them.
    """

    problem: str = ""
    supply: str = ""
    failed: int = 0
    stopped: int | None = None
    announced: str = ""
    right_status: int | None = None
    is_right_let_in: bool | None = None
    seconds: float = 0.0

    @property
    def are_unlimited(self) -> bool:
        """Whether more were compared than anybody should try, and the account was as open as before."""
        return self.failed > MOST_GUESSES and self.is_right_let_in is True


@dataclass(frozen=True, kw_only=True)
class AuthTrials:
    """All of it, tried in one second stack whose limiter is wide open; guesses also against the limiter as deployed."""

    tokens: Tokens = field(default_factory=Tokens)
    operations: Operations = field(default_factory=Operations)
    isolation: Isolation = field(default_factory=Isolation)
    passwords: Passwords = field(default_factory=Passwords)
    guesses: Guesses = field(default_factory=Guesses)
