from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.discovery import MAX_REQUESTS, complete_offline, complete_online
from readiness.discovery.health_check import HealthAddress, address_of
from readiness.discovery.openapi import read_document
from readiness.discovery.probe_paths import kind_of
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.model import HealthCheck, ServiceModel, StackModel
from readiness.target import Entry, Paths, Probe, ProbeKind, Request, Role, Target


def _model(**services: Mapping[str, object]) -> StackModel:
    return StackModel(
        services={
            name.replace("__", "-"): ServiceModel(name=name.replace("__", "-"), **fields)
            for name, fields in services.items()
        }
    )


def _target(**values: object) -> Target:
    return Target(name="shop", folder="/srv/shop", **values)


def _shell(text: str) -> HealthCheck:
    return HealthCheck(test=(text,), is_shell=True)


def _reason(target: Target, key: str) -> str:
    return next(row.reason for row in target.discovered if row.key == key)


def _entries(target: Target) -> list[tuple[str, str, int, bool]]:
    return [(entry.name, entry.service, entry.port, entry.https) for entry in target.entries]


def test_a_single_service_with_only_ports_is_the_service_and_its_entry() -> None:
    target = complete_offline(
        _target(), _model(thing={"image": "acme/thing:1", "ports": (8000,), "published": ("80->8000",)})
    )
    assert target.service == "thing"
    assert target.roles == {Role.APP: ("thing",)}
    assert _entries(target) == [("direct", "thing", 8000, False)]
    assert "only service" in _reason(target, "service")


PROXIED = _model(
    db={"image": "pgvector/pgvector:pg16", "ports": (5432,)},
    cache={"image": "registry:5000/valkey/valkey:8@sha256:abc", "ports": (6379,)},
    worker={
        "build_context": ".",
        "command": ("celery", "-A", "app", "worker"),
        "depends_on": {"cache": "service_healthy"},
    },
    beat={"build_context": ".", "command": ("celery", "-A", "app", "beat")},
    migrate={"build_context": ".", "command": ("alembic", "upgrade", "head")},
    api={
        "build_context": ".",
        "command": ("sh", "-c", "uvicorn app:app --host 0.0.0.0 --port 8000 --workers 4"),
        "depends_on": {
            "db": "service_healthy",
            "cache": "service_healthy",
            "migrate": "service_completed_successfully",
        },
        "health_check": _shell("curl -f http://localhost:8000/health/ready || exit 1"),
    },
    web={
        "image": "nginx:1.27-alpine",
        "ports": (80, 443),
        "published": ("80->80", "443->443"),
        "depends_on": {"api": "service_healthy"},
    },
)


def test_proxy_api_database_and_redis_are_told_apart() -> None:
    target = complete_offline(_target(), PROXIED)
    assert target.service == "api"
    assert target.roles == {
        Role.APP: ("api",),
        Role.DB: ("db",),
        Role.REDIS: ("cache",),
        Role.WORKER: ("worker",),
        Role.SCHEDULER: ("beat",),
        Role.OTHER: ("migrate",),
        Role.PROXY: ("web",),
    }
    assert _entries(target) == [("proxy", "web", 443, True), ("direct", "api", 8000, False)]
    assert "web stands before it" in _reason(target, "service")
    assert "it depends on api" in _reason(target, "entry.proxy")
    assert "one-shot" in _reason(target, "roles.other")


def test_the_containers_health_check_hints_at_a_probe_with_its_reason() -> None:
    target = complete_offline(_target(), PROXIED)
    assert target.probes == {
        ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/health/ready", service="api", port=8000)
    }
    assert "health check" in _reason(target, "probes.ready")
    assert "convention" in _reason(target, "probes.ready")


def test_host_networking_leaves_the_port_to_command_and_health_check() -> None:
    by_command = complete_offline(
        _target(), _model(app={"image": "x", "command": ("gunicorn", "-b", "0.0.0.0:9000", "a:b")})
    )
    assert _entries(by_command) == [("direct", "app", 9000, False)]
    assert "command" in _reason(by_command, "entry.direct")
    by_check = complete_offline(
        _target(), _model(app={"image": "x", "health_check": _shell("wget -qO- http://127.0.0.1:7000/ok")})
    )
    assert _entries(by_check) == [("direct", "app", 7000, False)]
    assert "health check" in _reason(by_check, "entry.direct")


