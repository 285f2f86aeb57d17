"""Read the owner's alert rules, and ask Prometheus' own tool what it thinks of them. Nothing of the target is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from readiness.check import Impact
from readiness.declared.alerts import alerts_of
from readiness.facts.alerts import AlertRules, RuleFile
from readiness.gather import gatherer
from readiness.metrics.rules import has_alerts, has_records, is_custom_resource, read_rules
from readiness.target import Target
from readiness.verdict import Inconclusive

__all__ = ["SUPPLY", "Run", "alert_rules", "collect", "run_tool", "version_of"]

SUPPLY = "alerts:\n  rules: [alerts.yml]\n  thresholds: {HighErrorRate: 0.01}"
#: Rule files have some hundred lines; a megabyte is none that somebody wrote.
MAX_BYTES = 1024 * 1024
MAX_FILES = 50
#: Names of recordings in files that are not judged.
MAX_RECORDED = 1000
#: Where rules are looked for when nobody says where they are.
MAX_DEPTH, MAX_SEEN = 4, 5000
#: Folders of others' files.
SKIPPED = frozenset({"node_modules", "venv", "site-packages", "vendor", "dist", "build", "__pycache__"})
TOOL_SECONDS = 20.0
MAX_WORDS = 4000

Run = Callable[[Sequence[str]], tuple[int | None, str]]


@gatherer(impact=Impact.OBSERVES, at_most_seconds=60)
def alert_rules(target: Target) -> AlertRules:
    """The rule files, declared or found in the target's folder."""
    return collect(target, tool=shutil.which("promtool") or "")


def collect(target: Target, *, tool: str, run: Run | None = None) -> AlertRules:
    """Read every file; ``tool`` is promtool's path, empty where there is none.

    Raises:
        NotApplicable, Inconclusive: the owner says that there are none, or none were found.
    """
    target.require("alerts", True, example=SUPPLY)
    declared, folder = alerts_of(target), Path(target.folder)
    found = {str(path.relative_to(folder)): text for path, text in _found(folder)}
    paths = list(declared.rules) or list(found)
    if not declared.rules and not any(has_alerts(text) for text in found.values()):
        raise Inconclusive(
            "no alert rules were declared, and none found as files", supply=SUPPLY, undeclared="alerts.rules"
        )
    ask = run or run_tool
    version = version_of(tool, ask)
    return AlertRules(
        files=tuple(_read(folder, path, tool if version else "", ask) for path in paths[:MAX_FILES]),
        is_declared=bool(declared.rules),
        scrape_config=_read(folder, declared.scrape_config, "", ask) if declared.scrape_config else None,
        tool=version,
        recorded=_recorded({path: text for path, text in found.items() if path not in paths}),
    )


def version_of(tool: str, ask: Run) -> str:
    """What promtool calls itself; empty where there is none, or it does not work."""
    code, words = ask([tool, "--version"]) if tool else (None, "")
    return words.strip().splitlines()[0][:100] if code == 0 and words.strip() else ""


def _recorded(files: Mapping[str, str]) -> tuple[str, ...]:
    """What the rules of these files record: an alert that uses it is not to be accused for want of its file."""
    names = {rule.record for path, text in files.items() for rule in read_rules(path, text)[0] if rule.record}
    return tuple(sorted(names))[:MAX_RECORDED]


def _found(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files that look like rules, the topmost first, with what is in them."""
    seen = found = 0
    for place, folders, files in os.walk(folder):
        here = Path(place)
        is_deep = len(here.relative_to(folder).parts) >= MAX_DEPTH
        folders[:] = [] if is_deep else sorted(f for f in folders if f not in SKIPPED and not f.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > MAX_SEEN or found >= MAX_FILES:
                return
            text = _text(here / name) if name.endswith((".yml", ".yaml")) else ""
            if has_alerts(text) or has_records(text):
                found += 1
                yield here / name, text


def _text(path: Path) -> str:
    """The beginning of a regular file; nothing of anything else, such as a pipe that would never end."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _read(folder: Path, name: str, tool: str, run: Run) -> RuleFile:
    path = folder / name
    try:
        if not path.is_file():
            return RuleFile(path=name, problem="there is no such file")
        if path.stat().st_size > MAX_BYTES:
            return RuleFile(path=name, problem=f"it has more than {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return RuleFile(path=name, problem=str(error)[:200])
    if not tool or is_custom_resource(text):
        return RuleFile(path=name, text=text)
    code, words = run([tool, "check", "rules", str(path)])
    return RuleFile(path=name, text=text, tool_code=code, tool_words=words.replace(str(path), name)[:MAX_WORDS])


def run_tool(command: Sequence[str]) -> tuple[int | None, str]:
    """Exit code and output; no code where the program does not end, or is none."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TOOL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)[:200]
    return done.returncode, done.stdout.decode("utf-8", "replace")
