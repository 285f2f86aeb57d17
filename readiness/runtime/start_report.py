"""Why a service did not start: from what the engine, its health check and its log say to one cause. Pure.

A cause is named only where something shows it; the lines that do are kept. Everything else stays *unknown*, with the
last lines of the log. What failed because another service failed points at that one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from readiness.facts.model import HealthCheck
from readiness.facts.start import FailureCause, ServiceStart
from readiness.runtime.outreach import UNTOLD, Confined, Outreach, last_words, outreach
from readiness.runtime.provide import NOWHERE

__all__ = [
    "CRASH_LOOP_RESTARTS",
    "HealthResult",
    "Observed",
    "asked_ports",
    "is_tool_missing",
    "judge",
    "listening_ports",
]

#: A restart policy that has not helped three times will not; the back-off has reached a second by then.
CRASH_LOOP_RESTARTS = 3
KEPT_LINES = 40
#: Around the line that names the cause: a traceback's frames are above its message.
LINES_BEFORE, LINES_AFTER = 12, 4
#: How far back a log is searched; what is older was survived.
SEARCHED_LINES = 200
KEPT_HEALTH_CHARS = 500
KEPT_HEALTH_RESULTS = 5
DETAIL_CHARS = 300

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

#: Read from the newest line back; in one line the first pattern decides.
_LOG_CAUSES: tuple[tuple[FailureCause, re.Pattern[str]], ...] = (
    (
        FailureCause.AUTHENTICATION,
        re.compile(
            r"password authentication failed|InvalidPasswordError|InvalidAuthorizationSpecification|\bNOAUTH\b|WRONGPASS|"
            r"invalid username-password pair|Access denied for user|Authentication failed|ACCESS_REFUSED|"
            r"SASL authentication|AUTH.{0,40}without any password|no pg_hba\.conf entry|no password supplied|"
            r"role \"[^\"]*\" does not exist|AuthenticationError",
            re.IGNORECASE,
        ),
    ),
    (
        FailureCause.OUT_OF_MEMORY,
        re.compile(r"\bMemoryError\b|heap out of memory|OutOfMemoryError|Cannot allocate memory|out of memory", re.IGNORECASE),
    ),
    (
        FailureCause.MISSING_VARIABLE,
        re.compile(
            r"KeyError: ['\"][A-Z][A-Z0-9_]{2,}['\"]|Field required \[type=missing|"
            r"[Ee]nv(ironment)? ?var(iable)?s?\b.{0,80}(required|missing|not set|must be set|not defined|undefined|empty)|"
            r"([Mm]issing|[Rr]equired|[Ss]et)( the)?( required)? env(ironment)? ?var|"
            r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b['\"]?:? ?.{0,20}"
            r"(is required|is not set|not set|must be set|is missing|is undefined|must be defined|unbound variable)|"
            r"parameter (null or )?not set|unbound variable|superuser password is not specified|"
            r"You need to specify one of"
        ),
    ),
    (
        FailureCause.IMPORT_ERROR,
        re.compile(
            r"ModuleNotFoundError|ImportError\b|Cannot find (module|package)|ERR_MODULE_NOT_FOUND|cannot load such file|"
            r"ClassNotFoundException|NoClassDefFoundError|error while loading shared libraries|Could not import module|"
            r"Error loading ASGI app|No module named"
        ),
    ),
    (
        FailureCause.NAME_RESOLUTION,
        re.compile(
            r"Name or service not known|Temporary failure in name resolution|could not translate host name|ENOTFOUND|"
            r"EAI_AGAIN|no such host|Name does not resolve|host not found in upstream|getaddrinfo failed|gaierror|"
            r"UnknownHostException|nodename nor servname|No address associated with hostname|server misbehaving|"
            r"Temporary failure resolving|[Cc]ould not resolve host|unable to resolve host|\bbad address '|"
            r"failed to lookup address|Failed to resolve '"
        ),
    ),
    (FailureCause.PORT_IN_USE, re.compile(r"address already in use|EADDRINUSE|port is already allocated", re.IGNORECASE)),
    (
        FailureCause.COMMAND_NOT_FOUND,
        re.compile(r"(: |command )not found\s*$|^exec [^:]+: no such file or directory|executable file not found"),
    ),
    (
        FailureCause.PERMISSION,
        re.compile(r"PermissionError|permission denied|\bEACCES\b|operation not permitted|read-only file system", re.IGNORECASE),
    ),
    (
        FailureCause.MISSING_FILE,
        re.compile(r"FileNotFoundError|No such file or directory|\bENOENT\b|IsADirectoryError|\bEISDIR\b|is a directory", re.IGNORECASE),
    ),
)  # fmt: skip

#: What the engine itself says when it cannot create or start a container. The first match decides.
_ENGINE_CAUSES: tuple[tuple[FailureCause, re.Pattern[str]], ...] = (
    (
        FailureCause.HOST_CANNOT,
        re.compile(
            r"setting rlimit|apply caps|oom_score_adj|could not select device driver|sysctl.{0,60}(denied|not permitted|"
            r"no such file)|cgroup.{0,80}(denied|not permitted|not supported)|apparmor|seccomp.{0,40}not supported|"
            r"unknown or invalid runtime|exec format error|no matching manifest",
            re.IGNORECASE,
        ),
    ),
    (
        FailureCause.MISSING_MOUNT_SOURCE,
        re.compile(r"bind source path does not exist|mount a directory onto a file|not a directory", re.IGNORECASE),
    ),
    (FailureCause.PORT_IN_USE, re.compile(r"address already in use|port is already allocated", re.IGNORECASE)),
    (
        FailureCause.IMAGE_MISSING,
        re.compile(r"no such image|pull access denied|manifest unknown|failed to resolve reference|repository does not exist", re.IGNORECASE),
    ),
    (
        FailureCause.COMMAND_NOT_FOUND,
        re.compile(r"executable file not found|no such file or directory|chdir to cwd", re.IGNORECASE),
    ),
    (FailureCause.PERMISSION, re.compile(r"permission denied", re.IGNORECASE)),
    (FailureCause.HOST_CANNOT, re.compile(r"operation not permitted", re.IGNORECASE)),
)  # fmt: skip

_TOOL_MISSING = re.compile(
    r"executable file not found|(^|[: ])(command )?not found\s*$|no such file or directory: unknown|"
    r"can't open .*No such file|ModuleNotFoundError|No module named|Cannot find module",
    re.MULTILINE,
)
_REFUSED = re.compile(
    r"connection refused|ECONNREFUSED|Failed to connect|couldn't connect|can't connect", re.IGNORECASE
)
_HERE = r"(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|\$\{?HOSTNAME\}?)"
_ASKED_PORT = re.compile(
    rf"{_HERE}:(\d{{2,5}})\b|/dev/tcp/[^/\s]+/(\d{{2,5}})\b|\bnc\b.*?\s(\d{{2,5}})\b|{_HERE}['\"]?,\s*(\d{{2,5}})\b"
)
_PLAIN_URL = re.compile(rf"\b(https?)://{_HERE}(?=[/\s'\"]|$)")

#: Causes that a failed neighbour explains better than the service's own words.
_WEAK = frozenset({
    FailureCause.CRASH_LOOP,
    FailureCause.HEALTH_CHECK_FAILS,
    FailureCause.NAME_RESOLUTION,
    FailureCause.NOT_LISTENING,
    FailureCause.UNKNOWN,
})  # fmt: skip

#: Causes that an empty folder can have too, where the failure names it.
_BY_FILES = frozenset({FailureCause.COMMAND_NOT_FOUND, FailureCause.HEALTH_CHECK_IMPOSSIBLE})

#: Causes that follow where something could not be fetched at the start. A wrong password does not.
_BY_CONFINEMENT = _WEAK | {
    FailureCause.COMMAND_NOT_FOUND,
    FailureCause.HEALTH_CHECK_IMPOSSIBLE,
    FailureCause.IMPORT_ERROR,
    FailureCause.MISSING_FILE,
    FailureCause.MISSING_VARIABLE,
}
#: Causes that say nothing of what was tried.
_MUTE = _WEAK - {FailureCause.NAME_RESOLUTION}
#: Nothing of it is the owner's.
_OURS = frozenset({FailureCause.HOST_CANNOT, FailureCause.REFUSED})

#: A program that still runs has got over these: many print such a warning and go on.
_SURVIVED = frozenset({FailureCause.COMMAND_NOT_FOUND, FailureCause.MISSING_FILE, FailureCause.PERMISSION})


@dataclass(frozen=True, kw_only=True)
class HealthResult:
    """One run of a health check, as the engine recorded it."""

    exit_code: int
    output: str


@dataclass(frozen=True, kw_only=True)
class Observed:
    """All that was seen of one service while it started.

    Attributes:
        engine_error: the engine's words about its container.
        build_log: the end of the build, where it failed; ``image_error`` where an image could not be obtained.
        listens_on: ports on which something listens inside; empty where that could not be seen.
        unanswered: HTTP waits that did not pass, ``"GET /ready on port 8000: 503"``.
        missing_mounts: mount sources that do not exist, ``"./x.conf at /etc/x.conf"``.
        weakened: what the safe copy took away from it.
        refused: why it is not run at all.
        notes: what else the owner should know with a failure, for example a missing ``env_file``.
        was_stopped: the variant asked for it to be left stopped.
        confined: what it can reach, where it may not reach beyond this machine.
    """

    service: str
    state: str = "absent"
    is_ready: bool = False
    seconds: float | None = None
    exit_code: int | None = None
    health: str | None = None
    health_results: tuple[HealthResult, ...] = ()
    health_check: HealthCheck | None = None
    restarts: int = 0
    is_out_of_memory: bool = False
    engine_error: str = ""
    build_log: str = ""
    image_error: str = ""
    log: str = ""
    needs: tuple[str, ...] = ()
    image: str = ""
    listens_on: tuple[int, ...] = ()
    unanswered: tuple[str, ...] = ()
    missing_mounts: tuple[str, ...] = ()
    weakened: tuple[str, ...] = ()
    refused: str = ""
    notes: tuple[str, ...] = ()
    was_stopped: bool = False
    confined: Confined | None = None


@dataclass(frozen=True, kw_only=True)
class _Diagnosis:
    cause: FailureCause
    detail: str
    lines: tuple[str, ...] = ()
    beyond: str = ""


def judge(observed: Sequence[Observed]) -> tuple[ServiceStart, ...]:
    """The start of every service, each failure with its cause, in the order given."""
    by_name = {one.service: one for one in observed}
    # One that is restarted again and again is down, also where the last look met it running.
    down = {o.service for o in observed if o.state not in {"running", "paused"} or (o.restarts and not o.is_ready)}
    found = {o.service: _diagnose(o, down, by_name) for o in observed if not o.is_ready and not o.was_stopped}
    found = {name: _seen_by_others(by_name[name], diagnosis, by_name) for name, diagnosis in found.items()}
    found = {name: _blame(by_name[name], diagnosis, found, by_name) for name, diagnosis in found.items()}
    return tuple(_service_start(one, found.get(one.service)) for one in observed)


def listening_ports(proc_net_tcp: str) -> tuple[int, ...]:
    """The listening ports in the text of ``/proc/net/tcp`` (and ``tcp6``), the engine's own resolver left out."""
    ports = set()
    for line in proc_net_tcp.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == "0A" and ":" in fields[1]:  # noqa: PLR2004  # st, LISTEN: proc_net_tcp(5)
            address, _, port = fields[1].rpartition(":")
            if address != "0B00007F":  # 127.0.0.11
                ports.add(int(port, 16))
    return tuple(sorted(ports))