def test_a_worker_of_the_same_image_is_no_rival() -> None:
    model = _model(
        ingest={
            "image": "acme/shop:1",
            "command": ("python", "-m", "shop.ingest"),
            "depends_on": {"db": "service_started"},
        },
        server={"image": "acme/shop:1", "command": ("uvicorn", "shop:app"), "depends_on": {"db": "service_started"}},
        db={"image": "mariadb:11"},
    )
    target = complete_offline(_target(), model)
    assert target.service == "server"
    assert target.roles[Role.WORKER] == ("ingest",)
    assert _entries(target) == [("direct", "server", 8000, False)]
    assert "default of the server" in _reason(target, "entry.direct")


def test_user_interfaces_and_tools_are_not_the_service() -> None:
    model = _model(
        frontend={
            "build_context": "ui",
            "published": ("3000->3000",),
            "ports": (3000,),
            "depends_on": {"core": "service_started"},
        },
        grafana={"image": "grafana/grafana", "published": ("3001->3000",), "ports": (3000,)},
        pgadmin={"image": "dpage/pgadmin4", "published": ("5050->80",), "ports": (80,)},
        exporter={"image": "prometheuscommunity/postgres-exporter", "ports": (9187,)},
        core={
            "build_context": "core",
            "published": ("8000->8000",),
            "ports": (8000,),
            "depends_on": {"db": "service_started"},
        },
        db={"image": "postgres:16"},
    )
    target = complete_offline(_target(), model)
    assert target.service == "core"
    assert target.roles[Role.DB] == ("db",)
    assert set(target.roles[Role.OTHER]) == {"grafana", "pgadmin", "exporter"}


def test_a_web_server_named_after_a_page_is_no_proxy() -> None:
    model = _model(
        frontend={"image": "nginx:alpine", "published": ("80->80",), "ports": (80,)},
        api={"build_context": ".", "published": ("8000->8000",), "ports": (8000,)},
    )
    target = complete_offline(_target(), model)
    assert _entries(target) == [("direct", "api", 8000, False)]


def test_without_any_port_there_is_no_entry_and_that_is_said() -> None:
    target = complete_offline(_target(), _model(bot={"build_context": "."}, redis={"image": "redis"}))
    assert target.service == "bot"
    assert target.entries == ()
    assert "declare entry" in _reason(target, "entry.direct")


def test_stores_alone_are_no_service() -> None:
    target = complete_offline(
        _target(), _model(db={"image": "postgres", "published": ("5432->5432",)}, q={"image": "qdrant/qdrant"})
    )
    assert target.service is None
    assert target.entries == ()
    assert target.roles == {Role.DB: ("db",), Role.VECTOR: ("q",)}
    assert "declare service" in _reason(target, "service")


def test_ports_of_other_protocols_are_no_entries() -> None:
    model = _model(
        app={
            "build_context": ".",
            "published": ("50051->50051", "53->53/udp", "8080->8080"),
            "ports": (50051, 53, 8080),
        }
    )
    assert _entries(complete_offline(_target(), model)) == [("direct", "app", 8080, False)]


def test_the_metrics_port_is_not_the_main_one() -> None:
    model = _model(app={"build_context": ".", "published": ("9090->9090", "8001->8001"), "ports": (9090, 8001)})
    assert _entries(complete_offline(_target(), model)) == [("direct", "app", 8001, False)]


def test_a_health_check_on_a_port_that_nobody_serves_does_not_move_the_entry() -> None:
    model = _model(
        app={"build_context": ".", "ports": (8000,), "health_check": _shell("curl http://localhost:9999/health")}
    )
    target = complete_offline(_target(), model)
    assert _entries(target) == [("direct", "app", 8000, False)]
    assert target.probes[ProbeKind.HEALTH].port == 9999


BUILT = _model(
    edge={
        "build_context": "proxy",
        "published": ("127.0.0.1:9443->9443", "127.0.0.1:9080->9080"),
        "ports": (9443, 9080),
        "depends_on": {"tasks": "service_healthy"},
    },
    tasks={
        "build_context": "app",
        "depends_on": {"db": "service_healthy", "store": "service_started"},
        "health_check": _shell("fetch('http://127.0.0.1:3000/readyz')"),
        "urls": {"db": ("postgres",), "store": ("redis",)},
    },
    db={"build_context": "db"},
    store={"build_context": "store"},
)


