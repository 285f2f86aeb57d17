"""Log texts sorted into what a judgement needs: bounded, and without the secrets that were looked for."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from readiness.declared.logs import LogFileDeclared, logs_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.logs import Leak, LogFile, LogLine, RequestLogs
from readiness.logs.fields import Line, Places, places_of
from readiness.logs.ids import id_of, naming
from readiness.logs.levels import level_written
from readiness.logs.spellings import spellings
from readiness.logs.values import level_named
from readiness.runtime import Stack
from readiness.target import Role, Target

__all__ = ["MASK", "addresses_of", "files_of", "leaks_in", "lines_naming", "services_of", "sorted_out", "without"]

MASK = "***"
MAX_LINE_CHARS = 4000
MAX_SAME_PATH = 8
MAX_LINES, MAX_STRANGE, MAX_SAMPLE, MAX_LEAKS, MAX_LEVELS = 600, 20, 60, 20, 20
#: Room around a canary in evidence.
AROUND_CHARS = 120
FILE_BYTES = 262_144
#: Where runtimes cut a line into several (Docker's json-file driver and our own reader of processes agree).
CUT_BYTES, MAX_JOINED_CHARS = 16 * 1024, 256 * 1024
#: What is kept of a JSON object that is too long.
MAX_VALUE_CHARS, MAX_KEYS, MAX_ITEMS, MAX_DEPTH = 400, 60, 3, 5
ASK_SECONDS = 10.0
#: In a line of ``ls -ln``: mode, links, user, group, size, month, day, time, name.
LS_WORDS = 9
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LOCAL_ADDRESS = re.compile(r"\|--\s(\d+\.\d+\.\d+\.\d+)\s*\n\s*/32 host LOCAL")


def services_of(target: Target, stack: Stack) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose logs are judged, and which of them only work off jobs."""
    application = [*([target.service] if target.service else []), *target.services_of(Role.APP)]
    workers = [s for s in target.services_of(Role.WORKER) if s not in application]
    wanted = logs_of(target).services or (*application, *workers)
    there = tuple(service for service in dict.fromkeys(wanted) if service in stack.services)
    return there, tuple(service for service in workers if service in there)


def sorted_out(
    fact: RequestLogs, texts: Mapping[str, str], secrets: Mapping[str, str], declared: Mapping[str, str]
) -> RequestLogs:
    """The fact with the lines of ``texts`` that matter: those about its requests, those that are odd, one of each shape.

    ``declared`` are the places of fields that the owner names.
    """
    named = _named(fact)
    paths = {a.path: MAX_SAME_PATH for a in fact.asked if not a.marker}
    about: list[LogLine] = []
    strange: list[LogLine] = []
    sample: dict[tuple[object, ...], LogLine] = {}
    counts: dict[str, dict[str, int]] = {}
    levels: Counter[str] = Counter()
    everything = {service: [Line(text) for text in _lines(texts.get(service, ""))] for service in texts}
    places = places_of((line for lines in everything.values() for line in lines), declared)
    for service, lines in everything.items():
        kinds: Counter[str] = Counter()
        for line in lines:
            kind = "text" if line.places is None else "json"
            kinds[kind] += 1
            # A line that names no level, as those of a traceback, belongs to the one above it.
            level = level_written(line, places)
            if level is not None:
                levels[str(level)[:20]] += 1
            kept = LogLine(service=service, text=shortened(_masked(line.text, secrets)))
            is_strange = kind == "text" and len(strange) < MAX_STRANGE
            if is_strange:
                strange.append(kept)
            if named.search(line.text):
                about.append(kept)
            elif paths.get(path := _path(line, places), 0):
                # Where lines carry no id: some of those about the same path, by whomever it was asked for.
                paths[path] -= 1
                about.append(kept)
            elif kind == "json" or (level is not None and not is_strange):
                sample.setdefault((service, str(level), *sorted(line.places or ())), kept)
        counts[service] = dict(kinds)
    return dataclasses.replace(
        fact,
        lines=tuple(about[:MAX_LINES]),
        strange=tuple(strange),
        sample=tuple(sample.values())[:MAX_SAMPLE],
        counts=counts,
        levels=dict(sorted(levels.items(), key=_known_first)[:MAX_LEVELS]),
    )


def _known_first(level: tuple[str, int]) -> tuple[bool, int]:
    """Levels before what only is called so: many different figures must not push them out."""
    written, count = level
    return level_named(written) is None and not written.isdecimal(), -count


