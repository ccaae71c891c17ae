"""Bots: what they may, whose they are, and what becomes of them when that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from rooms.models import AuditEntry, Bot, Place, Role, Room, Row, Token, people
from rooms.models.bot import TooManyBots
from rooms.models.direct import search
from rooms.models.leaving import delete_account
from rooms.models.second_factor import Requirement, owes
from tests.api.caller import Caller
from tests.factories import give_face, make_room, make_user, say

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(alice: User) -> Bot:
    """Alice's, in no room."""
    return Bot.make(name="Deploy", by=alice)


def program_of(bot: Bot) -> Caller:
    """It acts by the bot."""
    name = f"Program {bot.user.tokens.count()}"
    return Caller(Token.make(bot.user, name=name, may_write=True, by=bot.owner).secret)


def test_owners_and_admins_make_bots_and_members_where_the_place_lets_them(
    alice: User, amir: User, bob: User, greta: User
) -> None:
    assert Bot.make(name="Deploy", by=alice).owner == alice
    assert Bot.make(name="Deploy", by=amir).user.username != "deploy-bot"
    for person in (bob, greta):
        with pytest.raises(PermissionDenied):
            Bot.make(name="Deploy", by=person)
    Place.objects.update(bots_by_members=True)
    assert Bot.make(name="Deploy", by=bob).owner == bob
    with pytest.raises(PermissionDenied):
        Bot.make(name="Deploy", by=greta)
    made = AuditEntry.objects.filter(kind="bot-made").values_list("by", flat=True)
    assert set(made) == {alice.pk, amir.pk, bob.pk}


