"""``readiness``: what is not a test run. Rendering kept cards, listing and explaining checks, schemas, replaying."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import readiness
from readiness.check import CheckMeta, Impact
from readiness.exceptions import ConfigError, ReadinessError, RecordingError

if TYPE_CHECKING:
    from readiness.scorecard import Scorecard

__all__ = ["main"]

#: As pytest's own: something is wrong with what was asked.
USAGE_ERROR = 4

SCHEMAS = ("scorecard", "target", "profile", "claims")

#: Version of ``list --format=json``.
LIST_VERSION = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its errors become one line on stderr.

    Returns:
        0, or the code of the replayed run; 4 for anything wrong with what was asked.
    """
    parser = _parser()
    try:
        arguments, rest = parser.parse_known_args(argv)
        if rest and arguments.run is not _replay:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        arguments.pytest = rest
    except SystemExit as stop:
        # argparse ends with 2 for usage errors, which is pytest's code for an interrupted run.
        return USAGE_ERROR if stop.code else 0
    try:
        code: int = arguments.run(arguments)
    except ReadinessError as error:
        print(f"readiness: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201  # this is the command's output
        return USAGE_ERROR
    except BrokenPipeError:
        # The reader (head, less) has enough; Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="readiness",
        description="Audits themselves are pytest runs: pytest --readiness-profile=NAME. This command is for the rest.",
    )
    parser.add_argument("--version", action="version", version=f"readiness {readiness.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    init = commands.add_parser("init", help="write a first readiness.yaml from what can be found out")
    init.add_argument("folder", type=Path, nargs="?", default=Path(), metavar="DIR", help="the folder of the stack")
    init.set_defaults(run=_init)

    render = commands.add_parser("render", help="render a kept scorecard.json again")
    render.add_argument("card", type=Path, metavar="CARD", help="a scorecard.json")
    render.add_argument("--format", default="html,json", help="formats, separated by commas (default: %(default)s)")
    render.add_argument(
        "--output", type=Path, metavar="DIR", help="where to write (default: beside CARD); - for stdout"
    )
    render.set_defaults(run=_render)

    listing = commands.add_parser("list", help="all shipped checks")
    listing.add_argument("--format", choices=("table", "json"), default="table")
    listing.set_defaults(run=_list)

    explain = commands.add_parser("explain", help="one check: what it proves, why, and what to do")
    explain.add_argument("check", metavar="CHECK_ID")
    explain.set_defaults(run=_explain)

    replay = commands.add_parser(
        "replay", help="judge recorded facts again, without a stack", epilog="Further arguments go to pytest."
    )
    replay.add_argument("recording", type=Path, metavar="DIR")
    replay.add_argument("--profile", required=True, metavar="NAME|PATH")
    replay.set_defaults(run=_replay)

    schema = commands.add_parser("schema", help="print a JSON schema")
    schema.add_argument("name", choices=SCHEMAS)
    schema.set_defaults(run=_schema)
    return parser


def _init(arguments: argparse.Namespace) -> int:
    from readiness.discovery import complete_offline  # noqa: PLC0415  # not needed for the other commands
    from readiness.runtime.compose import ComposeRuntime  # noqa: PLC0415  # heavy
    from readiness.starter import starter_yaml  # noqa: PLC0415
    from readiness.target_file import TARGET_FILE, find_target, load_target  # noqa: PLC0415

    path: Path = arguments.folder / TARGET_FILE
    if path.exists():
        raise ConfigError("is already there", file=str(path), hint="edit it, or move it away")
    target = find_target(arguments.folder, None)
    with tempfile.TemporaryDirectory(prefix="readiness-init-") as work:
        model = ComposeRuntime(target, run_id=secrets.token_hex(4), work=Path(work)).model()
    try:
        path.write_text(starter_yaml(complete_offline(target, model)), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(path)) from error
    load_target(path)
    _print(path)
    return 0


def _render(arguments: argparse.Namespace) -> int:
    from readiness import render  # noqa: PLC0415  # not needed for the other commands

    card = _load_card(arguments.card)
    names = [name for name in arguments.format.split(",") if name]
    if str(arguments.output) == "-":
        _print(*(render.render(name, card).rstrip("\n") for name in names))
        return 0
    try:
        written = render.write(card, arguments.output or arguments.card.parent, names)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=error.filename) from error
    _print(*written)
    return 0


