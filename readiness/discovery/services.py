"""What a service of the model is, from its image, command, name and ports: its role, and the port it speaks HTTP on."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from readiness.discovery.health_check import HealthAddress, address_of
from readiness.facts.model import ServiceModel, StackModel
from readiness.target import Role

__all__ = [
    "COMPLETED",
    "HttpPort",
    "RoleGuess",
    "health_address",
    "http_port",
    "http_ports",
    "is_user_interface",
    "role_of",
]

#: The compose condition of a service that waits for a one-shot.
COMPLETED = "service_completed_successfully"
#: Ports of protocols that are not HTTP (stores, brokers, debuggers, mail, gRPC by habit).
NOT_HTTP = frozenset(
    {22, 25, 53, 465, 587, 1025, 1433, 1521, 1883, 2181, 2375, 2376, 3306, 4222, 5432, 5671, 5672, 5678, 6379, 6380}
    | {9042, 9092, 9229, 11211, 26379, 27017, 50051}
)
#: Ports that serve metrics or management by habit: never the main one where there is another.
SIDE_PORTS = frozenset({9090, 9091, 9100, 9113, 9464, 8125, 15672, 9901})
TLS_PORTS = frozenset({443, 4443, 8443, 9443, 10443})

#: An image's own name (last part, without tag) -> role. What only looks at a store is none, so that table comes first.
_NOT_A_STORE = re.compile(
    r"exporter|backup|commander|insight|mongo-express|pgadmin|phpmyadmin|adminer|pgweb|dashboard|flower|cloudbeaver|attu"
)
_OTHER_IMAGE = re.compile(
    r"\A(?:grafana|prometheus|alertmanager|loki|promtail|tempo|jaeger|otel|opentelemetry|cadvisor|node-exporter|"
    r"mailhog|mailpit|maildev|minio|mc|localstack|portainer|watchtower|autoheal|dozzle|open-webui|ollama|vllm|"
    r"llama\.cpp|localai|text-generation-inference|text-embeddings-inference|tritonserver|rabbitmq|kafka|zookeeper|"
    r"nats|mosquitto|vault|consul|keycloak|certbot|cloudflared|busybox|alpine)"
)
_IMAGES = (
    (
        Role.DB,
        re.compile(
            r"\A(?:postgres|postgresql|pgvector|timescaledb|postgis|spilo|mysql|mariadb|percona|mongo|mongodb|cockroach)(?:-|\d|\Z)"
        ),
    ),
    (Role.REDIS, re.compile(r"\A(?:redis|valkey|keydb|dragonfly)(?:-|\Z)")),
    (Role.PROXY, re.compile(r"\A(?:nginx|openresty|traefik|caddy|haproxy|envoy|nginx-proxy|apisix|kong)(?:-|\Z)")),
    (Role.VECTOR, re.compile(r"\A(?:qdrant|chroma|chromadb|weaviate|milvus)(?:-|\Z)")),
    (Role.SEARCH, re.compile(r"\A(?:meilisearch|elasticsearch|opensearch|typesense|solr|manticore)(?:-|\Z)")),
)
_PROGRAMS = (
    (Role.DB, {"postgres", "mysqld", "mariadbd", "mongod"}),
    (Role.REDIS, {"redis-server", "valkey-server", "keydb-server"}),
    (Role.PROXY, {"nginx", "caddy", "traefik", "haproxy", "envoy"}),
    (Role.VECTOR, {"qdrant", "chroma"}),
    (Role.SEARCH, {"meilisearch"}),
)
#: For built images the name is all there is.
_NAMES = (
    (Role.DB, re.compile(r"\A(?:db|database|postgres|postgresql|pg|mysql|mariadb)\Z")),
    (Role.REDIS, re.compile(r"\A(?:redis|cache|valkey)\Z")),
    (Role.PROXY, re.compile(r"\A(?:proxy|nginx|traefik|caddy|haproxy|reverse-proxy|ingress)\Z")),
    (Role.VECTOR, re.compile(r"\A(?:qdrant|chroma|weaviate|milvus|vectordb|vector-db)\Z")),
    (Role.SEARCH, re.compile(r"\A(?:meilisearch|elasticsearch|opensearch)\Z")),
)
#: What a URL's scheme says about its host; a driver may follow it (``postgresql+asyncpg``).
_SCHEMES = (
    (Role.DB, re.compile(r"\A(?:postgres|postgresql|mysql|mysql2|mariadb|mongodb|cockroachdb)(?:\+|\Z)")),
    (Role.REDIS, re.compile(r"\A(?:redis|rediss|valkey|valkeys)(?:\+|\Z)")),
)
_FLOWER = re.compile(r"\bcelery\b.*\bflower\b")
_SCHEDULER = re.compile(
    r"\bcelery\b.*\bbeat\b|\brqscheduler\b|\bsupercronic\b|\bapscheduler\b|\bcrond?\b|\bscheduler\b"
)
_WORKER = re.compile(
    r"\bcelery\b.*\bworker\b|\brq\s+worker\b|\barq\b|\bdramatiq\b|\bhuey_consumer|\btaskiq\s+worker\b|\bsaq\b|\bsidekiq\b|"
    r"\bqueue:work\b|(?<!-)(?<!\.)\bworker(?:s?\.(?:py|js|ts)|:\w+)?(?:\s|\Z)|\.(?:worker|consumer)\b"
)
_SERVER = re.compile(r"\b(?:uvicorn|gunicorn|hypercorn|daphne|granian|runserver|fastapi|flask)\b")
_WORKER_NAME = re.compile(r"(?:\A|[-_])(?:workers?|consumer|celery)(?:[-_\d]|\Z)")
_SCHEDULER_NAME = re.compile(r"(?:\A|[-_])(?:beat|scheduler|cron)(?:[-_\d]|\Z)")
_ONE_SHOT = re.compile(r"(?:\A|[-_])(?:migrations?|migrate|migrator|init|setup|seed|bootstrap)(?:[-_\d]|\Z)")
_ONE_SHOT_COMMAND = re.compile(
    r"\balembic\s+upgrade\b(?!.*&&)|\bmanage\.py\s+migrate\b(?!.*&&)|\bprisma\s+migrate\b(?!.*&&)"
)
_USER_INTERFACE = re.compile(
    r"(?:\A|[-_])(?:ui|webui|frontend|front|dashboard|admin|console|storybook|docs)(?:[-_\d]|\Z)"
)

_FLAG = re.compile(r"(?:--(?:http[-_])?(?:server\.)?port|--listen-port|(?<!\S)-p)(?:\s+|=)(?:\$\{?\w+:-)?(\d{2,5})\b")
_BIND = re.compile(r"(?:--bind|(?<!\S)-b|--listen|--address|--addr|--http)(?:\s+|=)\S*?:(?:\$\{?\w+:-)?(\d{2,5})\b")
_RUNSERVER = re.compile(r"\brunserver\s+(?:\S*:)?(\d{2,5})\b")
_VARIABLE = re.compile(r"\bPORT(?:=|:-)(\d{2,5})\b")
_DEFAULTS = (
    (re.compile(r"\b(?:uvicorn|gunicorn|hypercorn|fastapi|daphne|granian|runserver)\b"), 8000),
    (re.compile(r"\bflask\b.*\brun\b"), 5000),
    (re.compile(r"\bnext\s+start\b|\brails\s+(?:s|server)\b"), 3000),
    (re.compile(r"\bstreamlit\s+run\b"), 8501),
)
_PUBLISHED = re.compile(r"(?:->|:|\A)(?P<port>\d{1,5})(?:/(?P<protocol>tcp|udp))?\Z")


@dataclass(frozen=True, kw_only=True)
class RoleGuess:
    """A role, and why."""

    role: Role
    reason: str


@dataclass(frozen=True, kw_only=True)
class HttpPort:
    """A port that probably speaks HTTP, and why."""

    port: int
    reason: str
    is_https: bool = False


def role_of(service: ServiceModel, model: StackModel) -> RoleGuess | None:
    """The role that a service shows by itself, or None: it may be the application."""
    if waiting := [name for name, other in model.services.items() if other.depends_on.get(service.name) == COMPLETED]:
        return RoleGuess(role=Role.OTHER, reason=f"a one-shot: {waiting[0]} waits for its end")
    image, program = _image_name(service.image), _program(service)
    if image and (_NOT_A_STORE.search(image) or _OTHER_IMAGE.match(image)):
        return RoleGuess(role=Role.OTHER, reason=f"image {image}")
    is_nameable = not image or service.build_context is not None
    signs = [(role, bool(pattern.match(image)), f"image {image}") for role, pattern in _IMAGES]
    signs += [(role, program in programs, f"its command runs {program}") for role, programs in _PROGRAMS]
    signs += [
        (role, is_nameable and bool(pattern.match(service.name)), f"it is named {service.name}")
        for role, pattern in _NAMES
    ]
    # What clients reach it by is no guess of ours, so it comes before a mere name.
    if not any(is_shown for _, is_shown, _ in signs[: len(_IMAGES) + len(_PROGRAMS)]) and (
        reached := _reached_by(service.name, model)
    ):
        return reached
    for role, is_shown, reason in signs:
        # A web server that is named after a page serves that page; what stands before the service is a proxy.
        if is_shown and role is Role.PROXY and is_user_interface(service):
            return RoleGuess(role=Role.OTHER, reason=f"a user interface by its name; {reason}")
        if is_shown:
            return RoleGuess(role=role, reason=reason)
    return _job_role(service, _command(service))


def _reached_by(name: str, model: StackModel) -> RoleGuess | None:
    """The role that the URLs of others give a service; none where they disagree."""
    reasons: dict[Role, str] = {}
    for other in model.services.values():
        for scheme in other.urls.get(name, ()):
            reasons |= {role: f"{other.name} reaches it by {scheme}://" for role, p in _SCHEMES if p.match(scheme)}
    if len(reasons) != 1:
        return None
    role, reason = next(iter(reasons.items()))
    return RoleGuess(role=role, reason=reason)


def is_user_interface(service: ServiceModel) -> bool:
    """Whether its name says that it only shows what another service serves."""
    return _USER_INTERFACE.search(service.name) is not None


def health_address(service: ServiceModel) -> HealthAddress | None:
    """What its container health check asks, or None."""
    return None if service.health_check is None else address_of(service.health_check, service=service.name)


def http_ports(service: ServiceModel) -> tuple[int, ...]:
    """Every container port that may speak HTTP: published ones first, then exposed ones, in the model's order."""
    ports = [port for port in (_container_port(text) for text in service.published) if port is not None]
    return tuple(dict.fromkeys(port for port in (*ports, *service.ports) if port not in NOT_HTTP))