def test_a_store_that_only_a_url_names_is_what_the_url_says() -> None:
    target = complete_offline(_target(), BUILT)
    assert target.services_of(Role.REDIS) == ("store",)
    assert "tasks reaches it by redis://" in _reason(target, "roles.redis")


def test_a_host_of_two_kinds_of_urls_is_neither() -> None:
    model = _model(
        api={"ports": (8000,), "urls": {"toxics": ("redis", "postgresql+asyncpg")}},
        toxics={"image": "acme/toxics:1"},
    )
    target = complete_offline(_target(), model)
    assert target.services_of(Role.REDIS) == target.services_of(Role.DB) == ()


def test_the_only_published_service_before_an_unpublished_one_is_its_proxy() -> None:
    target = complete_offline(_target(), BUILT)
    assert target.service == "tasks"
    assert target.services_of(Role.PROXY) == ("edge",)
    assert "published" in _reason(target, "roles.proxy")
    assert _entries(target) == [("proxy", "edge", 9443, True), ("direct", "tasks", 3000, False)]


def test_a_published_service_beside_a_published_one_is_no_proxy() -> None:
    model = _model(
        web={"build_context": "web", "published": ("3000->3000",), "depends_on": {"api": "service_started"}},
        api={"build_context": "api", "published": ("8000->8000",), "depends_on": {"db": "service_started"}},
        db={"image": "postgres:16"},
    )
    target = complete_offline(_target(), model)
    assert target.service == "api"
    assert target.services_of(Role.PROXY) == ()


def test_equal_rivals_are_said() -> None:
    target = complete_offline(_target(), _model(one={"image": "a", "ports": (80,)}, two={"image": "b", "ports": (80,)}))
    assert target.service == "one"
    assert "two shows as many signs" in _reason(target, "service")


def test_processes_are_told_apart_by_their_programs() -> None:
    model = _model(
        db={"command": ("postgres", "-D", "data"), "ports": (5432,)},
        cache={"command": ("/usr/bin/redis-server", "--port", "6379"), "ports": (6379,)},
        edge={"command": ("nginx", "-g", "daemon off;"), "ports": (8443,), "depends_on": {"api": "service_healthy"}},
        api={"command": ("uvicorn", "app:app"), "ports": (8000,)},
    )
    target = complete_offline(_target(), model)
    assert target.roles == {Role.DB: ("db",), Role.REDIS: ("cache",), Role.PROXY: ("edge",), Role.APP: ("api",)}
    assert _entries(target) == [("proxy", "edge", 8443, True), ("direct", "api", 8000, False)]


def test_a_proxy_that_is_not_published_where_others_are_is_no_entry() -> None:
    model = _model(
        inner={"image": "envoyproxy/envoy:v1.30", "ports": (10000,)},
        api={"build_context": ".", "published": ("80->8000",), "ports": (8000,)},
    )
    assert _entries(complete_offline(_target(), model)) == [("direct", "api", 8000, False)]


