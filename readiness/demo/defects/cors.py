"""Origins that are allowed and should not be, or the other way round."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

#: The list and the pattern of allowed origins: what one defect lets in would hide another.
ORIGINS = "allowed origins"

DEFECTS: tuple[Defect, ...] = (
    api(
        "cors-reflects-any",
        "Any origin that asks is allowed",
        "cors.denied_origin",
        "cors.credentials_safe",
        "cors.env_aware",
        "cors.origins_configurable",
        "cors.production_origins_real",
        part=ORIGINS,
    ),
    api(
        "cors-null-allowed",
        "The null origin may read with credentials",
        "cors.denied_origin",
        "cors.credentials_safe",
        part=ORIGINS,
    ),
    api(
        "cors-suffix-accepted",
        "Origins are compared by their beginning",
        "cors.denied_origin",
        "cors.credentials_safe",
        part=ORIGINS,
    ),
    api(
        "cors-placeholder-in-production",
        "A guide's example is left in the list",
        "cors.production_origins_real",
        part=ORIGINS,
    ),
    api(
        "cors-second-origin-forgotten",
        "Only the first origin of the list is allowed",
        "cors.allowed_origin",
        "cors.origins_configurable",
        part=ORIGINS,
    ),
    api("cors-origins-fixed", "CORS_ORIGINS changes nothing", "cors.origins_configurable", part=ORIGINS),
    api("cors-strict-in-development", "Developers' pages are refused too", "cors.env_aware", part=ORIGINS),
    api("cors-vary-missing", "Caches are not told that answers differ by origin", "cors.allowed_origin"),
    api("cors-preflight-uncached", "Preflights may not be remembered", "cors.preflight_cached"),
)
