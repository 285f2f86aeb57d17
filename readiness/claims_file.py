"""Claims files: what a document says, as YAML. The comparison itself is pure and in ``comparison``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from readiness.comparison import Claim
from readiness.exceptions import ConfigError
from readiness.profile_file import profiles_folder
from readiness.schema_file import validate
from readiness.yaml_source import load

__all__ = ["Claims", "claims_path", "load_claims", "shipped_claims"]


@dataclass(frozen=True, kw_only=True)
class Claims:
    """A claims file; ``grade`` is the document's own, or empty."""

    system: str
    source: str
    grade: str
    claims: tuple[Claim, ...]


def shipped_claims() -> dict[str, Path]:
    """Name -> file of the claims that come with the package."""
    return {path.stem: path for path in sorted((profiles_folder() / "claims").glob("*.yaml"))}


def claims_path(name_or_path: str, *, folder: Path) -> Path:
    """The file that an option means: the name of shipped claims, else a path relative to ``folder``."""
    return shipped_claims().get(name_or_path) or (folder / name_or_path).absolute()


def load_claims(path: Path) -> Claims:
    """Read a claims file.

    Raises:
        ConfigError: it is missing or not one; says file, line and what was expected.
    """
    if not path.is_file():
        names = ", ".join(shipped_claims())
        hint = f"name a claims file (YAML), or one of {names}"
        raise ConfigError("--readiness-claims: no such file", file=str(path), hint=hint)
    document = load(path)
    validate(document, "claims")
    data = document.data
    return Claims(
        system=data["system"],
        source=data.get("source", ""),
        grade=data.get("grade", ""),
        claims=tuple(
            Claim(text=row["text"], checks=tuple(row["checks"]), declares=row.get("declares", {}))
            for row in data["claims"]
        ),
    )