def test_what_is_declared_is_not_touched() -> None:
    declared = _target(
        service="web",
        entries=(Entry(name="front", service="web", port=1234, base="/x"),),
        roles={Role.DB: ("api",), Role.APP: ("web",)},
        probes={ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/mine")},
    )
    target = complete_offline(declared, PROXIED)
    assert (target.service, target.entries, target.probes) == (declared.service, declared.entries, declared.probes)
    assert target.roles[Role.DB] == ("api",)
    assert target.roles[Role.APP] == ("web",)


def test_a_role_that_is_declined_gets_no_services() -> None:
    target = complete_offline(_target(declined={"roles.redis": "not used", "probes": "none here"}), PROXIED)
    assert Role.REDIS not in target.roles
    assert target.probes == {}


def test_open_ends_of_declared_entries_are_filled_in() -> None:
    entries = (
        Entry(name="", service="web", port=0),
        Entry(name="", service="", port=0),
        Entry(name="x", service="worker", port=0),
    )
    target = complete_offline(_target(entries=entries, service="api"), PROXIED)
    assert _entries(target) == [("proxy", "web", 443, True), ("direct", "api", 8000, False)]
    assert "write entry.port" in _reason(target, "entry.x")


def test_an_empty_model_changes_nothing() -> None:
    target = _target(entries=(Entry(name="direct", service="web", port=80),))
    assert complete_offline(target, StackModel(services={})) == target


def test_every_offline_guess_has_a_reason() -> None:
    assert all(row.key and row.value and row.reason for row in complete_offline(_target(), PROXIED).discovered)


@pytest.mark.parametrize(
    ("text", "port", "path"),
    [
        ("curl -f http://localhost:8000/health", 8000, "/health"),
        ("curl -fsS http://127.0.0.1:8000/health?deep=1 || exit 1", 8000, "/health?deep=1"),
        ("curl --fail https://localhost/livez", 443, "/livez"),
        ("wget --spider -q http://0.0.0.0:3000/api/health", 3000, "/api/health"),
        ("curl -f http://[::1]:8080/ready", 8080, "/ready"),
        ("curl -f http://localhost:${PORT:-5000}/health", 5000, "/health"),
        ("curl -f http://localhost:$PORT/health", None, "/health"),
        ("curl -f http://$(hostname):8000/health", 8000, "/health"),
        ("curl -f http://api:8000/health", 8000, "/health"),
        ("curl -f localhost:9000/healthz", 9000, "/healthz"),
        (
            "python -c \"import urllib.request; urllib.request.urlopen('http://localhost:8000/health')\"",
            8000,
            "/health",
        ),
        (
            "python -c \"import http.client as h; c=h.HTTPConnection('localhost', 8000); c.request('GET', '/health')\"",
            8000,
            "/health",
        ),
        (
            "node -e \"require('http').get({host:'localhost', port: 3000, path: '/health'}, r => process.exit(0))\"",
            3000,
            "/health",
        ),
        (
            "exec 3<>/dev/tcp/localhost/8000; printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3; grep 200 <&3",
            8000,
            "/health",
        ),
        ("nc -z localhost 8000", 8000, None),
    ],
)
def test_the_address_of_a_health_check_is_read(text: str, port: int | None, path: str | None) -> None:
    address = address_of(_shell(text), service="api")
    assert address is not None
    assert (address.port, address.path) == (port, path)


@pytest.mark.parametrize(
    "text",
    [
        "exit 0",
        "true",
        "pg_isready -U x",
        "redis-cli ping",
        "curl -f http://other:8000/health",
        "curl https://example.com/",
    ],
)
def test_a_health_check_that_asks_elsewhere_or_nothing_has_no_address(text: str) -> None:
    assert address_of(_shell(text), service="api") is None


@given(st.text(max_size=200))
def test_any_health_check_is_read_without_an_error(text: str) -> None:
    assert isinstance(address_of(_shell(text), service="api"), HealthAddress | None)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/livez", ProbeKind.LIVE),
        ("/health/live", ProbeKind.LIVE),
        ("/actuator/health/liveness", ProbeKind.LIVE),
        ("/readyz", ProbeKind.READY),
        ("/health/ready", ProbeKind.READY),
        ("/ready", ProbeKind.READY),
        ("/health/startup", ProbeKind.STARTUP),
        ("/startupz", ProbeKind.STARTUP),
        ("/health", ProbeKind.HEALTH),
        ("/healthz", ProbeKind.HEALTH),
        ("/api/health", ProbeKind.HEALTH),
        ("/status", ProbeKind.HEALTH),
        ("/ping", ProbeKind.HEALTH),
        ("/already", ProbeKind.HEALTH),
    ],
)
def test_a_path_means_what_its_convention_says_and_no_more(path: str, kind: ProbeKind) -> None:
    assert kind_of(path)[0] is kind


Answer = tuple[int, str, str]
NOT_FOUND: Answer = (404, "application/json", '{"detail":"Not Found"}')
PAGE: Answer = (200, "text/html", "<html><link href='/static/app.css'><div id=root></div></html>")


