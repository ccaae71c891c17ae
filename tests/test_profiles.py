"""What people tell about themselves, how they are just now, and their cards."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.live import hub as hubs
from rooms.live import presence
from rooms.models import Place, Profile, Role, Room, User, announcements, reading
from rooms.models.acquaintances import people_visible_to
from rooms.models.profile import Status
from rooms.profile_forms import end_of
from rooms.views import profiles
from tests.cast import signed_in
from tests.factories import give_face, make_room, make_user, say
from tests.markup import error_of, parse, text, values
from tests.page import Page
from tests.sockets import in_db, new_process, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_django import DjangoCaptureOnCommitCallbacks

PROFILE, STATUS = "/accounts/profile/", "/accounts/status/"
HTMX = {"HX-Request": "true"}
BOOSTED = {**HTMX, "HX-Boosted": "true"}
MARKUP = '"><img src=x onerror=alert(1)>&<b>'


@pytest.fixture
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


def card_of(user: User, reader: User, headers: dict[str, str] = BOOSTED) -> str:
    return signed_in(reader).get(f"/people/{user.pk}/", headers=headers).content.decode()


def says(user: User, emoji: str, words: str, until: datetime | None = None) -> None:
    Profile.of(user).show_status(Status(emoji, words), until)


# What one tells


def test_what_one_tells_is_kept_and_stands_on_the_card(bob: User, bob_client: Client) -> None:
    told = {"pronouns": " he /  him ", "about": "One\r\nTwo, see https://example.org/x?a=1&b."}
    answer = bob_client.post(PROFILE, told, follow=True)
    assert values(answer)["pronouns"] == "he / him"
    card = card_of(bob, bob)
    assert "he / him" in card
    assert "One<br>Two, see <a " in card
    assert 'href="https://example.org/x?a=1&amp;b"' in card
    assert "noopener" in card
    bob_client.post(PROFILE, {"pronouns": "", "about": ""})
    assert "example.org" not in card_of(bob, bob)


@pytest.mark.parametrize(
    ("name", "lie"),
    [
        ("pronouns", "x" * 31),
        ("pronouns", "\u200b"),
        ("about", "x" * 301),
    ],
)
def test_what_cannot_be_told_is_refused_and_nothing_typed_is_lost(
    name: str, lie: str, bob: User, bob_client: Client
) -> None:
    fine = {"display_name": "Robert", "pronouns": "he", "about": "fine"}
    answer = bob_client.post(PROFILE, {**fine, name: lie})
    assert error_of(answer, name)
    assert values(answer)["display_name"] == "Robert"
    assert Profile.of(bob) == Profile(user=bob)
    assert Profile.of(bob).about == ""
    bob.refresh_from_db()
    assert bob.name == "Bob Baker"


def test_words_about_oneself_are_words(bob: User, alice: User) -> None:
    Profile.of(bob).describe(pronouns=MARKUP[:30], about=MARKUP + " javascript:alert(1) **bold**")
    bob.change_profile(display_name=MARKUP, time_zone="", language="")
    says(bob, "🌴", MARKUP)
    for headers in ({}, BOOSTED):
        card = card_of(bob, alice, headers)
        assert "<img" not in card
        assert "&lt;img src=x onerror=alert(1)&gt;" in card
        assert "<strong>" not in card
        assert 'href="javascript' not in card


def test_only_what_a_form_has_is_written(bob: User) -> None:
    """Two pages of one person at once: what the one does not know of, it leaves."""
    first, second = Profile.of(bob), Profile.of(bob)
    first.describe(pronouns="he", about="here")
    second.show_status(Status("🌴", "away"), None)
    second.rest(timezone.now() + timedelta(hours=1))
    now = Profile.of(bob)
    assert (now.pronouns, now.about, now.status_text) == ("he", "here", "away")
    assert now.undisturbed_until is not None


# How one is


NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("span", "zone", "end"),
    [
        ("30", "UTC", datetime(2026, 11, 25, 12, 30, tzinfo=UTC)),
        ("60", "UTC", datetime(2026, 11, 25, 13, tzinfo=UTC)),
        ("240", "UTC", datetime(2026, 11, 25, 16, tzinfo=UTC)),
        ("day", "UTC", datetime(2026, 11, 26, tzinfo=UTC)),
        ("day", "Asia/Tokyo", datetime(2026, 11, 25, 15, tzinfo=UTC)),
        ("day", "America/New_York", datetime(2026, 11, 26, 5, tzinfo=UTC)),
        ("week", "UTC", datetime(2026, 11, 30, tzinfo=UTC)),
        ("week", "Pacific/Auckland", datetime(2026, 11, 29, 11, tzinfo=UTC)),
        ("", "UTC", None),
    ],
)
def test_a_status_ends_where_its_reader_is(span: str, zone: str, end: datetime | None) -> None:
    with timezone.override(ZoneInfo(zone)):
        assert end_of(span, NOON) == end


def test_a_week_that_changes_to_winter_time_ends_at_midnight_all_the_same() -> None:
    friday = datetime(2026, 10, 23, 10, tzinfo=UTC)
    with timezone.override(ZoneInfo("Europe/Berlin")):
        end = end_of("week", friday)
    assert end == datetime(2026, 10, 25, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("emoji", "kept"),
    [
        ("🌴", "🌴"),
        (":palm_tree:", "🌴"),
        ("❤", "❤"),
        ("👩🏽‍🚒", "👩🏽‍🚒"),
        (" 🇪🇺 ", "🇪🇺"),
        ("", ""),
    ],
)
def test_a_status_is_set(emoji: str, kept: str, bob: User, bob_client: Client) -> None:
    sent = {"emoji": emoji, "text": "  On \n holiday ", "lasts": "60", "rests": "30"}
    assert bob_client.post(STATUS, sent).status_code == 302
    told, now = Profile.of(bob), timezone.now()
    assert told.status(now) == Status(kept, "On holiday")
    assert told.status_until
    assert told.undisturbed_until
    assert abs(told.status_until - now - timedelta(hours=1)) < timedelta(minutes=1)
    assert abs(told.undisturbed_until - now - timedelta(minutes=30)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "lie"),
    [
        ("emoji", "x"),
        ("emoji", "🌴🌴"),
        ("emoji", "🌴" * 300),
        ("emoji", ":no_such_thing:"),
        ("emoji", "<b>"),
        ("text", "x" * 101),
        ("text", "\u2060"),
        ("lasts", "1000000000000"),
        ("lasts", "keep"),
        ("rests", "never"),
        ("rests", "keep"),
    ],
)
def test_a_status_that_cannot_be_is_refused(
    name: str, lie: str, bob: User, bob_client: Client
) -> None:
    sent = {"emoji": "🌴", "text": "fine", "lasts": "60", "rests": ""}
    answer = bob_client.post(STATUS, {**sent, name: lie})
    assert error_of(answer, name)
    for other in {"emoji", "text"} - {name}:
        assert values(answer)[other] == sent[other]
    assert Profile.of(bob).status(timezone.now()) is None


def test_garbage_is_no_error_of_ours(bob: User, bob_client: Client) -> None:
    for path in (PROFILE, STATUS):
        assert bob_client.post(path, {}).status_code in {200, 302}
        repeated = {name: ["x" * 50] * 200 for name in ("text", "emoji", "about", "picture")}
        assert bob_client.post(path, repeated).status_code in {200, 302}
        null = dict.fromkeys(("text", "emoji", "lasts", "about", "pronouns"), "🌴\x00")
        assert bob_client.post(path, null).status_code == 200
        assert "🌴" not in card_of(bob, bob)
    assert bob_client.post("/accounts/picture/", {}).status_code == 302
    assert bob_client.post("/accounts/picture/", {"picture": "text"}).status_code == 302


def test_to_save_again_does_not_put_the_end_off(bob: User, bob_client: Client) -> None:
    until = timezone.now() + timedelta(minutes=42)
    says(bob, "🌴", "away", until)
    Profile.of(bob).rest(until)
    kept = values(bob_client.get(STATUS))
    assert (kept["lasts"], kept["rests"]) == ("keep", "keep")
    bob_client.post(STATUS, {**kept, "text": "really away"})
    told = Profile.of(bob)
    assert (told.status_text, told.status_until, told.undisturbed_until) == (
        "really away",
        until,
        until,
    )


def test_a_status_is_taken_down(bob: User, bob_client: Client) -> None:
    says(bob, "🌴", "away")
    Profile.of(bob).rest(timezone.now() + timedelta(hours=1))
    assert "Take it down" in text(bob_client.get(STATUS))
    bob_client.post(STATUS, {"clear": "1"})
    told, now = Profile.of(bob), timezone.now()
    assert told.status(now) is None
    assert told.is_undisturbed(now), "that is another matter"
    bob_client.post(STATUS, {"emoji": "", "text": "", "lasts": "60", "rests": ""})
    assert Profile.of(bob).status(now) is None
    assert Profile.of(bob).undisturbed_until is None


def test_what_is_over_does_not_hold(bob: User, alice: User) -> None:
    now = timezone.now()
    assert not bob.does_not_disturb(now), "who has told nothing may be told of everything"
    told = Profile.of(bob)
    told.rest(now + timedelta(minutes=1))
    says(bob, "🌴", "away", now + timedelta(minutes=1))
    bob = User.objects.select_related("profile").get(pk=bob.pk)
    assert bob.does_not_disturb(now)
    assert bob.profile.status(now)
    assert "away" in card_of(bob, alice)
    later = now + timedelta(minutes=1)
    assert not bob.does_not_disturb(later)
    assert bob.profile.status(later) is None
    Profile.objects.update(status_until=now, undisturbed_until=now)
    card = card_of(bob, alice)
    assert "away" not in card
    assert "disturbed" not in card
    seen = reading.seen_of([bob.pk])[bob.pk]
    assert (seen.status, seen.undisturbed) == (None, False)


def test_open_pages_hear_of_a_status(
    bob: User,
    bob_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(announcements, "_send", lambda _group, event: heard.append(event))
    with django_capture_on_commit_callbacks(execute=True):
        says(bob, "🌴", "away")
    assert heard == [{"type": "people.changed", "users": [bob.pk]}]


# Beside the name


def presence_of(client: Client, room: Room) -> str:
    page = client.get(f"/rooms/{room.slug}/").content.decode()
    found = re.search(r'<ul id="presence".*?</ul>', page, re.DOTALL)
    assert found
    return found[0]


def test_a_status_stands_beside_the_name_of_who_is_here(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    plain = presence_of(bob_client, open_room)
    assert "status" not in plain
    assert f'<a class="name" dir="auto" href="/people/{bob.pk}/">Bob Baker</a></li>' in plain
    says(bob, "🌴", 'on "holiday"')
    shown = presence_of(bob_client, open_room)
    assert 'title="on &quot;holiday&quot;">🌴<span class="unseen">' in shown
    Profile.of(bob).rest(timezone.now() + timedelta(hours=1))
    assert "Does not want to be disturbed" in presence_of(bob_client, open_room)
    here = text(bob_client.get(f"/rooms/{open_room.slug}/here/"))
    assert 'Bob Baker Does not want to be disturbed 🌴 on "holiday"' in here
    Profile.objects.update(status_until=timezone.now(), undisturbed_until=timezone.now())
    assert presence_of(bob_client, open_room) == plain, "kept HTML outlives no status"


def test_a_plain_person_costs_no_byte_more_than_before(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    """The list is sent with each coming and going."""
    plain = presence_of(bob_client, open_room)
    before = (
        f'<li data-person="{bob.pk}"><span class="face" data-hue="{bob.hue}" aria-hidden="true">BB'
        '</span> <span class="name" dir="auto">Bob Baker</span></li>'
    )
    (item,) = re.findall(r"<li>.*?</li>", plain)
    assert len(item) <= len(before)


def test_a_poll_brings_a_status_and_takes_it_away(
    bob: User, alice_client: Client, open_room: Room
) -> None:
    presence.store().renew("here", [(open_room.pk, bob.pk)], "test", 30)
    page = Page(alice_client.get(f"/rooms/{open_room.slug}/").content.decode())
    address = f"/rooms/{open_room.slug}/changes/"

    def poll() -> None:
        seen = page.one("#seen").attributes.get("value", "")
        answer = alice_client.get(address, {"seen": seen}, headers=HTMX)
        if answer.status_code == 200:
            page.answer(answer.content.decode())

    poll()
    assert page.all(".status") == []
    says(bob, "🌴", "away", timezone.now() + timedelta(hours=1))
    poll()
    assert page.one(".status").text == "🌴 away"
    Profile.objects.update(status_until=timezone.now())
    poll()
    assert page.all(".status") == []


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_a_status_comes_to_open_pages_and_goes_when_it_is_over(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody announces that a moment has come: each look at who is here compares."""
    monkeypatch.setattr(hubs, "SWEEP", 0.2)
    async with watching(bob, open_room) as opened, watching(alice, open_room):
        await opened.until(f'/people/{alice.pk}/">')
        await in_db(says)(alice, "🌴", "away", timezone.now() + timedelta(hours=1))
        assert "🌴" in await opened.until('class="status"')
        await in_db(Profile.objects.update)(status_until=timezone.now())
        await hubs.hub()._sweep()
        frame = await opened.until('id="presence"')
        assert alice.name in frame
        assert "status" not in frame


