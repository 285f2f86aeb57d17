"""Read a profile: shipped ones by name, a team's own by path, each of which may extend another.

How a profile lies over the one that it extends:

- ``include`` replaces what is inherited;
- ``optional``, ``gate.required`` and ``checks`` are added to it;
- ``exclude``, ``limits`` and ``severities`` are merged key by key, and ``null`` takes an inherited key back;
- ``gate.fail_on`` and ``gate.min_grade`` replace; ``name``, ``title`` and ``description`` are each profile's own.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from readiness.exceptions import ConfigError
from readiness.profile import Gate, Profile
from readiness.schema_file import did_you_mean, validate
from readiness.verdict import Severity
from readiness.yaml_source import Document, Keys, load

__all__ = ["MAX_CHAIN", "check_known", "check_limits", "load_profile", "profiles_folder", "shipped_profiles"]

#: Profiles that extend each other; a house has a default, a team's, a service's.
MAX_CHAIN = 10
_ENDINGS = (".yaml", ".yml")


def profiles_folder() -> Path:
    """Where the shipped profiles are: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "profiles"
    return inside if inside.is_dir() else package.parent / "profiles"


def shipped_profiles() -> tuple[str, ...]:
    """Names that ``--readiness-profile`` and ``extends`` take."""
    return tuple(sorted(path.stem for path in profiles_folder().glob("*.yaml")))


def load_profile(name_or_path: str, *, rootdir: Path) -> Profile:
    """Read a profile and what it extends.

    Args:
        name_or_path: a shipped name, or a path: what holds a slash or ends in ``.yaml`` or ``.yml``.
        rootdir: what a relative path is relative to.

    Raises:
        ConfigError: there is no such profile (lists the valid names), a file cannot be used, or a circle of extends.
    """
    chain = _chain(_find(name_or_path, folder=rootdir))
    data: dict[str, Any] = {}
    for path, document in reversed(chain):
        data = _laid_over(data, _with_absolute_checks(document.data, path, document))
    path, document = chain[0]
    gate = data.get("gate", {})
    return Profile(
        name=document.data.get("name", path.stem),
        title=document.data.get("title", ""),
        description=document.data.get("description", ""),
        file=str(path),
        extends=document.data.get("extends"),
        include=tuple(data.get("include", Profile(name="").include)),
        exclude=dict(data.get("exclude", {})),
        optional=tuple(data.get("optional", ())),
        limits={check: dict(values) for check, values in data.get("limits", {}).items()},
        severities={check: Severity(word) for check, word in data.get("severities", {}).items()},
        gate=Gate(
            fail_on=Severity(gate.get("fail_on", Gate().fail_on)),
            min_grade=gate.get("min_grade"),
            required=tuple(gate.get("required", ())),
        ),
        checks=tuple(data.get("checks", ())),
    )


def check_known(profile: Profile, ids: Collection[str]) -> None:
    """Refuse a profile that speaks of checks which do not exist; a typo would silently change the scope.

    Patterns under ``exclude`` may name families that are not there yet: what is out of scope stays so.

    Args:
        profile: from :func:`load_profile`; its files are read again for the line.
        ids: every check id that is collected.

    Raises:
        ConfigError: an id or a pattern that matches none; names file, line and the nearest id.
    """
    spoken: list[tuple[Keys, str]] = [
        *((("include",), pattern) for pattern in profile.include),
        *((("optional",), pattern) for pattern in profile.optional),
        *((("gate", "required"), pattern) for pattern in profile.gate.required),
        *((("limits",), check) for check in profile.limits),
        *((("severities",), check) for check in profile.severities),
    ]
    for keys, pattern in spoken:
        if not any(fnmatchcase(check, pattern) for check in ids):
            file, line = _place(profile, keys, pattern)
            where = ".".join(str(key) for key in keys)
            raise ConfigError(
                f"{where}: no check matches `{pattern}`, {_nearest(pattern, ids)}",
                file=file,
                line=line,
                hint="`readiness list` shows the checks",
            )


def check_limits(profile: Profile, check: str, limits: type[Any] | None) -> None:
    """Refuse limits that a check does not have, or of another type than its own.

    Args:
        profile: from :func:`load_profile`; its files are read again for the line.
        check: the check's id.
        limits: the dataclass of its limits; None where it has none.

    Raises:
        ConfigError: names file, line, the valid limits and the nearest one.
    """
    fields = {field.name: field for field in dataclasses.fields(limits)} if limits is not None else {}
    for name, value in profile.limits.get(check, {}).items():
        default = fields[name].default if name in fields else None
        if name not in fields:
            problem = f"limits.{check}: there is no limit `{name}`, {did_you_mean(name, fields)}"
        elif (expected := _expected(default)) and not _is_expected(value, default):
            problem = f"limits.{check}.{name}: expected {expected}, found {value!r}"
        else:
            continue
        file, line = _place(profile, ("limits", check), name)
        raise ConfigError(problem, file=file, line=line, hint=f"`readiness explain {check}` shows its limits")


