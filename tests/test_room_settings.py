"""Joining and leaving a room, arranging it, and who belongs to it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import html5lib
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.models import Membership, Room
from tests.cast import signed_in
from tests.factories import make_crowd, make_room, make_user, say, unread_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import User


def address(name: str, room: Room) -> str:
    return reverse(name, args=[room.slug])


def text(response: Answer) -> str:
    """What a reader of the main part of the page sees, on one line; the page is valid HTML."""
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
        response.content.decode()
    )
    return " ".join(" ".join(page.find(".//main").itertext()).split())


def belongs(room: Room, user: User) -> bool:
    return room.membership_of(user) is not None


# Joining


def test_joining_an_open_room_leads_into_it(
    charlie: User, charlie_client: Client, open_room: Room
) -> None:
    response = charlie_client.post(address("room-join", open_room))
    assert response.headers["Location"] == address("room", open_room)
    assert belongs(open_room, charlie)


def test_joining_twice_is_harmless(charlie: User, charlie_client: Client, open_room: Room) -> None:
    for _ in range(2):
        assert charlie_client.post(address("room-join", open_room)).status_code == 302
    assert open_room.memberships.filter(user=charlie).count() == 1


def test_a_link_joins_nobody_and_leads_to_the_room(
    charlie: User, charlie_client: Client, open_room: Room
) -> None:
    response = charlie_client.get(address("room-join", open_room))
    assert response.headers["Location"] == address("room", open_room)
    assert not belongs(open_room, charlie)


def test_nobody_joins_a_private_room_by_themselves(
    charlie: User, charlie_client: Client, private_room: Room
) -> None:
    assert charlie_client.post(address("room-join", private_room)).status_code == 404
    assert not belongs(private_room, charlie)


def test_a_member_of_a_private_room_who_joins_once_more_is_let_in(
    bob_client: Client, private_room: Room
) -> None:
    response = bob_client.post(address("room-join", private_room))
    assert response.headers["Location"] == address("room", private_room)


def test_joining_needs_the_token_against_forgery(charlie: User, open_room: Room) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(charlie)
    assert client.post(address("room-join", open_room)).status_code == 403
    assert not belongs(open_room, charlie)


@pytest.mark.django_db(transaction=True)
def test_two_joins_at_once_make_one_membership(charlie: User, open_room: Room) -> None:
    start, answers = threading.Barrier(6), []

    def join(client: Client) -> None:
        try:
            start.wait()
            answers.append(client.post(address("room-join", open_room)).status_code)
        finally:
            connection.close()

    tabs = [threading.Thread(target=join, args=[signed_in(charlie)]) for _ in range(start.parties)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert answers == [302] * start.parties
    assert Membership.objects.filter(room=open_room, user=charlie).count() == 1


# Leaving


def test_leaving_is_asked_about_first(bob: User, bob_client: Client, open_room: Room) -> None:
    page = text(bob_client.get(address("room-leave", open_room)))
    assert "Leave this room?" in page
    assert "You can come back whenever you like." in page
    assert "moderator" not in page
    assert belongs(open_room, bob)


def test_leaving_leads_to_the_other_rooms(bob: User, bob_client: Client, open_room: Room) -> None:
    response = bob_client.post(address("room-leave", open_room))
    assert response.headers["Location"] == reverse("rooms")
    assert not belongs(open_room, bob)


def test_leaving_a_private_room_warns_that_one_needs_to_be_added_again(
    bob: User, bob_client: Client, private_room: Room
) -> None:
    assert "to come back you need to be added again" in text(
        bob_client.get(address("room-leave", private_room))
    )
    bob_client.post(address("room-leave", private_room))
    assert bob_client.get(address("room-settings", private_room)).status_code == 404


def test_the_last_one_out_of_a_private_room_is_told_so(bob: User, bob_client: Client) -> None:
    room = make_room("Diary", bob, private=True)
    page = text(bob_client.get(address("room-leave", room)))
    assert "You are the last one in it" in page
    assert "nobody can add you again" in page
    assert "only moderator" not in page


def test_the_last_one_out_of_an_open_room_is_told_so(bob: User, bob_client: Client) -> None:
    room = make_room("Allotment", bob)
    assert "You are the last one in it. The room stays" in text(
        bob_client.get(address("room-leave", room))
    )
    bob_client.post(address("room-leave", room))
    page = text(bob_client.get(address("members", room)))
    assert "Nobody belongs to this room any more." in page


def test_the_only_moderator_who_leaves_hands_over_to_who_was_there_longest(
    alice: User, bob: User, charlie: User, bob_client: Client, open_room: Room
) -> None:
    open_room.join(charlie)
    alice_client = signed_in(alice)
    assert "You are its only moderator" in text(alice_client.get(address("room-leave", open_room)))
    assert bob_client.get(address("room-archive", open_room)).status_code == 403
    alice_client.post(address("room-leave", open_room))
    assert "@bob · you · moderator" in text(bob_client.get(address("members", open_room)))
    assert bob_client.get(address("room-archive", open_room)).status_code == 200
    assert signed_in(charlie).get(address("room-archive", open_room)).status_code == 403


def test_who_does_not_belong_has_nothing_to_leave(charlie_client: Client, open_room: Room) -> None:
    for ask in (charlie_client.get, charlie_client.post):
        response = ask(address("room-leave", open_room))
        assert response.headers["Location"] == address("room-settings", open_room)


# Name and topic


def test_a_moderator_renames_the_room_and_others_see_it(
    alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    response = alice_client.post(
        address("room-settings", open_room), {"name": "Bench", "topic": "Glue"}
    )
    assert response.headers["Location"] == address("room", open_room)
    for name in ("room", "room-settings", "members"):
        assert "Bench" in text(bob_client.get(address(name, open_room)))
    assert "Glue" in text(bob_client.get(address("room-settings", open_room)))


def test_the_form_begins_with_what_there_is(alice_client: Client, open_room: Room) -> None:
    page = alice_client.get(address("room-settings", open_room)).content.decode()
    assert 'value="Workbench"' in page
    assert 'value="What is on the bench"' in page


@pytest.mark.parametrize(("field", "value"), [("name", " "), ("topic", "x" * 201)])
def test_a_form_with_an_error_keeps_what_was_typed(
    alice_client: Client, open_room: Room, field: str, value: str
) -> None:
    typed = {"name": "Bench", "topic": "Glue"} | {field: value}
    response = alice_client.post(address("room-settings", open_room), typed)
    assert list(response.context["form"].errors) == [field]
    kept = "Glue" if field == "name" else "Bench"
    assert f'value="{kept}"' in response.content.decode()
    open_room.refresh_from_db()
    assert open_room.name == "Workbench"


def test_a_member_reads_the_facts_and_changes_nothing(bob_client: Client, open_room: Room) -> None:
    response = bob_client.get(address("room-settings", open_room))
    page = text(response)
    assert "What is on the bench" in page
    assert "2 members" in page
    assert "Leave this room" in page
    assert "Archive" not in page
    assert 'name="topic"' not in response.content.decode()
    refused = bob_client.post(address("room-settings", open_room), {"name": "Mine", "topic": ""})
    assert refused.status_code == 403
    open_room.refresh_from_db()
    assert open_room.name == "Workbench"


def test_a_visitor_of_an_open_room_may_join_it(charlie_client: Client, open_room: Room) -> None:
    page = text(charlie_client.get(address("room-settings", open_room)))
    assert "Join this room" in page
    assert "Leave" not in page


def test_the_owner_arranges_open_rooms_of_others_but_no_private_one(
    bob: User, alice_client: Client
) -> None:
    shed, diary = make_room("Shed", bob), make_room("Diary", bob, private=True)
    details = {"name": "Barn", "topic": ""}
    assert alice_client.post(address("room-settings", shed), details).status_code == 302
    assert alice_client.post(address("room-settings", diary), details).status_code == 404


# Archiving


def test_archiving_is_asked_about_and_can_be_undone(
    alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    assert "Archive this room?" in text(alice_client.get(address("room-archive", open_room)))
    response = alice_client.post(address("room-archive", open_room), {"to": "archive"})
    assert response.headers["Location"] == address("room", open_room)
    assert "nobody can write in it" in text(bob_client.get(address("room-settings", open_room)))
    assert "Restore this room?" in text(alice_client.get(address("room-archive", open_room)))
    alice_client.post(address("room-archive", open_room), {"to": "restore"})
    open_room.refresh_from_db()
    assert not open_room.archived


def test_archiving_what_another_archived_meanwhile_says_so_and_does_not_undo_it(
    alice_client: Client, open_room: Room
) -> None:
    open_room.archive()
    response = alice_client.post(address("room-archive", open_room), {"to": "archive"})
    assert response.status_code == 409
    assert "This room is archived" in text(response)
    open_room.refresh_from_db()
    assert open_room.archived


def test_restoring_what_another_restored_meanwhile_is_harmless(
    alice_client: Client, open_room: Room
) -> None:
    response = alice_client.post(address("room-archive", open_room), {"to": "restore"})
    assert response.status_code == 302
    open_room.refresh_from_db()
    assert not open_room.archived


@pytest.mark.parametrize("to", [None, "", "nonsense"])
def test_a_form_that_does_not_say_which_changes_nothing(
    alice_client: Client, open_room: Room, to: str | None
) -> None:
    response = alice_client.post(
        address("room-archive", open_room), {} if to is None else {"to": to}
    )
    assert response.status_code == 400
    open_room.refresh_from_db()
    assert not open_room.archived


def test_the_details_of_an_archived_room_stay_and_a_form_that_comes_late_says_why(
    alice_client: Client, open_room: Room
) -> None:
    open_room.archive()
    page = alice_client.get(address("room-settings", open_room))
    assert 'name="topic"' not in page.content.decode()
    late = alice_client.post(address("room-settings", open_room), {"name": "Bench", "topic": ""})
    assert late.status_code == 409
    assert "This room is archived" in text(late)
    assert 'value="Bench"' in late.content.decode()
    open_room.refresh_from_db()
    assert open_room.name == "Workbench"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_member_does_not_archive(bob_client: Client, open_room: Room, method: str) -> None:
    response = getattr(bob_client, method)(address("room-archive", open_room), {"to": "archive"})
    assert response.status_code == 403
    open_room.refresh_from_db()
    assert not open_room.archived


# Members


def test_the_members_are_listed_by_name_with_moderators_marked(
    bob_client: Client, open_room: Room
) -> None:
    open_room.join(make_user("zed", "alan"))
    page = text(bob_client.get(address("members", open_room)))
    assert page.index("alan") < page.index("Alice Archer") < page.index("Bob Baker")
    assert "@alice · moderator" in page
    assert "@bob · you" in page
    assert "3 members" in page


def test_the_number_of_queries_does_not_grow_with_the_members(
    alice_client: Client, open_room: Room
) -> None:
    alice_client.get(address("members", open_room))
    with CaptureQueriesContext(connection) as few:
        alice_client.get(address("members", open_room))
    make_crowd(open_room, 30)
    with CaptureQueriesContext(connection) as many:
        assert "32 members" in text(alice_client.get(address("members", open_room)))
    assert len(many) == len(few)


@pytest.mark.parametrize("typed", ["charlie", " @Charlie ", "Charlie Cooper"])
def test_a_moderator_adds_somebody_to_a_private_room(
    charlie: User, alice_client: Client, private_room: Room, typed: str
) -> None:
    visitor = signed_in(charlie)
    assert visitor.get(address("members", private_room)).status_code == 404
    response = alice_client.post(address("members", private_room), {"username": typed})
    assert response.headers["Location"] == address("members", private_room)
    assert visitor.get(address("members", private_room)).status_code == 200


def test_what_was_said_before_somebody_was_added_counts_as_read(
    alice: User, charlie: User, alice_client: Client, private_room: Room
) -> None:
    say(private_room, alice, "one", "two")
    alice_client.post(address("members", private_room), {"username": "charlie"})
    assert unread_of(private_room, charlie) == 0
    say(private_room, charlie, "three")
    assert unread_of(private_room, charlie) == 0


def test_adding_a_member_once_more_is_harmless(alice_client: Client, private_room: Room) -> None:
    response = alice_client.post(address("members", private_room), {"username": "bob"})
    assert response.status_code == 302
    assert private_room.memberships.count() == 2


@pytest.mark.parametrize("typed", ["", "nobody", "gone"])
def test_a_name_that_nobody_has_comes_back_with_the_reason(
    alice_client: Client, private_room: Room, typed: str
) -> None:
    gone = make_user("gone")
    gone.is_active = False
    gone.save()
    response = alice_client.post(address("members", private_room), {"username": typed})
    assert list(response.context["form"].errors) == ["username"]
    assert f'value="{typed}"' in response.content.decode() or not typed
    assert "Bob Baker" in text(response)
    assert private_room.memberships.count() == 2


def test_a_member_adds_nobody(
    charlie: User, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    for room in (open_room, private_room):
        page = bob_client.get(address("members", room)).content.decode()
        assert 'name="username"' not in page
        refused = bob_client.post(address("members", room), {"username": "charlie"})
        assert refused.status_code == 403
        assert not belongs(room, charlie)


# Removing


def test_a_moderator_removes_a_member_after_a_question(
    bob: User, alice_client: Client, bob_client: Client, private_room: Room
) -> None:
    page = alice_client.get(address("member-remove", private_room), {"user": bob.pk})
    assert "Remove Bob Baker from this room?" in text(page)
    assert "they can no longer read it" in text(page)
    assert bob_client.get(address("room", private_room)).status_code == 200
    response = alice_client.post(address("member-remove", private_room), {"user": bob.pk})
    assert response.headers["Location"] == address("members", private_room)
    assert bob_client.get(address("room", private_room)).status_code == 404


def test_who_is_removed_from_an_open_room_can_still_read_it(
    bob: User, alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    page = alice_client.get(address("member-remove", open_room), {"user": bob.pk})
    assert "they can still read it, and join it again" in text(page)
    alice_client.post(address("member-remove", open_room), {"user": bob.pk})
    assert not belongs(open_room, bob)
    assert bob_client.get(address("room", open_room)).status_code == 200


def test_a_moderator_who_removes_themselves_is_asked_as_one_who_leaves(
    alice: User, alice_client: Client, open_room: Room
) -> None:
    for ask in (alice_client.get, alice_client.post):
        response = ask(address("member-remove", open_room), {"user": alice.pk})
        assert response.headers["Location"] == address("room-leave", open_room)
    assert belongs(open_room, alice)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_member_removes_nobody(
    alice: User, bob_client: Client, open_room: Room, method: str
) -> None:
    page = bob_client.get(address("members", open_room)).content.decode()
    assert address("member-remove", open_room) not in page
    ask: Callable[..., Answer] = getattr(bob_client, method)
    assert ask(address("member-remove", open_room), {"user": alice.pk}).status_code == 403
    assert belongs(open_room, alice)


@pytest.mark.parametrize("user", ["", "x", "-1", "٣", "1.5", "9" * 18, "9" * 5000])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_is_removed_who_is_not_there(
    alice_client: Client, open_room: Room, method: str, user: str
) -> None:
    ask: Callable[..., Answer] = getattr(alice_client, method)
    assert ask(address("member-remove", open_room), {"user": user}).status_code == 404
    assert open_room.memberships.count() == 2


def test_a_moderator_of_one_room_removes_nobody_from_another(
    alice: User, bob: User, open_room: Room
) -> None:
    room = make_room("Shed", bob)
    response = signed_in(bob).post(address("member-remove", open_room), {"user": alice.pk})
    assert response.status_code == 403
    response = signed_in(bob).post(address("member-remove", room), {"user": alice.pk})
    assert response.status_code == 404
    assert belongs(open_room, alice)
