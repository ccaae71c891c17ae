"""compose.yaml, its image and the systemd units: that what they name is there. Starting them takes Docker
and systemd; what nginx is told is started for real in test_topology.py."""

from __future__ import annotations

import re
from configparser import ConfigParser
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from django.core.management import get_commands

from project.probes import PROBES
from tests.process import REPOSITORY, manage
from tests.stack import VARIABLES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_stack

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
SETTING = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")


def test_every_service_waits_for_ones_that_can_say_that_they_are_there() -> None:
    assert set(SERVICES) == {"proxy", "web", "prepare", "redis", "postgres"}
    for name, service in SERVICES.items():
        for other, waited_for in service.get("depends_on", {}).items():
            healthy = waited_for == {"condition": "service_healthy"}
            assert healthy == ("healthcheck" in SERVICES[other]), (name, other)
            assert healthy or waited_for == {"condition": "service_completed_successfully"}


def test_volumes_and_networks_are_declared_and_files_are_there() -> None:
    for service in SERVICES.values():
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        for volume in service.get("volumes", []):
            source = volume.rsplit(":ro", 1)[0].rsplit(":", 1)[0]
            if source.startswith("."):
                assert (REPOSITORY / source).is_file()
            elif not source.startswith("$"):
                assert source in COMPOSE["volumes"]


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["proxy"]["ports"] == ["80:80", "443:443"]


def test_the_processes_are_as_many_as_they_are_told_and_understand_their_settings(
    tmp_path: Path,
) -> None:
    assert SERVICES["web"]["environment"] == SERVICES["prepare"]["environment"]
    told: dict[str, str] = SERVICES["web"]["environment"]
    assert set(told) <= set(VARIABLES)
    assert told["PROCESSES"] == SERVICES["web"]["deploy"]["replicas"]
    filled = {
        name: SETTING.sub(lambda found: {"ROOMFUL_PROCESSES": "2"}.get(found[1], "x"), value)
        for name, value in told.items()
        if not value.endswith(":-}")  # it may be left out
    }
    done = manage("shell", "-v", "0", "-c", "print('understood')", DATA_DIR=str(tmp_path), **filled)
    assert done.stdout == "understood\n", done.stderr


def test_what_is_asked_and_called_exists() -> None:
    check = " ".join(SERVICES["web"]["healthcheck"]["test"])
    assert re.findall(r"8000(/\S+?)\"", check)[0] in PROBES
    (_, program, command) = SERVICES["prepare"]["command"]
    assert (REPOSITORY / program).is_file()
    assert command in get_commands()


def test_the_proxy_is_told_all_that_its_configuration_asks() -> None:
    template = (REPOSITORY / "docs/deploy/roomful.conf.template").read_text()
    asked = {name for name, _ in SETTING.findall(template)}
    assert asked == set(SERVICES["proxy"]["environment"])


def test_the_image_has_the_whole_application() -> None:
    copied = set(re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE))
    parts = {"locale", "project", "rooms", "static", "templates"}
    assert copied == {"requirements.txt", "manage.py", *parts}
    assert all((REPOSITORY / name).exists() for name in copied)
    assert DOCKERFILE.index("USER roomful") < DOCKERFILE.index("CMD ")


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(REPOSITORY / "docs" / "deploy" / name)
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.mark.parametrize(
    ("name", "command"), [("roomful@.service", "serve"), ("roomful-prepare.service", "prepare")]
)
def test_the_units_start_what_there_is(name: str, command: str) -> None:
    service = unit(name)["Service"]
    program = f"{service['WorkingDirectory']}/.venv/bin/python"
    assert service["ExecStart"] == f"{program} manage.py {command}"
    assert command in get_commands()
    settings = dict(pair.split("=") for pair in service["Environment"].split())
    assert set(settings) - {"PYTHONUNBUFFERED"} <= set(VARIABLES)
    assert settings["DATA_DIR"] == f"/var/lib/{service['StateDirectory']}"


def test_both_units_are_equally_confined() -> None:
    one, other = (unit(name)["Service"] for name in ("roomful@.service", "roomful-prepare.service"))
    their_own = {"Type", "Environment", "ExecStart", "TimeoutStartSec", "KillSignal", "Restart"}
    their_own |= {"RestartSec", "TimeoutStopSec", "LimitNOFILE"}
    assert {k: v for k, v in one.items() if k not in their_own} == {
        k: v for k, v in other.items() if k not in their_own
    }
    assert one["NoNewPrivileges"] == "true"
