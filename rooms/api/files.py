"""Files: sent before their message, listed, and fetched."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from .. import disk
from ..limits import spend
from ..live import records
from ..models import Attachment
from ..models.attachment import Upload
from ..views.sending import sent
from . import shapes
from .doors import Endpoint
from .schema import operation

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

PAGE = 40  # files of one page of the list


class Files(Endpoint):
    parser_classes = (MultiPartParser,)

    @operation(
        "list_files", "The files of a room", shapes.Files, tag="files", query=shapes.FilesAsked
    )
    def get(self, request: Request, slug: str) -> Response:
        """The newest first."""
        room, asked = self.entered(slug).room, self.asked(shapes.FilesAsked)
        known = room.attachments.filter(message__isnull=False).select_related("message", "author")
        if "before" in asked:
            known = known.filter(pk__lt=asked["before"])
        found = list(known.order_by("-pk")[: PAGE + 1])
        page = found[:PAGE]
        address = records.path_of(slug, "files")
        return Response(
            {
                "files": [_sent_file(each, slug) for each in page],
                "next": f"{address}?before={page[-1].pk}" if len(found) > PAGE else None,
            }
        )

    @operation(
        "upload_file",
        "Upload a file",
        shapes.File,
        tag="files",
        status=201,
        body={"multipart/form-data": shapes.NewFile},
    )
    def post(self, request: Request, slug: str) -> Response:
        """It waits for a message that names its id, for a day at most."""
        room, given = self.entered(slug).room, self.sent(shapes.NewFile)["file"]
        # Under a key of its own: so many wait as one person may have, whatever their messages are to be.
        key = secrets.token_urlsafe(12)
        spend("upload", self.user)
        upload = Upload(given.name or "", given.file, given.size or 0)
        file = Attachment.upload(room, self.user, key, upload)
        shown = records.file(file.shown, slug)
        return Response(shown, 201, headers={"Location": shown["url"]})


def _sent_file(file: Attachment, slug: str) -> records.Record:
    message: Any = file.message  # all of these have one
    return {
        **records.file(file.shown, slug),
        "message": message.number,
        "author": records.person(file.author_id, file.author.name, file.author.is_bot),
    }


class OneFile(Endpoint):
    @operation("read_file", "A file itself", tag="files", also={(200, "*/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        found = self.file(slug, pk)
        wrapped: Any = request._request  # noqa: SLF001  # which DRF's wraps
        return sent(wrapped, found.path, found.type, found.name, inline=False)

    def file(self, slug: str, pk: int) -> Attachment:
        """Before it is sent, only its author has it."""
        room = self.entered(slug).room
        seen = Q(message__isnull=False) | Q(author=self.user)
        found = room.attachments.filter(seen, pk=pk).first() if pk <= shapes.BIG else None
        if found is None:
            raise Http404
        return found


class Thumbnail(OneFile):
    @operation(
        "read_thumbnail",
        "A picture made small",
        tag="files",
        also={(200, "image/webp"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        found = self.file(slug, pk)
        if not found.width:
            raise Http404
        wrapped: Any = request._request  # noqa: SLF001
        path = disk.thumbnail(found.path)
        return sent(wrapped, path, "image/webp", "thumbnail.webp", inline=False)
