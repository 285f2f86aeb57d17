"""The demo's backup and restore scripts against real stores: what they promise, and that each defect breaks its promise."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.shop_stores import SECRETS, Listener, Shop, started, token

FOLDER = Path(__file__).parents[2] / "readiness" / "demo" / "backup"
SCRIPTS = ("backup.sh", "restore.sh", "schedule.sh", "common.sh")
KEPT = ["cache.rdb", "db.dump", "globals.sql", "manifest.sha256", "report.txt", "uploads.tar.gz"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the scripts ask and tell by curl"),
]


@pytest.fixture(scope="module")
def api() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def stores(api: Listener) -> Iterator[Shop]:
    with started(api) as shop:
        yield shop


@pytest.fixture
def shop(stores: Shop, api: Listener) -> Shop:
    """The same stores for all tests, each time with the same few things in them and no set."""
    api.received.clear()
    api.status = 200
    for path in stores.backups.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in stores.uploads.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    stores.sql("DROP SCHEMA IF EXISTS extra CASCADE")
    stores.sql("DROP TABLE IF EXISTS things, later CASCADE; DROP ROLE IF EXISTS reader")
    stores.sql(
        "CREATE ROLE reader; CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);"
        "INSERT INTO things (name) SELECT 'thing ' || n FROM generate_series(1, 500) n; GRANT SELECT ON things TO reader;"
        "CREATE SCHEMA extra; CREATE TABLE extra.more AS SELECT 7 AS seven; ALTER DATABASE shop SET work_mem = '5MB'"
    )
    stores.redis("FLUSHALL")
    stores.redis("SET", "kept", "value")
    stores.redis("SET", "short", "value", "PX", "900000")
    stores.redis("XADD", "stream", "1-1", "field", "value")
    (stores.uploads / "folder").mkdir()
    (stores.uploads / "folder" / "file").write_bytes(b"\x00\xff" * 1000)
    (stores.uploads / "folder" / "file").chmod(0o640)
    return stores


def content(shop: Shop) -> dict[str, object]:
    """All that the stores hold, but for the seconds that pass."""
    files = {
        str(path.relative_to(shop.uploads)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in shop.uploads.rglob("*")
    }
    keys = sorted(shop.redis("KEYS", "*").split())
    return {
        "rows": shop.sql("SELECT count(*), min(id), max(id), md5(string_agg(id || name, ',' ORDER BY id)) FROM things"),
        "other schema": shop.sql("SELECT * FROM extra.more"),
        "tables": shop.sql("SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND oid > 16383 ORDER BY relname"),
        "next": shop.sql("SELECT last_value, is_called FROM things_id_seq"),
        "grants": shop.sql("SELECT relacl FROM pg_class WHERE relname = 'things'"),
        "settings": shop.sql("SHOW work_mem"),
        "databases": shop.sql("SELECT datname FROM pg_database ORDER BY 1"),
        "keys": [(key, shop.redis("DUMP", key)) for key in keys],
        "lasts": [key for key in keys if shop.redis("PTTL", key) == "-1"],
        "files": files,
    }


def change(shop: Shop) -> None:
    """Something changed, something added and something gone in each store."""
    shop.sql(
        "UPDATE things SET name = 'other' WHERE id = 3; DELETE FROM things WHERE id < 3; CREATE TABLE later (a int);"
        "INSERT INTO things (name) VALUES ('later'); REVOKE ALL ON things FROM reader; DROP TABLE extra.more;"
        "ALTER DATABASE shop RESET work_mem; CREATE VIEW on_things AS SELECT * FROM things"
    )
    shop.redis("DEL", "kept")
    shop.redis("PERSIST", "short")
    shop.redis("SET", "later", "value")
    (shop.uploads / "folder" / "file").unlink()
    (shop.uploads / "later").write_text("later")


def planted(shop: Shop, *, days: float) -> str:
    """A finished set of another day, by its name."""
    name = f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=days):%Y%m%d_%H%M%S}"
    (shop.backups / name).mkdir()
    (shop.backups / name / "db.dump").write_text("old")
    return name


def test_everything_is_as_it_was(shop: Shop) -> None:
    before = content(shop)
    name = shop.good()
    change(shop)
    assert content_or_none(shop) != before
    done = shop.restore(name)
    assert (done.returncode, done.stdout.splitlines()[-1][9:]) == (0, "restore verified: healthy"), done.stderr
    assert content(shop) == before
    assert 800_000 < int(shop.redis("PTTL", "short")) < 900_000
    assert shop.sql("INSERT INTO things (name) VALUES ('next') RETURNING id") == "501"
    assert shop.restore(name).returncode == 0  # twice
    assert content(shop) == before


def content_or_none(shop: Shop) -> object:
    shop.sql("CREATE TABLE IF NOT EXISTS extra.more (a int)")
    return content(shop)


def test_a_set_is_restored_into_stores_that_never_had_it(shop: Shop, api: Listener) -> None:
    before = content(shop)
    name = shop.good()
    with started(api) as other:
        shutil.copytree(shop.backups / name, other.backups / name)
        done = other.restore("latest")
        assert done.returncode == 0, done.stderr
        assert content(other) == before


def test_what_is_copied_survives_a_crash_of_redis(shop: Shop) -> None:
    shop.good()
    shop.redis("FLUSHALL")
    assert shop.restore("--only", "cache").returncode == 0
    shop.processes["cache"].send_signal(signal.SIGKILL)
    shop.processes.pop("cache").wait()
    shop.launch("cache", shop.environment["REDIS_PORT"])
    deadline = time.monotonic() + 20
    while shop.redis("GET", "kept") != "value":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert shop.redis("CONFIG", "GET", "masterauth") == "masterauth"


def test_a_set_has_a_manifest_and_a_report_of_its_files(shop: Shop) -> None:
    name = shop.good()
    folder = shop.backups / name
    assert sorted(path.name for path in folder.iterdir()) == KEPT
    assert subprocess.run(["sha256sum", "-c", "--quiet", "manifest.sha256"], cwd=folder, check=False).returncode == 0
    report = (folder / "report.txt").read_text()
    for file in ("cache.rdb", "db.dump", "globals.sql", "uploads.tar.gz"):
        assert re.search(rf"^\w+ +{file} +{(folder / file).stat().st_size} bytes  ok$", report, re.MULTILINE)
    assert "result: ok" in report
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_sets_of_the_same_second_do_not_meet(shop: Shop) -> None:
    assert shop.good() < shop.good()
    assert len(shop.sets) == 2


@pytest.mark.parametrize("store", ["db", "cache", "uploads"])
def test_one_store_alone_is_restored(shop: Shop, store: str) -> None:
    name = shop.good()
    change(shop)
    assert shop.restore(name, "--only", store).returncode == 0
    restored = {
        "db": shop.sql("SELECT count(*) FROM things WHERE name = 'later'") == "0",
        "cache": shop.redis("GET", "later") == "",
        "uploads": not (shop.uploads / "later").exists(),
    }
    assert restored == {each: each == store for each in restored}


def test_the_latest_set_is_restored_unless_one_is_named(shop: Shop) -> None:
    first = shop.good()
    shop.redis("SET", "kept", "second")
    shop.good()
    shop.redis("SET", "kept", "third")
    assert shop.restore("--only", "cache").returncode == 0
    assert shop.redis("GET", "kept") == "second"
    assert shop.restore(first, "--only", "cache").returncode == 0
    assert shop.redis("GET", "kept") == "value"


@pytest.mark.parametrize("answer", ["no", "", "y", "yes please"])
def test_anything_but_yes_changes_nothing(shop: Shop, answer: str) -> None:
    shop.good()
    shop.redis("SET", "kept", "later")
    before = content(shop)
    done = shop.restore(stdin=answer)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert content(shop) == before


@pytest.mark.parametrize("file", ["db.dump", "globals.sql", "cache.rdb", "uploads.tar.gz", "manifest.sha256"])
def test_a_damaged_set_is_refused_before_anything_is_touched(shop: Shop, file: str) -> None:
    path = shop.backups / shop.good() / file
    data = path.read_bytes()
    middle = len(data) // 2
    shop.redis("SET", "kept", "later")
    before = content(shop)
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    for damaged in (data[:-20], b"", flipped, None):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        done = shop.restore()
        assert done.returncode == 1
        assert "healthy" not in done.stdout
    assert content(shop) == before


def test_a_restore_that_fails_half_way_leaves_the_database_as_it_was(shop: Shop) -> None:
    folder = shop.backups / shop.good()
    # Whole by its manifest, and no dump that PostgreSQL takes to the end.
    data = (folder / "db.dump").read_bytes()
    (folder / "db.dump").write_bytes(data[: len(data) - 300])
    _reseal(folder)
    shop.sql("INSERT INTO things (name) VALUES ('later')")
    before = content(shop)
    done = shop.restore(folder.name, "--only", "db")
    assert done.returncode != 0
    assert "FAILED" in done.stderr
    assert content(shop) == before


def test_a_restore_that_is_ended_on_its_way_leaves_every_store_whole(shop: Shop) -> None:
    before = content(shop)
    name = shop.good()
    for seconds in ("0.2", "0.5", "0.8", "1.1"):
        change_a_little(shop)
        shop.run("timeout", "-s", "TERM", seconds, "shop-restore", name, stdin="yes")
        assert shop.sql("SELECT count(*) FROM things") in {"500", "501"}
        assert shop.redis("SET", "written", "again") == "OK"
        assert shop.redis("CONFIG", "GET", "masterauth") == "masterauth"
        assert (shop.uploads / "folder" / "file").exists()
    assert shop.restore(name).returncode == 0
    assert content(shop) == before


def change_a_little(shop: Shop) -> None:
    shop.sql(
        "DELETE FROM things WHERE id > 500; INSERT INTO things (id, name) OVERRIDING SYSTEM VALUE VALUES (501, 'x')"
    )
    shop.redis("SET", "later", "value")


def test_a_database_that_a_restore_had_closed_is_opened_again(shop: Shop, tmp_path: Path) -> None:
    """The program that swaps the databases is lost after it has closed the live one."""
    real = shutil.which("psql", path=shop.environment["PATH"])
    (tmp_path / "psql").write_text(f"""#!/bin/bash
