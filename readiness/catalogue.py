"""The shipped checks: where they lie, and what they say of themselves, without running any."""

from __future__ import annotations

import hashlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

from readiness.check import CheckMeta, Impact, meta_of
from readiness.exceptions import ConfigError

__all__ = ["load_checks", "load_impacts", "shipped_checks"]

#: What makes a file one of checks.
PATTERN = "check_*.py"


def shipped_checks() -> Path:
    """The folder of the shipped checks: inside the installed package, beside it in a checkout.

    Raises:
        ConfigError: neither is there; the installation is broken.
    """
    package = Path(__file__).parent
    # An editable installation may leave a stale copy elsewhere, so only these two places count.
    for folder in (package / "checks", package.parent / "checks"):
        if folder.is_dir():
            return folder
    raise ConfigError("the shipped checks are missing", hint="install pytest-readiness again")


def load_checks(paths: Iterable[Path] | None = None) -> tuple[CheckMeta, ...]:
    """The metadata of every check in these files and folders, sorted by category and id.

    Args:
        paths: files, or folders that are searched; by default the shipped checks.

    Raises:
        ConfigError: a path is missing, a file cannot be imported, or two checks bear one id.
    """
    found: dict[str, tuple[CheckMeta, Path]] = {}
    for path in _files([shipped_checks()] if paths is None else paths):
        for meta in _metas(_imported(path)):
            if meta.id in found and found[meta.id][0] is not meta:
                other = found[meta.id][1]
                raise ConfigError(
                    f"two checks are called {meta.id}", file=str(path), hint=f"the other one is in {other}"
                )
            found[meta.id] = (meta, path)
    metas = [meta for meta, _ in found.values()]
    categories = list(type(metas[0].category)) if metas else []
    return tuple(sorted(metas, key=lambda meta: (categories.index(meta.category), meta.id)))


def load_impacts() -> Mapping[str, Impact]:
    """Fact -> what obtaining it does to the target, as the shipped gatherers declare it."""
    gather = import_module("readiness.gather")
    impacts: dict[str, Impact] = {}
    for found in pkgutil.iter_modules(gather.__path__, f"{gather.__name__}."):
        if found.name.rpartition(".")[2].startswith("_"):
            continue
        for value in vars(import_module(found.name)).values():
            meta = gather.gatherer_meta(value)
            if meta is not None:
                impacts[meta.name] = meta.impact
    return impacts


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob(PATTERN))
        elif path.is_file():
            yield path
        else:
            raise ConfigError("there is no such file or folder", file=str(path))


def _imported(path: Path) -> ModuleType:
    """The module of a file that lies in no package; its name holds the path, so that equal file names do not meet."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"readiness_checks_{digest}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("this is not a Python file", file=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while they are made
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"cannot be imported: {type(error).__name__}: {error}", file=str(path)) from error
    return module


def _metas(module: ModuleType) -> Iterator[CheckMeta]:
    """The checks that the module defines; those that it imports belong to where they were written."""
    for value in vars(module).values():
        meta = meta_of(value)
        if meta is not None and value.__module__ == module.__name__:
            yield meta
