"""A Slack export, read with distrust: one file at a time, none larger than `LARGEST`, nothing unpacked.

https://slack.com/help/articles/220556107-How-to-read-Slack-data-exports: `users.json`, lists of channels
of each kind, and for each channel a folder with one file for each day.
"""

from __future__ import annotations

import json
import re
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

LARGEST = 64 * 1024 * 1024  # bytes of one file, unpacked: a day of a very large channel has a few
MOST_FILES = 1_000_000
_DAY = re.compile(r"(?P<folder>[^/\\]+)/\d{4}-\d{2}-\d{2}\.json")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

PUBLIC, PRIVATE, DIRECT = "public", "private", "direct"
LISTS = {
    "channels.json": PUBLIC,
    "groups.json": PRIVATE,
    "mpims.json": DIRECT,
    "dms.json": DIRECT,
}


class ExportProblem(Exception):  # a sentence for whoever imports, naming file and entry
    """It cannot be imported."""


class Channel(NamedTuple):
    """A channel of any kind."""

    id: str
    kind: str
    name: str
    folder: str
    topic: str
    created: float
    creator: str
    archived: bool
    members: tuple[str, ...]


class Person(NamedTuple):
    """Somebody in `users.json`."""

    id: str
    name: str  # what stands after the @
    called: str
    email: str
    time_zone: str
    gone: bool
    bot: bool
    guest: bool


def text_of(value: Any, length: int | None = None) -> str:
    """A string without what no database and no page takes; "" for anything else."""
    return _UNSEEN.sub("", value)[:length] if isinstance(value, str) else ""


def line_of(value: Any, length: int) -> str:
    return " ".join(text_of(value).split())[:length].strip()


def dict_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class SlackExport:
    """The ZIP. Raises `ExportProblem`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise ExportProblem(f"{path} is no ZIP file that can be read: {error}.") from error
        if len(self._zip.infolist()) > MOST_FILES:
            raise ExportProblem(f"{path} has more than {MOST_FILES:,} files: this is no export.")
        names = [each.filename for each in self._zip.infolist() if not each.is_dir()]
        # Who packed it anew may have put a folder around it.
        lists = sorted((name for name in names if name.endswith("users.json")), key=len)
        if not lists or lists[0].removesuffix("users.json").count("/") > 1:
            raise ExportProblem(f"{path} has no users.json: this is no export of Slack.")
        self._prefix = lists[0].removesuffix("users.json")
        self._days: dict[str, list[str]] = {}
        self.names = {name.removeprefix(self._prefix) for name in names}
        for name in sorted(self.names):
            if found := _DAY.fullmatch(name):
                self._days.setdefault(found["folder"], []).append(name)

    def __enter__(self) -> SlackExport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def _read(self, name: str) -> list[Any]:
        where = f"{self.path.name}, {name}"
        try:
            with self._zip.open(self._prefix + name) as file:
                content = file.read(LARGEST + 1)
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise ExportProblem(f"{where} cannot be unpacked: {error}.") from error
        except Exception as error:  # zlib and its relatives have errors of their own
            raise ExportProblem(f"{where} cannot be unpacked: {error}.") from error
        if len(content) > LARGEST:
            raise ExportProblem(
                f"{where} is larger than {LARGEST // 2**20} MB, which no export has."
            )
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ExportProblem(f"{where} is no JSON: {str(error)[:200]}.") from error
        if not isinstance(found, list):
            raise ExportProblem(f"{where} is no list.")
        return found

    def people(self) -> Iterator[Person]:
        for place, entry in enumerate(self._read("users.json"), start=1):
            user = dict_of(entry)
            identity = line_of(user.get("id"), 40)
            if not identity:
                raise ExportProblem(f"{self.path.name}, users.json, entry {place} has no id.")
            profile = dict_of(user.get("profile"))
            names = (
                profile.get("display_name"),
                profile.get("real_name"),
                user.get("real_name"),
                user.get("name"),
            )
            yield Person(
                id=identity,
                name=line_of(user.get("name"), 60),
                called=next(filter(None, (line_of(name, 60) for name in names)), ""),
                email=line_of(profile.get("email"), 254).lower(),
                time_zone=line_of(user.get("tz"), 64),
                gone=user.get("deleted") is True,
                bot=user.get("is_bot") is True or identity == "USLACKBOT",
                guest=user.get("is_restricted") is True or user.get("is_ultra_restricted") is True,
            )

    def channels(self) -> Iterator[Channel]:
        for file, kind in LISTS.items():
            if file not in self.names:
                continue
            for place, entry in enumerate(self._read(file), start=1):
                channel = dict_of(entry)
                identity = line_of(channel.get("id"), 40)
                name = line_of(channel.get("name"), 200)
                if not identity or (not name and file != "dms.json"):
                    missing = "name" if identity else "id"
                    raise ExportProblem(
                        f"{self.path.name}, {file}, entry {place} has no {missing}."
                    )
                about = (dict_of(channel.get(field)).get("value") for field in ("topic", "purpose"))
                created = channel.get("created")
                yield Channel(
                    id=identity,
                    kind=kind,
                    name=name[:60],
                    folder=identity if file == "dms.json" else name,
                    topic=next(filter(None, (line_of(each, 200) for each in about)), ""),
                    created=float(created) if isinstance(created, (int, float)) else 0.0,
                    creator=line_of(channel.get("creator"), 40),
                    archived=channel.get("is_archived") is True,
                    members=tuple(
                        dict.fromkeys(
                            filter(
                                None,
                                (line_of(each, 40) for each in list_of(channel.get("members"))),
                            )
                        )
                    ),
                )

    def days(self, channel: Channel) -> Iterator[tuple[str, list[Any]]]:
        """The channel's files in order, each with what is in it."""
        for name in self._days.get(channel.folder, ()):
            yield name, self._read(name)
