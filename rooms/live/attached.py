"""Files as rows and composers show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import reverse

from .. import filetypes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.utils.safestring import SafeString

    from ..models import Attachment, File

SIDE = 320  # CSS pixels of a picture's longer side in a row, half of its thumbnail's own
SMALL = 64  # of one in a list or a composer


class Shown(NamedTuple):
    """A file with what a template needs to show it."""

    pk: int
    name: str
    kind: str  # picture, audio, video or file
    address: str
    thumbnail: str
    width: int  # of the thumbnail as it is shown
    height: int
    full_width: int
    full_height: int
    label: str  # what it is and how large


def shown(file: File, slug: str, side: int = SIDE) -> Shown:
    """In the active language."""
    width, height = _fitted(file.width, file.height, side)
    return Shown(
        pk=file.pk,
        name=file.name,
        kind=_kind(file),
        address=reverse("file", args=[slug, file.pk, file.name]),
        thumbnail=reverse("thumbnail", args=[slug, file.pk]),
        width=width,
        height=height,
        full_width=file.width,
        full_height=file.height,
        label=_label(file),
    )


def of_row(files: Sequence[File], slug: str) -> SafeString:
    """What stands below a message's words. In the active language."""
    return render_to_string("rooms/_files.html", {"files": [shown(file, slug) for file in files]})


def chosen(
    files: Iterable[Attachment], slug: str, refusals: Iterable[tuple[str, str]] = ()
) -> SafeString:
    """What was chosen in a composer and what of it was refused, as name and sentence, with an empty
    control to choose more. In the active language."""
    context = {
        "files": [shown(file.shown, slug, SMALL) for file in files],
        "refusals": refusals,
        "slug": slug,
    }
    return render_to_string("rooms/_choose.html", context)


def _kind(file: File) -> str:
    if file.type in filetypes.IMAGES and file.width:
        return "picture"
    if file.type in filetypes.AUDIO:
        return "audio"
    return "video" if file.type in filetypes.VIDEO else "file"


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """As large as it fits into a square, and never larger than it is."""
    factor = min(1.0, side / max(width, height, 1))
    return max(1, round(width * factor)), max(1, round(height * factor))


def _label(file: File) -> str:
    stem, dot, ending = file.name.rpartition(".")
    size = filesizeformat(file.size)
    return (
        f"{ending.upper()}, {size}"
        if stem and dot and ending.isalnum() and len(ending) <= 5
        else size
    )