def is_tool_missing(results: Sequence[HealthResult]) -> bool:
    """Whether a health check can never pass, because the engine twice did not find the program that it calls."""
    return len(results) > 1 and all(
        result.exit_code == -1 and "executable file not found" in result.output for result in results[-2:]
    )


def asked_ports(check: HealthCheck) -> tuple[int, ...]:
    """The ports of the container itself that its health check asks, as far as its command shows them."""
    text = " ".join(check.test)
    ports = [int(next(group for group in match.groups() if group)) for match in _ASKED_PORT.finditer(text)]
    ports += [443 if match[1] == "https" else 80 for match in _PLAIN_URL.finditer(text)]
    return tuple(dict.fromkeys(ports))


def _diagnose(one: Observed, down: Collection[str], by_name: Mapping[str, Observed]) -> _Diagnosis:
    """The cause as far as the service's own traces show it; the order is from certain to likely."""
    diagnosis = (
        _before_start(one)
        or _by_health_check(one)
        or _by_log(one)
        or _by_exit(one)
        or _by_silence(one)
        or _Diagnosis(cause=FailureCause.UNKNOWN, detail=_state_in_words(one))
    )
    # A need that has ended well, as a migration does, is asked for by nobody.
    needs = {need for need in _all_needs(one.service, by_name) if not by_name[need].is_ready}
    if reached := _outreach(one, diagnosis, down, needs):
        return reached
    if diagnosis.cause in {*_WEAK, FailureCause.PERMISSION, FailureCause.MISSING_FILE}:
        if one.missing_mounts and _is_by_mount(one, diagnosis):
            detail = f"does not exist: {', '.join(one.missing_mounts)}; {diagnosis.detail}"
            return dataclasses.replace(diagnosis, cause=FailureCause.MISSING_MOUNT_SOURCE, detail=detail)
        return _without(one, diagnosis) if one.weakened else diagnosis
    if diagnosis.cause in _BY_FILES and _names_what_was_taken(one, diagnosis):
        return _without(one, diagnosis)
    return diagnosis