def http_port(service: ServiceModel, *, prefers_tls: bool = False) -> HttpPort | None:
    """The port that a service speaks HTTP on.

    Published ports are believed before the command, the command before exposed ports, and all before the health check,
    which is the one most often wrong.

    Args:
        service: of the model.
        prefers_tls: whether 443 is the public port where 80 is published too (there it usually only redirects).
    """
    command = _command(service)
    asked = next((int(m[1]) for p in (_FLAG, _BIND, _RUNSERVER, _VARIABLE) if (m := p.search(command))), None)
    checked = health_address(service)
    declared = http_ports(service)
    found: HttpPort | None = None
    main = tuple(port for port in declared if port not in SIDE_PORTS) or declared
    kind = "published" if service.published else "exposed"
    if prefers_tls and (tls := [port for port in main if port in TLS_PORTS]):
        found = HttpPort(port=tls[0], reason=f"{kind} for TLS")
    elif len(main) == 1:
        found = HttpPort(port=main[0], reason=f"{kind} port")
    elif asked in main and asked is not None:
        found = HttpPort(port=asked, reason=f"{kind}, and named in its command")
    elif checked is not None and checked.port in main and checked.port is not None:
        found = HttpPort(port=checked.port, reason=f"{kind}, and asked by its health check")
    elif main:
        others = ", ".join(str(port) for port in main[1:])
        found = HttpPort(port=main[0], reason=f"the first {kind} port; the others are {others}")
    elif asked is not None and asked not in NOT_HTTP:
        found = HttpPort(port=asked, reason="named in its command")
    elif checked is not None and checked.port is not None:
        found = HttpPort(port=checked.port, reason="asked by its health check")
    else:
        default = next((port for pattern, port in _DEFAULTS if pattern.search(command)), None)
        found = None if default is None else HttpPort(port=default, reason="the default of the server in its command")
    if found is None:
        return None
    is_https = found.port in TLS_PORTS or bool(checked and checked.is_https and checked.port == found.port)
    return HttpPort(port=found.port, reason=found.reason, is_https=is_https)


