"""Alert rules as files, and what Prometheus' own tool says of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AlertRules", "Evaluated", "Evaluation", "RuleFile"]


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


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What became of one rule when promtool evaluated it against the series of the running stack.

    Attributes:
        rule: file and name.
        expr: its expression.
        error: promtool's words; empty where it could be evaluated.
        is_found: whether the whole expression came to something, which for an alert means that it would fire.
        empty: its selectors that found no series.
    """

    rule: str
    expr: str
    error: str = ""
    is_found: bool = False
    empty: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What promtool made of the rules with the service's own series.

    Attributes:
        tool: version of promtool.
        series: how many were given to it, of those that the rules name.
        not_done: why the rules were not evaluated; empty where they were.
    """

    tool: str = ""
    series: int = 0
    rules: tuple[Evaluated, ...] = ()
    not_done: str = ""