def _outreach(one: Observed, diagnosis: _Diagnosis, down: Collection[str], needs: Collection[str]) -> _Diagnosis | None:
    """The diagnosis of a service that asked for what is beyond this machine, where a copy may not reach."""
    if one.confined is None or diagnosis.cause not in _BY_CONFINEMENT:
        return None
    said = [*_lines(one.log)[-SEARCHED_LINES:], *(line for r in one.health_results for line in _lines(r.output))]
    found: Outreach | None = outreach(said, one.confined, down={*down} - {one.service}, needs=needs)
    if found is None and diagnosis.cause in _MUTE:
        found = last_words(said, one.confined)
    if found is None:
        return None
    detail = f"it asks for {found.host}, and a copy may not reach beyond this machine"
    if found.host == UNTOLD:
        detail += f": {said[found.index]}"
    lines = _around(said, found.index) if said else ()
    return _Diagnosis(cause=FailureCause.REFUSED, detail=detail, lines=lines, beyond=found.host)


def _without(one: Observed, diagnosis: _Diagnosis) -> _Diagnosis:
    """The diagnosis of a service that lacks in the copy what its owner gave it."""
    detail = f"fails without what a safe copy takes away ({'; '.join(one.weakened)}): {diagnosis.detail}"
    return dataclasses.replace(diagnosis, cause=FailureCause.REFUSED, detail=detail)


