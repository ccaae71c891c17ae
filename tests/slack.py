"""Builds Slack exports: as Slack makes them, and as nobody should."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = 1_600_000_000  # 13 September 2020, 12:26:40 UTC
DAY = 86_400


def ts(second: float, place: int = 0) -> str:
    """So many seconds after the beginning, as Slack writes times."""
    return f"{BEGIN + int(second)}.{place:06}"


def user(identity: str, name: str, **more: Any) -> dict[str, Any]:
    profile = {"real_name": name.title(), **more.pop("profile", {})}
    return {"id": identity, "name": name, "tz": "Europe/Amsterdam", "profile": profile, **more}


def channel(identity: str, name: str, *members: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "name": name,
        "created": BEGIN - DAY,
        "creator": members[0] if members else "U1",
        "is_archived": False,
        "members": list(members),
        "topic": {"value": f"About {name}"},
        **more,
    }


def message(second: float, who: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": who, "text": text, "ts": ts(second), **more}


class SlackFiles:
    """What stands in an export, by the files' names; written as often as a test wants."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {
            "users.json": [
                user("U1", "ada", profile={"display_name": "Ada L", "email": "Ada@example.org"}),
                user("U2", "ben"),
                user("U3", "cleo", deleted=True),
                user("U4", "gus", is_restricted=True),
            ],
            "channels.json": [channel("C1", "general", "U1", "U2", "U4")],
            "integration_logs.json": [],
        }

    def say(self, folder: str, *messages: dict[str, Any]) -> None:
        for each in messages:
            day = int((float(each["ts"]) - BEGIN) // DAY)
            self.files.setdefault(f"{folder}/2020-09-{13 + day:02}.json", []).append(each)

    def write(self, path: Path, prefix: str = "") -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                raw = content if isinstance(content, (str, bytes)) else json.dumps(content)
                archive.writestr(prefix + name, raw)
        return path
