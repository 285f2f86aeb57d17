"""Security headers that are missing, wrong or sent where they should not be."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api, proxy

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("no-nosniff", "X-Content-Type-Options is missing", "headers.nosniff"),
    proxy("nosniff-twice", "The proxy adds a second X-Content-Type-Options", "headers.nosniff"),
    api("frame-sameorigin", "X-Frame-Options is SAMEORIGIN", "headers.frame_deny"),
    api("csp-unsafe-inline", "Pages allow every inline script", "headers.csp", part="csp"),
    api("csp-report-only", "The content security policy only reports", "headers.csp", part="csp"),
    api("csp-nonce-repeated", "Every page has the same nonce", "headers.csp", part="csp"),
    proxy("proxy-drops-csp", "The proxy removes the content security policy", "headers.csp", part="csp"),
    api("referrer-unsafe-url", "Other sites receive whole URLs", "headers.referrer_policy"),
    api("permissions-open", "Pages may ask for the position and the microphone", "headers.permissions_policy"),
    api("hsts-short", "HSTS lasts a day", "headers.hsts_production", part="hsts"),
    proxy("hsts-twice", "The proxy adds a second Strict-Transport-Security", "headers.hsts_production", part="hsts"),
    api("hsts-in-development", "HSTS is sent outside production", "headers.hsts_absent_nonprod", part="hsts"),
    api("xss-filter-without-block", "X-XSS-Protection lacks mode=block", "headers.xss_protection"),
    api("errors-without-headers", "Error answers carry no security headers", "headers.on_error_responses"),
    api("toggle-ignored", "SECURITY_HEADERS_ENABLED=false changes nothing", "headers.toggle"),
    proxy("server-version-leak", "The proxy tells its version", "headers.leaks"),
    api("cookie-without-httponly", "Scripts can read the refresh cookie", "headers.cookies"),
    api("coop-missing", "Cross-Origin-Opener-Policy is missing", "headers.isolation"),
    api("private-cacheable", "A user's own answers may be stored by shared caches", "headers.private_cache"),
)
