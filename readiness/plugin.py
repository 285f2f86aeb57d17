"""The pytest plugin's front: options, and nothing else until ``--readiness-profile`` turns the audit on.

Loaded by every pytest of an environment that has this package installed, so it imports nothing heavy.
"""

from __future__ import annotations

import pytest

__all__ = ["pytest_addoption", "pytest_configure"]

GROUP = "readiness"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the audit."""
    group = parser.getgroup(GROUP, "production readiness audit")
    add = group.addoption
    add(
        "--readiness-profile",
        metavar="NAME|PATH",
        help="turn the audit on with this profile: personal, production, or a YAML file",
    )
    add(
        "--readiness-target",
        metavar="PATH",
        help="readiness.yaml, a compose file, or a folder with one (default: rootdir)",
    )
    add("--readiness-url", metavar="URL", help="audit what already runs at this URL; passive checks only")
    add(
        "--readiness-demo",
        metavar="DEFECT,...",
        nargs="?",
        const="",
        help="audit the bundled demo stack, optionally with defects",
    )
    add(
        "--readiness-runtime",
        choices=("auto", "compose", "process"),
        default="auto",
        help="how the stack is run (default: auto)",
    )
    add("--readiness-report", metavar="DIR", help="where the scorecard goes (default: reports/ in the rootdir)")
    add("--readiness-format", metavar="LIST", default="html,json", help="html,json,md,sarif,badge (default: html,json)")
    add("--readiness-min-grade", metavar="GRADE", help="lowest grade that passes; overrides the profile's gate")
    add("--readiness-baseline", metavar="FILE", help="an earlier scorecard.json: what is new, fixed, worse, better")
    add("--readiness-claims", metavar="FILE|NAME", help="a claims file, or shipped claims: claimed against proven")
    add("--readiness-record", metavar="DIR", help="keep the gathered facts in this folder")
    add("--readiness-replay", metavar="DIR", help="judge recorded facts again: no stack, no network")
    add("--readiness-keep", action="store_true", help="leave the stack up and print how to reach and remove it")
    add(
        "--readiness-allow",
        metavar="active",
        action="append",
        default=[],
        help="with --readiness-url: also run active checks",
    )
    add(
        "--readiness-i-own",
        metavar="HOST",
        action="append",
        default=[],
        help="with --readiness-url: a host beyond this machine that you own",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Turn the audit on, where it is asked for.

    Raises:
        pytest.UsageError: the options, the profile or the target cannot be used.
    """
    if config.getoption("--readiness-profile") is None:
        given = [
            flag
            for flag in ("target", "url", "demo", "min-grade", "baseline", "claims", "record", "replay", "keep")
            if config.getoption(f"--readiness-{flag}") not in {None, False}
        ]
        if given:
            raise pytest.UsageError(f"--readiness-{given[0]} needs --readiness-profile=NAME, which turns the audit on")
        return
    from readiness.audit.hooks import install  # noqa: PLC0415  # heavy: only where the audit is on

    install(config)