class _Site:
    """Answers by path, or by port and path where a key begins with a port; ``otherwise`` may depend on both, too."""

    def __init__(
        self,
        answers: Mapping[str, Answer],
        *,
        otherwise: Answer | Callable[[int, str], Answer | None] | None = NOT_FOUND,
    ) -> None:
        self.answers, self.otherwise = answers, otherwise
        self.asked: list[tuple[int, str, str]] = []

    def __call__(self, entry: Entry, request: Request) -> Exchange:
        path = entry.base + request.path
        self.asked.append((entry.port, request.method, path))
        answer = self.answers.get(f"{entry.port}{path}") or self.answers.get(path)
        if answer is None:
            answer = self.otherwise(entry.port, path) if callable(self.otherwise) else self.otherwise
        url = f"http://{entry.service}:{entry.port}{entry.base}{request.path}"
        if answer is None:
            return Exchange(
                entry=entry.name, purpose=StatusClass.OK, method="GET", url=url, error="ConnectError: refused"
            )
        status, kind, body = answer
        headers = (("content-type", kind), *((("location", body),) if 300 <= status < 400 else ()))
        return Exchange(
            entry=entry.name,
            purpose=StatusClass.OK,
            method="GET",
            url=url,
            status=status,
            headers=headers,
            body=body[: 64 * 1024],
            body_bytes=len(body),
        )


def _json(code: int, **fields: object) -> Answer:
    return code, "application/json", json.dumps(fields)


def _document(paths: Mapping[str, object], **more: object) -> Answer:
    return _json(200, openapi="3.1.0", info={"title": "x"}, **more, paths=paths)


def _online(site: _Site, **values: object) -> Target:
    entries = (Entry(name="direct", service="api", port=8000),)
    target = complete_online(_target(**{"service": "api", "entries": entries, **values}), site)
    assert {method for _, method, _ in site.asked} <= {"GET", "HEAD"}
    assert len(site.asked) <= MAX_REQUESTS
    assert all(row.key and row.value and row.reason for row in target.discovered)
    return target