case "$*" in *new=shop_restoring*) sed '/^BEGIN/,$d' | {real} "$@"; exit 3 ;; esac
exec {real} "$@"
""")
    (tmp_path / "psql").chmod(0o755)
    name = shop.good()
    before = content(shop)
    done = shop.restore(name, PATH=f"{tmp_path}:{shop.environment['PATH']}")
    assert done.returncode == 3
    assert content(shop) == before


def _reseal(folder: Path) -> None:
    command = "rm manifest.sha256 && sha256sum $(ls | grep -v report) >manifest.sha256"
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)


@pytest.mark.parametrize("name", ["20200101_000000", "../tmp", "report.txt"])
def test_a_set_that_is_not_there_is_said(shop: Shop, name: str) -> None:
    shop.good()
    done = shop.restore(name)
    assert done.returncode == 1
    assert f"no set {name}" in done.stderr


def test_no_set_at_all_is_said(shop: Shop) -> None:
    assert "no set at all" in shop.restore().stderr


def test_a_restored_stack_that_does_not_become_ready_is_a_failed_restore(shop: Shop, api: Listener) -> None:
    shop.good()
    api.status = 503
    done = shop.restore()
    assert done.returncode == 1
    assert "not ready" in done.stderr
    assert "healthy" not in done.stdout


@pytest.mark.parametrize(("days", "gone"), [("30", {31, 90}), ("7", {8, 29, 31, 90})])
def test_old_sets_go_and_nothing_else_does(shop: Shop, days: str, gone: set[int]) -> None:
    ages = {age: planted(shop, days=age) for age in (1, 8, 29, 31, 90)}
    stranger = shop.backups / "20010101_000000.keep"
    stranger.mkdir()
    (shop.backups / "20010101_notes.txt").write_text("mine")
    name = shop.good(RETENTION_DAYS=days)
    assert set(shop.sets) == {name, stranger.name} | {each for age, each in ages.items() if age not in gone}
    assert (shop.backups / "20010101_notes.txt").exists()


@pytest.mark.parametrize("store", ["db", "cache", "uploads"])
def test_a_store_that_cannot_be_reached_fails_the_run_loudly(shop: Shop, api: Listener, store: str) -> None:
    old = planted(shop, days=31)
    wrong = {"db": {"DATABASE_PORT": "1"}, "cache": {"REDIS_PORT": "1"}, "uploads": {"UPLOADS_DIR": "/nowhere"}}
    done = shop.backup(ALERT_WEBHOOK=f"{api.url}/alert", **wrong[store])
    assert done.returncode == 1
    assert shop.sets == [old]
    (report,) = shop.backups.glob("failed-*.report.txt")
    assert re.search(rf"^{store} +failed: .", report.read_text(), re.MULTILINE)
    assert "result: failed" in report.read_text()
    assert [(method, path) for method, path, _, _ in api.received] == [("POST", "/alert")]
    assert f"failed: {store}" in api.received[0][3].decode()


def test_a_wrong_password_fails(shop: Shop) -> None:
    assert shop.backup(DATABASE_PASSWORD="wrong").returncode == 1
    assert shop.backup(REDIS_PASSWORD="wrong").returncode == 1
    assert shop.sets == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk takes the right to mount one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_seen_before_anything_is_written(shop: Shop, small_disk: Path) -> None:
    done = shop.backup(BACKUP_DIR=str(small_disk))
    assert done.returncode == 1
    assert "not enough space" in done.stdout
    assert [path.name for path in small_disk.iterdir() if path.is_dir()] == []


def test_the_defect_leaves_a_truncated_set_on_a_full_disk(shop: Shop, small_disk: Path) -> None:
    (shop.uploads / "large").write_bytes(os.urandom(200_000))
    done = shop.backup(BACKUP_DIR=str(small_disk), SHOP_DEFECTS="backup-ignores-full-disk")
    assert done.returncode == 0, done.stderr
    (name,) = [path for path in small_disk.iterdir() if path.is_dir()]
    assert (name / "uploads.tar.gz").stat().st_size < 200_000


def test_a_run_that_is_stopped_leaves_nothing_behind(shop: Shop) -> None:
    shop.sql("BEGIN; INSERT INTO things (name) SELECT repeat('x', 500) FROM generate_series(1, 100000); COMMIT")
    process = subprocess.Popen(["shop-backup"], env=shop.environment, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not list(shop.backups.glob(".*.partial/db.dump")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(20) != 0
    assert [path.name for path in shop.backups.iterdir() if path.is_dir()] == []


def test_what_a_killed_run_has_left_is_swept_away(shop: Shop) -> None:
    (shop.backups / ".20200101_000000.partial").mkdir()
    shop.good()
    assert not list(shop.backups.glob(".*"))


def test_the_set_is_copied_off_site_with_keys_that_nobody_sees(shop: Shop, api: Listener) -> None:
    bucket = {"S3_ENDPOINT": api.url, "S3_BUCKET": "bucket", "S3_ACCESS_KEY": "the-key", "S3_SECRET_KEY": 'the"secret'}
    name = shop.good(**bucket)
    stored = {path: body for method, path, _, body in api.received if method == "PUT"}
    assert set(stored) == {f"/bucket/{name}/{file}" for file in KEPT}
    for file in KEPT:
        assert stored[f"/bucket/{name}/{file}"] == (shop.backups / name / file).read_bytes()
    headers = api.received[0][2]
    sums = {headers["x-amz-content-sha256"] for method, _, headers, _ in api.received if method == "PUT"}
    assert sums == {hashlib.sha256(body).hexdigest() for body in stored.values()}
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=the-key/")
    # A header that is signed and not sent makes every real bucket refuse.
    signed = re.search("SignedHeaders=([^,]+)", headers["Authorization"])
    assert signed is not None
    assert set(signed[1].split(";")) <= {name.lower() for name in headers}
    assert 'the"secret' not in str(headers)


def test_an_off_site_copy_that_fails_fails_the_run_and_keeps_everything(shop: Shop, api: Listener) -> None:
    old = planted(shop, days=31)
    api.status = 403
    bucket = {"S3_ENDPOINT": api.url, "S3_BUCKET": "bucket", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}
    done = shop.backup(**bucket)
    assert done.returncode == 1
    assert old in shop.sets
    assert len(shop.sets) == 2  # the set itself is whole
    assert "result: failed, there is no off-site copy" in (shop.backups / shop.sets[-1] / "report.txt").read_text()


def test_an_endpoint_that_is_paused_is_sent_nothing(shop: Shop, api: Listener) -> None:
    bucket = {"S3_ENDPOINT": api.url, "S3_BUCKET": "bucket", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}
    shop.good(**bucket, OFFSITE_PAUSED=api.url)
    assert api.received == []


def test_no_secret_is_among_the_arguments_of_any_program(shop: Shop, tmp_path: Path) -> None:
    """The programs are replaced by a script that writes its arguments down and then becomes the program."""
    programs, said = tmp_path / "bin", tmp_path / "said"
    programs.mkdir()
    for name in (
        "psql",
        "pg_dump",
        "pg_dumpall",
        "pg_restore",
        "redis-cli",
        "redis-server",
        "curl",
        "tar",
        "sed",
        "grep",
    ):
        real = shutil.which(name, path=shop.environment["PATH"])
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{said}\nexec {real} "$@"\n')
        (programs / name).chmod(0o755)
    path = {"PATH": f"{programs}:{shop.environment['PATH']}"}
    bucket = {
        "S3_ENDPOINT": shop.environment["API_URL"],
        "S3_BUCKET": "b",
        "S3_ACCESS_KEY": "k",
        "S3_SECRET_KEY": token(),
    }
    hook = f"{shop.environment['API_URL']}/{token()}"
    assert shop.backup(**path, **bucket).returncode == 0
    assert shop.backup(**path, ALERT_WEBHOOK=hook, UPLOADS_DIR="/nowhere").returncode == 1
    assert shop.restore(**path).returncode == 0
    words = said.read_text()
    assert {line.split()[0] for line in words.splitlines()} >= {"pg_dump", "redis-cli", "curl"}
    assert [s for s in (*SECRETS.values(), bucket["S3_SECRET_KEY"], hook) if s in words] == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(["shellcheck", "-x", *SCRIPTS], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_bash_and_executable_where_it_is_run(script: str) -> None:
    assert subprocess.run(["bash", "-n", str(FOLDER / script)], check=False).returncode == 0
    assert os.access(FOLDER / script, os.X_OK) == (script != "common.sh")


# --- defects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("defect", "differs"),
    [
        ("backup-misses-schema", {"other schema"}),
        ("backup-sequences-behind", {"next"}),
        ("backup-loses-grants", {"grants"}),
        ("backup-loses-ttl", {"lasts"}),
        ("backup-skips-uploads", {"files"}),
    ],
)
def test_a_defect_loses_one_thing_alone(shop: Shop, defect: str, differs: set[str]) -> None:
    before = content(shop)
    name = shop.good(SHOP_DEFECTS=defect)
    assert shop.restore(name, SHOP_DEFECTS=defect).returncode == 0
    shop.sql("CREATE SCHEMA IF NOT EXISTS extra; CREATE TABLE IF NOT EXISTS extra.more (a int)")
    after = content(shop)
    assert {key for key in before if before[key] != after[key]} == differs


@pytest.mark.parametrize("defect", ["backup-empty-exit-0", "backup-corrupt-archive"])
def test_a_defect_s_set_cannot_be_restored(shop: Shop, defect: str) -> None:
    name = shop.good(SHOP_DEFECTS=defect)
    assert shop.restore(name, SHOP_DEFECTS=defect).returncode != 0


def test_a_restore_that_rolls_back_and_says_ok(shop: Shop) -> None:
    name = shop.good()
    shop.sql("INSERT INTO things (name) VALUES ('later')")
    done = shop.restore(name, SHOP_DEFECTS="restore-rolls-back-says-ok")
    assert (done.returncode, done.stdout.splitlines()[-1][9:]) == (0, "restore verified: healthy")
    assert shop.sql("SELECT count(*) FROM things") == "501"


def test_a_torn_set_is_restored_and_is_of_several_moments(shop: Shop) -> None:
    before = content(shop)
    name = shop.good(SHOP_DEFECTS="backup-torn")
    assert len(list((shop.backups / name).glob("db.dump*"))) > 3
    done = shop.restore(name)
    assert done.returncode == 0, done.stderr
    assert content(shop) == before


def test_defects_of_the_restore(shop: Shop) -> None:
    shop.good()
    shop.redis("SET", "kept", "second")
    shop.good()
    shop.redis("SET", "kept", "third")
    assert shop.restore("--only", "cache", stdin="no", SHOP_DEFECTS="restore-without-asking").returncode == 0
    assert shop.redis("GET", "kept") == "second"
    assert shop.restore("--only", "cache", SHOP_DEFECTS="restore-oldest").returncode == 0
    assert shop.redis("GET", "kept") == "value"
    shop.sql("INSERT INTO things (name) VALUES ('later')")
    assert shop.restore("--only", "cache", SHOP_DEFECTS="restore-always-all").returncode == 0
    assert shop.sql("SELECT count(*) FROM things") == "500"
    assert "healthy" not in shop.restore(SHOP_DEFECTS="restore-skips-verify").stdout


def test_defects_of_the_run(shop: Shop, api: Listener) -> None:
    hook = {"ALERT_WEBHOOK": f"{api.url}/alert", "DATABASE_PORT": "1"}
    assert shop.backup(**hook, SHOP_DEFECTS="backup-hides-failure").returncode == 0
    assert len(api.received) == 1
    assert shop.backup(**hook, SHOP_DEFECTS="backup-no-alert").returncode == 1
    assert len(api.received) == 1
    old = planted(shop, days=31)
    assert shop.backup(**hook, SHOP_DEFECTS="retention-deletes-last-good").returncode == 1
    assert shop.sets == []
    old = planted(shop, days=31)
    name = shop.good(SHOP_DEFECTS="retention-keeps-all")
    assert shop.sets == [old, name]
    name = shop.good(SHOP_DEFECTS="backup-world-readable,backup-without-report")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (shop.backups / name).iterdir()} == {0o644}
    assert not (shop.backups / name / "report.txt").exists()


def test_roles_are_lost_by_a_defect(shop: Shop) -> None:
    name = shop.good(SHOP_DEFECTS="backup-loses-roles")
    assert "reader" not in (shop.backups / name / "globals.sql").read_text()
    with tarfile.open(shop.backups / name / "uploads.tar.gz") as archive:
        assert "./folder/file" in archive.getnames()
