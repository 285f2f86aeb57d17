from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
import yaml

from readiness.exceptions import ConfigError
from readiness.facts._codec import decode, encode
from readiness.facts.model import ServiceModel, StackModel
from readiness.schema_file import MAX_PROBLEMS, load_schema
from readiness.target import EVERY_SERVICE, ProbeKind, Role, Target
from readiness.target_file import check_against_model, compose_text, find_target, load_target
from readiness.waiver import REASONS

WHOLE = """\
name: shop
compose: {files: [compose.yaml], profiles: [], services: [api, worker, db, cache, web]}
processes:
  api: {command: "uvicorn app:app --port {port}", env: {A: 1, B: off, C: true, D: 1.10}, port: 8000, state: [data/]}
  worker: {command: [python, -m, worker, 2], after: [api], env: {API: "http://127.0.0.1:{port:api}"}, stop_signal: SIGINT, stop_grace_seconds: 25}
images: {"postgres:16": "registry.internal/postgres:16"}
replace:
  api: {image: x, build: build, command: [a, 1], mounts: {/etc/x: compose.yaml}, environment: {X: 5}}
provide: {postgres: {env: DATABASE_URL}, redis: {env: REDIS_URL}}
environment: {api: {OPENAI_API_KEY: dummy, WORKERS: 4, DEBUG: false, RATE: 1.0}}
deadlines: {api: 180}
egress: [worker]
service: api
openapi: openapi.json
access: {public: ["GET /items*", /health], admin: [/admin/users], requests: [{path: /orders/7, as: user}]}
cors: {credentials: true, variable: CORS_ORIGINS, service: api, form: json}
validation:
  request: {method: POST, path: /embed, json: {text: hello}, as: user}
  max_body_bytes: 10485760
  content_types: [application/json, application/merge-patch+json]
  batch: {request: {method: POST, path: /embed, json: {texts: [hello]}}, at: texts, items: 32}
  input: {request: {method: POST, path: /embed, json: {text: hello}}, at: data.text, characters: 10000}
  env: {max_body_bytes: MAX_BODY}
errors:
  code: error.code
  message: error.message
  request_id: error.request_id
  needs: {db: /items, cache: {method: POST, path: /jobs, json: {}, as: user}}
  logged: [request_id, method, path, trace, user]
request_id: {header: X-Request-ID, inbound: replaced, uuid: true}
process_time: {header: X-Process-Time, unit: ms}
logs:
  services: [api]
  fields: {level: severity, message: msg, time: ts, request_id: context.id, method: m, path: p, status: s, seconds: took,
    client: ip, error: context.error_type}
  duration_unit: ms
  rotation: daemon
  files: [{service: api, path: "${LOGS}/app.log", max_bytes: 1000, holds: errors}]
metrics: {path: /metrics, service: api, port: 9100, requests: http_requests_total, status_label: status, system: [cpu], sink: cache, unrelated: /app.css}
alerts: {rules: [compose.yaml], thresholds: {HighErrors: 0.01, Idle: {below: 1}}, scrape_config: p.yml, elsewhere: [node_]}
retry: {db: {base_seconds: 2, factor: 2, cap_seconds: 30, attempts: 5}}
tracking: {dsn_env: SENTRY_DSN, service: api, environment_env: ENV, traces_sample_ratio: 0.1, error: /boom}
docs: {pages: [/docs, /redoc], document: /openapi.json, info: /api, production: open}
drain: {timeout_seconds: 20, env: STOP_SECONDS, keepalive_seconds: 5, accepting_seconds: 1, second_signal: forces, stream: {path: /items.csv, as: user}, logged: {start: begins, steps: [database], complete: ends}}
tls: {entry: web, server_name: shop.local, ca: {service: api, file_env: CA_FILE}, plain_ports: [8080]}
scaling: {replicas: 3}
resources: {host: {cpus: 4, memory: 8G}, services: {api: {cpus: 0.5, memory: 384M, reserve: {memory: 1048576}}, worker: {cpus: 1}}}
entry: [{service: web, port: 8000, base: /api/, headers: {X-A: 1}}, {name: inner, service: api}]
roles: {app: [api], worker: worker, db: db, redis: cache, proxy: web, vector: none}
setup: [/ready, {method: POST, path: /db, json: {a: 1}, expect: 201}]
paths:
  ok: /items
  unauthorized: {path: /me, expect: [401, 403]}
  not_found: none
  invalid: {method: POST, path: /items, json: {}, as: user}
  method_not_allowed: {method: POST, path: /}
probes:
  live: /health/live
  ready: {path: /ready, port: 9090, service: api, expect: [200, 204], components: {database: db}, timeout_seconds: 3}
  startup: none
  loading: {path: /health/model, listens_seconds: 5, proof: {method: POST, path: /embed, body: {base64: aGk=}}}
  basic: {path: /health, disk: {service: api, path: /data}, memory: {service: api}, reports: [timestamp]}
login:
  register: {method: POST, path: /register, json: {name: "{name}"}}
  request: {method: POST, path: /auth/login, form: {user: "{name}", password: "{password}"}}
  token: data.token
  users: [{name: alice, password: 1}]
  key: {env: JWT_SECRET}
  algorithm: HS256
  refresh: {method: POST, path: /auth/refresh, json: {token: "{refresh_token}"}}
  refresh_token: data.refresh
  access_seconds: 900
  refresh_seconds: 604800
  hash: {scheme: argon2id, memory_kib: 19456, iterations: 2, parallelism: 1, table: users, column: password_hash}
record:
  create: {method: POST, path: /items, json: {}, id: data.id}
  read: /items/{id}
  list: /items
  update: {method: PUT, path: "/items/{id}", json: {name: other}}
  delete: {method: DELETE, path: "/items/{id}"}
origins: [https://app.example.com]
error_path: /boom
slow: {method: PUT, path: /upload, body_bytes: 1000}
limit: {path: /items, requests: 100, burst: 20, key: user, algorithm: token_bucket, exempt: [/health], env: {requests: RATE}, fallback: open, service: web}
upstreams:
  llm:
    env: OPENAI_BASE_URL
    call: {method: POST, path: /chat, json: {service: not-a-service}}
    breaker: {failures: 5, reset_seconds: 60, env: {reset_seconds: BREAKER_RESET}}
    timeout_seconds: 60
jobs: none
backup: {command: [./backup.sh], restore: [./restore.sh], run: host, cwd: ., stdin: "yes", directory: backups, stores: [db]}
load: {requests: [/items], users: 20, rate_per_second: 50}
persistence: {cache: durable}
settings: {db: {max_connections: 50, shared_buffers: 256MB}, cache: {appendonly: true, save: 60 1000}}
startup:
  script: [./up.sh]
  limit_seconds: 120
  env: {limit_seconds: UP_SECONDS}
  model: {service: worker, hub_env: HF_ENDPOINT, cache: "${HF_HOME}/hub", files: {/m/w.bin: models/w.bin, /m/x: 4096}}
versions: {db: ">=13", cache: ">= 6.2"}
idempotency: {header: Idempotency-Key, request: {method: POST, path: /items, json: {name: "{unique}"}}, id: id}
pool: {api: {size: 20, overflow: 10, wait_seconds: 30, processes: 2, replicas: 3, recycle_seconds: 60, env: {recycle_seconds: RECYCLE}}}
security_headers: {X-Frame-Options: DENY}
variants: {development: {api: {ENVIRONMENT: development}}, headers_off: none}
checks: [build]
waivers: [{check: ratelimit.global, reason: accepted-risk, owner: platform, expires: 2027-03-01, note: later}]
why:
  jobs: there are none
  paths.not_found: a single-page application takes every path
  probes.startup: starts at once
  roles.vector: no vectors
  variants.headers_off: no such switch
x-anchors: {a: 1}
"""
MODEL = StackModel(services={name: ServiceModel(name=name) for name in ("api", "worker", "db", "cache", "web")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text("services: {api: {image: x}}\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "openapi.json").write_text('{"openapi": "3.1.0", "paths": {"/items": {"get": {}}}}')
    return tmp_path


def _load(folder: Path, text: str) -> Target:
    (folder / "readiness.yaml").write_text(text)
    return load_target(folder / "readiness.yaml")


def _refused(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text)
    assert caught.value.file == "readiness.yaml"
    return caught.value


def _line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("line", "egress"),
    [("name: x", ()), ("egress: closed", ()), ("egress: open", (EVERY_SERVICE,)), ("egress: [worker]", ("worker",))],
)
def test_a_copy_stays_on_this_machine_unless_the_owner_says_otherwise(
    folder: Path, line: str, egress: tuple[str, ...]
) -> None:
    target = _load(folder, f"{line}\n")
    assert target.egress == egress
    assert target.has_open_egress is (egress == (EVERY_SERVICE,))


@pytest.mark.parametrize("value", ["worker", "[]", "none", "true", "{api: open}"])
def test_egress_is_a_list_of_services_or_one_of_two_words(folder: Path, value: str) -> None:
    assert "egress" in str(_refused(folder, f"egress: {value}\n"))


def test_egress_names_services_of_the_stack(folder: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean `worker`"):
        check_against_model(_load(folder, "egress: [api, wroker]\n"), MODEL)


def test_the_whole_declaration_is_read(folder: Path) -> None:
    target = _load(folder, WHOLE)
    assert target.name == "shop"
    assert target.folder == str(folder.resolve())
    assert target.compose is not None
    assert target.compose.files == ("compose.yaml",)
    assert target.processes["api"].command == ("uvicorn", "app:app", "--port", "{port}")
    assert target.processes["worker"].command == ("python", "-m", "worker", "2")
    assert (target.processes["worker"].stop_grace_seconds, target.processes["api"].stop_grace_seconds) == (25.0, 10.0)
    assert target.replace["api"].build is not None
    assert target.replace["api"].build.context == "build"
    assert target.entries[0].base == "/api"
    assert target.entries[0].headers == {"X-A": "1"}
    assert (target.entries[1].name, target.entries[1].port) == ("inner", 0)
    assert target.roles[Role.REDIS] == ("cache",)
    assert Role.VECTOR not in target.roles
    assert target.setup[1].expect == (201,)
    assert target.paths.not_found is None
    assert target.paths.invalid is not None
    assert target.paths.invalid.as_user == "user"
    assert target.paths.error is not None
    assert target.paths.error.path == "/boom"
    assert target.probes[ProbeKind.READY].expect == (200, 204)
    assert target.probes[ProbeKind.LIVE].expect == (200,)
    assert target.probes[ProbeKind.LOADING].listens_seconds == 5.0
    proof = target.probes[ProbeKind.LOADING].proof
    assert proof is not None
    assert proof.body_base64 == "aGk="
    assert ProbeKind.STARTUP not in target.probes
    assert target.login is not None
    assert target.login.users == ({"name": "alice", "password": "1"},)
    assert target.login.token == "data.token"
    assert target.login.refresh is not None
    assert target.login.refresh.json == {"token": "{refresh_token}"}
    assert (target.login.access_seconds, target.login.refresh_seconds) == (900, 604800)
    assert target.login.hash["scheme"] == "argon2id"
    assert target.limits[0].requests == 100
    assert target.limits[0].service == "web"
    assert target.variants == {"development": {"api": {"ENVIRONMENT": "development"}}}
    assert target.waivers[0].expires == "2027-03-01"
    assert set(target.extra) >= {"record", "slow", "upstreams", "backup", "load", "access", "tls", "resources"}
    assert target.discovered == ()


def test_every_key_of_the_schema_is_in_the_whole_declaration() -> None:
    assert set(load_schema("target")["properties"]) == set(yaml.safe_load(WHOLE)) - {"x-anchors"}


def test_a_target_survives_the_round_trip_of_a_recording(folder: Path) -> None:
    target = _load(folder, WHOLE)
    assert decode(Target, json.loads(json.dumps(encode(target)))) == target


def test_environment_values_become_text_as_compose_writes_them(folder: Path) -> None:
    environment = _load(folder, WHOLE).environment["api"]
    assert environment == {"OPENAI_API_KEY": "dummy", "WORKERS": "4", "DEBUG": "false", "RATE": "1"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # Measured with docker compose 2.26.
        (True, "true"),
        (False, "false"),
        (8, "8"),
        (18446744073709551615, "18446744073709551615"),
        (1.1, "1.1"),
        (1000.0, "1000"),
        (1.0, "1"),
        (-0.0, "-0"),
        (0.5, "0.5"),
        (10.5, "10.5"),
        (1e-05, "1e-05"),
        (1.5e-07, "1.5e-07"),
        (1e16, "1e+16"),
        (1e21, "1e+21"),
        (123456789.5, "1.234567895e+08"),
        (1.2345678901234568e22, "1.2345678901234568e+22"),
        ("off", "off"),
    ],
)
def test_scalars_are_written_as_compose_writes_them(value: str | float, text: str) -> None:
    assert compose_text(value) == text


def test_none_needs_a_reason_and_the_reason_is_kept(folder: Path) -> None:
    target = _load(folder, WHOLE)
    assert target.declined["jobs"] == "there are none"
    assert target.declined["paths.not_found"].startswith("a single-page")
    assert set(target.declined) == {"jobs", "paths.not_found", "probes.startup", "roles.vector", "variants.headers_off"}


def test_declined_sections_are_found_under_the_name_that_checks_use(folder: Path) -> None:
    target = _load(folder, "limit: none\nerror_path: none\nwhy: {limit: one user, error_path: no such}\n")
    assert target.declined == {
        "limit": "one user",
        "limits": "one user",
        "error_path": "no such",
        "paths.error": "no such",
    }


def test_what_is_none_inside_a_section_is_left_out_of_it(folder: Path) -> None:
    text = "access: {public: [/health], admin: none}\nmetrics: {system: none}\n"
    target = _load(folder, text + "why: {access.admin: all are equal, metrics.system: the host tells}\n")
    assert target.extra["access"] == {"public": ["/health"]}
    assert target.extra["metrics"] == {}
    assert target.declined["access.admin"] == "all are equal"


def test_a_login_of_one_key_for_everybody_has_neither_users_nor_lifetimes(folder: Path) -> None:
    text = "login: {api_key: {header: X-Key, env: KEY}, users: none, refresh: none, access_seconds: none}\n"
    why = "why: {login.users: one key, login.refresh: one key, login.access_seconds: one key}\n"
    target = _load(folder, text + why)
    assert target.login is not None
    assert (target.login.users, target.login.refresh, target.login.access_seconds) == ((), None, None)
    assert target.declined["login.users"] == "one key"


def test_none_without_a_reason_says_how_to_write_it(folder: Path) -> None:
    error = _refused(folder, "name: x\nlogin: none\n")
    assert error.line == 2
    assert "why" in error.message
    assert 'why: {login: "the reason"}' in error.hint


def test_a_reason_for_something_that_is_not_none_is_refused(folder: Path) -> None:
    error = _refused(folder, "login: none\nwhy:\n  login: x\n  logins: y\n")
    assert error.line == 4
    assert "did you mean `login`?" in error.hint


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: shop", "nmae: shop", "unknown key `nmae`, did you mean `name`?"),
        ("deadlines:", "deadline:", "did you mean `deadlines`?"),
        ("port: 8000, state", "prot: 8000, state", "unknown key `prot` in processes.api, did you mean `port`?"),
        ("expect: 201", "expects: 201", "unknown key `expects` in setup[1], did you mean `expect`?"),
        ("body_bytes: 1000", "bodybytes: 1000", "did you mean `body_bytes`?"),
        ("id: data.id", "ids: data.id", "did you mean `id`?"),
        ("live: /health/live", "lvie: /health/live", "unknown key `lvie` in probes, did you mean `live`?"),
        ("redis: cache", "rediss: cache", "unknown key `rediss` in roles, did you mean `redis`?"),
        ("provide: {postgres", "provide: {postgre", "did you mean `postgres`?"),
        ("service: api\n", "service: 5\n", "service: expected text, found the number 5"),
        ("deadlines: {api: 180}", "deadlines: {api: soon}", "deadlines.api: expected a number"),
        ("deadlines: {api: 180}", "deadlines: [api]", "deadlines: expected a mapping"),
        ("[api, worker, db", "[api, 3, db", "compose.services[1]: expected text"),
        ("expect: 201", "expect: 999", "setup[1].expect: expected at most 599"),
        ("port: 9090", "port: 0", "probes.ready.port: expected at least 1"),
        ("as: user", "as: usr", "did you mean user?"),
        ("key: user", "key: users", "did you mean user?"),
        ("ok: /items", "ok: items", "paths.ok: expected a path"),
        ("live: /health/live", "live: health/live", "probes.live: expected a path"),
        ("jobs: none", "jobs: no", "jobs: expected `none`"),
        (
            "{OPENAI_API_KEY: dummy",
            "{OPENAI_API_KEY: ",
            "OPENAI_API_KEY: expected text or a number or true or false, found nothing",
        ),
        (
            "{OPENAI_API_KEY: dummy",
            "{OPENAI KEY: dummy",
            "the key `OPENAI KEY` in environment.api is not the name of a variable",
        ),
        ("origins: [https://app.example.com]", "origins: [app.example.com/]", "expected an origin such as"),
        ("limit: {path: /items,", "limit: {", "limit needs `path`"),
        ("users: [{name: alice, password: 1}]", "users: [{name: alice}]", "login.users[0] needs `password`"),
        ("reason: accepted-risk", "reason: accepted", "did you mean accepted-risk?"),
        ("expires: 2027-03-01", "expires: 2027-02-30", "there is no day 2027-02-30"),
        ("expires: 2027-03-01", "expires: soon", "a date such as"),
        ("[compose.yaml]", "[../compose.yaml]", "outside the folder"),
        ("[compose.yaml]", "[compse.yaml]", "does not exist"),
        ("build: build", "build: ../..", "outside the folder"),
        ("checks: [build]", "checks: [nope]", "does not exist"),
        ("state: [data/]", "state: [../data]", "outside the folder"),
        ("after: [api]", "after: [apy]", "did you mean `api`?"),
        ("{port:api}", "{port:apy}", "did you mean `api`?"),
        ("{port:api}", "{port:worker}", "it has no port"),
        ("--port {port}", "--port '{port}", "cannot be split"),
        ("form: {user:", "json: 1, form: {user:", "a request has one body"),
        ("base64: aGk=", "base64: '*'", "not base64"),
        ("base64: aGk=", "file: nope.bin", "does not exist"),
        ("base64: aGk=", "file: build", "expected a file"),
        ("worker: worker, db", "worker: api, db", "`api` has two roles, app and worker"),
        ("{name: inner, service: api}", "{name: inner}, {name: inner}", "two entries are named `inner`"),
        (
            "  request: {method: POST, path: /auth",
            "  basic: {user: a, password: b}\n  request: {path: /auth",
            "found both request and basic",
        ),
        ("  request: {method", "  requset: {method", "did you mean `request`?"),
        ("  users: [{name: alice, password: 1}]\n", "", "login.request needs users"),
        ("as: user", "as: admin", "login has no admin"),
        ("mounts: {/etc/x", "mounts: {etc/x", "the key `etc/x` in replace.api.mounts is not a path"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_way_out(folder: Path, old: str, new: str, words: str) -> None:
    assert WHOLE.count(old) >= 1
    error = _refused(folder, WHOLE.replace(old, new, 1))
    assert words in f"{error.message} {error.hint}"
    assert error.line is not None
    # A mapping that lacks a key is shown where it begins, a loop over names where the name stands.
    assert abs(error.line - _line(WHOLE, old)) <= 2


def test_several_problems_are_told_at_once_unknown_keys_first(folder: Path) -> None:
    error = _refused(folder, "deadlines: {api: soon}\nservice: [x]\nnmae: x\n")
    assert error.line == 3
    assert re.search(r"nmae.*\n.*line 1: .*\n.*line 2: ", error.message)


def test_a_file_full_of_problems_gives_a_bounded_list(folder: Path) -> None:
    error = _refused(folder, "".join(f"k{i}: 1\n" for i in range(500)))
    assert error.message.count("unknown key") == MAX_PROBLEMS
    assert f"and {500 - MAX_PROBLEMS} more" in error.message


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("{}", "found none of them"),
        ("{bearer_env: T, jwt: {secret_env: S}}", "found both bearer_env and jwt"),
        ("{basic: {user: a}}", "password or password_env"),
        ("{basic: {password: a}}", "user or user_env"),
        ("{cookie: {name: sid}}", "exactly one of env, value, request"),
    ],
)
def test_contradicting_logins_are_refused(folder: Path, login: str, words: str) -> None:
    assert words in _refused(folder, f"login: {login}\n").message


@pytest.mark.parametrize(
    "login",
    [
        "{bearer_env: API_TOKEN}",
        "{jwt: {secret_env: JWT_SECRET, claims: {sub: a}}}",
        "{api_key: {header: X-Api-Key, env: KEY}}",
        "{basic: {user: a, password_env: P}}",
        "{cookie: {name: sid, env: SID}}",
    ],
)
def test_static_logins_are_kept_as_written(folder: Path, login: str) -> None:
    target = _load(folder, f"login: {login}\n")
    assert target.login is not None
    assert target.login.request is None
    assert target.login.static == yaml.safe_load(login)


def test_a_request_as_somebody_needs_a_login(folder: Path) -> None:
    error = _refused(folder, "paths:\n  ok: {path: /x, as: user}\n")
    assert error.line == 2
    assert "no login" in error.message


def test_processes_that_wait_for_each_other_are_refused(folder: Path) -> None:
    text = "processes:\n  a: {command: x, after: [b]}\n  b: {command: x, after: [a]}\n"
    assert "circle" in _refused(folder, text).message


def test_a_body_from_a_file_is_read(folder: Path) -> None:
    (folder / "body.bin").write_bytes(b"\x00\xff")
    target = _load(folder, "setup: [{method: PUT, path: /x, body: {file: body.bin}}]\n")
    assert target.setup[0].body_base64 == base64.b64encode(b"\x00\xff").decode()


def test_a_link_out_of_the_folder_is_seen_through(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("/etc/hostname")
    assert "outside the folder" in _refused(folder, "compose: {files: [link.yaml]}\n").message


def test_without_compose_the_processes_are_the_whole_stack(tmp_path: Path) -> None:
    text = "processes: {api: {command: x}}\nroles:\n  db: postgres\n"
    error = _refused(tmp_path, text)
    assert error.line == 3
    assert "there is no service `postgres`" in error.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("service: api\n", "service: apy\n"),
        ("deadlines: {api", "deadlines: {apy"),
        ("environment: {api", "environment: {apy"),
        ("app: [api]", "app: [apy]"),
        ("service: api, expect", "service: apy, expect"),
        ("memory: {service: api}", "memory: {service: apy}"),
        ("development: {api", "development: {apy"),
        ("services: {api: {cpus", "services: {apy: {cpus"),
        ("services: [api", "services: [apy"),
    ],
)
def test_an_unknown_service_is_named_with_its_line_once_the_model_is_known(folder: Path, old: str, new: str) -> None:
    text = WHOLE.replace(old, new, 1)
    with pytest.raises(ConfigError, match=r"no service `apy`, did you mean `api`\?") as caught:
        check_against_model(_load(folder, text), MODEL)
    assert caught.value.line == _line(WHOLE, old)


