"""What a digest of a store costs, beside a plain dump of the same data. Run it; it asserts nothing.

python tests/benchmarks/digest.py [ROWS ...]        PostgreSQL, against pg_dump into nothing; 10^4, 10^5, 10^6 rows
python tests/benchmarks/digest.py redis [KEYS ...]  Redis, against its own snapshot
python tests/benchmarks/digest.py files [FILES ...] a folder with files of 4 KiB, against tar into nothing

The memory is this process' own peak and the server's (the greatest of its sessions), which has to stay where it is.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import psutil
import redis

from readiness.backup.differences import compare
from readiness.instruments.digests import open_side
from readiness.instruments.digests.narrow import with_keys
from readiness.instruments.digests.side import Digested, Where
from tests.instruments.digests.servers import PROGRAMS, SECRET, Server, ServerStack, Sql, postgres, redis_server

ROWS = (10_000, 100_000, 1_000_000)
MIB = 1024 * 1024
_TABLE = """
create table orders (id bigint primary key, customer integer not null, placed timestamptz, amount numeric(10, 2),
status text, note text, doc jsonb);
insert into orders select i, i %% 1000, '2024-01-01'::timestamptz + i * interval '1 second', i / 7.0, 'new',
repeat(md5(i::text), 1 + i %% 5), jsonb_build_object('i', i, 'tags', array['a', 'b']) from generate_series(1, %d) i
"""


class Peak:
    """The greatest resident memory of a server's processes, each by itself without what they share, while it is watched."""

    def __init__(self, port: int) -> None:
        self._server = next(
            psutil.Process(c.pid)
            for c in psutil.net_connections("tcp")
            if c.status == "LISTEN" and c.laddr.port == port and c.pid
        )
        self.bytes, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for process in (self._server, *self._server.children()):
                try:
                    memory = process.memory_info()
                except psutil.Error:
                    continue
                self.bytes = max(self.bytes, memory.rss - memory.shared)


def own_mib() -> float:
    """The peak of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def dumped(server: Server, name: str) -> float:
    """Seconds of a plain dump into nothing."""
    began = time.perf_counter()
    command = [str(PROGRAMS / "pg_dump"), "-h", "127.0.0.1", "-p", str(server.port), "-U", "shop", "-d", name]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={"PGPASSWORD": SECRET, "PATH": "/usr/bin:/bin"})
    return time.perf_counter() - began


def of_postgres(counts: tuple[int, ...]) -> None:
    """Each size in a database of its own; dump and digest in turn, so that a drift of the machine's speed hits both."""
    with postgres() as server:
        sql = Sql(server)
        for rows in counts:
            name = sql.fresh("bench")
            sql.run(name, _TABLE % rows, "analyze")
            pairs = []
            with Peak(server.port) as peak:
                for _ in range(3):
                    dump = dumped(server, name)
                    side = open_side("postgres", server.where(name))
                    began = time.perf_counter()
                    digest = side.digest()
                    pairs.append((dump, time.perf_counter() - began))
            assert digest.tables["public.orders"].rows == rows
            dump, seconds = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
            sql.run("shop", "drop database if exists other with (force)", "create database other template bench")
            sql.run("other", f"update orders set status = 'old' where id = {rows // 2}")
            other = open_side("postgres", server.where("other"))
            sides = Digested(side=side, digest=digest), Digested(side=other, digest=other.digest())
            found = compare(sides[0].digest, sides[1].digest).differences
            began = time.perf_counter()
            (named,) = (one for one in with_keys(*sides, found) if one.place.startswith("rows"))
            naming = time.perf_counter() - began
            print(
                f"{rows:>9} rows {digest.size_bytes / MIB:7.1f} MiB  dump {dump:6.2f} s  digest {seconds:6.2f} s "
                f"({rows / seconds:9.0f} rows/s, {seconds / dump:5.2f} of the dump)  naming {named.changed} "
                f"{naming:5.2f} s  own memory {own_mib():.0f} MiB, a session's {peak.bytes / MIB:.0f} MiB",
                flush=True,
            )


def of_redis(counts: tuple[int, ...]) -> None:
    """Each size in an empty Redis."""
    with redis_server() as server, redis.Redis(port=server.port, password=SECRET) as client:
        client.config_set("maxmemory", 0)
        for keys in counts:
            client.flushall()
            for start in range(0, keys, 10_000):
                with client.pipeline(transaction=False) as pipeline:
                    for i in range(start, min(start + 10_000, keys)):
                        pipeline.set(f"item:{i}", f"value {i}" * 3)
                    pipeline.execute()
            began = time.perf_counter()
            client.save()
            saved = time.perf_counter() - began
            side = open_side("redis", server.where())
            with Peak(server.port) as peak:
                digest = side.digest()
            side.close()
            assert digest.rows == keys, digest.problem
            print(
                f"{keys:>9} keys  snapshot {saved:5.2f} s  digest {digest.seconds:6.2f} s ({keys / digest.seconds:9.0f} "
                f"keys/s)  own memory {own_mib():.0f} MiB, the server's {peak.bytes / MIB:.0f} MiB",
                flush=True,
            )


def of_files(counts: tuple[int, ...]) -> None:
    """Each number of files in a folder of its own, a hundred in each folder below."""
    for files in counts:
        with tempfile.TemporaryDirectory(prefix="readiness-bench-") as folder:
            for i in range(files):
                place = Path(folder, f"{i // 100:05}")
                place.mkdir(exist_ok=True)
                (place / f"file {i}").write_bytes(i.to_bytes(4, "big") * 1024)
            began = time.perf_counter()
            # Into a pipe: where it writes to nothing itself, tar does not read the files.
            subprocess.run(["sh", "-c", 'tar -cf - -C "$1" . | cat >/dev/null', "sh", folder], check=True)
            packed = time.perf_counter() - began
            stack = ServerStack({}, 0)
            side = open_side("files", Where(stack=stack, service="web", name=folder))  # type: ignore[arg-type]  # a fake
            digest = side.digest()
            side.close()
            print(
                f"{files:>9} files  tar {packed:5.2f} s  digest {digest.seconds:6.2f} s ({digest.rows / digest.seconds:9.0f} "
                f"files/s, {digest.seconds / packed:5.2f} of tar)  own memory {own_mib():.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["files"]:
        of_files(tuple(int(word) for word in words[1:]) or ROWS[:2])
        sys.exit()
    if words[:1] == ["redis"]:
        of_redis(tuple(int(word) for word in words[1:]) or ROWS[:2])
    else:
        of_postgres(tuple(int(word) for word in words) or ROWS)
