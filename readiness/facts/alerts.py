"""Alert rules as files, and what Prometheus' own tool says of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AlertRules", "RuleFile"]


@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """One file of the owner's.

    Attributes:
        path: relative to the target's folder.
        text: bounded; empty where it could not be read, and then ``problem`` says why.
        tool_code: exit code of ``promtool check rules``; None where it was not asked, or did not end.
        tool_words: what it printed.
    """

    path: str
    text: str = ""
    problem: str = ""
    tool_code: int | None = None
    tool_words: str = ""


@dataclass(frozen=True, kw_only=True)
class AlertRules:
    """Every file with alert rules.

    Attributes:
        files: as declared, else as found in the target's folder.
        is_declared: whether the owner named them.
        scrape_config: Prometheus' own configuration, where declared.
        tool: version of promtool; empty where this machine has none.
        recorded: names that rules in other files of the target's folder record.
    """

    files: tuple[RuleFile, ...] = ()
    is_declared: bool = False
    scrape_config: RuleFile | None = None
    tool: str = ""
    recorded: tuple[str, ...] = ()