def lines_naming(fact: RequestLogs, texts: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[LogLine, ...]:
    """The lines of ``texts`` that name one of the fact's requests."""
    named = _named(fact)
    found = ((service, line) for service, text in texts.items() for line in _lines(text) if named.search(line))
    kept = (LogLine(service=service, text=shortened(_masked(line, secrets))) for service, line in found)
    return tuple(itertools.islice(kept, MAX_LINES))


def _named(fact: RequestLogs) -> re.Pattern[str]:
    """Finds any request's marker or id."""
    return naming((*(a.marker for a in fact.asked), *(id_of(i) for a in fact.asked for i in a.ids if i)))


def _path(line: Line, places: Places) -> str:
    return str(places.get(line, "path") or "").partition("?")[0]


def leaks_in(texts: Mapping[str, str], files: Iterable[LogFile], secrets: Mapping[str, str]) -> tuple[Leak, ...]:
    """Where each secret was found, one line per kind and service."""
    sources = [(service, line) for service, text in texts.items() for line in _lines(text)]
    sources += [(f"{file.service}, {file.path}", line.text) for file in files for line in file.lines]
    found: dict[tuple[str, str], Leak] = {}
    for service, line in sources:
        for kind, secret in secrets.items():
            at = next((line.find(form) for form in spellings(secret) if form in line), None)
            if at is not None and (kind, service) not in found and len(found) < MAX_LEAKS:
                near = _masked(line, secrets)[max(0, at - AROUND_CHARS) : at + AROUND_CHARS]
                found[kind, service] = Leak(kind=kind, service=service, line=near)
    return tuple(found.values())


def without(file: LogFile, secrets: Mapping[str, str]) -> LogFile:
    """The file's lines without the secrets."""
    lines = tuple(dataclasses.replace(line, text=_masked(line.text, secrets)) for line in file.lines)
    return dataclasses.replace(file, lines=lines)


def files_of(declared: Iterable[LogFileDeclared], stack: Stack) -> tuple[LogFile, ...]:
    """What is in the declared files, and beside them."""
    return tuple(_file(file, stack) for file in declared)


def _file(declared: LogFileDeclared, stack: Stack) -> LogFile:
    try:
        variables = stack.environment(declared.service)
    except (StackError, UnsupportedError):
        variables = {}
    path = _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), declared.path)
    folder, _, name = path.rpartition("/")
    seen = LogFile(service=declared.service, path=declared.path)
    try:
        listed = stack.execute(declared.service, ["ls", "-ln", folder or "/"], timeout_seconds=ASK_SECONDS)
        sizes = dict(_sizes(listed.output, name))
        if listed.exit_code != 0 or name not in sizes:
            said = listed.output.strip()[-200:] if listed.exit_code != 0 else "it is not there"
            return dataclasses.replace(seen, problem=f"ls {folder} in {declared.service}: {said}")
        command = ["tail", "-q", "-c", str(FILE_BYTES), *(f"{folder}/{n}" for n in (*_newest(sizes, name), name))]
        tail = stack.execute(declared.service, command, timeout_seconds=ASK_SECONDS)
    except (StackError, UnsupportedError) as error:
        return dataclasses.replace(seen, problem=str(error)[:300])
    lines = [Line(text) for text in _lines(tail.output)]
    places = places_of(lines, {})
    levels = Counter(str(level)[:20] for line in lines if (level := level_written(line, places)) is not None)
    return dataclasses.replace(
        seen,
        size_bytes=sizes.pop(name),
        rotated=dict(sorted(sizes.items())[:20]),
        lines=tuple(LogLine(service=declared.service, text=shortened(line.text)) for line in lines[-50:]),
        levels=dict(levels),
    )


def _sizes(listing: str, name: str) -> Iterator[tuple[str, int]]:
    """Files whose names begin with ``name``, and the other way round how rotated ones are often called."""
    stem = name.rpartition(".")[0] or name
    for line in listing.splitlines():
        words = line.split(None, LS_WORDS - 1)
        if len(words) == LS_WORDS and words[4].isdecimal() and line.startswith("-"):
            found = words[-1]
            is_dated = re.fullmatch(re.escape(stem) + r"[._-]\d[\d._-]*\.\w+(?:\.gz)?", found)
            if found == name or found.startswith((f"{name}.", f"{name}-")) or is_dated:
                yield found, int(words[4])


def _newest(sizes: Mapping[str, int], name: str) -> list[str]:
    """The file that was written before the present one, where its name tells."""
    return [found for found in (f"{name}.1",) if found in sizes]


def addresses_of(stack: Stack, service: str) -> tuple[str, ...]:
    """The addresses of a container, as its kernel knows them; none where they cannot be seen, or are this machine's."""
    if stack.runtime == "process":
        return ("127.0.0.1",)
    try:
        table = stack.execute(service, ["cat", "/proc/net/fib_trie"], timeout_seconds=ASK_SECONDS)
    except (StackError, UnsupportedError):
        return ()
    found = dict.fromkeys(_LOCAL_ADDRESS.findall(table.output))
    return tuple(address for address in found if not address.startswith("127."))


def _masked(text: str, secrets: Mapping[str, str]) -> str:
    for secret in secrets.values():
        for form in spellings(secret):
            text = text.replace(form, MASK)
    return text


def _lines(text: str) -> list[str]:
    """The lines that are not empty. A piece as long as runtimes and engines cut lines belongs to the next one."""
    # Not splitlines(): a line separator inside a JSON text ends no line of a log.
    found: list[str] = []
    is_open = False
    for line in text.split("\n"):
        if is_open:
            found[-1] += line
        elif line.strip():
            found.append(line.removesuffix("\r"))
        # A character cut in two, or a colour taken out, makes a piece a few bytes shorter or longer.
        is_open = CUT_BYTES - 8 <= len(line.encode()) <= CUT_BYTES + 8 and len(found[-1]) < MAX_JOINED_CHARS
    return found


def shortened(text: str) -> str:
    """A line that is not too long to keep: of a JSON object the long values are cut, so that it stays one."""
    if len(text) <= MAX_LINE_CHARS:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text[:MAX_LINE_CHARS]
    short = json.dumps(_trimmed(value, 0), ensure_ascii=False) if isinstance(value, dict) else text
    return short if len(short) <= 4 * MAX_LINE_CHARS else text[:MAX_LINE_CHARS]


def _trimmed(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE_CHARS else value[:MAX_VALUE_CHARS] + "…"
    if isinstance(value, dict) and depth < MAX_DEPTH:
        return {key: _trimmed(item, depth + 1) for key, item in list(value.items())[:MAX_KEYS]}
    if isinstance(value, list) and depth < MAX_DEPTH:
        return [_trimmed(item, depth + 1) for item in value[:MAX_ITEMS]]
    return None if isinstance(value, dict | list) else value
