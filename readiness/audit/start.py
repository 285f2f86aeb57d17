"""The beginning of a run, in the controller: read what is asked, choose how to run it, and make the run.

Everything that can be wrong with the owner's input is found here, before anything is started.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from readiness.audit.run import Run
from readiness.audit.runtimes import choose_runtime, make_runtime
from readiness.audit.settings import Settings
from readiness.claims_file import load_claims
from readiness.discovery import complete_offline
from readiness.exceptions import ConfigError, RecordingError
from readiness.facts._codec import decode
from readiness.profile_file import load_profile
from readiness.render import formats
from readiness.runtime.attached import AttachedRuntime
from readiness.scorecard import Scorecard, from_json
from readiness.scoring import GRADES
from readiness.target import Target
from readiness.target_file import check_against_model, find_target, load_target

if TYPE_CHECKING:
    import pytest

    from readiness.profile import Profile

__all__ = ["DEMO_FOLDER", "create_run", "load_card"]

#: The bundled sound stack; a folder like any owner's.
DEMO_FOLDER = Path(__file__).parent.parent / "demo"


def create_run(config: pytest.Config) -> Run:
    """Make the run that the command line asks for.

    Raises:
        ConfigError: the options, the profile or the target cannot be used, or nothing here can run the target.
        RecordingError: the recording to replay is damaged.
    """
    settings = Settings.of(config)
    profile = _profile(settings)
    # Read again at the end; what is wrong with them is told before an audit is spent on them.
    if settings.baseline is not None:
        load_card(Path(settings.baseline))
    if settings.claims is not None:
        load_claims(Path(settings.claims))
    target = _target(settings)
    runtime = choose_runtime(settings, target)
    run = Run.create(runtime=runtime, settings=settings, profile=profile, target=target)
    if runtime == "replay":
        return run
    try:
        return dataclasses.replace(run, target=_with_model(run))
    except BaseException:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise


def _with_model(run: Run) -> Target:
    """The target with what the model alone tells: ports and services must be known before the stack is started.

    Raises:
        ConfigError: the model cannot be read, or the declaration names services that it does not have.
    """
    runtime, target = make_runtime(run), run.target
    if isinstance(runtime, AttachedRuntime):
        return dataclasses.replace(target, entries=(runtime.entry,), service=runtime.entry.service)
    model = runtime.model()
    check_against_model(target, model)
    return complete_offline(target, model)


def load_card(path: Path) -> Scorecard:
    """An earlier scorecard.

    Raises:
        ConfigError: there is none at this place, or it cannot be read.
    """
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecordingError) as error:
        problem = f"--readiness-baseline: not a scorecard of this version: {error}"
        raise ConfigError(problem, file=str(path), hint="name the scorecard.json of an earlier run") from error


def _profile(settings: Settings) -> Profile:
    profile = load_profile(settings.profile, rootdir=Path(settings.rootdir))
    if unknown := [name for name in settings.formats if name not in formats()]:
        raise ConfigError(f"--readiness-format={unknown[0]}: expected some of {', '.join(formats())}")
    if settings.min_grade is not None:
        if settings.min_grade not in GRADES:
            raise ConfigError(f"--readiness-min-grade={settings.min_grade}: expected one of {', '.join(GRADES)}")
        gate = dataclasses.replace(profile.gate, min_grade=settings.min_grade)
        profile = dataclasses.replace(profile, gate=gate)
    return profile


def _target(settings: Settings) -> Target:
    if settings.replay is not None:
        return _recorded(Path(settings.replay))
    if settings.demo is not None:
        from readiness.demo.defects import compose_files, overlay, sections  # noqa: PLC0415  # only where the demo is audited

        demo = load_target(DEMO_FOLDER / "readiness.yaml")
        environment = _merged(demo.environment, overlay(settings.demo))
        compose = demo.compose
        if compose is not None:
            compose = dataclasses.replace(compose, files=(*compose.files, *compose_files(settings.demo)))
        declared = sections(settings.demo, demo.extra)
        return dataclasses.replace(demo, environment=environment, compose=compose, extra=declared)
    if settings.url is not None and settings.target is None:
        return Target(name=settings.url, folder=settings.rootdir)
    return find_target(Path(settings.rootdir), Path(settings.target) if settings.target else None)


def _recorded(folder: Path) -> Target:
    try:
        recording = json.loads((folder / "recording.json").read_text(encoding="utf-8"))
        return decode(Target, recording["target"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{folder / 'recording.json'} is not a recording: {error}") from error


def _merged(base: dict[str, dict[str, str]], over: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Variables per service, ``over`` winning."""
    return {service: {**base.get(service, {}), **over.get(service, {})} for service in (*base, *over)}