def _is_expected(value: object, default: object) -> bool:
    if isinstance(default, enum.StrEnum):
        return value in list(type(default))
    return _expected(value) == _expected(default)


def _expected(value: object) -> str:
    """The kind of a limit in words; empty for those that are neither numbers, nor flags, nor a choice."""
    if isinstance(value, enum.StrEnum):
        return f"one of {', '.join(type(value))}"
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else ""


def _find(name_or_path: str, *, folder: Path) -> Path:
    if "/" in name_or_path or name_or_path.endswith(_ENDINGS):
        return (folder / name_or_path).absolute()
    names = shipped_profiles()
    if name_or_path in names:
        return profiles_folder() / f"{name_or_path}.yaml"
    listed = ", ".join(names)
    near = did_you_mean(name_or_path, names)
    hint = f"valid profiles: {listed}; a path ends in .yaml"
    raise ConfigError(f"there is no profile `{name_or_path[:80]}`{f', {near}' if 'mean' in near else ''}", hint=hint)


def _chain(path: Path) -> list[tuple[Path, Document]]:
    """The profile, what it extends, and so on; each checked against the schema."""
    chain: list[tuple[Path, Document]] = []
    while True:
        document = load(path)
        validate(document, "profile")
        chain.append((path, document))
        extended = document.data.get("extends")
        if extended is None:
            return chain
        line = document.line_of(("extends",))
        try:
            path = _find(extended, folder=path.parent)
        except ConfigError as error:
            raise ConfigError(f"extends: {error.message}", file=document.file, line=line, hint=error.hint) from error
        if path.resolve() in {seen.resolve() for seen, _ in chain}:
            raise ConfigError(
                f"extends goes round in a circle: {extended} is already in it", file=document.file, line=line
            )
        if len(chain) >= MAX_CHAIN:
            raise ConfigError(f"more than {MAX_CHAIN} profiles extend each other", file=document.file, line=line)
        if not path.is_file():
            raise ConfigError(f"extends: there is no file {path.name}", file=document.file, line=line, hint=str(path))


def _with_absolute_checks(data: Mapping[str, Any], path: Path, document: Document) -> dict[str, Any]:
    """Paths of checks, relative to the profile that names them, made absolute before profiles are merged."""
    found = []
    for position, name in enumerate(data.get("checks", ())):
        checks = (path.parent / name).resolve()
        if not checks.exists():
            line = document.line_of(("checks", position))
            raise ConfigError(
                f"checks: {name} does not exist", file=document.file, line=line, hint="relative to the profile"
            )
        found.append(str(checks))
    return {**data, "checks": found}


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **{key: over[key] for key in ("include",) if key in over}}
    for key in ("optional", "checks"):
        merged[key] = _added(base.get(key, ()), over.get(key, ()))
    for key in ("exclude", "severities"):
        merged[key] = _without_nulls({**base.get(key, {}), **over.get(key, {})})
    limits = {**base.get("limits", {}), **over.get("limits", {})}
    for check, values in over.get("limits", {}).items():
        if values is not None:
            limits[check] = _without_nulls({**base.get("limits", {}).get(check, {}), **values})
    merged["limits"] = _without_nulls(limits)
    gate = {**base.get("gate", {}), **over.get("gate", {})}
    gate["required"] = _added(base.get("gate", {}).get("required", ()), over.get("gate", {}).get("required", ()))
    merged["gate"] = gate
    return merged


def _added(base: Iterable[str], over: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*base, *over]))


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _place(profile: Profile, keys: Keys, pattern: str) -> tuple[str, int]:
    """Where a pattern is written, in the profile or in one that it extends."""
    chain = _chain(Path(profile.file))
    for _, document in chain:
        value = document.data
        for key in keys:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if isinstance(value, dict) and pattern in value:
            return document.file, document.line_of((*keys, pattern))
        if isinstance(value, list) and pattern in value:
            return document.file, document.line_of((*keys, value.index(pattern)))
    return chain[0][1].file, 1


def _nearest(pattern: str, ids: Collection[str]) -> str:
    """The nearest id; for a pattern of a known family the family's ids, else the nearest family."""
    family = pattern.partition(".")[0]
    families = {check.partition(".")[0] for check in ids}
    if family in families and any(character in pattern for character in "*?["):
        return f"{family} has {', '.join(sorted(check for check in ids if check.startswith(f'{family}.'))[:40])}"
    if family not in families:
        return did_you_mean(family, families)
    near = did_you_mean(pattern, ids)
    return near if "mean" in near else f"there are {len(ids)} checks"
