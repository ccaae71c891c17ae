"""The people of the place: who they are, what they are, and whether their account is open."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.live.connections import SIGNED_OUT
from rooms.models import Role, User
from rooms.models import people as verbs
from rooms.models.people import LastOwner
from tests.cast import signed_in
from tests.factories import PASSWORD, make_room, make_user
from tests.markup import parse, text, values
from tests.sockets import in_db, new_process, watching

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Room

PEOPLE = "/place/people/"


def person(user: User) -> str:
    return reverse("person", args=[user.pk])


def activity(user: User) -> str:
    return reverse("person-activity", args=[user.pk])


def names(client: Client, query: str = "") -> list[str]:
    page = parse(client.get(PEOPLE, {"q": query}))
    (listed,) = [each for each in page.iter("ul") if each.get("class") == "members"] or [[]]
    return [item.find("p/a").text for item in listed]


def role_of(user: User) -> str:
    return User.objects.values_list("role", flat=True).get(pk=user.pk)


# The list


def test_everybody_is_listed_by_name_with_what_they_are(
    alice_client: Client, bob: User, amir: User, greta: User
) -> None:
    make_user("aaron", "")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    page = text(alice_client.get(PEOPLE))
    assert names(alice_client) == ["aaron", "Alice Archer", "Amir Aziz", "Bob Baker", "Greta Green"]
    assert "@alice · you · Owner" in page
    assert "@amir · Admin" in page
    assert "@bob · Member · deactivated" in page
    assert "@greta · Guest" in page
    assert "5 people" in page


@pytest.mark.parametrize("query", ["odon", "@odon", "ÖDÖN", "ödön", " bar  tok "])
def test_somebody_is_found_by_either_name(alice_client: Client, bob: User, query: str) -> None:
    make_user("odon", "Ödön Bar tok")
    assert names(alice_client, query) == ["Ödön Bar tok"]


@pytest.mark.parametrize("query", ["xyzzy", "%", "\0x", "é" * 10_000])
def test_a_search_for_nobody_says_so(alice_client: Client, query: str) -> None:
    response = alice_client.get(PEOPLE, {"q": query})
    assert "Nobody here is called" in text(response)


def test_a_long_list_comes_in_pages(alice_client: Client) -> None:
    User.objects.bulk_create(User(username=f"p{number:03}") for number in range(120))
    first = alice_client.get(PEOPLE)
    assert "121 people" in text(first)
    assert "Page 1 of 3" in text(first)
    last = text(alice_client.get(PEOPLE, {"page": "3"}))
    assert "p119" in last
    assert "After" not in last


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "99", "٣", "9" * 5000])
def test_a_page_that_there_is_not_is_one_that_there_is(alice_client: Client, page: str) -> None:
    assert "Alice Archer" in text(alice_client.get(PEOPLE, {"page": page}))


def test_the_number_of_queries_does_not_grow_with_the_people(alice_client: Client) -> None:
    alice_client.get(PEOPLE)
    with CaptureQueriesContext(connection) as few:
        alice_client.get(PEOPLE)
    User.objects.bulk_create(User(username=f"p{number}") for number in range(120))
    with CaptureQueriesContext(connection) as many:
        alice_client.get(PEOPLE)
    assert len(many) == len(few)


def test_nobodys_address_is_shown(alice_client: Client, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(email="bob@example.org")
    for address in (PEOPLE, person(bob)):
        assert "example.org" not in alice_client.get(address).content.decode()


@pytest.mark.parametrize("pk", ["0", "9" * 30])
@pytest.mark.parametrize("name", ["person", "person-activity"])
def test_there_is_nobody_at_an_invented_number(alice_client: Client, name: str, pk: str) -> None:
    for ask in (alice_client.get, alice_client.post):
        assert ask(reverse(name, args=[int(pk)])).status_code == 404


# Roles


def test_an_owner_makes_an_admin_and_another_owner(alice_client: Client, bob: User) -> None:
    assert values(alice_client.get(person(bob)))["role"] == "member"
    for role in ("admin", "owner"):
        answer = alice_client.post(person(bob), {"role": role}, follow=True)
        assert "Saved." in text(answer)
        assert role_of(bob) == role


def test_an_admin_chooses_between_member_and_guest_alone(amir_client: Client, bob: User) -> None:
    offered = [field.get("value") for field in parse(amir_client.get(person(bob))).iter("input")
               if field.get("name") == "role"]  # fmt: skip
    assert offered == ["member", "guest"]
    amir_client.post(person(bob), {"role": "guest"})
    assert role_of(bob) == "guest"


def test_an_admin_is_shown_an_owner_and_nothing_to_change(amir_client: Client, alice: User) -> None:
    page = amir_client.get(person(alice))
    assert "Only an owner of this place changes what owners and admins are." in text(page)
    assert 'name="role"' not in page.content.decode()
    assert activity(alice) not in page.content.decode()


@pytest.mark.parametrize("typed", [{}, {"role": ""}, {"role": "king"}, {"role": "x" * 10_000}])
def test_a_role_that_there_is_not_changes_nothing(
    alice_client: Client, bob: User, typed: dict[str, str]
) -> None:
    assert "Please look at this again" in text(alice_client.post(person(bob), typed))
    assert role_of(bob) == "member"


def test_the_last_owner_stays_one(alice: User, alice_client: Client, amir: User) -> None:
    gone = make_user("gone", role=Role.OWNER)
    User.objects.filter(pk=gone.pk).update(is_active=False)  # does not count
    answer = alice_client.post(person(alice), {"role": "admin"})
    assert answer.status_code == 409
    assert "Nobody else owns this place" in text(answer)
    assert role_of(alice) == "owner"
    with pytest.raises(LastOwner):
        verbs.change_role(alice, Role.GUEST, by=alice)


def test_an_owner_who_is_not_the_last_may_step_down(
    alice: User, alice_client: Client, bob: User
) -> None:
    alice_client.post(person(bob), {"role": "owner"})
    answer = alice_client.post(person(alice), {"role": "member"})
    assert answer.headers["Location"] == "/"
    assert role_of(alice) == "member"
    assert alice_client.get(PEOPLE).status_code == 403


def test_who_becomes_a_guest_moderates_no_more_and_the_eldest_succeeds(
    alice: User, alice_client: Client, bob: User, charlie: User, greta: User
) -> None:
    shed = make_room("Shed", bob, greta, charlie, alice)
    barn = make_room("Barn", alice, bob)
    barn.appoint(bob, moderator=True)
    alice_client.post(person(bob), {"role": "guest"})
    moderators = [
        list(room.memberships.filter(is_moderator=True).values_list("user__username", flat=True))
        for room in (shed, barn)
    ]
    assert moderators == [["charlie"], ["alice"]]  # greta, who was there before, is a guest
    alice_client.post(person(bob), {"role": "member"})
    assert not bob.memberships.filter(is_moderator=True).exists()


# Accounts


def test_deactivating_is_asked_about_and_ends_every_session(
    alice_client: Client, bob: User, bob_client: Client, client: Client
) -> None:
    assert "Deactivate the account of Bob Baker?" in text(alice_client.get(activity(bob)))
    assert get_user(bob_client) == bob
    answer = alice_client.post(activity(bob), {"to": "deactivate"})
    assert answer.headers["Location"] == person(bob)
    assert not bob.sessions.exists()
    assert not get_user(bob_client).is_authenticated
    client.post("/accounts/login/", {"login": "bob", "password": PASSWORD})
    assert not get_user(client).is_authenticated


def test_who_is_reactivated_finds_everything_as_it_was(
    alice_client: Client, bob: User, open_room: Room, client: Client
) -> None:
    alice_client.post(activity(bob), {"to": "deactivate"})
    assert "· deactivated" in text(alice_client.get(reverse("members", args=[open_room.slug])))
    assert "Reactivate the account of Bob Baker?" in text(alice_client.get(activity(bob)))
    alice_client.post(activity(bob), {"to": "reactivate"})
    client.post("/accounts/login/", {"login": "bob", "password": PASSWORD})
    assert get_user(client) == bob
    assert open_room.membership_of(bob)


@pytest.mark.parametrize("to", ["", "nonsense"])
def test_a_form_that_does_not_say_which_changes_nothing(
    alice_client: Client, bob: User, to: str
) -> None:
    assert alice_client.post(activity(bob), {"to": to}).status_code == 400
    assert User.objects.get(pk=bob.pk).is_active


def test_the_only_moderator_who_is_deactivated_is_succeeded_and_keeps_the_office(
    alice: User, bob: User, charlie: User
) -> None:
    shed = make_room("Shed", bob, charlie)
    verbs.deactivate(bob, by=alice)
    assert set(shed.memberships.filter(is_moderator=True).values_list("user", flat=True)) == {
        bob.pk,
        charlie.pk,
    }


@pytest.mark.django_db(transaction=True)
async def test_deactivating_closes_what_they_have_open_at_once(
    alice: User, bob: User, open_room: Room
) -> None:
    async with new_process(), watching(bob, open_room) as page, watching(alice, open_room) as other:
        await in_db(verbs.deactivate)(bob, by=alice)
        assert await page.until_closed() == SIGNED_OUT
        assert other.closed is None


# Of two at once. On SQLite one waits for the other's transaction; on PostgreSQL the locks decide.


def at_once(*calls: Any) -> list[str]:
    start, outcomes = threading.Barrier(len(calls)), []

    def run(call: Any) -> None:
        try:
            start.wait()
            call()
            outcomes.append("done")
        except Exception as error:  # noqa: BLE001 - the test compares what it was
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_try", range(5))
def test_two_owners_who_depose_each_other_leave_one(alice: User, _try: int) -> None:
    zoe = make_user("zoe", role=Role.OWNER)
    outcomes = at_once(
        lambda: verbs.change_role(zoe, Role.MEMBER, by=alice),
        lambda: verbs.deactivate(alice, by=zoe),
    )
    assert outcomes[1] == "done"
    assert outcomes[0] in {"LastOwner", "PermissionDenied"}
    assert User.objects.filter(role=Role.OWNER, is_active=True).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_try", range(5))
def test_two_owners_who_step_down_at_once_leave_one(alice: User, _try: int) -> None:
    zoe = make_user("zoe", role=Role.OWNER)
    outcomes = at_once(
        lambda: verbs.change_role(zoe, Role.ADMIN, by=zoe),
        lambda: verbs.change_role(alice, Role.ADMIN, by=alice),
    )
    assert outcomes == ["LastOwner", "done"]


@pytest.mark.django_db(transaction=True)
def test_somebody_may_write_while_they_are_deactivated(
    alice: User, bob: User, open_room: Room
) -> None:
    """Either is first; neither waits for the other for ever."""
    shed = make_room("Shed", bob, alice)
    for number in range(5):
        outcomes = at_once(
            lambda number=number: shed.post(bob, "hi", f"key-number-{number}"),
            lambda: verbs.deactivate(bob, by=alice),
        )
        assert outcomes in (["PermissionDenied", "done"], ["done", "done"])
        verbs.reactivate(bob, by=alice)


def test_a_tab_of_a_former_admin_changes_nothing(alice: User, amir: User, bob: User) -> None:
    client = signed_in(amir)
    assert client.get(person(bob)).status_code == 200
    verbs.change_role(amir, Role.MEMBER, by=alice)
    assert client.post(person(bob), {"role": "guest"}).status_code == 403
    assert role_of(bob) == "member"
