"""What ends a credential, or the right to read a room, ends at once what was opened by it: a stream and a
socket. Nothing is found by looking here, which would come some seconds later: each is told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from allauth.account.adapter import get_adapter
from django.utils import timezone

from rooms import jwts
from rooms.live.connections import NOT_FOUND, SIGNED_OUT
from rooms.models import Room, Token, User, people
from rooms.models.token import LOST_ANSWER
from tests.api.caller import Caller, token_of
from tests.api.streams import TokenSocket, following
from tests.cast import signed_in
from tests.factories import say
from tests.sockets import Socket, announce_from_elsewhere, in_db, new_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)

OVER = ("credential_over", SIGNED_OUT)
CLOSED = ("room_closed_to_you", NOT_FOUND)


@pytest.fixture(autouse=True)
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


@dataclass
class Scene:
    """Bob in a private room, which alice runs."""

    alice: User
    bob: User
    room: Room


@pytest.fixture
def scene(alice: User, bob: User, private_room: Room) -> Scene:
    return Scene(alice, bob, private_room)


Way = tuple["str | Client", "Callable[[], object]"]


# Each returns a credential of bob's, and what ends it.


def revoked_on_the_page(scene: Scene) -> Way:
    secret, browser = token_of(scene.bob, "read"), signed_in(scene.bob)
    path = f"/accounts/tokens/{scene.bob.tokens.get().pk}/revoke/"
    return secret, lambda: browser.post(path)


def revoked_by_itself(scene: Scene) -> Way:
    secret = token_of(scene.bob)
    return secret, lambda: Caller(secret).ask("DELETE", "me/token", status=204)


def given_up_for_newer_ones(scene: Scene) -> Way:
    """A password's eleventh token ends the first."""

    def given() -> str:
        return Token.make(scene.bob, name="x", kind=Token.Kind.PASSWORD).secret

    return given(), lambda: [given() for _ in range(10)]


def signed_out_by_refresh_token(scene: Scene) -> Way:
    pair = jwts.sign_in(scene.bob, "a phone")
    return pair.access, lambda: Caller().post("token/blacklist", {"refresh": pair.refresh}, 204)


def refresh_token_came_twice(scene: Scene) -> Way:
    pair = jwts.sign_in(scene.bob, "a phone")
    ask = partial(Caller().post, "token/refresh", {"refresh": pair.refresh})
    ask(200)
    Token.objects.update(exchanged_at=timezone.now() - LOST_ANSWER)
    return pair.access, lambda: ask(401)


def password_changed(scene: Scene) -> Way:
    pair = jwts.sign_in(scene.bob, "a phone")
    return pair.access, lambda: get_adapter().set_password(scene.bob, "another long password")


def session_ended(scene: Scene) -> Way:
    here, there = signed_in(scene.bob), signed_in(scene.bob)
    return there, lambda: here.post("/accounts/sessions/end/", {"all": "others"})


def signed_out(scene: Scene) -> Way:
    browser = signed_in(scene.bob)
    return browser, lambda: browser.post("/accounts/logout/")


def account_closed(scene: Scene) -> Way:
    return token_of(scene.bob), lambda: people.deactivate(scene.bob, by=scene.alice)


def removed_from_the_room(scene: Scene) -> Way:
    moderator, path = signed_in(scene.alice), f"/rooms/{scene.room.slug}/members/remove/"
    return token_of(scene.bob), lambda: moderator.post(path, {"user": str(scene.bob.pk)})


def left_the_room(scene: Scene) -> Way:
    secret = token_of(scene.bob)
    return secret, lambda: Caller(secret).post(f"rooms/{scene.room.slug}/leave", None, 204)


WAYS = [
    *(
        (way, OVER)
        for way in (
            revoked_on_the_page,
            revoked_by_itself,
            given_up_for_newer_ones,
            signed_out_by_refresh_token,
            refresh_token_came_twice,
            password_changed,
            session_ended,
            signed_out,
            account_closed,
        )
    ),
    *((way, CLOSED) for way in (removed_from_the_room, left_the_room)),
]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
@pytest.mark.parametrize(("way", "end"), WAYS, ids=[way.__name__ for way, _end in WAYS])
async def test_what_was_opened_ends(
    way: Callable[[Scene], Way],
    end: tuple[str, int],
    elsewhere: bool,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever ends it, in this process or another; what others have open stays."""
    if elsewhere:
        announce_from_elsewhere(monkeypatch)
    who, act = await in_db(way)(scene)
    socket = socket_of(who, scene.room)
    assert await socket.open()
    await socket.resume(0)
    others = await in_db(token_of)(scene.alice, "read")
    async with following(who, scene.room) as ends, following(others, scene.room) as stays:
        await ends.until("ready")
        await stays.until("ready")
        await in_db(act)()
        await in_db(say)(scene.room, scene.alice, "afterwards")
        reason, code = end
        assert await ends.until_the_end() == reason
        assert await socket.until_closed() == code
        assert (await stays.until("posted"))["message"]["text"] == "afterwards"
    assert not ends.told
    assert "afterwards" not in socket.words


def socket_of(who: Any, room: Room) -> Socket:
    return TokenSocket(who, room) if isinstance(who, str) else Socket(who, room.slug, page=None)
