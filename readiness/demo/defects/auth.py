"""Logins, tokens and roles that let in whom they should keep out."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("jwt-alg-none", "A token that says it is unsigned is believed", "auth.alg_none", part="token"),
    api(
        "jwt-signature-unverified",
        "The signature of a token is not verified",
        "auth.tampered",
        "auth.alg_none",
        "auth.alg_confusion",
        "auth.default_key_rejected",
        part="token",
    ),
    api("jwt-expiry-ignored", "An expired token is accepted", "auth.expired_rejected", part="token expiry"),
    api("jwt-issuer-ignored", "A token of another issuer is accepted", "auth.issuer", part="token issuer"),
    api("jwt-any-hmac", "A token may choose its own algorithm", "auth.alg_confusion", part="token"),
    api("jwt-default-key", "A well-known key signs tokens too", "auth.default_key_rejected", part="token"),
    api("jwt-malformed-raises", "A malformed token is a 500", "auth.malformed_handled", part="token"),
    api("access-token-long", "An access token lasts a day", "auth.access_expiry_30m", part="access token"),
    api("refresh-token-eternal", "Redis keeps refresh tokens for ever", "auth.refresh_expiry_7d", part="refresh token"),
    api(
        "refresh-token-is-access-token",
        "A refresh token opens the API as an access token does",
        "auth.refresh_flow",
        part="refresh token",
    ),
    api("jobs-without-login", "One protected operation asks for no login", "auth.required", part="list of jobs"),
    api("role-unchecked", "Every user sees the list of users", "auth.rbac", part="admin"),
    api("item-deletable-by-others", "Every user deletes every item", "auth.principal_isolation", part="item"),
    api("job-readable-by-others", "Every user reads every job", "auth.principal_isolation", part="job"),
    api("password-hash-weak", "Passwords are hashed with little memory", "auth.bcrypt_12", part="password hash"),
    api("password-truncated", "Eight characters of a password are enough", "auth.wrong_password", part="password"),
    api("guesses-unlimited", "Wrong passwords may be tried for ever", "auth.guesses", part="guesses"),
    api("password-logged", "The login logs the password", "auth.no_plaintext_password", part="log of the login"),
)