def test_nobody_fills_the_place_with_bots(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.models.bot.MOST", 1)
    first = Bot.make(name="One", by=alice)
    with pytest.raises(TooManyBots):
        Bot.make(name="Two", by=alice)
    first.end(by=alice)
    Bot.make(name="Two", by=alice)


def test_a_bot_can_have_neither_password_nor_address_nor_another_role(bot: Bot) -> None:
    for wrong in ({"email": "a@b.example"}, {"password": "pbkdf2$x"}, {"role": Role.OWNER}):
        with pytest.raises(IntegrityError), transaction.atomic():
            type(bot.user).objects.filter(pk=bot.pk).update(**wrong)


@pytest.mark.parametrize("verb", [people.deactivate, people.ban, delete_account])
def test_what_is_done_to_people_is_not_done_to_a_bot(verb: Any, alice: User, bot: Bot) -> None:
    with pytest.raises(PermissionDenied):
        verb(bot.user, by=alice)
    with pytest.raises(PermissionDenied):
        people.change_role(bot.user, Role.ADMIN, by=alice)


def test_a_bot_owes_no_second_factor(bot: Bot, alice: User) -> None:
    Place.objects.update(second_factor=Requirement.EVERYBODY)
    assert owes(alice)
    assert not owes(bot.user)
    program_of(bot).get("me")


def test_a_bot_reads_and_writes_in_the_rooms_that_it_was_put_into_alone(
    bot: Bot, alice: User, open_room: Room, private_room: Room
) -> None:
    program = program_of(bot)
    address = "rooms/{}/messages".format
    program.get(address(open_room.slug), 404)
    bot.put_into(open_room, by=alice)
    program.post(address(open_room.slug), {"text": "Deployed."})
    program.get(address(private_room.slug), 404)
    bot.take_out(open_room, by=alice)
    program.get(address(open_room.slug), 404)


def test_its_owner_alone_puts_it_into_rooms_whose_people_they_decide_upon(
    alice: User, bob: User, amir: User, open_room: Room
) -> None:
    Place.objects.update(bots_by_members=True)
    bots = Bot.make(name="Bob's", by=bob)
    workshop = make_room("Workshop", bob)
    for room, person in ((open_room, bob), (workshop, amir), (open_room, alice)):
        with pytest.raises(PermissionDenied):
            bots.put_into(room, by=person)
    with pytest.raises(PermissionDenied):
        open_room.add(bots.user, by=alice)
    bots.put_into(workshop, by=bob)
    assert workshop.membership_of(bots.user)


def test_a_bot_leaves_a_private_room_with_its_owner(
    alice: User, bob: User, private_room: Room, open_room: Room
) -> None:
    bots = Bot.make(name="Deploy", by=alice)
    bots.put_into(private_room, by=alice)
    bots.put_into(open_room, by=alice)
    private_room.remove(bob)
    assert private_room.membership_of(bots.user)
    private_room.remove(alice)
    assert private_room.membership_of(bots.user) is None
    open_room.remove(alice)
    assert open_room.membership_of(bots.user)
    open_room.add(bob)
    open_room.make_private(by=bob)
    assert open_room.membership_of(bots.user) is None


def test_nobody_talks_with_a_bot_directly(alice: User, bob: User, bot: Bot) -> None:
    assert search(bob, "alice")
    assert not search(bob, "deploy")
    with pytest.raises(PermissionDenied):
        Room.direct_with([bot.user], by=bob)
    for people_of_it in ([bob], []):
        with pytest.raises(PermissionDenied):
            Room.direct_with(people_of_it, by=bot.user)


def test_an_ended_bot_does_nothing_and_what_it_said_stays(
    alice: User, amir: User, bob: User, bot: Bot, open_room: Room
) -> None:
    bot.put_into(open_room, by=alice)
    program = program_of(bot)
    program.post(f"rooms/{open_room.slug}/messages", {"text": "Deployed."})
    with pytest.raises(PermissionDenied):
        bot.end(by=bob)
    bot.end(by=amir)
    bot.end(by=amir)
    program.get("me", 401)
    assert not bot.user.tokens.exists()
    assert open_room.membership_of(bot.user) is None
    assert [row.body for row in open_room.history().rows] == ["Deployed."]
    assert AuditEntry.objects.filter(kind="bot-ended", by=amir, whom=bot.user).count() == 1
    with pytest.raises(PermissionDenied):
        bot.put_into(open_room, by=alice)


def test_a_bot_is_still_while_its_owner_has_no_account_or_is_a_guest(
    alice: User, amir: User
) -> None:
    bot = Bot.make(name="Deploy", by=amir)
    program = program_of(bot)
    people.change_role(amir, Role.GUEST, by=alice)
    program.get("me", 401)
    people.change_role(amir, Role.MEMBER, by=alice)
    program.get("me")
    people.deactivate(amir, by=alice)
    program.get("me", 401)
    people.reactivate(amir, by=alice)
    program.get("me")
    delete_account(amir, by=alice)
    program.get("me", 401)
    assert Bot.objects.select_related("owner").get(pk=bot.pk).is_still


def test_whoever_runs_the_place_takes_over_what_nobody_answers_for(
    alice: User, amir: User, bob: User, open_room: Room
) -> None:
    bot = Bot.make(name="Deploy", by=amir)
    bot.put_into(open_room, by=amir)
    secret_room = make_room("Secret", amir, private=True)
    bot.put_into(secret_room, by=amir)
    old = program_of(bot)
    with pytest.raises(PermissionDenied):
        bot.take_over(by=alice)  # amir answers for it
    people.deactivate(amir, by=alice)
    with pytest.raises(PermissionDenied):
        bot.take_over(by=bob)
    bot.take_over(by=alice)
    assert Bot.objects.get(pk=bot.pk).owner == alice
    old.get("me", 401)  # amir may have kept it
    program_of(bot).get("me")
    assert open_room.membership_of(bot.user)
    assert secret_room.membership_of(bot.user) is None
    assert AuditEntry.objects.filter(kind="bot-taken", by=alice, whom=bot.user).exists()


def test_its_username_is_free_and_plainly_a_bot_s(alice: User) -> None:
    make_user("deploy-bot")
    names = {
        name: Bot.make(name=name, by=alice).user.username for name in ("Deploy", "Робот", "!!!")
    }
    assert names["Deploy"].startswith("deploy-bot-")
    assert names["Робот"] == "робот-bot"
    assert names["!!!"] == "bot"


# How it looks


SQUARE, BADGE = 'class="face bot"', '<small class="bot-badge">bot</small>'


def test_it_is_shown_as_a_bot_wherever_people_are_shown(
    bot: Bot, alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    bot.put_into(open_room, by=alice)
    page = f"/rooms/{open_room.slug}/"
    (said,) = say(open_room, bob, "Is it up?")
    assert BADGE not in bob_client.get(page).content.decode()
    open_room.post(bot.user, "Deployed.", "key-of-the-bot", reply=said.number)
    open_room.post(bob, "Thanks", "key-of-bob-1", reply=2)
    shown = bob_client.get(page).content.decode()
    assert shown.count(BADGE) == 1
    assert shown.count(SQUARE) == 2  # beside what it said, and where bob quotes it
    for path in (f"{page}members/", f"/people/{bot.pk}/", "/search/?q=deployed"):
        html = bob_client.get(path).content.decode()
        assert (html.count(BADGE), html.count(SQUARE)) == (1, 1), path
    give_face(bot.user)
    assert '<img class="face bot"' in bob_client.get(page).content.decode()
    card = bob_client.get(f"/people/{bot.pk}/").content.decode()
    assert "of <bdi>Alice Archer</bdi>" in card
    assert "direct-new" not in card


def test_what_is_pushed_of_it_is_what_the_page_shows(
    bot: Bot, alice: User, bob: User, open_room: Room
) -> None:
    bot.put_into(open_room, by=alice)
    open_room.post(bot.user, "Deployed.", "key-of-the-bot")
    open_room.post(bob, "Thanks", "key-of-bob-1", reply=1)
    steps, shown = open_room.steps_after(0), open_room.history().rows
    assert steps
    assert {step.row for step in steps} == set(shown)
    assert [Row.from_data(row.as_data()) for row in shown] == shown
    assert [row.author_is_bot for row in shown] == [True, False]
    assert [row.quote and row.quote.author_is_bot for row in shown] == [None, True]


def test_programs_are_told_that_it_is_one(bot: Bot, alice: User, open_room: Room) -> None:
    bot.put_into(open_room, by=alice)
    program = program_of(bot)
    program.post(f"rooms/{open_room.slug}/messages", {"text": "Deployed."})
    (message,) = program.get(f"rooms/{open_room.slug}/messages")["messages"]
    assert message["author"] == {"id": bot.pk, "name": "Deploy", "bot": True}
    assert program.get("me")["bot"] is True
    members = program.get(f"rooms/{open_room.slug}/members")["members"]
    assert {each["username"]: each["bot"] for each in members} == {
        "alice": False,
        "bob": False,
        "deploy-bot": True,
    }
