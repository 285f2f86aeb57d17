"""Audits as users run them: pytest in a process of its own, judged by its exit status and its scorecard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: No audit of these tests comes near; a hanging one must not hold CI up.
AT_MOST_SECONDS = 1200


@dataclass(frozen=True, kw_only=True)
class Audited:
    """How an audit ended."""

    code: int
    output: str
    card: dict[str, Any]
    report: Path

    @property
    def outcomes(self) -> dict[str, str]:
        return {row["id"]: row["outcome"] for row in self.card["checks"]}

    @property
    def crowded_out(self) -> set[str]:
        """Checks that could not be told because this machine was too busy: no verdict on the stack, so no change of one."""
        rows = self.card["checks"]
        return {r["id"] for r in rows if r["outcome"] == "inconclusive" and "machine was too busy" in r["reason"]}

    def explain(self) -> str:
        """For assertion messages: the terminal's summary and why checks did not pass."""
        rows = [row for row in self.card["checks"] if row["outcome"] not in {"pass", "not_applicable"}]
        rows = [row for row in rows if row["reason"] != "did not run"]
        reasons = [
            f"{row['id']}: {row['outcome']}: {row['reason']} {'; '.join(f['message'] for f in row['findings'])}"
            for row in rows
        ]
        return "\n".join([self.output[-4000:], *reasons])


def run_audit(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Audited:
    """Run one audit in ``folder``; its report goes below it."""
    report = folder / "reports"
    # Plugins of other packages that happen to be installed cost every one of the audit's processes a second.
    command = [sys.executable, "-m", "pytest"]
    command += [
        word
        for name in ("randomly", "cacheprovider", "schemathesis", "hypothesispytest")
        for word in ("-p", f"no:{name}")
    ]
    command += [f"--readiness-report={report}", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=AT_MOST_SECONDS,
        check=False,
        # Where nothing compiled is kept, each of an audit's processes compiles all of this package for itself.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
    )
    path = report / "scorecard.json"
    card = json.loads(path.read_text()) if path.exists() else {"checks": []}
    return Audited(code=done.returncode, output=done.stdout + done.stderr, card=card, report=report)
