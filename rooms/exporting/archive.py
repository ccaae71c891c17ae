"""The ZIP: written piece by piece, whatever its size."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from django.template.loader import render_to_string
from django.utils import timezone

from .. import disk, filetypes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from ..models import Attachment

CHUNK = 256 * 1024  # bytes
NAME_LENGTH = 100  # bytes and more, in a few scripts; every file system takes three times that
# What a browser would run when somebody opens it from their disk, where nothing keeps it apart.
RUNS = {
    ".htm",
    ".html",
    ".xhtml",
    ".xht",
    ".shtml",
    ".svg",
    ".xml",
    ".xsl",
    ".xslt",
    ".mht",
    ".mhtml",
}
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


class Kept(NamedTuple):
    """A file as the archive has it."""

    name: str
    path: str  # in the archive
    type: str
    size: int
    thumbnail: str  # "" if it is no picture

    @property
    def address(self) -> str:
        """From a page in the folder `pages`."""
        return f"../{quote(self.path)}"

    @property
    def thumbnail_address(self) -> str:
        return self.thumbnail and f"../{quote(self.thumbnail)}"

    @property
    def is_audio(self) -> bool:
        return self.type in filetypes.AUDIO

    @property
    def is_video(self) -> bool:
        return self.type in filetypes.VIDEO


def safe_name(name: str) -> str:
    """What a file may be called on any machine."""
    name = _NOT_IN_NAMES.sub("_", name)[-NAME_LENGTH:].strip(" .") or "file"
    return f"{name}.txt" if PurePosixPath(name).suffix.lower() in RUNS else name


class Archive:
    """A ZIP that is begun, or gone on with."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o711, exist_ok=True)
        self._zip = zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED)

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def _entry(self, name: str, compression: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, timezone.localtime().timetuple()[:6])
        entry.compress_type = compression
        entry.external_attr = 0o600 << 16
        return entry

    def write(self, name: str, text: str) -> None:
        self._zip.writestr(self._entry(name), text)

    def render(self, name: str, template: str, context: dict[str, Any]) -> None:
        self.write(name, render_to_string(template, context))

    def dump(self, name: str, value: Any) -> None:
        self.write(name, json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")

    def copy(self, name: str, path: Path, *, packed: bool = False) -> None:
        """A file of the disk; `packed` if packing it once more would gain nothing."""
        entry = self._entry(name, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)
        with path.open("rb") as source, self._zip.open(entry, "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, CHUNK)

    def keep(self, attachment: Attachment) -> Kept | None:
        """Somebody's file, with its thumbnail. None if the disk does not have it."""
        name = f"{attachment.pk}-{safe_name(attachment.name)}"
        path, thumbnail = f"files/{name}", ""
        packed = attachment.type.partition("/")[0] in {"image", "audio", "video"}
        try:
            self.copy(path, disk.full(attachment.path), packed=packed)
        except FileNotFoundError:
            return None
        if attachment.width:
            thumbnail = f"thumbnails/{attachment.pk}.webp"
            try:
                self.copy(thumbnail, disk.full(disk.thumbnail(attachment.path)), packed=True)
            except FileNotFoundError:
                thumbnail = ""
        return Kept(attachment.name, path, attachment.type, attachment.size, thumbnail)


def append_lines(file: IO[str], values: Iterable[Any]) -> None:
    """JSON, one value in each line."""
    for value in values:
        file.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
