"""Deleting an account: who it was nobody can tell any more, and what was said is still whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rooms import disk, faces
from rooms.background import do_what_is_due
from rooms.models import (
    Attachment,
    AuditEntry,
    DeletedAccount,
    Export,
    Invitation,
    Membership,
    Message,
    Place,
    Profile,
    Report,
    Restriction,
    Role,
    Room,
    Session,
    User,
    people,
    restriction,
)
from rooms.models.leaving import delete_account
from rooms.models.people import LastOwner
from rooms.models.restriction import UNTIL_LIFTED
from rooms.models.searching.query import parsed
from rooms.models.searching.search import Filters, search
from rooms.upkeep import finish_deletion
from tests import files
from tests.cast import signed_in
from tests.factories import (
    PASSWORD,
    give_face,
    make_room,
    make_user,
    say,
    say_with_files,
    unread_of,
)

if TYPE_CHECKING:
    from rooms.models import Row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.upkeep.PAUSE", 0)


@pytest.fixture
def messages_go(place: Place) -> None:
    Place.objects.update(removes_messages=True)


def everything() -> str:
    """All that the database has."""
    rows: list[Any] = []
    for model in apps.get_models():
        if model._meta.app_label != "django_tasks_database":
            rows += model._base_manager.values_list()
    with connection.cursor() as cursor:
        cursor.execute("SELECT words FROM rooms_search")
        rows += cursor.fetchall()
    return json.dumps(rows, default=str).lower()


def rows_by_number(room: Room) -> dict[int, Row]:
    return {row.number: row for row in Room.objects.get(pk=room.pk).history().rows}


def deleted(person: User, by: User | None = None) -> None:
    delete_account(person, by=by or person)
    do_what_is_due()


# What is gone


def test_nothing_tells_who_it_was(alice: User, open_room: Room) -> None:
    zoe = make_user("zoe-q", "Zoe Quill")
    User.objects.filter(pk=zoe.pk).update(email="zoe@example.org", time_zone="Europe/Vienna")
    User.objects.filter(pk=zoe.pk).update(language="zh-hans", last_language="zh-hans")
    EmailAddress.objects.create(user=zoe, email="zoe@example.org", verified=True, primary=True)
    client = signed_in(zoe)
    open_room.add(zoe)
    say(open_room, zoe, "what I said")
    open_room.memberships.get(user=zoe).save_draft("unsent words of z", "key-of-a-draft")
    Invitation.make(by=zoe, note="for my friend zoe")
    Export.ask(zoe)
    old = zoe.password
    told = ("zoe", "quill", "vienna", "zh-hans", "unsent words", old.lower())
    for word in told:
        assert word in everything()
    deleted(zoe)
    for word in told:
        assert word not in everything()
    assert "what i said" in everything()
    assert client.get("/rooms/").headers["Location"].startswith("/accounts/login/")
    assert not Session.objects.filter(user=zoe).exists()
    now = User.objects.get(pk=zoe.pk)
    assert (now.name, now.is_active, now.has_usable_password()) == ("Deleted account", False, False)


def test_what_came_with_other_features_is_gone_as_well(
    alice: User, bob: User, open_room: Room
) -> None:
    give_face(bob)
    version = bob.face
    Profile.of(bob).describe(pronouns="he/him", about="I mend kettles")
    restriction.mute(open_room, bob, by=alice, until=UNTIL_LIFTED, reason="too loud")
    assert faces.file(version, faces.LARGE).exists()
    deleted(bob)
    assert not faces.file(version, faces.LARGE).exists()
    assert "mend kettles" not in everything()
    assert not Restriction.objects.exists()
    assert User.objects.get(pk=bob.pk).face == ""


def test_what_was_reported_of_them_and_what_was_decided_stays(
    alice: User, bob: User, charlie: User, alice_client: Client, open_room: Room
) -> None:
    (rude,) = say(open_room, bob, "you kettle")
    open_room.add(charlie)
    Report.make(rude, by=charlie, reason="rude")
    deleted(bob)
    assert Report.objects.get().author == bob
    entry = AuditEntry.objects.order_by("pk").last()
    assert entry is not None
    assert (entry.kind, entry.by, entry.whom) == ("deleted", bob, bob)
    page = alice_client.get("/place/audit/").content.decode()
    assert "deleted the account that is now" in page
    assert "Bob" not in page.partition("<main")[2]


def test_their_name_is_free_for_others(alice: User, bob: User) -> None:
    deleted(bob)
    assert make_user("bob").pk != bob.pk


def test_what_they_wrote_stays_under_a_name_that_says_nothing(
    alice: User, bob: User, alice_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "the kettle")
    open_room.post(alice, "which one?", "key-number-2", reply=1)
    say_with_files(open_room, bob, "this", {"cup.png": files.picture()})
    Message.objects.get(number=2).react("👍", by=bob)
    alice_client.get(f"/rooms/{open_room.slug}/")  # which keeps the page
    deleted(bob)
    rows = rows_by_number(open_room)
    assert rows[1].author_name == "Deleted account"
    assert rows[2].quote is not None
    assert rows[2].quote.author_name == "Deleted account"
    assert rows[2].reactions[0].names == ("Deleted account",)
    assert rows[3].files
    page = alice_client.get(f"/rooms/{open_room.slug}/").content.decode()
    assert "Deleted account" in page
    assert "Bob" not in page.partition('id="messages"')[2].partition("</ol>")[0]
    assert search(alice, parsed("kettle"), Filters()).total == 1
    assert search(alice, parsed("from:bob"), Filters()).total == 0
    file = Attachment.objects.get()
    assert disk.full(file.path).exists()
    assert DeletedAccount.objects.get().done_at is not None


def test_files_that_were_never_sent_go(bob: User, bob_client: Client, open_room: Room) -> None:
    bob_client.post(
        f"/rooms/{open_room.slug}/files/",
        {"key": "a-key-of-eight", "files": files.upload("x.png", files.picture())},
    )
    path = Attachment.objects.get().path
    deleted(bob)
    assert not Attachment.objects.exists()
    assert not disk.full(path).exists()


def test_their_rooms_go_on_without_them(alice: User, bob: User, charlie: User) -> None:
    room = make_room("Shed", bob, charlie, private=True)
    deleted(bob)
    (left,) = room.memberships.all()
    assert (left.user, left.is_moderator) == (charlie, True)


# Direct conversations


def test_a_direct_conversation_stays_for_the_other(
    alice: User, bob: User, alice_client: Client
) -> None:
    room = Room.direct_with([bob], by=alice)
    say(room, bob, "between us")
    deleted(bob)
    page = alice_client.get(f"/rooms/{room.slug}/").content.decode()
    assert "between us" in page
    assert "Deleted account" in page
    assert [each.name for each in people_of(room)] == ["Alice Archer", "Deleted account"]
    say(room, alice, "are you there?")
    assert bob.pk not in direct_candidates(alice)


def people_of(room: Room) -> list[User]:
    return [each.user for each in room.memberships.select_related("user").order_by("user_id")]


def direct_candidates(user: User) -> set[int]:
    from rooms.models.direct import may_write_to

    return set(may_write_to(user).values_list("pk", flat=True))


def test_what_nobody_can_read_any_more_goes(alice: User, bob: User, charlie: User) -> None:
    notes = Room.direct_with([], by=bob)
    say_with_files(notes, bob, "to myself", {"x.mp3": files.MP3})
    say(notes, bob, *map(str, range(120)))
    path = Attachment.objects.get().path
    both = Room.direct_with([bob], by=charlie)
    say(both, bob, "between us")
    deleted(bob)
    assert not Room.objects.filter(pk=notes.pk).exists()
    assert not disk.full(path).exists()
    assert Room.objects.filter(pk=both.pk).exists()
    deleted(charlie)
    assert not Room.objects.filter(pk=both.pk).exists()


# Where messages go with their author


@pytest.mark.usefixtures("messages_go")
def test_what_they_wrote_goes_where_the_place_wants_that(
    alice: User, bob: User, alice_client: Client, open_room: Room, private_room: Room
) -> None:
    say(open_room, alice, "hello")
    open_room.post(bob, "the kettle", "key-number-2", reply=1)
    open_room.post(alice, "which one?", "key-number-3", reply=2)
    say_with_files(private_room, bob, "this", {"cup.png": files.picture()})
    direct = Room.direct_with([bob], by=alice)
    say(direct, bob, "between us")
    Message.objects.get(room=open_room, number=1).react("👍", by=bob)
    Message.objects.get(room=open_room, number=3).react("🎉", by=bob)
    Message.objects.get(room=open_room, number=3).react("🎉", by=alice)
    private_room.archive()
    path = Attachment.objects.get().path
    version = Room.objects.get(pk=open_room.pk).version
    deleted(bob)
    rows = rows_by_number(open_room)
    assert [rows[number].deleted for number in (1, 2, 3)] == [False, True, False]
    assert rows[1].replies == 1
    assert rows[1].reactions == ()
    assert rows[3].quote is not None
    assert rows[3].quote.deleted
    assert [reaction.who for reaction in rows[3].reactions] == [(alice.pk,)]
    assert rows_by_number(private_room)[1].deleted
    assert rows_by_number(direct)[1].deleted
    assert not disk.full(path).exists()
    assert unread_of(direct, alice) == 0
    assert search(alice, parsed("kettle"), Filters()).total == 0
    # open pages follow by the steps that they missed
    steps = Room.objects.get(pk=open_room.pk).steps_after(version)
    assert {step.row.number for step in steps or () if step.row} == {1, 2, 3}
    assert "between us" not in everything()


@pytest.mark.usefixtures("messages_go")
def test_a_worker_that_is_killed_is_followed_by_another(
    bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.upkeep.SLICE", 0)
    monkeypatch.setattr("rooms.models.leaving.BATCH", 10)
    say(open_room, bob, *map(str, range(35)))
    delete_account(bob, by=bob)
    finish_deletion.func(bob.pk)
    assert Message.objects.filter(deleted_at=None).count() == 25
    assert DeletedAccount.objects.get().done_at is None
    # what was noted is lost with the worker; the chore asks for it anew
    from django_tasks_db.models import DBTaskResult

    DBTaskResult.objects.all().delete()
    from rooms.chores import finish_deletions

    finish_deletions()
    finish_deletions()
    assert DBTaskResult.objects.count() == 1
    do_what_is_due()
    assert not Message.objects.filter(deleted_at=None).exists()
    assert DeletedAccount.objects.get().done_at is not None


@pytest.mark.usefixtures("messages_go")
def test_each_batch_asks_the_same_whatever_the_history(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.models.leaving.BATCH", 3)
    say(open_room, bob, *map(str, range(6)))
    delete_account(bob, by=bob)
    account = DeletedAccount.objects.get()

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            account.remove_some()
        return len(queries)

    once = asked()
    say(open_room, alice, *map(str, range(60)))
    assert asked() == once


# Who may


def test_the_last_owner_stays(alice: User, amir: User) -> None:
    with pytest.raises(LastOwner):
        delete_account(alice, by=alice)
    people.change_role(amir, Role.OWNER, by=alice)
    deleted(alice)
    assert User.objects.get(pk=amir.pk).is_owner


def test_an_admin_deletes_members_and_no_admins(
    alice: User, amir: User, bob: User, charlie: User
) -> None:
    other = make_user("other-admin", role=Role.ADMIN)
    for person in (alice, other):
        with pytest.raises(PermissionDenied):
            delete_account(person, by=amir)
    with pytest.raises(PermissionDenied):
        delete_account(charlie, by=bob)
    deleted(bob, by=amir)
    with pytest.raises(PermissionDenied):
        delete_account(bob, by=amir)
    with pytest.raises(PermissionDenied):
        people.reactivate(bob, by=alice)


# The pages


def reauthenticated(person: User) -> Client:
    client = signed_in(person)
    response = client.post(
        "/accounts/reauthenticate/", {"password": PASSWORD, "next": "/accounts/delete/"}
    )
    assert response.headers["Location"] == "/accounts/delete/"
    return client


def test_one_is_asked_for_the_password_and_for_the_name(bob: User) -> None:
    client = signed_in(bob)
    response = client.get("/accounts/delete/")
    assert response.headers["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/delete/", {"username": "bob"})
    assert User.objects.filter(username="bob").exists()
    client = reauthenticated(bob)
    for wrong in ("", "alice", "Bob", "bob\0", "x" * 10_000):
        response = client.post("/accounts/delete/", {"username": wrong})
        assert response.status_code == 200
        assert 'role="alert"' in response.content.decode()
    assert User.objects.filter(username="bob").exists()
    response = client.post("/accounts/delete/", {"username": "bob"}, follow=True)
    assert "Your account is deleted." in response.content.decode()
    assert not User.objects.filter(username="bob").exists()
    assert client.get("/rooms/").status_code == 302


def test_whoever_knows_the_session_but_not_the_password_deletes_nothing(bob: User) -> None:
    client = signed_in(bob)
    client.post("/accounts/delete/", {"username": "bob"})
    client.post("/accounts/reauthenticate/", {"password": "guessed", "next": "/accounts/delete/"})
    client.post("/accounts/delete/", {"username": "bob"})
    assert User.objects.filter(username="bob").exists()


def test_what_was_confirmed_before_the_password_holds(bob: User) -> None:
    client = signed_in(bob)
    client.post("/accounts/delete/", {"username": "bob"})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/accounts/delete/"})
    assert not User.objects.filter(username="bob").exists()


def test_the_last_owner_is_told_what_to_do(alice: User) -> None:
    response = reauthenticated(alice).post("/accounts/delete/", {"username": "alice"})
    assert response.status_code == 409
    assert "Make another person an owner first." in response.content.decode()
    assert User.objects.filter(username="alice").exists()


@pytest.mark.parametrize("removes", [True, False])
def test_the_page_says_what_becomes_of_what_was_written(
    alice: User, bob: User, removes: bool
) -> None:
    Place.objects.update(removes_messages=removes)
    sentences = ("removed everywhere", "“Deleted account”")
    said = sentences[0] if removes else sentences[1]
    assert said in reauthenticated(bob).get("/accounts/delete/").content.decode()
    assert said in signed_in(alice).get(f"/place/people/{bob.pk}/delete/").content.decode()


def test_an_owner_deletes_somebody_and_they_are_nowhere(alice_client: Client, bob: User) -> None:
    address = f"/place/people/{bob.pk}/delete/"
    assert "Delete the account of Bob Baker?" in alice_client.get(address).content.decode()
    response = alice_client.post(address, {"username": "bobby"})
    assert "Write “bob”" in response.content.decode()
    response = alice_client.post(address, {"username": "@bob"}, follow=True)
    assert "The account of Bob Baker is deleted." in response.content.decode()
    listed = alice_client.get("/place/people/").content.decode()
    assert "Deleted account" not in listed
    for gone in ("", "account/", "delete/"):
        assert alice_client.get(f"/place/people/{bob.pk}/{gone}").status_code == 404


def test_one_s_own_is_deleted_on_one_s_own_page(alice: User, alice_client: Client) -> None:
    response = alice_client.post(f"/place/people/{alice.pk}/delete/", {"username": "alice"})
    assert response.headers["Location"] == "/accounts/delete/"


def test_membership_of_nothing_is_left_but_of_direct_conversations(
    alice: User, bob: User, open_room: Room
) -> None:
    direct = Room.direct_with([bob], by=alice)
    deleted(bob)
    assert [each.room for each in Membership.objects.filter(user=bob)] == [direct]
