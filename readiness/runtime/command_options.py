"""Command lines of the docker command, told apart into options and words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Options", "Pairs"]

#: An option's name and its value; that of a flag is empty, or ``false`` where it is switched off.
Pairs = list[tuple[str, str]]


class Options:
    """The options that a command is known to have; a line with any other one is not understood.

    Args:
        spec: groups of spellings, apart by ``|``; the first spelling is the option's name. A colon: it has a value.
    """

    def __init__(self, spec: str) -> None:
        groups = [group.split() for group in spec.split("|") if group.strip()]
        self._name_of = {spelling.rstrip(":"): group[0].rstrip(":") for group in groups for spelling in group}
        self._valued = {spelling.rstrip(":") for group in groups for spelling in group if spelling.endswith(":")}

    def parsed(self, words: Sequence[str], *, is_mixed: bool = False) -> tuple[Pairs, list[str]] | None:
        """Options, and the words behind them; None where one is not known or lacks its value.

        Args:
            words: of the line.
            is_mixed: options may also stand behind other words.
        """
        options: Pairs = []
        rest: list[str] = []
        waiting = list(words)
        while waiting:
            word = waiting.pop(0)
            if word == "--":
                return options, [*rest, *waiting]
            if word.startswith("-") and word != "-":
                found = self._found(word, waiting)
                if found is None:
                    return None
                options += found
            elif is_mixed:
                rest.append(word)
            else:
                return options, [word, *waiting]
        return options, rest

    def spelled(self, options: Iterable[tuple[str, str]]) -> list[str]:
        """Options in words again."""
        return [
            word
            for name, value in options
            if name in self._valued or not value
            for word in ((name, value) if name in self._valued else (name,))
        ]

    def _found(self, word: str, waiting: list[str]) -> Pairs | None:
        """The options that one word holds; the last one's value may be the next word, which is taken."""
        found: Pairs = []
        for spelling, value in self._apart(word):
            if spelling not in self._name_of:
                return None
            name = self._name_of[spelling]
            if spelling in self._valued:
                if value is None and not waiting:
                    return None
                found.append((name, waiting.pop(0) if value is None else value))
            elif value in {None, "true", "false"}:
                found.append((name, "false" if value == "false" else ""))
            else:
                return None
        return found

    def _apart(self, word: str) -> list[tuple[str, str | None]]:
        if word.startswith("--"):
            name, is_joined, value = word.partition("=")
            return [(name, value if is_joined else None)]
        found: list[tuple[str, str | None]] = []
        letters = word[1:]
        while letters:
            name, letters = f"-{letters[0]}", letters[1:]
            if name in self._valued or letters.startswith("="):
                return [*found, (name, letters.removeprefix("=") or None)]
            found.append((name, None))
        return found