def _job_role(service: ServiceModel, command: str) -> RoleGuess | None:
    """A role in the background; what serves HTTP by its command or publishes a port has none."""
    if _FLOWER.search(command):
        return RoleGuess(role=Role.OTHER, reason="a dashboard by its command")
    if _SERVER.search(command) is not None or service.published:
        return None
    by_name = f"it is named {service.name} and publishes no port"
    signs = (
        (_SCHEDULER.search(command), Role.SCHEDULER, "its command runs a scheduler"),
        (_WORKER.search(command), Role.WORKER, "its command runs a worker"),
        (_SCHEDULER_NAME.search(service.name), Role.SCHEDULER, by_name),
        (_WORKER_NAME.search(service.name), Role.WORKER, by_name),
        (_ONE_SHOT.search(service.name), Role.OTHER, f"a one-shot: it is named {service.name}"),
        (_ONE_SHOT_COMMAND.search(command), Role.OTHER, "a one-shot by its command"),
    )
    return next((RoleGuess(role=role, reason=reason) for shown, role, reason in signs if shown), None)


def _image_name(image: str) -> str:
    """``registry:5000/lib/postgres:16@sha256:...`` -> ``postgres``."""
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()


def _command(service: ServiceModel) -> str:
    return " ".join((*service.entrypoint, *service.command)).replace("$$", "$")[:4096]


def _program(service: ServiceModel) -> str:
    """The first word that a service runs, without its folder; empty where the image decides."""
    words = (*service.entrypoint, *service.command)
    try:
        first = shlex.split(words[0])[:1] if words else []
    except ValueError:
        first = []
    return first[0].rsplit("/", 1)[-1] if first else ""


def _container_port(published: str) -> int | None:
    match = _PUBLISHED.search(published)
    if match is None or match["protocol"] == "udp":
        return None
    return int(match["port"])