def _names_what_was_taken(one: Observed, diagnosis: _Diagnosis) -> bool:
    """Whether a failure speaks of a path in a mount that the copy left empty or out."""
    text = "\n".join([*diagnosis.lines, diagnosis.detail])
    targets = [match[1] for what in one.weakened if (match := re.search(r" at (/[^:]*)", what))]
    return any(re.search(rf"(?<![\w/]){re.escape(target)}(?![\w-])", text) for target in targets)


def _before_start(one: Observed) -> _Diagnosis | None:
    """What kept the container from being created or its first program from running."""
    if one.refused:
        return _Diagnosis(cause=FailureCause.REFUSED, detail=one.refused)
    if one.build_log:
        lines = _lines(one.build_log)
        wrong = [line for line in lines if re.search(r"\berror\b|failed to|not found|exit code", line, re.IGNORECASE)]
        detail = wrong[-1] if wrong else "the build failed"
        return _Diagnosis(cause=FailureCause.IMAGE_BUILD, detail=detail, lines=tuple(lines[-KEPT_LINES:]))
    if one.image_error:
        lines = _lines(one.image_error)
        return _Diagnosis(cause=FailureCause.IMAGE_MISSING, detail=lines[-1] if lines else "", lines=tuple(lines))
    if one.engine_error:
        for cause, pattern in _ENGINE_CAUSES:
            if pattern.search(one.engine_error):
                return _Diagnosis(cause=cause, detail=one.engine_error, lines=(one.engine_error,))
    if one.is_out_of_memory:
        detail = f"the kernel killed it at its memory limit (exit code {one.exit_code})"
        return _Diagnosis(cause=FailureCause.OUT_OF_MEMORY, detail=detail)
    return None