def test_a_status_leaves_kept_rows_alone(
    bob: User, alice: User, alice_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "hello")
    path = f"/rooms/{open_room.slug}/"
    alice_client.get(path)
    says(bob, "🌴", "away")
    with CaptureQueriesContext(connection) as captured:
        assert "hello" in alice_client.get(path).content.decode()
    assert not any("rooms_message" in query["sql"] for query in captured)


# Cards


@pytest.mark.parametrize("who", ["{0.pk}", "{0.username}", "@{0.username}"])
def test_a_card_is_found_by_number_and_by_name(who: str, bob: User, alice_client: Client) -> None:
    answer = alice_client.get(f"/people/{who.format(bob)}/")
    parse(answer)
    assert "<title>Bob Baker" in answer.content.decode()
    assert "@bob" in text(answer)


def test_a_name_of_digits_is_found_with_the_sign(bob: User, alice_client: Client) -> None:
    digits = make_user(str(bob.pk), "Somebody of digits")
    assert "Bob Baker" in text(alice_client.get(f"/people/{bob.pk}/"))
    assert "Somebody of digits" in text(alice_client.get(f"/people/@{digits.username}/"))


@pytest.mark.parametrize("headers", [{}, BOOSTED])
@pytest.mark.parametrize(
    "who",
    [
        "nobody",
        "@",
        "@@bob",
        "Bob",
        "0",
        "9999999",
        "9" * 40,
        "bob%22%3E",
        "٣",
        "x" * 500,
    ],
)
def test_nobodys_card_is_404(
    who: str, headers: dict[str, str], bob: User, alice_client: Client
) -> None:
    assert alice_client.get(f"/people/{bob.username}/", headers=headers).status_code == 200
    assert alice_client.get(f"/people/{who}/", headers=headers).status_code == 404


