"""One run: its id, its private folder, and what every process of it must agree on."""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from readiness.audit.settings import Settings
from readiness.check import Impact
from readiness.facts._codec import decode, encode
from readiness.profile import Profile
from readiness.target import Target

__all__ = ["Run"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the controller decides and every worker reads.

    Attributes:
        id: owns every container, network, volume, process and folder of the run.
        folder: private to the run; gone with it.
        runtime: ``compose``, ``process``, ``attached`` or ``replay``.
        began: monotonic seconds of the machine; ``started_at`` the same moment as UTC ISO 8601.
        target: as declared, before discovery; for a replay, as recorded.
    """

    id: str
    folder: str
    runtime: str
    began: float
    started_at: str
    settings: Settings
    profile: Profile
    target: Target

    @classmethod
    def create(cls, *, runtime: str, settings: Settings, profile: Profile, target: Target) -> Run:
        """Make the run and its folder, readable by this user alone but passable for services that drop privileges."""
        run_id = secrets.token_hex(4)
        folder = Path(tempfile.mkdtemp(prefix=f"readiness-{run_id}-"))
        # A database of the process runtime may not run as root and must reach its data below this folder.
        folder.chmod(0o711)
        for part in ("facts", "progress", "secrets"):
            (folder / part).mkdir(mode=0o700)
        return cls(
            id=run_id,
            folder=str(folder),
            runtime=runtime,
            began=time.monotonic(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            settings=settings,
            profile=profile,
            target=target,
        )

    @property
    def facts(self) -> Path:
        """Where the store keeps facts: the run's folder, or the recording under replay."""
        if self.settings.replay is not None:
            return Path(self.settings.replay) / "facts"
        return Path(self.folder) / "facts"

    @property
    def work(self) -> Path:
        """Where runtimes keep what they make: the run's folder, which its guard removes however the run ends."""
        return Path(self.folder)

    def refusal(self, impact: Impact) -> str:
        """Why facts of this impact may not be gathered, or nothing: somebody's running system is only looked at."""
        if self.runtime != "attached" or impact is Impact.OBSERVES:
            return ""
        if impact is Impact.DISRUPTS:
            return "disrupts the target, which is never done to a system attached by --readiness-url; audit its compose file"
        if "active" in self.settings.allow:
            return ""
        return "sends more than ordinary requests; allow it with --readiness-allow=active"

    def to_text(self) -> str:
        """For a worker."""
        return json.dumps(encode(self))

    @classmethod
    def from_text(cls, text: str) -> Run:
        """From the controller."""
        return decode(cls, json.loads(text))