def _by_health_check(one: Observed) -> _Diagnosis | None:
    """A check that cannot pass, whatever the service does."""
    if one.state != "running" or not one.health_results or one.health in {None, "healthy"}:
        return None
    last = one.health_results[-1]
    if last.exit_code == 0:
        return None
    output = _clean(last.output)
    lines = tuple(_lines(output)[-KEPT_LINES:]) or (f"exit code {last.exit_code}, no output",)
    if _TOOL_MISSING.search(output) or last.exit_code in {126, 127}:
        detail = f"its health check calls what the image does not have: {lines[-1]}"
        return _Diagnosis(cause=FailureCause.HEALTH_CHECK_IMPOSSIBLE, detail=detail, lines=lines)
    ports = asked_ports(one.health_check) if one.health_check else ()
    if ports and one.listens_on and not set(ports) & set(one.listens_on):
        asks, listens = ", ".join(map(str, ports)), ", ".join(map(str, one.listens_on))
        detail = f"its health check asks port {asks}, where nothing listens; the service listens on {listens}"
        return _Diagnosis(cause=FailureCause.HEALTH_CHECK_IMPOSSIBLE, detail=detail, lines=lines)
    return None


def _by_log(one: Observed) -> _Diagnosis | None:
    """What the newest telling line of the log says."""
    lines = _lines(one.log)[-SEARCHED_LINES:]
    has_survived = _SURVIVED if one.state == "running" and not one.restarts else frozenset()
    for index in range(len(lines) - 1, -1, -1):
        if NOWHERE in lines[index]:
            detail = f"it needs a store outside the stack, which a copy must not touch: {lines[index]}"
            return _Diagnosis(cause=FailureCause.REFUSED, detail=detail, lines=_around(lines, index))
        for cause, pattern in _LOG_CAUSES:
            if cause not in has_survived and pattern.search(lines[index]):
                return _Diagnosis(cause=cause, detail=_telling(lines, index), lines=_around(lines, index))
    return None


def _by_exit(one: Observed) -> _Diagnosis | None:
    """Exit codes that say something by themselves, then restarts."""
    last = tuple(_lines(one.log)[-KEPT_LINES:])
    has_ended = one.state != "running" or one.restarts > 0
    if has_ended and one.exit_code == 127:  # noqa: PLR2004  # POSIX shell: not found
        return _Diagnosis(cause=FailureCause.COMMAND_NOT_FOUND, detail="exit code 127", lines=last)
    if has_ended and one.exit_code == 126:  # noqa: PLR2004  # POSIX shell: found, but not executable
        return _Diagnosis(cause=FailureCause.PERMISSION, detail="exit code 126: not executable", lines=last)
    if one.restarts >= CRASH_LOOP_RESTARTS:
        detail = f"ended and was restarted {one.restarts} times, exit code {one.exit_code}"
        return _Diagnosis(cause=FailureCause.CRASH_LOOP, detail=detail, lines=last)
    return None


def _by_silence(one: Observed) -> _Diagnosis | None:
    """It runs, and yet does not become ready."""
    last = tuple(_lines(one.log)[-KEPT_LINES:])
    if one.state != "running":
        return None
    if one.health not in {None, "healthy"}:
        output = _lines(one.health_results[-1].output) if one.health_results else []
        detail = f"its health check says {one.health}: {output[-1] if output else 'no output'}"
        return _Diagnosis(cause=FailureCause.HEALTH_CHECK_FAILS, detail=detail, lines=last)
    if one.unanswered:
        where = f"; it listens on {', '.join(map(str, one.listens_on))}" if one.listens_on else ""
        return _Diagnosis(cause=FailureCause.NOT_LISTENING, detail=f"{'; '.join(one.unanswered)}{where}", lines=last)
    return None


def _seen_by_others(one: Observed, diagnosis: _Diagnosis, by_name: Mapping[str, Observed]) -> _Diagnosis:
    """A wrong password is logged by the store, also where the client keeps silent about it."""
    if diagnosis.cause not in _WEAK or one.state == "absent":
        return diagnosis
    pattern = _LOG_CAUSES[0][1]
    for need in one.needs:
        store = by_name.get(need)
        lines = _lines(store.log)[-SEARCHED_LINES:] if store is not None and store.is_ready else []
        hits = [line for line in lines if pattern.search(line)]
        if hits:
            shown = tuple(f"{need}: {line}" for line in hits[-5:])
            return _Diagnosis(
                cause=FailureCause.AUTHENTICATION, detail=shown[-1], lines=(*diagnosis.lines[-30:], *shown)
            )
    return diagnosis