def _load_card(path: Path) -> Scorecard:
    from readiness.scorecard import SCHEMA_VERSION, from_json  # noqa: PLC0415  # not needed for the other commands

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}", file=str(path)) from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"not a scorecard of schema version {SCHEMA_VERSION}",
            file=str(path),
            hint=f"its schema_version is {version!r}",
        )
    try:
        return from_json(data)
    except (RecordingError, ValueError, TypeError) as error:
        raise ConfigError(f"not a scorecard: {error}", file=str(path)) from error


def _list(arguments: argparse.Namespace) -> int:
    rows = _described()
    defects = _demo_defects()
    if arguments.format == "json":
        _print(json.dumps({"version": LIST_VERSION, "checks": rows, "defects": defects}, indent=2))
        return 0
    columns = ("id", "severity", "impact", "title")
    widths = [max(len(column), *(len(str(row[column])) for row in rows)) for column in columns]
    for row in ({column: column for column in columns}, *rows):
        cells = (str(row[column]).ljust(width) for column, width in zip(columns, widths, strict=True))
        _print("  ".join(cells).rstrip())
    _print(
        "",
        f"{len(rows)} checks; the demo has {len(defects)} defects to prove them. readiness explain CHECK_ID says more.",
    )
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    rows = {row["id"]: row for row in _described()}
    if arguments.check not in rows:
        near = difflib.get_close_matches(arguments.check, rows, n=1)
        hint = f"did you mean {near[0]}?" if near else "readiness list shows all"
        raise ConfigError(f"there is no check {arguments.check!r}", hint=hint)
    row = rows[arguments.check]
    width = min(shutil.get_terminal_size().columns, 100)
    _print(f"{row['id']}: {row['title']}", "")
    texts = (
        ("Why", row["why"]),
        ("What to do", row["remediation"]),
        ("Source", row["source"]),
        ("Severity", row["severity"]),
        ("Stability", row["stability"]),
        ("Impact", row["impact"]),
        ("Facts", ", ".join(row["facts"])),
        ("Limits", ", ".join(f"{name} = {value}" for name, value in row["limits"].items())),
        ("Covers", ", ".join(row["covers"])),
        ("Claimed by", ", ".join(row["seeds"])),
        ("Proven by", ", ".join(row["defects"])),
    )
    for label, text in texts:
        if text:
            indent = " " * 12
            _print(
                textwrap.fill(
                    str(text),
                    width,
                    initial_indent=f"{label}:".ljust(12),
                    subsequent_indent=indent,
                    break_on_hyphens=False,
                )
            )
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    if not arguments.recording.is_dir():
        raise ConfigError("there is no such recording", file=str(arguments.recording))
    options = [f"--readiness-profile={arguments.profile}", f"--readiness-replay={arguments.recording}"]
    return subprocess.call([sys.executable, "-m", "pytest", *options, *arguments.pytest])


def _schema(arguments: argparse.Namespace) -> int:
    from readiness.schema_file import schema_text  # noqa: PLC0415  # heavy; not needed for the other commands

    _print(schema_text(arguments.name).rstrip("\n"))
    return 0


def _described() -> list[dict[str, Any]]:
    """Every check's metadata as plain data, with the strongest impact of its facts and the values of its limits."""
    from readiness.catalogue import load_checks, load_impacts  # noqa: PLC0415  # imports every check

    impacts = load_impacts()

    def described(meta: CheckMeta) -> dict[str, Any]:
        found = [impacts[fact] for fact in meta.facts if fact in impacts]
        values = {field.name: getattr(meta, field.name) for field in dataclasses.fields(meta)}
        return {
            **{name: list(value) if isinstance(value, tuple) else value for name, value in values.items()},
            "impact": max(found, key=lambda impact: impact.rank, default=Impact.OBSERVES),
            "limits": dataclasses.asdict(meta.limits()) if meta.limits else {},
        }

    return [described(meta) for meta in load_checks()]


def _demo_defects() -> list[dict[str, Any]]:
    """The demo's defects; empty in an installation without the demo."""
    if find_spec("readiness.demo.defects") is None:
        return []
    defects = import_module("readiness.demo.defects").DEFECTS
    return [{"name": d.name, "title": d.title, "detected_by": list(d.detected_by)} for d in defects]


def _print(*lines: object) -> None:
    for line in lines:
        print(line)  # noqa: T201  # this is the command's output
