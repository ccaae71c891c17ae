"""The site for operators: who comes in, what they see, and that what they change goes by the verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from project.environment import TAKEN
from rooms import urls
from rooms.admin import base, operators
from rooms.live.connections import NOT_FOUND, SIGNED_OUT
from rooms.models import (
    AuditEntry,
    Ban,
    Chore,
    Invitation,
    LinkPreview,
    Membership,
    Message,
    Place,
    Profile,
    Restriction,
    Role,
    Room,
    Session,
    Shelf,
    Token,
    User,
)
from rooms.models import people as people_verbs
from rooms.models.profile import Status
from rooms.models.restriction import keep_out
from tests.cast import signed_in
from tests.factories import make_crowd, make_room, make_user, say, say_with_files
from tests.sockets import in_db, new_process, watching

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.one_stack

LEFT_OUT = {
    "account.EmailConfirmation": "its key opens an address's confirmation, and allauth needs no rows",
    "mfa.Authenticator": "somebody proves by it who they are; it is taken away on a page of the place",
    "socialaccount.SocialAccount": "it lets somebody in, and is connected by that person alone",
    "socialaccount.SocialApp": "the environment names the providers",
    "socialaccount.SocialToken": "none is kept",
    "rooms.Session": "whoever has its key is signed in; people are signed out on their own page",
    "rooms.Report": "what is reported is for those who moderate, on pages of their own",
    "rooms.Export": "what somebody takes along is for them alone, and what failed is in the log",
    "rooms.Imported": "names that people and rooms had elsewhere, for the next import to know them",
    "rooms.DeletedAccount": "a worker's own note of what is still to be removed",
    "rooms.Mention": "who was called in which message, which goes with the message",
    "rooms.MailSettings": "when somebody wants mail is their own business",
    "rooms.PreviewPicture": "what it shows was linked to in rooms that an operator may not read",
    "rooms.Bot": "owners and admins see all bots and end them on a page of the place",
    "rooms.Incoming": "whoever has its address can post there; a bot's owner makes and revokes it",
    "rooms.OutgoingWebhook": "its address and secret are for the bot's owner alone",
    "rooms.HookCursor": "a worker's own note of what was sent",
    "auth.Group": "roles say who may do what",
    "auth.Permission": "roles say who may do what",
    "contenttypes.ContentType": "Django's own list of the tables",
}


def make_operator(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)


@pytest.fixture
def operator(alice: User) -> Client:
    """Alice, with a shell on the server."""
    make_operator(alice)
    return signed_in(alice)


def address(model: type[Any], what: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def of(thing: Any) -> str:
    return address(type(thing), "change", thing.pk)


def words(answer: Answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def told(answer: Answer) -> str:
    """What a form was answered with on the page that it leads to."""
    return (
        words(answer)
        if answer.status_code == 200
        else words(answer.client.get(answer.headers["Location"]))
    )


# Who comes in


ROLES = {
    "operator": (Role.OWNER, True, True, "+"),
    "owner": (Role.OWNER, False, True, "0"),
    "admin": (Role.ADMIN, True, True, "0"),
    "member": (Role.MEMBER, True, True, "0"),
    "guest": (Role.GUEST, True, True, "0"),
    "deactivated": (Role.OWNER, True, False, ">"),
    "nobody": (None, False, False, ">"),
}


def letter(answer: Answer) -> str:
    if answer.headers.get("Location", "").startswith("/accounts/login/"):
        return ">"
    return {404: "0", 403: "-", 400: "!"}.get(
        answer.status_code, "+" if answer.status_code < 400 else "?"
    )


def scene(alice: User, bob: User, room: Room) -> list[Any]:
    """One of everything."""
    message = say_with_files(room, bob, "look", {"notes.txt": b"kettle"})
    task = DBTaskResult.objects.create(
        args_kwargs={"args": ["a secret"], "kwargs": {}},
        task_path="rooms.previews.look",
        backend_name="default",
        run_after=timezone.now(),
        exception_class_path="builtins.ValueError",
        traceback='Traceback:\n  File "x.py", line 3, in look\nValueError: a secret\n',
    )
    preview = LinkPreview.objects.create(
        address="https://example.org/a-secret", title="Kettle", fetched_at=timezone.now()
    )
    EmailAddress.objects.create(user=bob, email="bob@example.org", verified=True)
    Profile.of(bob).show_status(Status("🌴", "on leave"), None)
    Token.make(bob, name="Backup")
    rude = make_user("rude", "Rude")
    keep_out(room, rude, by=alice, reason="a secret")
    people_verbs.ban(rude, by=alice, until=None, reason="watches")
    return [
        Place.objects.get(), room, message, message.attachments.get(), bob,
        Membership.objects.get(room=room, user=bob), EmailAddress.objects.get(),
        Invitation.make(by=alice), Chore.objects.create(name="tidy", due_at=timezone.now()),
        Ban.objects.get(), Restriction.objects.get(), Token.objects.get(), AuditEntry.objects.first(),
        Shelf.objects.get(), task, preview, Profile.objects.get(),
        LogEntry.objects.create(user=alice, action_flag=2, object_repr="x"),
    ]  # fmt: skip


def addresses(things: list[Any]) -> list[str]:
    found = [
        reverse(f"admin:{name}")
        for name in (
            "index",
            "login",
            "logout",
            "password_change",
            "password_change_done",
            "jsi18n",
        )
    ]
    found += [reverse("admin:app_list", args=["rooms"]), reverse("admin:view_on_site", args=[1, 1])]
    found += [
        f"{reverse('admin:autocomplete')}?app_label=rooms&model_name=membership&field_name=room"
    ]
    for thing in things:
        found += [address(type(thing), what) for what in ("changelist", "add")]
        found += [address(type(thing), what, thing.pk) for what in ("change", "delete", "history")]
    return [*found, f"{reverse('admin:index')}there-is-none/"]


@pytest.mark.parametrize("who", ROLES)
def test_every_address_is_for_operators_alone(
    who: str, open_room: Room, alice: User, bob: User
) -> None:
    role, staff, active, expected = ROLES[who]
    things, client = scene(alice, bob, open_room), Client()
    assert {type(each) for each in things} == set(operators._registry)
    if role:
        visitor = make_user(who, role=role)
        client = signed_in(visitor)
        User.objects.filter(pk=visitor.pk).update(is_staff=staff, is_active=active)
    before = Message.objects.count(), Membership.objects.count(), LogEntry.objects.count()
    for each in addresses(things):
        answers = letter(client.get(each))
        if expected != "+":
            answers += letter(client.post(each, {"post": "yes"}))
        if "/login/" in each or ("there-is-none" in each and expected == "+"):
            assert set(answers) <= {">", "0", "+"}
        elif expected == "+":
            # what can't be added or deleted is refused; objects have no other page to be seen on
            may = "+-" if each.endswith(("/add/", "/delete/")) else "+0" if "/r/" in each else "+"
            assert answers in may, each
        else:
            assert answers == expected * 2, each
    assert before == (Message.objects.count(), Membership.objects.count(), LogEntry.objects.count())


def test_an_operator_who_is_an_owner_no_longer_is_none(operator: Client, alice: User) -> None:
    assert operator.get(reverse("admin:index")).status_code == 200
    User.objects.filter(pk=alice.pk).update(role=Role.ADMIN)
    assert operator.get(reverse("admin:index")).status_code == 404


def test_signing_in_is_the_place_s_own_and_leads_back(client: Client, place: Place) -> None:
    answer = client.get(address(Room, "changelist"))
    assert answer.headers["Location"] == f"/accounts/login/?next={address(Room, 'changelist')}"
    assert (
        client.post(reverse("admin:login"), {"username": "a", "password": "b"}).status_code == 302
    )


def test_a_command_makes_operators_of_owners_alone(
    alice: User, bob: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("operator")
    assert "no operator" in capsys.readouterr().out
    with pytest.raises(CommandError, match="bob is no owner"):
        call_command("operator", "bob")
    with pytest.raises(CommandError, match="Nobody"):
        call_command("operator", "zoe")
    call_command("operator", "alice")
    assert capsys.readouterr().out == "alice\n"
    alice.refresh_from_db()
    assert alice.is_staff
    User.objects.filter(pk=alice.pk).update(role=Role.MEMBER)
    call_command("operator")
    assert "without effect" in capsys.readouterr().out
    call_command("operator", "--end", "alice")
    alice.refresh_from_db()
    assert not alice.is_staff


def test_the_site_can_t_be_put_where_something_is() -> None:
    firsts = {str(pattern.pattern).partition("/")[0] for pattern in urls.urlpatterns}
    assert {each for each in firsts if each and "." not in each} <= TAKEN


# What they see


def test_every_model_is_there_or_left_out_for_a_reason() -> None:
    all_models = {model._meta.label for model in apps.get_models()}
    assert {model._meta.label for model in operators._registry} | set(LEFT_OUT) == all_models


def test_what_is_between_people_is_not_shown(  # noqa: PLR0917
    operator: Client, alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    said = [
        say_with_files(room, bob, "the kettle is blue", {"ledger.txt": b"kettle"})
        for room in (open_room, private_room)
    ]
    Room.objects.filter(pk=private_room.pk).update(topic="the kettle")
    talk = Room.direct_with([charlie], by=bob)
    whispered = say_with_files(talk, bob, "the kettle is red", {"ledger.txt": b"kettle"})

    assert "kettle is blue" in words(operator.get(of(said[0])))
    assert "ledger.txt" in words(operator.get(of(said[0].attachments.get())))
    private: list[Any] = [said[1], said[1].attachments.get(), private_room]
    for thing in private:
        for page in (of(thing), address(type(thing), "history", thing.pk)):
            shown = words(operator.get(page))
            assert "kettle" not in shown
            assert "ledger" not in shown
    listed = words(operator.get(address(Message, "changelist")))
    assert listed.count("kettle") == 1

    of_talk = talk.memberships.get(user=bob)
    hidden: list[Any] = [talk, whispered, whispered.attachments.get(), of_talk]
    for thing in hidden:
        assert operator.get(of(thing)).status_code == 302  # as if there were none
        everything = words(operator.get(address(type(thing), "changelist"), {"q": talk.slug}))
        assert f"/{thing.pk}/change/" not in everything
        assert f"/{thing.pk}/change/" not in words(operator.get(address(type(thing), "changelist")))


@pytest.mark.parametrize(
    "query",
    ["body__startswith=the", "room__topic__contains=a", "draft__contains=a", "password__startswith=m",
     "email__startswith=b", "token__startswith=a", "address__contains=a",
     "author__password__startswith=a", "name__startswith=n", "sessions__session_key__startswith=a"],
)  # fmt: skip
def test_what_is_not_shown_is_not_asked_for_letter_by_letter(
    operator: Client, alice: User, bob: User, open_room: Room, query: str
) -> None:
    assert operator.get(f"{address(User, 'changelist')}?role__exact=owner").status_code == 200
    for thing in scene(alice, bob, open_room):
        answer = operator.get(f"{address(type(thing), 'changelist')}?{query}")
        assert answer.status_code == 400, (thing, query)


def test_nothing_that_proves_who_somebody_is_is_shown(
    operator: Client, alice: User, bob: User, open_room: Room
) -> None:
    signed_in(bob)
    things = scene(alice, bob, open_room)
    User.objects.filter(pk=bob.pk).update(email="bob@example.org")
    bob.refresh_from_db()
    secrets = [
        *Session.objects.values_list("session_key", flat=True),
        *Invitation.objects.values_list("token", flat=True),
        bob.password, "bob@", "a-secret", "a secret",
    ]  # fmt: skip
    for thing in things:
        for page in (of(thing), address(type(thing), "changelist")):
            shown = words(operator.get(page))
            assert [secret for secret in secrets if secret in shown] == [], page
    assert "b…@example.org" in words(operator.get(of(bob)))
    found = words(operator.get(address(User, "changelist"), {"q": "bob@example.org"}))
    assert of(bob) in found


def test_a_list_costs_the_same_queries_however_long_it_is(
    operator: Client, alice: User, bob: User, open_room: Room
) -> None:
    things = scene(alice, bob, open_room)

    def costs() -> dict[str, int]:
        found = {}
        for model in {type(each) for each in things}:
            with CaptureQueriesContext(
                connection,
            ) as asked:
                operator.get(address(model, "changelist"))
            found[model.__name__] = len(asked)
        return found

    costs()
    before = costs()
    crowd = make_crowd(open_room, 20)
    for number, person in enumerate(crowd):
        make_room(f"Room {number}", person)
        say_with_files(open_room, person, f"hello {number}", {"a.txt": b"a"})
        Invitation.make(by=person)
        EmailAddress.objects.create(user=person, email=f"{number}@example.org")
    after = costs()
    assert after == before
    assert max(after.values()) <= 8


def test_a_page_offers_no_list_of_everybody(operator: Client, open_room: Room, bob: User) -> None:
    make_crowd(open_room, 30)
    for page in (
        address(Membership, "add"),
        of(open_room.memberships.get(user=bob)),
        of(open_room),
    ):
        assert words(operator.get(page)).count("<option") < 10
    query = {"app_label": "rooms", "model_name": "membership", "field_name": "user", "term": "Bob"}
    found = operator.get(reverse("admin:autocomplete"), query).json()["results"]
    assert [each["text"] for each in found] == ["Bob Baker"]


def test_counting_stops(
    operator: Client, open_room: Room, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "COUNTED", 3)
    say(open_room, bob, *"abcdef")
    assert "3 messages" in words(operator.get(address(Message, "changelist")))


@pytest.mark.parametrize(
    "term", ["\0", "a" * 10_000, "lobby/" + "9" * 40, "lobby/x", "%", "@", "/", "٣/٣"]
)
def test_bad_searches_find_nothing(
    operator: Client, alice: User, bob: User, open_room: Room, term: str
) -> None:
    for thing in scene(alice, bob, open_room):
        assert operator.get(address(type(thing), "changelist"), {"q": term}).status_code == 200


def test_messages_are_found_by_room_number_and_author(
    operator: Client, alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    one, two = say(open_room, bob, "one", "two")
    (three,) = say(private_room, alice, "three")

    def found(term: str) -> set[int]:
        page = words(operator.get(address(Message, "changelist"), {"q": term}))
        return {each.pk for each in (one, two, three) if of(each) in page}

    assert found("") == {one.pk, two.pk, three.pk}
    assert found(open_room.slug) == {one.pk, two.pk}
    assert found(f"{open_room.slug}/2") == {two.pk}
    assert found("@bob") == {one.pk, two.pk}
    assert found(f"@alice {open_room.slug}") == set()


# What they change


def saved(operator: Client, thing: Any, **form: Any) -> Answer:
    return operator.post(of(thing), form)


def chosen(operator: Client, model: type[Any], action: str, *things: Any, **form: Any) -> Answer:
    data = {"action": action, "_selected_action": [each.pk for each in things], **form}
    return operator.post(address(model, "changelist"), data)


@pytest.mark.django_db(transaction=True)
async def test_open_pages_follow_what_is_changed_of_a_room(
    operator: Client, open_room: Room, private_room: Room, bob: User
) -> None:
    (message,) = await in_db(say)(open_room, bob, "to be deleted")
    async with (
        new_process(),
        watching(bob, open_room) as page,
        watching(bob, private_room) as other,
    ):
        form = {"name": "Bench", "topic": "Tools"}
        assert (await in_db(saved)(operator, open_room, **form)).status_code == 302
        frame = await page.until("Bench")
        assert "Tools" in frame
        answer = await in_db(operator.post)(address(Message, "delete", message.pk), {"post": "yes"})
        assert answer.status_code == 302
        assert "to be deleted" not in await page.until(f'id="m{message.number}"')
        membership = await in_db(private_room.membership_of)(bob)
        await in_db(operator.post)(address(Membership, "delete", membership.pk), {"post": "yes"})
        assert await other.until_closed() == NOT_FOUND
    await in_db(message.refresh_from_db)()
    assert (message.body, message.deleted_at is None) == ("", False)


@pytest.mark.django_db(transaction=True)
async def test_open_pages_of_who_is_deactivated_or_signed_out_close(
    operator: Client, open_room: Room, bob: User, charlie: User
) -> None:
    async with (
        new_process(),
        watching(bob, open_room) as page,
        watching(charlie, open_room) as other,
    ):
        form = {"display_name": "Bob Baker", "role": "member"}
        assert (await in_db(saved)(operator, bob, **form)).status_code == 302
        assert await page.until_closed() == SIGNED_OUT
        await in_db(chosen)(operator, User, "sign_out", charlie)
        assert await other.until_closed() == SIGNED_OUT
    assert await bob.sessions.acount() == await charlie.sessions.acount() == 0


@pytest.mark.django_db(transaction=True)
async def test_open_pages_of_who_becomes_a_guest_follow(
    operator: Client, open_room: Room, charlie: User
) -> None:
    async with new_process(), watching(charlie, open_room) as page:
        form = {"display_name": "Charlie Cooper", "role": "guest", "is_active": "on"}
        await in_db(saved)(operator, charlie, **form)
        assert await page.until_closed() == NOT_FOUND


def test_a_private_room_keeps_the_topic_that_is_not_shown(
    operator: Client, private_room: Room
) -> None:
    assert 'name="topic"' not in words(operator.get(of(private_room)))
    saved(operator, private_room, name="Board", topic="something else")
    private_room.refresh_from_db()
    assert (private_room.name, private_room.topic) == ("Board", "Money, keys, insurance")


def test_a_room_is_archived_and_restored(
    operator: Client, open_room: Room, private_room: Room
) -> None:
    saved(operator, open_room, name="Workbench", topic="", archived="on")
    open_room.refresh_from_db()
    assert open_room.archived
    refused = told(saved(operator, open_room, name="Bench", topic="", archived="on"))
    assert "archived" in refused
    saved(operator, open_room, name="Bench", topic="")
    open_room.refresh_from_db()
    assert (open_room.name, open_room.archived) == ("Bench", False)
    for action, archived in (("archive", True), ("restore", False)):
        chosen(operator, Room, action, open_room, private_room)
        assert {room.archived for room in Room.objects.all()} == {archived}


def test_moderators_are_appointed_and_people_added(  # noqa: PLR0917
    operator: Client, open_room: Room, alice: User, bob: User, charlie: User, greta: User
) -> None:
    of_bob = open_room.memberships.get(user=bob)
    saved(operator, of_bob, is_moderator="on")
    of_bob.refresh_from_db()
    assert of_bob.is_moderator
    version = open_room.version
    answer = operator.post(address(Membership, "add"), {"room": open_room.pk, "user": charlie.pk})
    assert answer.status_code == 302
    assert open_room.membership_of(charlie) is not None
    assert open_room.version == version
    # whoever can't be a moderator is refused by the verb, with a sentence or the page of a refusal
    open_room.add(greta)
    of_greta = open_room.memberships.get(user=greta)
    assert saved(operator, of_greta, is_moderator="on").status_code == 403
    of_greta.refresh_from_db()
    assert not of_greta.is_moderator


def test_nobody_is_put_into_a_direct_conversation(
    operator: Client, alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    talk = Room.direct_with([charlie], by=bob)
    answer = operator.post(address(Membership, "add"), {"room": talk.pk, "user": alice.pk})
    assert "Select a valid choice" in words(answer)
    assert talk.memberships.count() == 2
    query = {"app_label": "rooms", "model_name": "membership", "field_name": "room"}
    offered = operator.get(reverse("admin:autocomplete"), query).json()["results"]
    assert str(talk.pk) not in {each["id"] for each in offered}
    assert str(open_room.pk) in {each["id"] for each in offered}


def test_many_are_removed_by_the_verb(
    operator: Client, open_room: Room, bob: User, alice: User
) -> None:
    messages = say(open_room, bob, *"abc")
    page = words(chosen(operator, Message, "delete_selected", *messages[:2]))
    assert "Are you sure" in page
    chosen(operator, Message, "delete_selected", *messages[:2], post="yes")
    assert [each.body for each in open_room.messages.order_by("number")] == ["", "", "c"]
    open_room.refresh_from_db()
    assert open_room.version == 5  # each a step that pages follow
    chosen(operator, Membership, "delete_selected", *open_room.memberships.all(), post="yes")
    assert not open_room.memberships.exists()


def test_not_everything_at_once(
    operator: Client, open_room: Room, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "AT_ONCE", 2)
    messages = say(open_room, bob, *"abc")
    answer = chosen(operator, Message, "delete_selected", *messages, post="yes", select_across="1")
    assert "more than 2" in told(answer)
    assert not Message.objects.exclude(deleted_at=None).exists()


def test_a_message_of_an_archived_room_can_be_taken_down(
    operator: Client, open_room: Room, bob: User
) -> None:
    (message,) = say(open_room, bob, "a")
    open_room.archive()
    operator.post(address(Message, "delete", message.pk), {"post": "yes"})
    message.refresh_from_db()
    assert message.deleted_at is not None
    assert operator.get(address(Message, "delete", message.pk)).status_code == 403


def test_the_last_owner_stays_and_says_so(operator: Client, alice: User) -> None:
    form = {"display_name": "Alice", "role": "member", "is_active": "on"}
    assert "Nobody else owns this place" in told(saved(operator, alice, **form))
    form["role"] = "owner"
    del form["is_active"]
    assert "Nobody closes their own account" in told(saved(operator, alice, **form))
    alice.refresh_from_db()
    assert (alice.role, alice.is_active, alice.display_name) == ("owner", True, "Alice Archer")


def test_what_has_no_verb_stays(operator: Client, bob: User, open_room: Room) -> None:
    form = {
        "username": "bobby", "is_staff": "on", "is_superuser": "on", "password": "x", "email": "x@y.org",
        "display_name": "Robert", "role": "member", "is_active": "on", "time_zone": "UTC",
    }  # fmt: skip
    saved(operator, bob, **form)
    now = User.objects.get(pk=bob.pk)
    assert now.display_name == "Robert"
    assert (now.username, now.is_staff, now.is_superuser, now.email) == ("bob", False, False, "")
    assert (now.password, now.time_zone) == (bob.password, "")
    saved(operator, open_room, name="Workbench", topic="", slug="x", private="on", version=99)
    slug, private = open_room.slug, open_room.private
    open_room.refresh_from_db()
    assert (open_room.slug, open_room.private, open_room.version < 99) == (slug, private, True)


def test_the_place_is_changed(operator: Client, place: Place) -> None:
    saved(operator, place, name="Shed", sign_up="open", rooms_by_admins="on")
    place.refresh_from_db()
    assert (place.name, place.sign_up, place.rooms_by_admins) == ("Shed", "open", True)


def test_what_a_card_says_is_taken_out(operator: Client, bob: User) -> None:
    profile = Profile.of(bob)
    profile.describe(pronouns="he/him", about="buy my kettles at kettles.example")
    profile.show_status(Status("🌴", "kettles, cheap"), None)
    operator.post(of(profile), {"pronouns": "he/him", "about": ""})
    chosen = {"action": "clear_status", "_selected_action": [bob.pk]}
    operator.post(address(Profile, "changelist"), chosen)
    found = Profile.of(bob)
    assert (found.pronouns, found.about) == ("he/him", "")
    assert found.status(timezone.now()) is None


def test_a_ban_is_lifted(operator: Client, alice: User, bob: User) -> None:
    people_verbs.ban(bob, by=alice, reason="watches")
    operator.post(address(Ban, "delete", Ban.objects.get().pk), {"post": "yes"})
    bob.refresh_from_db()
    assert bob.is_active
    assert AuditEntry.objects.filter(kind="unbanned", by=alice, whom=bob).exists()


def test_invitations_are_revoked(operator: Client, alice: User) -> None:
    invitations = [Invitation.make(by=alice) for _ in range(2)]
    chosen(operator, Invitation, "revoke", *invitations)
    assert not Invitation.objects.valid().exists()


def test_every_change_is_noted(operator: Client, open_room: Room, bob: User, alice: User) -> None:
    saved(operator, open_room, name="Bench", topic="")
    chosen(operator, User, "sign_out", bob)
    (message,) = say(open_room, bob, "the kettle")
    operator.post(address(Message, "delete", message.pk), {"post": "yes"})
    page = words(operator.get(address(LogEntry, "changelist")))
    for what in ("Bench", "signed out everywhere", str(message)):
        assert what in page
    assert "kettle" not in page
