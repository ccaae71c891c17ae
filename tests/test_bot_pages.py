"""The pages on which somebody makes a bot, arranges it and ends it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.models import Bot, Incoming, Place, Token
from tests import files
from tests.api.caller import Caller
from tests.cast import signed_in
from tests.factories import make_room

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Room, User

pytestmark = pytest.mark.django_db

BOTS = "/accounts/bots/"


@pytest.fixture
def bot(alice: User) -> Bot:
    return Bot.make(name="Deploy", by=alice)


def at(bot: Bot, more: str = "") -> str:
    return f"{BOTS}{bot.pk}/{more}"


def html(client: Client, path: str, form: Any = None, status: int = 200) -> str:
    answer = client.get(path) if form is None else client.post(path, form)
    assert answer.status_code == status
    return answer.content.decode()


def shown(page: str, name: str) -> str:
    (found,) = re.findall(rf'<code id="{name}" dir="ltr">([^<]+)</code>', page)
    return str(found)


def test_a_bot_from_the_first_form_to_its_end(
    alice_client: Client, open_room: Room, private_room: Room
) -> None:
    made = alice_client.post(BOTS, {"name": "  Deploy   log "})
    bot = Bot.objects.get()
    assert made.headers["Location"] == at(bot)
    assert "Deploy log" in html(alice_client, BOTS)
    assert "Workbench" in html(alice_client, at(bot))
    alice_client.post(at(bot, "rooms/"), {"room": private_room.pk, "to": "in"})
    assert private_room.membership_of(bot.user)

    page = html(
        alice_client,
        at(bot, "tokens/"),
        {"name": "CI", "scopes": ["read", "write"], "lifetime": ""},
    )
    secret = shown(page, "secret")
    assert Caller(secret).get("me")["username"] == "deploy-log-bot"
    assert Token.objects.get().made_by_id == bot.owner_id
    page = html(alice_client, at(bot, "hooks/"), {"name": "CI", "room": private_room.pk})
    address = shown(page, "hook-address")
    assert address.startswith("http://testserver/hooks/")
    assert alice_client.post(address, "Hi", content_type="text/plain").content == b"ok"
    later = html(alice_client, at(bot))
    assert secret not in later
    assert address.rpartition("/")[2] not in later

    token, hook = Token.objects.get().pk, Incoming.objects.get().pk
    assert alice_client.post(f"/accounts/tokens/{token}/revoke/").headers["Location"] == at(bot)
    Caller(secret).get("me", 401)
    alice_client.post(at(bot, f"hooks/{hook}/revoke/"))
    assert alice_client.post(address, "Hi", content_type="text/plain").status_code == 404
    alice_client.post(at(bot, "rooms/"), {"room": private_room.pk, "to": "out"})
    assert private_room.membership_of(bot.user) is None
    assert "no way back" in html(alice_client, at(bot, "end/"))
    assert alice_client.post(at(bot, "end/")).headers["Location"] == BOTS
    assert "Deploy log</a>" not in html(alice_client, BOTS)
    html(alice_client, at(bot), status=404)


def test_a_form_that_comes_twice_makes_nothing_twice(
    alice_client: Client, alice: User, bot: Bot, open_room: Room
) -> None:
    bot.put_into(open_room, by=alice)
    for path, form in (
        ("tokens/", {"name": "CI", "scopes": ["read"], "lifetime": ""}),
        ("hooks/", {"name": "CI", "room": open_room.pk}),
    ):
        html(alice_client, at(bot, path), form)
        assert "with this name" in html(alice_client, at(bot, path), form, 409)
    assert (Token.objects.count(), Incoming.objects.count()) == (1, 1)


def test_its_name_and_picture_can_be_changed(alice_client: Client, bot: Bot) -> None:
    picture = files.upload("me.png", files.picture())
    assert alice_client.post(at(bot), {"name": "Builds", "picture": picture}).status_code == 302
    bot.user.refresh_from_db()
    assert (bot.user.name, bool(bot.user.face)) == ("Builds", True)
    html(alice_client, at(bot), {"name": "Builds", "picture": files.upload("x", b"no")}, 400)
    assert alice_client.post(at(bot), {"name": "Builds", "no_picture": "1"}).status_code == 302
    bot.user.refresh_from_db()
    assert bot.user.face == ""


@pytest.mark.parametrize("wrong", ["", "\0", "\u2060", "x" * 61, "x" * 100_000])
def test_what_is_no_name_is_refused(alice_client: Client, bot: Bot, wrong: str) -> None:
    assert 'class="error"' in html(alice_client, BOTS, {"name": wrong}, 400)
    assert 'class="error"' in html(alice_client, at(bot), {"name": wrong}, 400)
    assert Bot.objects.count() == 1


@pytest.mark.parametrize("wrong", ["", "\0", "0", "-1", "9" * 30, "x", ["1"] * 900])
def test_what_is_no_room_of_one_s_own_is_refused(
    alice_client: Client, bot: Bot, bob: User, wrong: Any
) -> None:
    bobs = make_room("Bob's", bob, private=True)
    for room in (wrong, bobs.pk):
        html(alice_client, at(bot, "rooms/"), {"room": room, "to": "in"}, 400)
        assert alice_client.post(at(bot, "rooms/"), {"room": room, "to": "out"}).status_code == 302
        html(alice_client, at(bot, "hooks/"), {"room": room, "name": "CI"}, 400)
    html(alice_client, at(bot, "rooms/"), {"room": bobs.pk}, 400)
    assert bobs.membership_of(bot.user) is None


def test_an_admin_sees_all_bots_and_none_of_what_is_the_owner_s(
    alice: User, bot: Bot, amir_client: Client, private_room: Room
) -> None:
    bot.put_into(private_room, by=alice)
    made = Incoming.make(bot, private_room, name="Budget", by=alice)
    page = html(amir_client, at(bot))
    assert "Alice Archer" in page
    assert "It has 1 incoming webhook." in page
    assert "Budget" not in page
    assert "Committee" not in page
    assert made.secret not in page
    assert "Deploy" in html(amir_client, BOTS)


def test_a_member_is_told_who_makes_bots(bob_client: Client, bob: User, bot: Bot) -> None:
    assert "Only owners and admins" in html(bob_client, BOTS)
    assert "Deploy" not in html(bob_client, BOTS)
    Place.objects.update(bots_by_members=True)
    assert bob_client.post(BOTS, {"name": "Mine"}).status_code == 302
    assert "Mine" in html(bob_client, BOTS)


def test_the_place_says_who_makes_them(alice_client: Client) -> None:
    form = {"name": "Shed", "sign_up": "open"}
    alice_client.post("/place/", {**form, "bots_by": "members"})
    assert Place.objects.get().bots_by_members
    alice_client.post("/place/", form)  # from a page of before
    assert Place.objects.get().bots_by_members
    alice_client.post("/place/", {**form, "bots_by": "admins"})
    assert not Place.objects.get().bots_by_members


def test_a_room_s_page_adds_one_s_own_bots_alone(
    alice: User, bob: User, bot: Bot, alice_client: Client
) -> None:
    workshop = make_room("Workshop", bob)
    page = f"/rooms/{workshop.slug}/members/"
    refused = html(signed_in(bob), page, {"username": bot.user.username})
    assert "a bot of somebody else" in refused
    assert workshop.membership_of(bot.user) is None
    assert alice_client.post(page, {"username": bot.user.username}).status_code == 302
    assert workshop.membership_of(bot.user)


def test_people_s_pages_leave_bots_out(alice_client: Client, bot: Bot) -> None:
    assert "Deploy" not in html(alice_client, "/place/people/")
    for more in ("", "account/", "ban/", "delete/"):
        answer = alice_client.post(
            f"/place/people/{bot.pk}/{more}",
            {"role": "owner", "to": "deactivate", "length": "week", "username": "deploy-bot"},
        )
        assert answer.status_code in {403, 404}, more
    bot.user.refresh_from_db()
    assert (bot.user.role, bot.user.is_active) == ("guest", True)


def test_the_list_costs_the_same_however_many_there_are(alice_client: Client, alice: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            html(alice_client, BOTS)
        return len(found)

    Bot.make(name="First", by=alice)
    queries()
    before = queries()
    for number in range(5):
        Bot.make(name=f"Bot {number}", by=alice)
    assert queries() == before