def _blame(
    one: Observed, diagnosis: _Diagnosis, found: Mapping[str, _Diagnosis], by_name: Mapping[str, Observed]
) -> _Diagnosis:
    """Point at the service that failed first, where this one never ran or only complains about that one."""
    never_ran = one.state in {"absent", "created"}
    if diagnosis.cause not in _WEAK or (never_ran and one.engine_error):
        return diagnosis
    text = "\n".join([*diagnosis.lines, diagnosis.detail])
    mentioned = [name for name in found if name != one.service and re.search(rf"\b{re.escape(name)}\b", text)]
    root = _root(one.service, found, by_name, first=mentioned)
    if root is None:
        return diagnosis
    cause = found[root].cause
    # Without a declared need nothing else says that this one fails only because of us.
    is_ours = cause in _OURS and root not in _all_needs(one.service, by_name)
    return _Diagnosis(
        cause=cause if is_ours else FailureCause.DEPENDENCY_NOT_HEALTHY,
        detail=f"{root} is not ready: {cause}: {found[root].detail}",
        lines=diagnosis.lines,
    )


def _root(
    name: str, found: Mapping[str, _Diagnosis], by_name: Mapping[str, Observed], *, first: Sequence[str]
) -> str | None:
    """The failed service at the end of the chain of needs, the nearest chain first."""
    seen, waiting, roots = {name}, [*by_name[name].needs, *first], []
    while waiting:
        need = waiting.pop(0)
        if need in seen or need not in by_name:
            continue
        seen.add(need)
        if need in found:
            roots.append(need)
        waiting += by_name[need].needs
    strong = [root for root in roots if found[root].cause not in _WEAK]
    return strong[0] if strong else roots[-1] if roots else None


def _all_needs(name: str, by_name: Mapping[str, Observed]) -> set[str]:
    """The services that this one needs, directly or not."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        new = [need for need in by_name[waiting.pop()].needs if need in by_name and need not in seen]
        seen.update(new)
        waiting += new
    return seen


def _is_by_mount(one: Observed, diagnosis: _Diagnosis) -> bool:
    """Whether the failure has to do with a missing source: it is named, or nothing else is known."""
    text = "\n".join([*diagnosis.lines, diagnosis.detail])
    targets = [mount.rpartition(" at ")[2] for mount in one.missing_mounts]
    if diagnosis.cause in {FailureCause.MISSING_FILE, FailureCause.PERMISSION}:
        return any(target in text for target in targets)
    # A folder that data goes to may well be missing; a file may not.
    is_file = any(re.search(r"\.\w{1,5}$", target) for target in targets)
    return is_file and one.state != "running"


def _service_start(one: Observed, diagnosis: _Diagnosis | None) -> ServiceStart:
    health_log = tuple(
        f"exit {result.exit_code}: {_clean(result.output)}"[:KEPT_HEALTH_CHARS].strip()
        for result in one.health_results[-KEPT_HEALTH_RESULTS:]
    )
    detail = ""
    if diagnosis is not None:
        detail = "; ".join([diagnosis.detail.strip()[:DETAIL_CHARS], *one.notes])
    elif one.was_stopped:
        detail = "not started: this variant leaves it stopped"
    lines = () if diagnosis is None else diagnosis.lines or tuple(_lines(one.log)[-KEPT_LINES:])
    return ServiceStart(
        service=one.service,
        state=one.state,
        is_ready=one.is_ready,
        seconds=one.seconds,
        health=one.health,
        exit_code=one.exit_code,
        restarts=one.restarts,
        cause=diagnosis.cause if diagnosis else None,
        detail=detail,
        health_log=health_log,
        log_lines=tuple(line[:1000] for line in lines[-KEPT_LINES:]),
        needs=one.needs,
        image=one.image,
        beyond=diagnosis.beyond if diagnosis else "",
    )


def _state_in_words(one: Observed) -> str:
    if one.engine_error:
        return one.engine_error
    if one.state in {"exited", "dead", "restarting"}:
        return f"its program ended with exit code {one.exit_code}"
    if one.state in {"absent", "created"}:
        return "its container was never started"
    return f"it is {one.state}, and did not become ready in time"


def _telling(lines: Sequence[str], index: int) -> str:
    """The line of the cause; a validation error names its field one line above."""
    line = lines[index].strip()
    if line.startswith("Field required") and index > 0:
        return f"{lines[index - 1].strip()}: {line}"
    return line


def _around(lines: Sequence[str], index: int) -> tuple[str, ...]:
    return tuple(lines[max(0, index - LINES_BEFORE) : index + LINES_AFTER + 1])


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in _clean(text).splitlines() if line.strip()]


def _clean(text: str) -> str:
    return _ANSI.sub("", text).replace("\r\n", "\n")
