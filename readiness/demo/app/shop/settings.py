"""Settings from the environment; a missing or wrong one stops the start with its name, never with its value."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from . import defects

__all__ = ["Settings", "load"]

#: BSD's EX_CONFIG: started with a configuration that can never work.
EXIT_CONFIGURATION = 78


class Settings(BaseSettings):
    """Everything that differs between installations. Durations are in seconds."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)

    environment: Literal["production", "development"] = "production"
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    database_host: str
    database_port: int = 5432
    database_name: str = "shop"
    database_user: str = "shop"
    database_password: SecretStr = Field(min_length=8)

    #: Connections that are kept, more at a rush, and how long a request waits for one.
    database_pool_size: PositiveInt = 5
    database_pool_overflow: NonNegativeInt = 5
    database_pool_wait_seconds: PositiveFloat = 3
    #: A connection that is older than that is replaced before it is lent: servers and networks end old ones.
    database_pool_recycle_seconds: PositiveInt = 1800

    redis_host: str
    redis_port: int = 6379
    redis_password: SecretStr = Field(min_length=8)

    #: HS256 needs at least the length of its hash (RFC 7518, 3.2).
    jwt_secret: SecretStr = Field(min_length=32)
    #: Shared with the proxy: only who knows it may say who the client is.
    proxy_token: SecretStr = Field(min_length=16)

    #: Who may see and manage the users; without a password nobody may.
    admin_name: str = Field(default="admin", min_length=3, max_length=64)
    admin_password: SecretStr | None = Field(default=None, min_length=12, max_length=128)

    security_headers_enabled: bool = True
    cors_origins: str = ""
    rate_limit_enabled: bool = True
    rate_limit_per_minute: PositiveInt = 100
    #: The minute of the figure above; other lengths are for trying it out.
    rate_limit_window_seconds: PositiveFloat = 60
    #: What an idle caller may send on top, all at once.
    rate_limit_burst: NonNegativeInt = 0
    #: Half of what the minutes would add up to, so that nobody keeps up the full rate for long.
    rate_limit_per_hour: PositiveInt = 3000
    #: All callers together: what one container serves without queueing.
    rate_limit_global_per_minute: PositiveInt = 6000
    #: Server processes of this container; the usual name of the variable.
    web_concurrency: PositiveInt = 1
    #: The largest body any route has a use for.
    max_body_bytes: PositiveInt = 64 * 1024
    data_path: Path
    #: Where log files go beside standard output; none without it.
    log_path: Path | None = None
    log_file_bytes: PositiveInt = 10 * 1024 * 1024
    disk_free_ratio_min: float = Field(default=0.10, ge=0, le=1)
    memory_used_ratio_max: float = Field(default=0.90, ge=0, le=1)
    #: Where the model's weights are fetched; the model is made up while it is empty.
    model_hub_url: str = ""
    #: Where they are kept; below the data without it.
    model_cache_path: Path | None = None
    #: Stretches the loading of a small model to that of a real one.
    model_load_seconds: float = Field(default=1.0, ge=0)
    #: Stretches a job of the worker's likewise.
    worker_job_seconds: float = Field(default=0.0, ge=0)
    #: Below the grace period of compose.yaml, so that the service ends before it is killed.
    shutdown_seconds: PositiveFloat = 20
    #: Where errors are sent; nowhere while it is empty.
    sentry_dsn: SecretStr = SecretStr("")
    #: Part of the requests whose course is sent too.
    sentry_traces_sample_rate: float = Field(default=0.1, ge=0, le=1)
    #: Mounts a route that raises, so that the answer to an unforeseen error can be seen.
    error_route: bool = False

    @property
    def is_production(self) -> bool:
        """Whether this is the real thing; development relaxes HSTS and opens the API documents."""
        return self.environment == "production"

    @property
    def is_limited(self) -> bool:
        """Whether requests are counted: development is spared it."""
        is_wanted = self.rate_limit_enabled or defects.is_on("limiter-switch-ignored")
        return is_wanted and (self.is_production or defects.is_on("limiter-in-development"))

    @property
    def origins(self) -> list[str]:
        """Origins whose pages may read answers."""
        return [origin for origin in self.cors_origins.split(",") if origin]

    @property
    def database_url(self) -> URL:
        """The database for SQLAlchemy."""
        return URL.create(
            "postgresql+asyncpg",
            username=self.database_user,
            password=self.database_password.get_secret_value(),
            host=self.database_host,
            port=self.database_port,
            database=self.database_name,
        )


def load() -> Settings:
    """Read the environment.

    Raises:
        SystemExit: 78, after a line per missing or unusable variable.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # filled from the environment
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_context=False, include_url=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"configuration: {name}: {problem['msg']}\n")
        raise SystemExit(EXIT_CONFIGURATION) from None
