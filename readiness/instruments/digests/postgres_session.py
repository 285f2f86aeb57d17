"""One database of a PostgreSQL, asked in pages of bounded size with every setting fixed that changes how values look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from readiness.exceptions import GatherError
from readiness.instruments.digests.side import Where
from readiness.instruments.stores import ask_postgres

__all__ = ["HASH_METHOD", "Database", "as_identifier", "as_text", "text_hash"]

#: hashtextextended hashes the bytes of a text in the server's encoding (PostgreSQL since 11). Its results are the same on
#: every version since, because hash partitions and hash indexes on disk depend on them, but not for the other byte order.
HASH_METHOD = "hashtextextended"
PORT = 5432
#: What the output of a type depends on (PostgreSQL documentation, 20.11 and 9): dates, intervals, time zones, digits of
#: floating point numbers, bytes, money, names of tables and functions in columns of their kind.
SETTINGS = {
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    "search_path": "",
    # Rows hidden by a policy have to be an error, and not a smaller table.
    "row_security": "off",
    "default_transaction_read_only": "on",
    # A statement over hundreds of columns takes longer to compile than to run.
    "jit": "off",
    "lock_timeout": "30s",
}
#: A page stays below what one answer may be, one MiB, whatever its characters.
PAGE_CHARS = 150_000
ASK_SECONDS = 60.0
#: For the client to say that the server ended the statement.
GRACE_SECONDS = 10.0

_PAGE = """
with found(name, def) as ({statement}),
paged as (select name, def, (sum(length(name) + length(def) + 20) over (order by name collate "C", def collate "C"
rows unbounded preceding) / {chars})::int as page from (select name::text, def::text from found) f)
select jsonb_build_object('last', coalesce(max(page), 0), 'found',
coalesce(jsonb_agg(jsonb_build_array(name, def)) filter (where page = {page}), '[]'))::text from paged
"""


class Database:
    """Asks one database.

    Args:
        where: which one.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self._users = tuple(where.users)

    def ask(self, statement: str, *, timeout_seconds: float = ASK_SECONDS) -> Any:
        """The one JSON value that a statement gives as text.

        Raises:
            GatherError, StackError: it does not come.
        """
        answer = ask_postgres(
            self._where.stack,
            self._where.service,
            statement,
            port=self._where.port or PORT,
            users=self._users,
            database=self._where.name,
            timeout_seconds=timeout_seconds + GRACE_SECONDS,
            # The server ends it: a client program in a container that is given up on would let it run on.
            settings={**SETTINGS, "statement_timeout": f"{timeout_seconds * 1000:.0f}"},
        )
        # In a container the client's warnings are in the same output.
        for line in reversed(answer.splitlines()):
            if line.startswith(("{", "[")):
                try:
                    return json.loads(line)
                except ValueError:
                    break
        raise GatherError(f"{self._where.service} gave no JSON: {answer.strip()[:200]}")

    def pairs(self, statement: str) -> Iterator[tuple[str, str]]:
        """The rows of a statement of two texts, by the first; as many questions as the rows need.

        Raises:
            GatherError, StackError: it cannot be asked.
        """
        page, last = 0, 0
        while page <= last:
            answer = self.ask(_PAGE.format(statement=statement, chars=PAGE_CHARS, page=page))
            last = answer["last"]
            yield from ((name, definition) for name, definition in answer["found"])
            page += 1


def as_identifier(name: str) -> str:
    """A name within a statement."""
    return '"' + name.replace('"', '""') + '"'


def as_text(text: str) -> str:
    """A text within a statement."""
    quoted = text.replace("'", "''")
    return f"E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{quoted}'"


def text_hash(expression: str, seed: str = "0") -> str:
    """The 64 bits of a text's hash. A collation of its own could call texts equal that are not."""
    return f'hashtextextended(({expression}) collate "C", {seed})'
