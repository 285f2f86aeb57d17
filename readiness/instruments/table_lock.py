"""Every table of a database locked for a while: whoever needs one waits, and nobody is refused.

The lock ends by itself inside the server, whatever becomes of this process, and earlier when it is asked to.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from readiness.exceptions import GatherError, ReadinessError
from readiness.instruments.stores import ask_postgres
from readiness.runtime import Stack

__all__ = ["tables_locked"]

#: Any number of our own: an advisory lock of it asks the holder to let go.
RELEASE_KEY = 731_905_226
STEP_SECONDS = 0.1
#: An open transaction of the application's may keep a table that long.
ACQUIRE_SECONDS = 8.0

_HOLD = """
do $$
declare wanted text;
begin
  perform set_config('lock_timeout', '{acquire}ms', true);
  select string_agg(format('%I.%I', n.nspname, c.relname), ', ') into wanted
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%';
  if wanted is null then raise exception 'there are no tables'; end if;
  execute 'lock table ' || wanted || ' in access exclusive mode';
  for step in 1..{steps} loop
    perform pg_sleep({pause});
    exit when exists (select 1 from pg_locks where locktype = 'advisory' and objid = {key} and granted);
  end loop;
end $$
"""
_IS_HELD = """
select count(*) from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
where l.mode = 'AccessExclusiveLock' and l.granted and c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%'
"""
#: As a subquery first: the lock is taken before the sleep that lets the holder see it.
_RELEASE = "with taken as materialized (select pg_advisory_lock({key}) as it) select count(it::text) + coalesce(length(pg_sleep({seconds})::text), 0) from taken"


@contextlib.contextmanager
def tables_locked(
    stack: Stack,
    service: str,
    *,
    users: tuple[str, ...] = (),
    database: str = "",
    at_most_seconds: float,
    acquire_seconds: float = ACQUIRE_SECONDS,
) -> Iterator[None]:
    """Lock every table of the database for the block.

    Args:
        stack: where it runs.
        service: the PostgreSQL.
        users: services whose variables may hold its login.
        database: the application's; empty for the one that belongs to whoever is let in.
        at_most_seconds: it ends by itself after so long.
        acquire_seconds: whoever works on a table is waited for so long, and whoever comes after him waits too.

    Raises:
        GatherError: the lock was not had.
    """
    problems: list[str] = []
    hold = _HOLD.format(
        acquire=int(acquire_seconds * 1000),
        steps=int(at_most_seconds / STEP_SECONDS),
        pause=STEP_SECONDS,
        key=RELEASE_KEY,
    )

    def run() -> None:
        try:
            bound = at_most_seconds + acquire_seconds + 10
            ask_postgres(stack, service, hold, users=users, database=database, timeout_seconds=bound)
        except ReadinessError as error:
            problems.append(str(error)[:300])

    thread = threading.Thread(target=run, name="readiness-lock", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + acquire_seconds + 5
        while not _is_held(stack, service, users, database):
            if problems or time.monotonic() > deadline:
                raise GatherError(
                    f"the tables of {service} could not be locked: {'; '.join(problems) or 'not in time'}"
                )
            time.sleep(STEP_SECONDS)
        yield
    finally:
        with contextlib.suppress(ReadinessError):
            release = _RELEASE.format(key=RELEASE_KEY, seconds=4 * STEP_SECONDS)
            ask_postgres(stack, service, release, users=users, database=database)
        thread.join(acquire_seconds)


def _is_held(stack: Stack, service: str, users: tuple[str, ...], database: str) -> bool:
    with contextlib.suppress(ReadinessError, ValueError):
        return int(ask_postgres(stack, service, _IS_HELD, users=users, database=database).strip() or 0) > 0
    return False
