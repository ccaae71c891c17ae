"""A program that asks the API, by a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.test import Client

from rooms.models import Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from rooms.models import Room, User


def token_of(
    user: User,
    *scopes: str,
    rooms: Collection[Room] | None = None,
    name: str = "",
) -> str:
    """The secret of a new token; for reading and writing if no scope is named."""
    scopes = scopes or ("read", "write")
    return Token.make(
        user,
        name=name or f"{user.username} {user.tokens.count()}",
        may_read="read" in scopes,
        may_write="write" in scopes,
        rooms=rooms,
    ).secret


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


class Caller:
    """Asks with a secret, or with none. Each answer is kept in `answer`, as JSON in `said`."""

    def __init__(self, secret: str = "", keyword: str = "Bearer") -> None:
        self.client = Client()
        self.headers = {"Authorization": f"{keyword} {secret}"} if secret else {}

    @classmethod
    def of(cls, user: User, *scopes: str, rooms: Collection[Room] | None = None) -> Caller:
        return cls(token_of(user, *scopes, rooms=rooms))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """What is answered, which has to be of that status."""
        address = path if path.startswith("/api") else f"/api/{path}"
        more: dict[str, Any] = {}
        if body is not None:
            more = {"data": json.dumps(body), "content_type": "application/json"}
        headers = {**self.headers, **(headers or {})}
        answer: Any = self.client.generic(method, address, headers=headers, **more)
        self.answer = answer
        if self.answer.streaming:
            self.content: bytes = async_to_sync(_whole)(self.answer.streaming_content)
        else:
            self.content = self.answer.content
        kind = self.answer.headers.get("Content-Type", "")
        said = self.content.decode() if "json" in kind or not self.answer.streaming else ""
        assert self.answer.status_code == status, (method, path, self.answer.status_code, said)
        if status >= 400:
            assert kind == "application/problem+json"
            found = json.loads(said)
            assert found["status"] == status
            assert found["detail"]
            return found
        return json.loads(said) if said and "json" in kind else said

    def get(self, path: str, status: int = 200, **headers: str) -> Any:
        return self.ask("GET", path, status=status, headers=headers)

    def post(self, path: str, body: Any = None, status: int = 201, **headers: str) -> Any:
        return self.ask("POST", path, body, status=status, headers=headers)