SHOP = _Site(
    {
        "/": PAGE,
        "/static/app.css": (200, "text/css", "a{}"),
        "/openapi.json": _document(
            {
                "/logout": {"get": {}},
                "/items": {
                    "get": {"parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}]},
                    "post": {},
                },
                "/items/{id}": {"get": {"parameters": [{"name": "id", "in": "path", "required": True}]}},
                "/search": {"get": {"parameters": [{"name": "q", "in": "query", "required": True}]}},
                "/me": {"get": {"security": [{"bearer": []}]}},
                "/auth/login": {"post": {}},
                "/health/live": {"get": {}},
                "/internal/health": {"get": {}},
            }
        ),
        "/items": _json(200, items=[]),
        "/items?limit=readiness-audit-word": _json(422, detail=[]),
        "/items/": (307, "text/plain", "/items"),
        "/me": _json(401, detail="no"),
        "/auth/login": _json(405, detail="Method Not Allowed"),
        "/health/live": _json(200, status="healthy"),
        "/health/ready": _json(503, status="unhealthy"),
        "/health": (204, "", ""),
    }
)


def test_a_documented_service_shows_one_path_of_each_kind() -> None:
    paths = _online(SHOP).paths
    found = {name: (request.path, request.expect) for name, request in vars(paths).items() if request is not None}
    assert found.pop("not_found")[1] == (404,)
    assert found == {
        "ok": ("/items", (200,)),
        "unauthorized": ("/me", (401,)),
        "invalid": ("/items?limit=readiness-audit-word", (422,)),
        "method_not_allowed": ("/auth/login", (405,)),
        "html": ("/", (200,)),
        "static": ("/static/app.css", (200,)),
        "redirect": ("/items/", (307,)),
    }


def test_probes_are_found_with_the_status_that_they_give() -> None:
    probes = _online(SHOP).probes
    assert probes[ProbeKind.LIVE].path == "/health/live"
    assert (probes[ProbeKind.LIVE].service, probes[ProbeKind.LIVE].port) == ("api", 8000)
    assert probes[ProbeKind.READY].expect == (200,)
    assert probes[ProbeKind.HEALTH].expect == (204,)
    assert set(probes) == {ProbeKind.LIVE, ProbeKind.READY, ProbeKind.HEALTH}


def test_paths_that_sound_as_if_asking_had_consequences_are_left_alone() -> None:
    _online(SHOP)
    assert not [path for _, _, path in SHOP.asked if "logout" in path]


def test_a_page_that_takes_every_path_makes_nothing_a_probe() -> None:
    target = _online(_Site({}, otherwise=PAGE))
    assert target.probes == {}
    assert target.paths.not_found is None
    assert target.paths.static is None
    assert target.paths.ok is not None
    assert "does not answer 404" in _reason(target, "paths.not_found")


def test_json_that_answers_every_path_makes_nothing_a_probe_or_a_document() -> None:
    target = _online(_Site({}, otherwise=_json(200, openapi="3.0.0", status="ok")))
    assert target.probes == {}
    assert not [row for row in target.discovered if row.key == "openapi"]


def test_a_probe_that_differs_from_the_catch_all_is_believed() -> None:
    target = _online(_Site({"/health": _json(200, status="ok")}, otherwise=PAGE))
    assert set(target.probes) == {ProbeKind.HEALTH}


def test_not_found_is_looked_for_below_api_where_a_page_takes_the_rest() -> None:
    target = _online(_Site({}, otherwise=lambda _, path: NOT_FOUND if path.startswith("/api/") else PAGE))
    assert target.paths.not_found is not None
    assert target.paths.not_found.path.startswith("/api/readiness-")


def test_a_login_wall_before_everything_is_told() -> None:
    target = _online(_Site({}, otherwise=_json(401, detail="no")))
    assert target.probes == {}
    assert target.paths.unauthorized == Request(path="/", expect=(401,))
    assert target.paths.not_found is None
    assert target.paths.ok is None


def test_a_health_endpoint_behind_a_login_is_not_taken_and_that_is_said() -> None:
    target = _online(_Site({"/health": _json(401, detail="no")}))
    assert ProbeKind.HEALTH not in target.probes
    assert "credentials" in _reason(target, "probes.health")


def test_a_page_is_not_a_probe() -> None:
    assert _online(_Site({"/status": PAGE})).probes == {}


def test_everything_redirected_says_where_to() -> None:
    target = _online(_Site({}, otherwise=(301, "text/html", "https://shop.example/")))
    assert "https://shop.example/" in _reason(target, "paths.not_found")
    assert target.paths.redirect == Request(path="/", expect=(301,))


def test_a_hint_that_answers_like_everything_else_is_dropped() -> None:
    hinted = complete_offline(
        _target(),
        _model(api={"image": "x", "ports": (8000,), "health_check": _shell("curl -f http://localhost:8000/health")}),
    )
    assert ProbeKind.HEALTH in hinted.probes
    target = complete_online(hinted, _Site({}, otherwise=PAGE))
    assert target.probes == {}
    assert [row.value for row in target.discovered if row.key == "probes.health"][-1] == "not taken"


def test_a_hint_that_answers_204_expects_204() -> None:
    hinted = complete_offline(
        _target(),
        _model(api={"image": "x", "ports": (8000,), "health_check": _shell("curl -f http://localhost:8000/health")}),
    )
    assert complete_online(hinted, _Site({"/health": (204, "", "")})).probes[ProbeKind.HEALTH].expect == (204,)


def test_a_declared_probe_is_never_touched() -> None:
    declared = {ProbeKind.HEALTH: Probe(kind=ProbeKind.HEALTH, path="/health")}
    assert _online(_Site({}, otherwise=PAGE), probes=declared).probes == declared


def test_declined_capabilities_are_not_looked_for() -> None:
    site = _Site(SHOP.answers)
    declined = {"probes": "none", "paths.unauthorized": "no login", "paths.not_found": "takes all"}
    target = _online(site, declined=declined)
    assert target.probes == {}
    assert target.paths.unauthorized is None
    assert target.paths.not_found is None


def test_declared_paths_stay() -> None:
    declared = Paths(ok=Request(path="/mine"))
    assert _online(_Site(SHOP.answers), paths=declared).paths.ok == Request(path="/mine")


def test_probes_on_a_second_port_are_found() -> None:
    model = _model(api={"image": "x", "published": ("80->8000", "81->9090"), "ports": (8000, 9090)})
    site = _Site({"8000/": PAGE, "9090/ready": _json(200, status="ok")})
    target = complete_online(complete_offline(_target(), model), site, model=model)
    ready = target.probes[ProbeKind.READY]
    assert (ready.service, ready.port, ready.path) == ("api", 9090, "/ready")


def test_paths_are_asked_below_the_base_and_probes_of_the_service_are_not() -> None:
    entries = (Entry(name="direct", service="api", port=8000, base="/api"),)
    site = _Site(
        {
            "/api/openapi.json": _document({"/api/items": {"get": {}}}),
            "/api/items": _json(200, items=[]),
            "/healthz": _json(200, ok=True),
        }
    )
    target = _online(site, entries=entries)
    assert target.paths.ok == Request(path="/items", expect=(200,))
    assert target.probes[ProbeKind.HEALTH].path == "/healthz"


def test_the_documents_own_prefix_is_kept() -> None:
    document = _document({"/items": {"get": {}}}, servers=[{"url": "https://x.example/v2"}])
    site = _Site({"/openapi.json": document, "/v2/items": _json(200, items=[])})
    assert _online(site).paths.ok == Request(path="/v2/items", expect=(200,))


def test_a_document_that_was_cut_off_is_still_of_use() -> None:
    paths: dict[str, object] = {"/items": {"get": {}}} | {
        f"/x{i}/{{id}}": {"get": {"summary": "y" * 200}} for i in range(600)
    }
    target = _online(_Site({"/openapi.json": _document(paths), "/items": _json(200, items=[])}))
    assert target.paths.ok == Request(path="/items", expect=(200,))
    assert "longer than was read" in _reason(target, "openapi")


def test_nobody_answering_changes_nothing_and_is_said() -> None:
    site = _Site({}, otherwise=None)
    target = _online(site)
    assert (target.paths, target.probes) == (Paths(), {})
    assert "no answer from direct" in _reason(target, "paths")
    assert len(site.asked) <= 2


def test_the_second_entry_is_asked_where_the_first_is_silent() -> None:
    entries = (Entry(name="proxy", service="web", port=443), Entry(name="direct", service="api", port=8000))
    site = _Site({"8000/": PAGE}, otherwise=lambda port, _: NOT_FOUND if port == 8000 else None)
    target = _online(site, entries=entries)
    assert target.paths.html == Request(path="/", expect=(200,))


def test_a_rate_limit_ends_the_questions() -> None:
    site = _Site({}, otherwise=(429, "text/plain", "slow down"))
    target = _online(site)
    assert len(site.asked) == 1
    assert target.paths == Paths()


def test_without_entries_nothing_is_asked() -> None:
    site = _Site({})
    assert complete_online(_target(), site) == _target()
    assert site.asked == []


def test_a_hostile_site_costs_no_more_than_the_budget() -> None:
    paths = {f"/p{i}": {"get": {"security": [{"a": []}]}, "post": {}} for i in range(500)}
    paths |= {f"/q{i}/{{id}}": {"get": {}} for i in range(500)}
    _online(_Site({"/docs/openapi.json": _document(paths)}, otherwise=_json(500, error="x")))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "[" * 60_000,
        '{"openapi": "3.1.0"}',
        '{"openapi": "3.1.0", "paths": {}}',
        '{"openapi": "3.1.0", "paths": []}',
        '{"openapi": true, "paths": {"/a": {"get": {}}}}',
        '{"openapi": "1.0", "paths": {"/a": {"get": {}}}}',
        '{"openapi": "3.1.0", "paths": {"a": {"get": {}}}}',
        '{"openapi": "3.1.0", "paths": {"/a": 1}}',
        '{"openapi": "3.1.0", "paths": {',
        '{"openapi": "3.1.0", "paths": {"/a": ' + "[" * 60_000,
    ],
)
def test_what_is_no_document_is_none(body: str) -> None:
    assert read_document(body) is None


def test_security_of_the_document_and_of_an_operation() -> None:
    body = json.dumps(
        {
            "swagger": "2.0",
            "basePath": "/v1",
            "security": [{"key": []}],
            "paths": {
                "/a": {"get": {}},
                "/b": {"get": {"security": []}},
                "/c": {"get": {"security": [{}, {"key": []}]}},
            },
        }
    )
    document = read_document(body)
    assert document is not None
    assert [(op.path, op.is_protected) for op in document.operations] == [
        ("/v1/a", True),
        ("/v1/b", False),
        ("/v1/c", False),
    ]


@given(st.text(max_size=200), st.integers(0, 400))
def test_any_cut_of_a_document_is_read_without_an_error(tail: str, at: int) -> None:
    whole = _document({"/a": {"get": {"parameters": [{"$ref": "#/x"}, 5]}}, "/b": {"post": {}}})[2]
    read_document(whole[:at] + tail)
