"""What every address of the API has in common: who asks, the room that they may see, and the answer."""

from __future__ import annotations

from hashlib import blake2s
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from django.conf import settings
from django.http import Http404
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework.response import Response
from rest_framework.views import APIView

from ..bearers import Holder
from ..models import Standing
from ..views.doors import entered_or_404

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from ..models import Membership, Message, Room, User

T = TypeVar("T")


class Entered(NamedTuple):
    """A room that the reader sees, and how they stand to it."""

    room: Room
    membership: Membership | None
    standing: Standing


class Endpoint(APIView):
    """An address. Its methods are views: get what it names, check what was sent, call one verb."""

    # DRF's own answer to OPTIONS tells what the OpenAPI document says better.
    http_method_names = ("get", "head", "post", "put", "patch", "delete")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.user.is_authenticated and request.user.language in dict(settings.LANGUAGES):
            # LocaleMiddleware sets it anew for each request.
            translation.activate(request.user.language)

    @property
    def user(self) -> User:
        """Who asks; there is somebody wherever `WithinScopes` was asked."""
        return cast("User", self.request.user)

    @property
    def holder(self) -> Holder | None:
        """By which token, None for a browser."""
        return self.request.auth if isinstance(self.request.auth, Holder) else None

    @property
    def only_rooms(self) -> frozenset[int] | None:
        return self.holder.token.only_rooms if self.holder else None

    def covers(self, room: int) -> bool:
        """Whether the credential is good for the room."""
        return self.holder is None or self.holder.covers(room)

    def entered(self, slug: str) -> Entered:
        """Raises `Http404` where there is none for the reader, or none for their token."""
        request: Any = self.request
        room, membership = entered_or_404(request, slug)
        if not self.covers(room.pk):
            raise Http404
        return Entered(room, membership, Standing.of(self.user, room, membership))

    def message(self, slug: str, number: int) -> Message:
        """With its room, its author and what it replies to loaded."""
        return self.addressed(slug, number)[0]

    def addressed(self, slug: str, number: int) -> tuple[Message, Standing]:
        """The same, and how the reader stands to its room."""
        room, _membership, standing = self.entered(slug)
        known = room.messages.select_related("author", "reply_to__author")
        found = known.filter(number=number).first()
        if found is None:
            raise Http404
        found.room = room
        return found, standing

    def sent(self, kind: type[Serializer[Any]]) -> dict[str, Any]:
        """The body, checked."""
        form = kind(data=self.request.data)
        form.is_valid(raise_exception=True)
        return cast("dict[str, Any]", form.validated_data)

    def asked(self, kind: type[Serializer[Any]]) -> dict[str, Any]:
        """The query, checked."""
        form = kind(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        return cast("dict[str, Any]", form.validated_data)

    def finalize_response(
        self, request: Any, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> Any:
        answer: Any = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        if not answer.has_header("Cache-Control"):
            answer.headers["Cache-Control"] = "private, no-cache"
        patch_vary_headers(answer, ("Authorization", "Cookie"))
        if isinstance(answer, Response) and request.method in {"GET", "HEAD"}:
            answer.add_post_render_callback(self._unless_known)
        return answer

    def _unless_known(self, response: Any) -> Any:
        """Whoever reads again is told so if nothing is otherwise. By the content: it has names in it,
        which change without the room's version."""
        if response.status_code != 200:
            return None
        etag = f'"{blake2s(response.content, digest_size=12).hexdigest()}"'
        response.headers["ETag"] = etag
        request: Any = self.request._request  # noqa: SLF001  # which DRF's wraps
        found = get_conditional_response(request, etag=etag, response=response)
        return None if found is response else found
