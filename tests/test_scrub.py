from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.check import Impact
from readiness.scrub import REDACTED, Scrubber, secrets_of
from readiness.verdict import Evidence, Finding, Outcome

SECRET = 'hun/ter 2+"s3crèt&'


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower().replace(quote("è").lower(), quote("è").lower()),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps({"password": SECRET})),
        html.escape(SECRET),
        repr({"password": SECRET}),
        SECRET.encode().hex(),
    ],
)
def test_a_secret_leaves_in_every_spelling(spelled: str) -> None:
    cleaned = Scrubber([SECRET]).text(f"before {spelled} after")
    assert spelled.strip('"') not in cleaned
    assert REDACTED in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@given(
    before=st.binary(max_size=6),
    secret=st.text(st.characters(codec="utf-8"), min_size=16, max_size=30).filter(lambda s: s == s.strip()),
    after=st.binary(max_size=6),
    urlsafe=st.booleans(),
)
def test_a_secret_leaves_from_within_base64(before: bytes, secret: str, after: bytes, urlsafe: bool) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    text = encode(before + secret.encode() + after).decode()
    decoded = Scrubber([secret]).text(f"Basic {text}")
    assert REDACTED in decoded


def test_basic_credentials_leave() -> None:
    header = "Basic " + base64.b64encode(b"alice:correct-horse").decode()
    cleaned = Scrubber(["correct-horse"]).text(header)
    remains = cleaned.removeprefix("Basic ").replace(REDACTED, "")
    assert len(remains) < len(header) / 2


def test_longer_secrets_leave_first() -> None:
    assert Scrubber(["secret-one", "secret-one-and-two"]).text("x secret-one-and-two y") == f"x {REDACTED} y"


@pytest.mark.parametrize("value", ["abc", "true", "admin", "postgres", "Production", "pass", "critical", "shop"])
def test_short_and_common_values_do_not_shred_the_report(value: str) -> None:
    text = f"{value} of {value} at /{value}/x"
    assert Scrubber([value], public=["shop"]).text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://postgres:postgres@db:5432/postgres",
        "connect failed: password=postgres host=db",
        'POSTGRES_PASSWORD: "postgres"',
    ],
)
def test_a_common_value_leaves_where_the_text_says_that_it_is_a_secret(text: str) -> None:
    cleaned = Scrubber(["postgres"]).text(text)
    assert cleaned.count(REDACTED) == 1
    assert cleaned.count("postgres") == text.count("postgres") - 1


def test_any_password_in_a_url_leaves() -> None:
    assert Scrubber([]).text("redis://:unknown-to-us@cache:6379/0") == f"redis://:{REDACTED}@cache:6379/0"


def test_a_short_word_leaves_only_where_it_stands_alone() -> None:
    cleaned = Scrubber(["live"]).text("token is live; GET /health/live, probe.live, delivery")
    assert cleaned == f"token is {REDACTED}; GET /health/live, probe.live, delivery"


@pytest.mark.parametrize(
    "text", ["dsn is correct-horse-ba", "dsn is correct-horse-ba…", "rse-battery is it", "…rse-battery is it"]
)
def test_a_secret_cut_off_by_bounded_evidence_leaves(text: str) -> None:
    cleaned = Scrubber(["correct-horse-battery"]).text(text)
    assert REDACTED in cleaned
    assert "rse-ba" not in cleaned


def test_the_lines_of_a_private_key_leave_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEAAo\n-----END KEY-----\n"
    cleaned = Scrubber([key]).text("api | MIIEvQIBADANBgkqhkiG9w0\napi | BAQEFAASCBKcwggSjAgEAAo")
    assert cleaned == f"api | {REDACTED}\napi | {REDACTED}"


def test_structures_are_cleaned_through_and_through() -> None:
    data = {"a": ["correct-horse", {"X-Key correct-horse": ("correct-horse", 7, None, True)}], "services": 1}
    assert Scrubber(["correct-horse", "services"]).clean(data) == {
        "a": [REDACTED, {f"X-Key {REDACTED}": (REDACTED, 7, None, True)}],
        "services": 1,
    }


def test_dataclasses_and_enums_keep_their_kind() -> None:
    finding = Finding(message="saw correct-horse", evidence=(Evidence(source="log", text="correct-horse"),))
    cleaned = Scrubber(["correct-horse"]).clean((finding, Outcome.PASS, Impact.OBSERVES))
    assert cleaned[0] == Finding(message=f"saw {REDACTED}", evidence=(Evidence(source="log", text=REDACTED),))
    assert cleaned[1] is Outcome.PASS


def test_without_secrets_nothing_changes() -> None:
    assert Scrubber(["", "   "]).clean({"a": "b [x] 100%"}) == {"a": "b [x] 100%"}


@given(st.lists(st.text(min_size=16, max_size=20).filter(lambda s: s == s.strip()), min_size=1, max_size=5), st.data())
def test_no_secret_survives(secrets: list[str], data: st.DataObject) -> None:
    fill = st.text(alphabet=" -:0", max_size=4)
    text = "".join(part for s in secrets for part in (data.draw(fill), s, data.draw(fill)))
    cleaned = Scrubber(secrets).text(text).replace(REDACTED, "\0")
    assert not [s for s in secrets if s in cleaned]


def test_secrets_are_known_by_the_names_of_their_variables() -> None:
    environment = {
        "POSTGRES_PASSWORD": "one-password",
        "JWT_SECRET": "two-secret",
        "OPENAI_API_KEY": "three-key",
        "JWT_KEY_2": "four-key",
        "DATABASE_URL": "postgresql://shop:five-password@db/shop",
        "SENTRY_DSN": "https://six@sentry.example/1",
        "EMPTY_PASSWORD": "",
        "POSTGRES_PASSWORD_FILE": "/run/secrets/pg",
        "TLS_KEY": "/etc/tls/key.pem",
        "ACCESS_TOKEN_EXPIRE_MINUTES": "30",
        "LOG_LEVEL": "info",
        "PATH": "/usr/bin",
    }
    assert secrets_of(environment) == {"one-password", "two-secret", "three-key", "four-key", "five-password"}