def test_cards_are_for_those_who_are_signed_in(bob: User, client: Client) -> None:
    assert client.get(f"/people/{bob.pk}/").status_code == 302
    answer = client.get(f"/people/{bob.pk}/", headers=BOOSTED)
    assert answer.status_code == 401
    assert "Bob" not in answer.content.decode()


def test_one_function_says_whom_one_sees(
    bob: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bob in people_visible_to(bob)
    paths = [f"/people/{bob.pk}/", "/people/bob/"]
    for path in paths:
        assert alice_client.get(path).status_code == 200
    monkeypatch.setattr(profiles, "people_visible_to", lambda _reader: User.objects.none())
    for path in paths:
        assert alice_client.get(path).status_code == 404


def test_a_card_for_htmx_says_where_it_goes(bob: User, alice_client: Client) -> None:
    answer = alice_client.get(f"/people/{bob.pk}/", headers=BOOSTED)
    assert answer["HX-Retarget"] == "#card"
    assert answer["HX-Push-Url"] == "false"
    assert "show:none" in answer["HX-Reswap"]
    card = answer.content.decode()
    assert card.startswith('<dialog class="card" open closedby="any" aria-labelledby="card-name">')
    assert '<h2 id="card-name" dir="auto">Bob Baker</h2>' in card
    for target, place in [("people-card", "people-card"), ("messages", "card"), ("x" * 99, "card")]:
        headers = {**BOOSTED, "HX-Target": target}
        answer = alice_client.get(f"/people/{bob.pk}/", headers=headers)
        assert answer.get("HX-Retarget", f"#{target}") == f"#{place}"
        assert f'id="{place}-name"' in answer.content.decode()


def test_rooms_in_common_are_those_of_both(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    make_room("Only Alice's", alice)
    make_room("Put away", alice, bob).archive()
    hers = card_of(alice, bob)
    assert "Workbench" in hers
    assert "Committee" in hers
    assert "Only Alice" not in hers
    assert "Put away" not in hers
    for headers in ({}, BOOSTED):
        seen_by_charlie = card_of(alice, charlie, headers)
        assert "Committee" not in seen_by_charlie
        assert private_room.slug not in seen_by_charlie
        assert "Workbench" not in seen_by_charlie
    own = card_of(alice, alice)
    assert "Only Alice" in own
    assert "Change your profile" in own


def test_many_rooms_are_counted_and_cost_no_query(alice: User, bob: User) -> None:
    client = signed_in(bob)
    path = f"/people/{alice.pk}/"

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(path, headers=BOOSTED)
        return len(captured)

    make_room("Room 0", alice, bob)
    queries()
    few = queries()
    for number in range(1, 15):
        make_room(f"Room {number}", alice, bob)
    assert queries() == few
    assert "and 3 more" in card_of(alice, bob)


def test_a_card_says_what_time_it_is_there(alice: User, bob: User) -> None:
    bob.change_profile(display_name="", time_zone="Pacific/Kiritimati", language="")
    alice.change_profile(display_name="", time_zone="Pacific/Pago_Pago", language="")
    there = timezone.now().astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert f"{there:%A}" in card_of(bob, alice)
    assert f"{there:%A}" not in card_of(alice, bob), "there it is a day before"


def test_an_end_is_said_as_it_is_where_one_reads(alice: User, bob: User) -> None:
    until = timezone.now() + timedelta(days=2)
    says(bob, "🌴", "away", until)
    alice.change_profile(display_name="", time_zone="Asia/Kathmandu", language="")
    assert f"until {until.astimezone(ZoneInfo('Asia/Kathmandu')):%a}" in card_of(bob, alice)
    assert f"{until.astimezone(ZoneInfo('Asia/Kathmandu')):%H:%M}" in card_of(bob, alice)


def test_an_account_that_was_closed_says_so(alice: User, bob: User) -> None:
    says(bob, "🌴", "away")
    assert "This account is deactivated" not in card_of(bob, alice)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    card = card_of(bob, alice)
    assert "This account is deactivated" in card
    assert "away" not in card
    assert "where they are" not in card


def test_a_card_says_what_somebody_is_in_the_place(alice: User, bob: User) -> None:
    for role in Role:
        User.objects.filter(pk=bob.pk).update(role=role)
        assert f"<p>{role.label}</p>" in card_of(bob, alice)


def test_who_manages_people_comes_from_a_card_to_the_account(
    alice: User, bob: User, charlie: User
) -> None:
    assert f"/place/people/{bob.pk}/" in card_of(bob, alice)
    assert f"/place/people/{bob.pk}/" not in card_of(bob, charlie)
    assert f"/people/{bob.pk}/" in text_of_person(bob, alice)


def text_of_person(person: User, reader: User) -> str:
    return signed_in(reader).get(f"/place/people/{person.pk}/").content.decode()


def test_direct_conversations_are_no_rooms_in_common(
    alice: User, bob: User, open_room: Room
) -> None:
    talk = Room.direct_with([alice], by=bob)
    say(talk, bob, "hello")
    for reader in (alice, bob):
        card = card_of(alice, reader)
        assert "Workbench" in card
        assert talk.slug not in card.partition('class="card-rooms"')[2]


def test_a_card_leads_to_a_conversation(alice: User, bob: User) -> None:
    form = Page(signed_in(bob).get(f"/people/{alice.pk}/").content.decode())
    button = form.one(".card-page button")
    assert (button.attributes["name"], button.attributes["value"]) == ("person", str(alice.pk))
    answer = signed_in(bob).post("/direct/new/", {"person": alice.pk})
    assert "/rooms/direct-" in answer["Location"]
    assert 'name="person"' not in card_of(alice, alice)


# Guests


@pytest.fixture
def guest(open_room: Room) -> User:
    guest = make_user("gwen", "Gwen Guest", role=Role.GUEST)
    open_room.add(guest)
    return guest


def test_a_guest_sees_the_cards_of_those_in_their_rooms_alone(
    guest: User, alice: User, charlie: User, open_room: Room
) -> None:
    client = signed_in(guest)
    for who in (alice, guest):
        assert client.get(f"/people/{who.pk}/").status_code == 200
    for address in (f"/people/{charlie.pk}/", "/people/charlie/", "/people/@charlie/"):
        assert client.get(address).status_code == 404
        answer = client.get(address, headers=BOOSTED)
        assert answer.status_code == 404
        assert charlie.name not in answer.content.decode()
    open_room.add(charlie)
    assert client.get(f"/people/{charlie.pk}/").status_code == 200
    assert "Gwen Guest" in card_of(guest, charlie)


def test_a_guest_sees_the_face_of_whoever_said_something_in_their_rooms(
    guest: User, bob: User, charlie: User, open_room: Room
) -> None:
    client = signed_in(guest)
    give_face(bob)
    give_face(charlie)
    say(open_room, bob, "and goodbye")
    open_room.memberships.filter(user=bob).delete()

    def face_of(person: User) -> int:
        return client.get(f"/people/{person.pk}/face/{person.face}.webp").status_code

    assert client.get(f"/people/{bob.pk}/").status_code == 404, (
        "who left is not in a room of theirs"
    )
    assert face_of(bob) == 200, "but what they said there is, with their face"
    assert face_of(charlie) == 404


def test_names_lead_to_cards(
    alice: User, bob: User, bob_client: Client, open_room: Room, place: Place
) -> None:
    say(open_room, alice, "first", "second")
    link = f'href="/people/{alice.pk}/"'
    room = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    rows = "".join(re.findall(r'<li id="m\d+".*?</li>', room, re.DOTALL))
    assert rows.count(link) == 1, (
        "where a name cannot be seen there is nothing to come to by keyboard"
    )
    assert link in bob_client.get(f"/rooms/{open_room.slug}/members/").content.decode()
    assert 'id="card"' in room
    assert 'id="people-card"' in room


@pytest.mark.parametrize("name", [MARKUP, "' onclick='x", "{{ gap }}", "%s", "\\"])
def test_a_name_is_no_markup_anywhere(
    name: str, alice: User, bob_client: Client, open_room: Room
) -> None:
    alice.change_profile(display_name=name, time_zone="", language="")
    says(alice, "🌴", name)
    presence.store().renew("here", [(open_room.pk, alice.pk)], "test", 30)
    say(open_room, alice, "hello")
    for path in ("", "members/", "here/"):
        answer = bob_client.get(f"/rooms/{open_room.slug}/{path}")
        parse(answer)
        assert name in text(answer)
        assert "onerror=alert(1)>" not in answer.content.decode()
