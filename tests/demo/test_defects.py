from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from readiness.demo.defects import DEFECTS, overlay
from readiness.exceptions import ConfigError

APP = Path(__file__).parents[2] / "readiness" / "demo"


def test_names_are_unique_and_speakable() -> None:
    assert [name for name, count in Counter(d.name for d in DEFECTS).items() if count > 1] == []
    assert [d.name for d in DEFECTS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", d.name)] == []


def test_every_defect_names_the_checks_that_detect_it() -> None:
    ids = [check for defect in DEFECTS for check in defect.detected_by]
    assert all(defect.detected_by for defect in DEFECTS)
    assert [check for check in ids if not re.fullmatch(r"[a-z]+\.[a-z0-9_]+", check)] == []


def test_every_defect_switches_something_on() -> None:
    switches = {d.name: (*d.environment.values(), *d.declares.values(), d.compose) for d in DEFECTS}
    assert [name for name, values in switches.items() if not any(values)] == []


def test_every_compose_file_of_a_defect_is_there_and_no_other() -> None:
    there = {f"defects/overlays/{path.name}" for path in (APP / "defects" / "overlays").iterdir()}
    assert {d.compose for d in DEFECTS if d.compose} == there


def test_every_switch_of_the_service_is_asked_for_at_exactly_one_place() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (APP / "app" / "shop").glob("*.py"))
    asked = Counter(re.findall(r'defects\.is_on\("([^"]+)"\)', source))
    listed = {d.name for d in DEFECTS for name in ("api", "worker") if "SHOP_DEFECTS" in d.environment.get(name, {})}
    assert asked == Counter(listed)


def test_every_switch_of_the_proxy_is_in_its_configuration() -> None:
    source = "".join((APP / "proxy" / name).read_text(encoding="utf-8") for name in ("start.sh", "nginx.conf.template"))
    listed = {d.name for d in DEFECTS if "PROXY_DEFECTS" in d.environment.get("proxy", {})}
    assert listed
    assert [name for name in listed if name not in source] == []


def test_every_switch_of_the_backup_is_asked_for_at_exactly_one_place() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (APP / "backup").glob("*.sh"))
    asked = Counter(re.findall(r"\bis_on ([a-z0-9-]+)", source))
    listed = {d.name for d in DEFECTS if "SHOP_DEFECTS" in d.environment.get("backup", {})}
    assert asked == Counter(listed - {"backup-script-not-executable"})  # which launch.py and a compose file switch


def test_no_defect_is_no_overlay() -> None:
    assert overlay([]) == {}


def test_defects_of_one_service_are_joined() -> None:
    assert overlay(["live-slow", "hsts-short", "nosniff-twice", "live-slow"]) == {
        "api": {"SHOP_DEFECTS": "live-slow,hsts-short"},
        "proxy": {"PROXY_DEFECTS": "nosniff-twice"},
    }


def test_the_wrong_password_reaches_whoever_uses_the_database() -> None:
    assert set(overlay(["wrong-database-password"])) == {"api", "worker"}


def test_an_unknown_defect_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'live-slow'"):
        overlay(["live-slwo"])
