"""What the command line asks for, checked once and handed to the workers as plain data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from readiness.claims_file import claims_path
from readiness.exceptions import ConfigError

if TYPE_CHECKING:
    import pytest

__all__ = ["Settings"]

ALLOWANCES = ("active",)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of one run; folders are absolute. Field names follow the options."""

    rootdir: str
    profile: str
    target: str | None
    url: str | None
    demo: tuple[str, ...] | None
    runtime: str
    report: str
    formats: tuple[str, ...]
    min_grade: str | None
    baseline: str | None = None
    claims: str | None = None
    record: str | None
    replay: str | None
    keep: bool
    allow: tuple[str, ...]
    own_hosts: tuple[str, ...]

    @classmethod
    def of(cls, config: pytest.Config) -> Settings:
        """Read and cross-check the options.

        Raises:
            ConfigError: options that contradict each other or name what does not exist.
        """
        option = config.getoption
        rootdir, invocation = config.rootpath, config.invocation_params.dir

        def path(name: str) -> str | None:
            value = option(name)
            return str((invocation / value).absolute()) if value else None

        demo = option("--readiness-demo")
        settings = cls(
            rootdir=str(rootdir),
            profile=option("--readiness-profile"),
            target=path("--readiness-target"),
            url=option("--readiness-url"),
            demo=None if demo is None else tuple(_words(demo)),
            runtime=option("--readiness-runtime"),
            report=path("--readiness-report") or str(rootdir / "reports"),
            formats=tuple(_words(option("--readiness-format"))),
            min_grade=option("--readiness-min-grade"),
            baseline=path("--readiness-baseline"),
            claims=str(claims_path(claims, folder=invocation)) if (claims := option("--readiness-claims")) else None,
            record=path("--readiness-record"),
            replay=path("--readiness-replay"),
            keep=option("--readiness-keep"),
            allow=tuple(word for value in option("--readiness-allow") for word in _words(value)),
            own_hosts=tuple(option("--readiness-i-own")),
        )
        settings._cross_check()
        settings._check_folders()
        return settings

    def _cross_check(self) -> None:
        sources = {
            "--readiness-demo": self.demo is not None,
            "--readiness-target": self.target is not None,
            "--readiness-replay": self.replay is not None,
        }
        given = [name for name, is_given in sources.items() if is_given]
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)} exclude each other", hint="give one of them")
        if self.url is not None and (self.demo is not None or self.replay is not None):
            raise ConfigError("--readiness-url audits what runs at that URL", hint=f"leave out {given[0]}")
        if self.url is not None and urlsplit(self.url).scheme not in {"http", "https"}:
            raise ConfigError(f"--readiness-url={self.url}: expected http://… or https://…")
        if self.record and self.replay:
            raise ConfigError("--readiness-record and --readiness-replay exclude each other", hint="give one of them")
        if self.replay and not (Path(self.replay) / "recording.json").is_file():
            raise ConfigError(
                "--readiness-replay: no recording.json in this folder",
                file=self.replay,
                hint="make one with --readiness-record=DIR",
            )
        for word in self.allow:
            if word not in ALLOWANCES:
                raise ConfigError(f"--readiness-allow={word}: expected one of {', '.join(ALLOWANCES)}")

    def _check_folders(self) -> None:
        """Better told before the audit than after it."""
        for option, folder in (("--readiness-report", self.report), ("--readiness-record", self.record)):
            if folder is not None and (reason := _why_not_writable(Path(folder))):
                raise ConfigError(f"{option}: {reason}", file=folder, hint="name a folder that can be written to")


def _why_not_writable(folder: Path) -> str:
    """Why nothing can be written there, or nothing."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return f"{place} is not a folder"
    return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} cannot be written to"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
