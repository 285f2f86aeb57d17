"""One JSON object per line, whatever happens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.logs import logs_of
from readiness.facts.logs import RequestLogs
from readiness.logs.values import Level
from readiness.logs.view import MAX_EVIDENCE, SUPPLY, Entry, View, view_of
from readiness.target import Target

#: What every line has, whatever it is about.
ALWAYS = ("level", "message", "time")
#: How languages call the classes of errors.
_ERROR_TYPE = re.compile(r"\b[A-Za-z_.]*(?:Error|Exception|Warning|Fault|Panic)\b")


@check(
    id="log.json",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="Logs are JSON, one object per line, also when a traceback is logged",
    why="A traceback as forty lines of text is forty entries without time, level or request id in every log store.",
    source="claims ledger, log.json",
    remediation=(
        "Render everything through one JSON formatter on the root logger, the server's and libraries' lines included; "
        "put the traceback into a field, and the error's type beside it."
    ),
    seeds=("myragdb", "memorai", "brain"),
    defects=("log-traceback-as-text",),
)
def check_json(request_logs: RequestLogs, target: Target) -> Verdict:
    """Judge every line since the first request, an unhandled error's among them."""
    view = view_of(request_logs, target)
    findings = [*_text(view, request_logs), *_keys(view, target)]
    errors = [entry for asked in request_logs.of("error") for entry in view.of(asked) or view.by_path(asked)]
    findings += _types(errors, view, target)
    total = sum(kinds.get("json", 0) for kinds in request_logs.counts.values())
    if not findings and not errors and "paths.error" not in target.declined:
        raise Inconclusive(
            f"{total} lines are JSON, and none of them is of an unhandled error, where formats usually break",
            supply="error_path: /a/request/that/raises   # or: none, with why",
            undeclared="error_path" if target.paths.error is None else "",
        )
    measured = (Measurement(name="JSON lines", value=total, unit="count"),)
    return Verdict(findings=tuple(findings), measured=measured, summary=f"all {total} lines are JSON objects")


def _text(view: View, fact: RequestLogs) -> Iterator[Finding]:
    for service, kinds in fact.counts.items():
        count = kinds.get("text", 0)
        if count:
            shown = [entry for entry in view.entries if entry.service == service and entry.places is None]
            proof = tuple(entry.evidence for entry in shown[:MAX_EVIDENCE])
            message = f"{count} of {sum(kinds.values())} lines of {service} are no JSON objects"
            yield Finding(message=message, evidence=proof)


def _keys(view: View, target: Target) -> Iterator[Finding]:
    """What each line lacks of level, message and time."""
    declared = logs_of(target).fields
    parsed = [entry for entry in view.entries if entry.places is not None]
    for name in ALWAYS if parsed else ():
        place = view.places[name]
        if place is None:
            text = f"no line has a field for its {name}; declare what it is called:\n{SUPPLY}"
            yield Finding(message=text.splitlines()[0], evidence=(parsed[0].evidence,))
            continue
        bare = [entry for entry in parsed if view.get(entry, name) is None]
        if bare:
            source = "declared" if name in declared else "usual"
            proof = tuple(entry.evidence for entry in bare[:2])
            yield Finding(
                message=f"{len(bare)} lines lack {place!r}, the {source} field for the {name}", evidence=proof
            )


def _is_of_an_error(view: View, entry: Entry) -> bool:
    """Whether a line may tell what went wrong: it is neither the request's own nor of a level at which nothing does."""
    if view.get(entry, "error"):
        return True
    return view.get(entry, "status") is None and view.level(entry) not in {Level.DEBUG, Level.INFO}


def _types(errors: list[Entry], view: View, target: Target) -> Iterator[Finding]:
    """The lines of an unhandled error name its type: in the declared field, else anywhere in a value.

    Where only the request's own line was logged, and what lies below a warning, there is no error to name; errors.logged
    judges that.
    """
    place = logs_of(target).fields.get("error")
    parsed = [entry for entry in errors if entry.places is not None]
    if not any(_is_of_an_error(view, entry) for entry in parsed):
        return
    if place is not None:
        is_named = any(entry.get(place) for entry in parsed)
    else:
        values = [str(value) for entry in parsed for value in (entry.places or {}).values()]
        is_named = any(view.get(entry, "error") for entry in parsed) or any(map(_ERROR_TYPE.search, values))
    if parsed and not is_named:
        where = f"in {place!r}" if place else "in any field"
        yield Finding(
            message=f"the lines of an unhandled error do not name its type {where}", evidence=(parsed[-1].evidence,)
        )