def test_known_services_pass_and_bodies_are_not_searched_for_services(folder: Path) -> None:
    check_against_model(_load(folder, WHOLE), MODEL)


def test_an_attached_target_is_held_against_no_model(folder: Path) -> None:
    check_against_model(_load(folder, WHOLE), StackModel(services={}))


def test_waiver_reasons_are_the_ones_that_waivers_know() -> None:
    waiver = load_schema("target")["$defs"]["waiver"]
    assert set(waiver["properties"]["reason"]["enum"]) == set(REASONS)


def test_roles_and_probe_kinds_of_the_schema_are_those_of_the_target() -> None:
    definitions = load_schema("target")["$defs"]
    assert set(definitions["roles"]["properties"]) == set(Role)
    assert set(definitions["probes"]["properties"]) == set(ProbeKind)


def test_the_declaration_wins_over_a_compose_file_beside_it(folder: Path) -> None:
    (folder / "readiness.yaml").write_text("name: declared\n")
    target = find_target(folder, None)
    assert target.name == "declared"
    assert target.compose is not None
    assert [row.key for row in target.discovered] == ["compose.files"]


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"])
def test_a_compose_file_alone_is_a_target(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("services: {}\n")
    target = find_target(tmp_path, None)
    assert target.name == tmp_path.name
    assert target.compose is not None
    assert target.compose.files == (name,)


@pytest.mark.parametrize("name", ["docker-compose.prod.yml", "compose.production.yaml", "docker-compose-prod.yaml"])
def test_the_production_file_is_preferred_and_that_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {api: {image: x}}\n")
    (tmp_path / name).write_text("services: {api: {image: x}}\n")
    target = find_target(tmp_path, None)
    assert target.compose is not None
    assert target.compose.files == (name,)
    assert "often the development one" in target.discovered[1].reason


def test_a_production_file_that_cannot_stand_alone_is_laid_over_the_default_one(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {api: {image: x}}\n")
    (tmp_path / "docker-compose.prod.yml").write_text("services: {api: {ports: !reset [], restart: always}}\n")
    target = find_target(tmp_path, None)
    assert target.compose is not None
    assert target.compose.files == ("docker-compose.yml", "docker-compose.prod.yml")


def test_a_lone_override_file_is_no_compose_file(tmp_path: Path) -> None:
    (tmp_path / "compose.override.yaml").write_text("services: {}\n")
    with pytest.raises(ConfigError, match="nothing to audit") as caught:
        find_target(tmp_path, None)
    assert "readiness.yaml" in caught.value.message
    assert "compose.yaml" in caught.value.message
    assert caught.value.file == str(tmp_path)


def test_the_override_beside_the_default_file_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "compose.override.yaml").write_text("services: {}\n")
    assert "compose.override.yaml is left out" in find_target(tmp_path, None).discovered[1].reason


def test_a_target_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.yaml").write_text("name: mine\n")
    (tmp_path / "sub" / "stack.yaml").write_text("services: {api: {image: x}}\n")
    (tmp_path / "sub" / "docker-compose.dev.yml").write_text("services: {}\n")
    assert find_target(tmp_path, Path("sub/mine.yaml")).name == "mine"
    for name in ("stack.yaml", "docker-compose.dev.yml"):
        compose = find_target(tmp_path, Path("sub") / name).compose
        assert compose is not None
        assert compose.files == (name,)
    with pytest.raises(ConfigError, match="no such file or folder"):
        find_target(tmp_path, Path("nope.yaml"))


def test_compose_without_files_is_found_or_asked_for(tmp_path: Path) -> None:
    assert "no compose file" in _refused(tmp_path, "compose: {profiles: [web]}\n").message
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    target = _load(tmp_path, "compose: {profiles: [web]}\n")
    assert target.compose is not None
    assert (target.compose.files, target.compose.profiles) == (("compose.yaml",), ("web",))


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "5\n"])
def test_a_file_that_is_no_mapping_is_refused(folder: Path, text: str) -> None:
    assert "the file: expected a mapping" in _refused(folder, text).message
