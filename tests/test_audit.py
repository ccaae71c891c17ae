"""What was decided, by whom: written with it, never changed, and shown to those who own the place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.audit_words import SENTENCES
from rooms.models import (
    AuditEntry,
    Bot,
    Export,
    Imported,
    Invitation,
    OutgoingWebhook,
    Report,
    Role,
    Room,
    User,
    audit,
    people,
    restriction,
    second_factor,
)
from rooms.models.audit import Kind
from rooms.models.leaving import delete_account
from rooms.models.restriction import UNTIL_LIFTED
from tests.factories import make_room, make_user, say
from tests.markup import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import Settings

    from rooms.models import Place

AUDIT = "/place/audit/"


def entries(client: Client, **query: str) -> str:
    return text(client.get(AUDIT, query))


def everything(alice: User, bob: User, room: Room, place: Place) -> dict[Kind, Callable[[], Any]]:
    """Each thing that is written down, in an order in which it can be done."""
    member, other = make_user("dora", "Dora Dean"), make_user("erik", "Erik Eng")
    room.add(member)
    message, reported = say(room, member, "one", "two")
    invitation = Invitation.make(by=alice)
    leaving, brought = make_user("flo"), User.objects.create(username="gil", password="!")
    Imported.objects.create(foreign_id="slack-U1", user=brought)
    former = make_user("hugo", role=Role.ADMIN)
    still = Bot.make(name="Weather", by=former)
    User.objects.filter(pk=former.pk).update(is_active=False)

    def close() -> None:
        Report.make(reported, by=bob, reason="rude")
        Report.objects.get().close("dismissed", by=alice)

    def lose_factor() -> None:
        TOTP.activate(bob, generate_totp_secret())
        second_factor.forget(bob, by=alice)

    return {
        Kind.NO_FACTOR: lose_factor,
        Kind.ROLE: lambda: people.change_role(other, Role.ADMIN, by=alice),
        Kind.CLOSED: lambda: people.deactivate(other, by=alice),
        Kind.OPENED: lambda: people.reactivate(other, by=alice),
        Kind.BANNED: lambda: people.ban(other, by=alice, reason="spam", messages=True),
        Kind.UNBANNED: lambda: people.lift_ban(other, by=alice),
        Kind.DELETED: lambda: delete_account(leaving, by=alice),
        Kind.LINK: lambda: Imported.note_link(brought, by=alice),
        Kind.COPIED: lambda: Export.ask(alice, room),
        Kind.INVITED: lambda: Invitation.make(by=alice, role=Role.GUEST),
        Kind.REVOKED: lambda: invitation.revoke(by=alice),
        Kind.PLACE: lambda: place.change(by=alice, sign_up="open", name="Elsewhere"),
        Kind.ROOM_MADE: lambda: Room.make(name="Shed", topic="", private=False, by=alice),
        Kind.ROOM: lambda: room.change_details(name="Bench", topic="<b>", slow_mode=30, by=alice),
        Kind.MODERATOR: lambda: room.appoint(member, moderator=True, by=alice),
        Kind.NO_MODERATOR: lambda: room.appoint(member, moderator=False, by=alice),
        Kind.MESSAGE: lambda: message.remove(by=alice, reason="no adverts"),
        Kind.REPORT: close,
        Kind.MUTED: lambda: restriction.mute(room, member, by=alice, until=UNTIL_LIFTED),
        Kind.UNMUTED: lambda: restriction.unmute(room, member, by=alice),
        Kind.REMOVED: lambda: room.remove(member, by=alice),
        Kind.KEPT_OUT: lambda: restriction.keep_out(room, member, by=alice),
        Kind.LET_BACK: lambda: restriction.let_back(room, member, by=alice),
        Kind.ARCHIVED: lambda: room.archive(by=alice),
        Kind.RESTORED: lambda: room.restore(by=alice),
        Kind.BOT_MADE: lambda: Bot.make(name="Deploy", by=alice),
        Kind.BOT_TAKEN: lambda: still.take_over(by=alice),
        Kind.HOOK_MADE: lambda: OutgoingWebhook.make(
            still, address="https://hook.example/secret", event="mention", by=alice
        ),
        Kind.HOOK_OFF: lambda: OutgoingWebhook.objects.get().disable(by=alice),
        Kind.HOOK_ON: lambda: OutgoingWebhook.objects.get().enable(by=alice),
        Kind.HOOK_GONE: lambda: OutgoingWebhook.objects.get().remove(by=alice),
        Kind.BOT_ENDED: lambda: still.end(by=alice),
    }


def test_everything_that_is_decided_is_written_down_and_can_be_read(
    alice: User, alice_client: Client, bob: User, open_room: Room, place: Place
) -> None:
    verbs = everything(alice, bob, open_room, place)
    assert set(verbs) == set(Kind) == set(SENTENCES)
    for kind, verb in verbs.items():
        before = AuditEntry.objects.count()
        verb()
        made = list(AuditEntry.objects.order_by("pk")[before:])
        assert [entry.kind for entry in made] == [kind]
        assert made[0].by == alice
        shown = entries(alice_client, kind=kind)
        assert "Alice Archer" in shown
        assert "%(" not in shown
    shown = entries(alice_client)
    for sentence in (
        "Alice Archer made Erik Eng, who was member, admin.",
        "Alice Archer banned the account of Erik Eng until it is lifted. What they wrote in the day",
        "Alice Archer made an invitation for a new guest.",
        "who may make an account Whoever has an invitation → Anyone who finds the page",
        "topic “What is on the bench” → “<b>”, slow mode 0 s → 30 s",
        "Alice Archer removed a message of Dora Dean in Bench. Reason: no adverts",
        "Alice Archer closed a report of a message of Dora Dean in Bench: Nothing had to be done.",
        "Alice Archer muted Dora Dean in Bench until it is lifted.",
        "Alice Archer lets Dora Dean come back into Bench.",
        "Alice Archer took the bot Weather over.",
        "Alice Archer has what Weather reads sent to hook.example.",
    ):
        assert sentence in shown


def test_what_is_undone_was_not_decided(alice: User, bob: User, open_room: Room) -> None:
    before = AuditEntry.objects.count()

    with transaction.atomic():
        restriction.mute(open_room, bob, by=alice, until=UNTIL_LIFTED)
        assert AuditEntry.objects.count() == before + 1
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == before


def test_what_changes_nothing_is_not_written_down(
    alice: User, bob: User, open_room: Room, place: Place
) -> None:
    before = AuditEntry.objects.count()
    open_room.change_details(name=open_room.name, topic=open_room.topic, by=alice)
    open_room.appoint(bob, moderator=False, by=alice)
    restriction.unmute(open_room, bob, by=alice)
    restriction.let_back(open_room, bob, by=alice)
    people.change_role(bob, Role.MEMBER, by=alice)
    people.reactivate(bob, by=alice)
    people.lift_ban(bob, by=alice)
    place.change(by=alice, name=place.name)
    open_room.restore(by=alice)
    assert AuditEntry.objects.count() == before


def test_who_leaves_decides_for_themselves(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    before = AuditEntry.objects.count()
    bob_client.post(reverse("room-leave", args=[open_room.slug]))
    assert open_room.membership_of(bob) is None
    assert AuditEntry.objects.count() == before


def test_an_entry_is_never_changed(alice: User, open_room: Room) -> None:
    entry = AuditEntry.objects.latest("pk")
    entry.reason = "another"
    for change in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(reason="another"),
        lambda: AuditEntry.objects.all().delete(),
    ):
        with pytest.raises(TypeError):
            change()
    assert AuditEntry.objects.get(pk=entry.pk).reason == ""


def test_of_a_private_room_an_owner_learns_no_more_than_that_there_is_one(
    alice_client: Client, bob: User, charlie: User, place: Place
) -> None:
    room = make_room("Secret surprise", bob, charlie, topic="presents", private=True)
    say(room, charlie, "buy watches")[0].remove(by=bob, reason="about presents")
    room.change_details(name="Secreter surprise", topic="cake", by=bob)
    shown = entries(alice_client)
    assert "Bob Baker removed a message of Charlie Cooper in a private room." in shown
    assert "Bob Baker changed a private room." in shown
    for words in ("surprise", "presents", "cake"):
        assert words not in shown


def test_of_a_direct_conversation_nothing_either(
    alice_client: Client, amir: User, bob: User, charlie: User
) -> None:
    talk = Room.direct_with([bob], by=charlie)
    (message,) = say(talk, bob, "kettle")
    Report.make(message, by=charlie, reason="he calls me names")
    Report.objects.get().close("removed", by=amir)
    shown = entries(alice_client)
    assert "Amir Aziz removed a message of Bob Baker in a direct conversation." in shown
    assert "he calls me names" not in shown
    assert "kettle" not in shown


def test_only_owners_read_it(
    alice_client: Client, amir_client: Client, bob_client: Client, open_room: Room
) -> None:
    assert alice_client.get(AUDIT).status_code == 200
    for client in (amir_client, bob_client):
        assert client.get(AUDIT).status_code == 403
        assert AUDIT not in client.get("/rooms/").content.decode()
    assert AUDIT in alice_client.get("/rooms/").content.decode()


def test_it_is_read_page_by_page_from_the_newest_on(
    alice: User, alice_client: Client, bob: User
) -> None:
    for number in range(60):
        audit.record(Kind.MUTED, by=alice, whom=bob, reason=f"reason {number:02}")
    first = alice_client.get(AUDIT)
    assert "reason 59" in text(first)
    assert "reason 10" in text(first)
    assert "reason 09" not in text(first)
    last = AuditEntry.objects.get(reason="reason 10")
    assert f"?before={last.pk}" in first.content.decode()
    second = entries(alice_client, before=str(last.pk))
    assert "reason 09" in second
    assert "reason 10" not in second
    assert "The newest" in second


def test_it_is_filtered_by_what_and_by_who(
    alice: User, amir: User, alice_client: Client, bob: User, charlie: User
) -> None:
    audit.record(Kind.MUTED, by=alice, whom=bob, reason="one")
    audit.record(Kind.UNMUTED, by=amir, whom=bob, reason="two")
    audit.record(Kind.MUTED, by=amir, whom=charlie, reason="three")

    def found(**query: str) -> list[str]:
        shown = entries(alice_client, **query)
        return [reason for reason in ("one", "two", "three") if f"Reason: {reason}" in shown]

    assert found() == ["one", "two", "three"]
    assert found(kind="muted") == ["one", "three"]
    assert found(person="bob") == ["one", "two"]
    assert found(person="@BOB") == ["one", "two"]
    assert found(person="amir aziz") == ["two", "three"]
    assert found(person="amir", kind="muted") == ["three"]
    assert found(person="nobody") == []
    assert "Nothing like that was decided." in entries(alice_client, person="nobody")


@pytest.mark.parametrize(
    "query",
    [
        {"before": "x"},
        {"before": "9" * 40},
        {"before": "0"},
        {"kind": "x"},
        {"kind": "\0"},
        {"person": "\0"},
        {"person": "x" * 10_000},
        {"person": "!?"},
        {"person": ["bob"] * 1_000},
    ],
)
def test_nonsense_is_no_trouble(alice_client: Client, open_room: Room, query: Any) -> None:
    assert alice_client.get(AUDIT, query).status_code in {200, 400}


def test_it_takes_as_many_queries_however_long_it_is(
    alice: User, alice_client: Client, bob: User, open_room: Room
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert alice_client.get(AUDIT).status_code == 200
        return len(captured)

    few = queries()
    for number in range(30):
        room = make_room(f"Room {number}", bob, private=number % 2 == 0)
        audit.record(Kind.MUTED, by=alice, whom=bob, room=room)
    assert queries() == few


def test_what_is_old_is_forgotten_unless_all_is_kept(
    alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.models.audit.DROPPED_AT_ONCE", 2)
    for days in (1, 99, 101, 102, 103, 104, 105):
        AuditEntry.objects.create(
            kind=Kind.MUTED, by=alice, at=timezone.now() - timedelta(days=days)
        )
    settings.AUDIT_DAYS = 0
    AuditEntry.objects.forget_old()
    assert AuditEntry.objects.count() == 7
    settings.AUDIT_DAYS = 100
    AuditEntry.objects.forget_old()
    assert AuditEntry.objects.count() == 2


def test_an_entry_outlives_whom_it_names(alice_client: Client, alice: User) -> None:
    gone = make_user("gone")
    audit.record(Kind.MUTED, by=gone, whom=gone)
    gone.delete()
    assert "Somebody at the server muted somebody without an account" in entries(alice_client)
