"""Every table of a database locked for a while: ordinary requests become slow ones, without a slow endpoint."""

from __future__ import annotations

from collections.abc import Iterable

from readiness.instruments.stores import ask_postgres
from readiness.runtime import Stack

__all__ = ["MAX_SECONDS", "hold_tables"]

#: The lock is the server's own statement: it ends by itself, also where nobody waits for it any more.
MAX_SECONDS = 8.0
#: Whoever already works on a table is waited for so long.
ACQUIRE_MS = 1500
_HOLD = """
DO $hold$ DECLARE found record; BEGIN
  PERFORM set_config('lock_timeout', '{acquire}', true);
  PERFORM set_config('statement_timeout', '{most}', true);
  FOR found IN SELECT schemaname, tablename FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2 LOOP
    EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', found.schemaname, found.tablename);
  END LOOP;
  PERFORM pg_sleep({seconds});
END $hold$
"""


def hold_tables(stack: Stack, service: str, *, seconds: float, users: Iterable[str] = ()) -> None:
    """Lock every table of the application's database, return after ``seconds`` when they are free again.

    Args:
        stack: where it runs.
        service: the database's service.
        seconds: at most :data:`MAX_SECONDS`.
        users: services whose variables may hold its login.

    Raises:
        GatherError, StackError: nobody is let in, or a table is in use for too long.
    """
    held = min(seconds, MAX_SECONDS)
    most = int((held + 3) * 1000)
    statement = _HOLD.format(acquire=ACQUIRE_MS, most=most, seconds=f"{held:.2f}")
    ask_postgres(stack, service, statement, users=users)
