"""Making an account, signing in and out, passwords, and one's own profile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from allauth.account.models import EmailAddress
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user
from django.core import mail
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone, translation

from rooms import adapter
from rooms.models import Invitation, Place, Room, Session, User, announcements
from tests.cast import signed_in
from tests.factories import PASSWORD, make_room, make_user
from tests.markup import error_of, parse, text, values
from tests.services import free_port

if TYPE_CHECKING:
    from django.core.mail import EmailMessage
    from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

LOGIN = "/accounts/login/"
SIGNUP = "/accounts/signup/"
LOGOUT = "/accounts/logout/"
RESET = "/accounts/password/reset/"
CHANGE_PASSWORD = "/accounts/password/change/"
EMAIL = "/accounts/email/"
PROFILE = "/accounts/profile/"

NEW_PASSWORD = "purple monkey dishwasher"
DORA = {
    "username": "dora",
    "display_name": "Dora Dean",
    "email": "dora@example.org",
    "password1": PASSWORD,
}


@pytest.fixture
def open_doors(place: Place) -> Place:
    place.sign_up = Place.SignUp.OPEN
    place.save()
    return place


@pytest.fixture
def invitation(alice: User) -> Invitation:
    return Invitation.make(by=alice)


def sign_in(client: Client, login: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"login": login, "password": password, **more})


# Making an account


def test_a_new_account_is_signed_in_and_called_as_it_wants(
    client: Client, open_doors: Place
) -> None:
    client.post(SIGNUP, DORA)
    dora = User.objects.get()
    assert get_user(client) == dora
    assert (dora.username, dora.name, dora.email) == ("dora", "Dora Dean", "dora@example.org")
    assert not dora.is_owner


def test_a_new_account_begins_in_the_oldest_room_that_is_open_and_in_use(
    client: Client, alice: User, open_doors: Place
) -> None:
    make_room("Attic", alice).archive()
    make_room("Committee", alice, private=True)
    lobby = make_room("Lobby", alice)
    make_room("Workbench", alice)
    response = client.post(SIGNUP, DORA)
    dora = User.objects.get(username="dora")
    assert response.headers["Location"] == f"/rooms/{lobby.slug}/"
    assert [member.room for member in dora.memberships.select_related("room")] == [lobby]


def test_where_no_room_is_open_a_new_account_is_led_to_the_directory(
    client: Client, open_doors: Place
) -> None:
    assert client.post(SIGNUP, DORA).headers["Location"] == "/rooms/"


def test_a_new_account_is_led_to_where_it_was_going(
    client: Client, alice: User, open_doors: Place
) -> None:
    workbench = make_room("Workbench", alice)
    address = f"/rooms/{workbench.slug}/"
    asked = client.get(address).headers["Location"]
    (link,) = [a.get("href") for a in parse(client.get(asked)).iter("a") if SIGNUP in a.get("href")]
    response = client.post(SIGNUP, {**DORA, "next": values(client.get(link))["next"]})
    assert response.headers["Location"] == address


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("username", ""),
        ("username", "dora dean"),
        ("username", "BOB"),
        ("username", "here"),
        ("username", "dora@example.org"),
        ("username", "d" * 31),
        ("display_name", "d" * 61),
        ("email", "dora"),
        ("email", "bob@example.org"),
        ("email", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.org"),
        ("password1", "short"),
        ("password1", "password123"),
    ],
)
def test_wrong_input_makes_no_account_and_keeps_what_was_typed(
    client: Client, open_doors: Place, name: str, typed: str
) -> None:
    bob = make_user("bob")
    bob.email = "bob@example.org"
    bob.save()
    response = client.post(SIGNUP, {**DORA, name: typed})
    assert error_of(response, name)
    kept = values(response)
    for other in DORA.keys() - {name, "password1"}:
        assert kept[other] == DORA[other]
    assert list(User.objects.all()) == [bob]


def test_of_two_who_take_a_username_at_once_one_is_told_so(
    client: Client, bob: User, open_doors: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    unasked = adapter.AccountAdapter.clean_username
    monkeypatch.setattr(
        adapter.AccountAdapter, "clean_username", lambda self, name: unasked(self, name, True)
    )
    response = client.post(SIGNUP, {**DORA, "username": "bob"})
    assert "Somebody has this username already" in error_of(response, "username")
    assert values(response)["email"] == DORA["email"]


def test_a_new_account_is_asked_to_confirm_its_address(
    client: Client, open_doors: Place, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    client.post(SIGNUP, DORA)
    (message,) = mail.outbox
    assert message.subject == "Millbrook Repair Café: Is this your address?"
    page = client.get(link_in(message))
    assert "dora@example.org" in text(page)
    client.post(link_in(message))
    assert EmailAddress.objects.get().verified


@pytest.mark.parametrize("sign_up", [Place.SignUp.CLOSED, Place.SignUp.INVITATION])
def test_nobody_makes_an_account_behind_closed_doors(
    client: Client, place: Place, sign_up: str
) -> None:
    place.sign_up = sign_up
    place.save()
    assert "Make the account" not in text(client.get(SIGNUP))
    client.post(SIGNUP, DORA)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("sign_up", "offered"),
    [("open", "Make an account"), ("invitation", "Open the invitation"), ("closed", "")],
)
def test_sign_in_says_how_one_comes_by_an_account(
    client: Client, place: Place, sign_up: str, offered: str
) -> None:
    place.sign_up = sign_up
    place.save()
    page = text(client.get(LOGIN))
    assert ("New here?" in page) == bool(offered)
    assert offered in page


# Coming by invitation


def test_an_invitation_lets_somebody_make_an_account(
    client: Client, invitation: Invitation
) -> None:
    response = client.get(reverse("invited", args=[invitation.token]), follow=True)
    assert response.redirect_chain == [(SIGNUP, 302)]
    assert "Make the account" in text(response)
    client.post(SIGNUP, DORA)
    assert User.objects.filter(username="dora").exists()
    invitation.refresh_from_db()
    assert invitation.used == 1


def test_one_invitation_lets_one_visitor_make_one_account(
    client: Client, invitation: Invitation
) -> None:
    client.get(reverse("invited", args=[invitation.token]))
    client.post(SIGNUP, DORA)
    client.post(LOGOUT)
    client.post(SIGNUP, {**DORA, "username": "emil", "email": ""})
    assert not User.objects.filter(username="emil").exists()


def test_input_that_is_wrong_does_not_use_the_invitation_up(
    client: Client, invitation: Invitation
) -> None:
    client.get(reverse("invited", args=[invitation.token]))
    client.post(SIGNUP, {**DORA, "password1": "short"})
    client.post(SIGNUP, DORA)
    assert User.objects.filter(username="dora").exists()


def expire(invitation: Invitation) -> None:
    Invitation.objects.update(expires_at=timezone.now())


def close_doors(invitation: Invitation) -> None:
    Place.objects.update(sign_up=Place.SignUp.CLOSED)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (expire, "This invitation has expired"),
        (Invitation.revoke, "This invitation was revoked"),
        (close_doors, "Nobody new can come in"),
    ],
)
def test_an_invitation_that_is_over_says_why(
    client: Client, invitation: Invitation, end: Any, said: str
) -> None:
    end(invitation)
    response = client.get(reverse("invited", args=[invitation.token]))
    assert response.status_code == 410
    assert said in text(response)


@pytest.mark.parametrize("end", [expire, Invitation.revoke, close_doors])
def test_an_invitation_that_ends_meanwhile_lets_nobody_in(
    client: Client, invitation: Invitation, end: Any
) -> None:
    client.get(reverse("invited", args=[invitation.token]))
    assert "Make the account" in text(client.get(SIGNUP))
    end(invitation)
    client.post(SIGNUP, DORA)
    assert not User.objects.filter(username="dora").exists()


def test_an_invented_invitation_is_none(client: Client, invitation: Invitation) -> None:
    response = client.get(reverse("invited", args=[invitation.token[:-1]]))
    assert response.status_code == 404
    assert "There is no such invitation" in text(response)
    client.post(SIGNUP, DORA)
    assert not User.objects.filter(username="dora").exists()


def test_whoever_is_in_already_is_led_to_the_rooms(
    bob_client: Client, invitation: Invitation
) -> None:
    response = bob_client.get(reverse("invited", args=[invitation.token]))
    assert response.headers["Location"] == "/rooms/"


# Signing in and out


@pytest.mark.parametrize("login", ["bob", "Bob", "bob@example.org"])
def test_one_signs_in_by_username_or_address(client: Client, bob: User, login: str) -> None:
    bob.email = "bob@example.org"
    bob.save()
    assert sign_in(client, login).headers["Location"] == "/rooms/"
    assert get_user(client) == bob


def test_sign_in_leads_to_where_one_was_going(client: Client, bob: User) -> None:
    asked = client.get(PROFILE).headers["Location"]
    there = values(client.get(asked))["next"]
    assert sign_in(client, "bob", next=there).headers["Location"] == PROFILE


def test_sign_in_leads_nowhere_else(client: Client, bob: User) -> None:
    response = sign_in(client, "bob", next="https://elsewhere.example/")
    assert response.headers["Location"] == "/rooms/"


def test_a_wrong_password_is_said_and_the_name_kept(client: Client, bob: User) -> None:
    response = sign_in(client, "bob", "wrong")
    assert "This name or this password is wrong" in text(response)
    assert values(response)["login"] == "bob"
    assert not get_user(client).is_authenticated


def test_an_unknown_name_is_answered_as_a_wrong_password(client: Client, bob: User) -> None:
    known, unknown = sign_in(client, "bob", "wrong"), sign_in(client, "dora", "wrong")
    assert text(known) == text(unknown)


def test_guessing_ends_after_five_tries_even_if_it_then_hits(client: Client, bob: User) -> None:
    for _try in range(5):
        assert "password is wrong" in text(sign_in(client, "bob", "wrong"))
    response = sign_in(client, "bob")
    assert "Too many tries have failed" in text(response)
    assert not get_user(client).is_authenticated


def test_many_sign_ins_from_one_address_are_slowed_down(client: Client, bob: User) -> None:
    for _try in range(30):
        response = client.post(LOGIN, {})
    assert response.status_code == 200
    response = client.post(LOGIN, {})
    assert response.status_code == 429
    assert "Wait a few minutes" in text(response)


def test_one_stays_signed_in_on_a_device_if_one_wants(client: Client, bob: User) -> None:
    assert values(client.get(LOGIN))["remember"] == "on"
    sign_in(client, "bob", remember="on")
    assert not client.session.get_expire_at_browser_close()


def test_one_is_signed_out_with_the_browser_if_one_wants(client: Client, bob: User) -> None:
    sign_in(client, "bob")
    assert client.session.get_expire_at_browser_close()


def test_a_closed_account_lets_nobody_in(client: Client, bob: User) -> None:
    bob.is_active = False
    bob.save()
    response = client.post(LOGIN, {"login": "bob", "password": PASSWORD}, follow=True)
    assert "This account is closed" in text(response)
    assert not get_user(client).is_authenticated


def test_signing_out_is_asked_first_and_then_done(bob_client: Client, place: Place) -> None:
    assert "Sign out on this device?" in text(bob_client.get(LOGOUT))
    assert get_user(bob_client).is_authenticated
    response = bob_client.post(LOGOUT, follow=True)
    assert response.redirect_chain == [(LOGIN, 302)]
    assert "You have signed out." in text(response)
    assert not get_user(bob_client).is_authenticated


def test_the_pages_that_a_session_has_open_hear_that_it_ended(
    bob_client: Client,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(announcements, "_send", lambda _group, event: heard.append(event))
    session = bob_client.session.session_key
    with django_capture_on_commit_callbacks(execute=True):
        bob_client.post(LOGOUT)
    assert heard == [{"type": "session.ended", "session": session}]


# Passwords


def link_in(message: EmailMessage) -> str:
    """The address in a mail, without the host that the test client adds itself."""
    found = re.search(r"http://testserver(/\S{2,})", str(message.body))
    assert found
    return found[1]


@pytest.fixture
def bob_with_address(bob: User) -> User:
    bob.email = "bob@example.org"
    bob.save()
    return bob


def test_a_forgotten_password_is_replaced_by_mail(client: Client, bob_with_address: User) -> None:
    client.post(RESET, {"email": "bob@example.org"}, follow=True)
    (message,) = mail.outbox
    assert message.to == ["bob@example.org"]
    assert message.subject == "Millbrook Repair Café: A new password"
    assert "Your username is bob." in message.body
    page = client.get(link_in(message), follow=True)
    address = page.redirect_chain[-1][0]
    twice = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert "Your password is changed" in text(client.post(address, twice, follow=True))
    sign_in(client, "bob", NEW_PASSWORD)
    assert get_user(client) == bob_with_address


def test_the_link_to_a_new_password_works_once(client: Client, bob_with_address: User) -> None:
    client.post(RESET, {"email": "bob@example.org"})
    link = link_in(mail.outbox[0])
    address = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(address, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert "This link no longer works" in text(client.get(link))


def test_nobody_learns_by_resetting_who_has_an_account(
    client: Client, bob_with_address: User
) -> None:
    known = client.post(RESET, {"email": "bob@example.org"}, follow=True)
    unknown = client.post(RESET, {"email": "dora@example.org"}, follow=True)
    assert text(known) == text(unknown)
    assert [message.to for message in mail.outbox] == [["bob@example.org"], ["dora@example.org"]]
    assert "There is no such account here" in mail.outbox[1].body


def test_where_no_mail_is_sent_the_page_says_where_the_link_is(
    client: Client, place: Place, settings: Settings
) -> None:
    assert "No mail leaves this machine" not in text(client.get(RESET))
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "No mail leaves this machine" in text(client.get(RESET))


@pytest.fixture
def mail_server_down(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"


@pytest.mark.usefixtures("mail_server_down")
@pytest.mark.parametrize("email", ["bob@example.org", "dora@example.org"])
def test_whoever_waits_for_a_mail_hears_that_it_cannot_be_sent(
    client: Client, bob_with_address: User, email: str
) -> None:
    response = client.post(RESET, {"email": email}, follow=True)
    assert response.redirect_chain == [(RESET, 302)]
    assert "The mail could not be sent." in text(response)


@pytest.mark.usefixtures("mail_server_down", "open_doors")
def test_an_account_is_made_though_its_mail_cannot_be_sent(client: Client) -> None:
    client.post(SIGNUP, DORA)
    assert get_user(client).is_authenticated


def test_a_new_password_signs_out_all_other_devices(bob: User) -> None:
    here, elsewhere = signed_in(bob), signed_in(bob)
    given = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert elsewhere.get(PROFILE).status_code == 200
    here.post(CHANGE_PASSWORD, given)
    assert here.get(PROFILE).status_code == 200
    assert elsewhere.get(PROFILE).status_code == 302


def test_what_other_devices_have_open_ends_with_the_old_password(
    bob: User,
    charlie_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(announcements, "_send", lambda _group, event: heard.append(event))
    here, elsewhere = signed_in(bob), signed_in(bob)
    given = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    with django_capture_on_commit_callbacks(execute=True):
        here.post(CHANGE_PASSWORD, given)
    assert heard == [{"type": "access.ended", "users": [bob.pk], "room": None}]
    # Should nobody hear it: who has a page open is compared with these.
    left = set(Session.objects.values_list("session_key", flat=True))
    assert left == {here.session.session_key, charlie_client.session.session_key}
    assert elsewhere.session.session_key not in left


@pytest.mark.parametrize(
    ("name", "typed"),
    [("oldpassword", "wrong"), ("password1", "short"), ("password2", "something else")],
)
def test_a_password_is_not_changed_by_mistake(
    bob: User, bob_client: Client, name: str, typed: str
) -> None:
    given = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    response = bob_client.post(CHANGE_PASSWORD, {**given, name: typed})
    assert error_of(response, name)
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_an_address_is_added_and_another_taken_away(bob: User, bob_client: Client) -> None:
    bob_client.post(EMAIL, {"action_add": "", "email": "bob@example.org"})
    page = bob_client.get(EMAIL)
    assert "bob@example.org" in text(page)
    bob_client.post(EMAIL, {"action_remove": "", "email": "bob@example.org"})
    assert not EmailAddress.objects.filter(user=bob).exists()
    assert "cannot be reset" in text(bob_client.get(EMAIL))


def test_an_address_that_the_database_cannot_keep_is_refused(bob_client: Client) -> None:
    long = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.org"
    assert error_of(bob_client.post(EMAIL, {"action_add": "", "email": long}), "email")


# The profile

CHOSEN = {"display_name": "Robert", "time_zone": "Asia/Tokyo", "language": "en"}


def test_a_profile_is_changed_and_open_pages_hear_of_it(
    bob: User,
    bob_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(announcements, "_send", lambda _group, event: heard.append(event))
    with django_capture_on_commit_callbacks(execute=True):
        response = bob_client.post(PROFILE, CHOSEN, follow=True)
    bob.refresh_from_db()
    assert (bob.name, bob.time_zone, bob.language) == ("Robert", "Asia/Tokyo", "en")
    assert heard == [
        {"type": "look.changed", "user": bob.pk},
        {"type": "people.changed", "users": [bob.pk]},
    ]
    assert "Saved." in text(response)
    assert values(response).items() >= CHOSEN.items()


def test_a_display_name_is_one_line(bob: User, bob_client: Client) -> None:
    bob_client.post(PROFILE, {**CHOSEN, "display_name": "  Robert \n the\tBuilder "})
    bob.refresh_from_db()
    assert bob.name == "Robert the Builder"


def test_without_a_display_name_one_is_called_by_the_username(
    bob: User, bob_client: Client
) -> None:
    bob_client.post(PROFILE, {**CHOSEN, "display_name": " "})
    bob.refresh_from_db()
    assert bob.name == "bob"


@pytest.mark.parametrize(
    ("name", "lie"),
    [
        ("time_zone", "Mars/Olympus_Mons"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", "/etc/localtime"),
        ("time_zone", "Asia/tokyo\x00"),
        ("language", "tlh"),
        ("language", "../en"),
        ("display_name", "R" * 61),
        ("display_name", "\u200b\u2060"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(
    bob: User, bob_client: Client, name: str, lie: str
) -> None:
    response = bob_client.post(PROFILE, {**CHOSEN, name: lie})
    assert error_of(response, name)
    kept = values(response)
    for other in CHOSEN.keys() - {name}:
        assert kept[other] == CHOSEN[other]
    bob.refresh_from_db()
    assert (bob.name, bob.time_zone, bob.language) == ("Bob Baker", "", "")


def test_a_zone_that_is_no_longer_offered_can_be_kept(bob: User, bob_client: Client) -> None:
    User.objects.update(time_zone="US/Pacific")
    kept = values(bob_client.get(PROFILE))
    assert kept["time_zone"] == "US/Pacific"
    bob_client.post(PROFILE, {**kept, "display_name": "Robert"})
    bob.refresh_from_db()
    assert (bob.name, bob.time_zone) == ("Robert", "US/Pacific")


# What a reader reads in


@pytest.fixture
def german(settings: Settings) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "German")]


def expiry_shown(client: Client) -> str:
    """The time of day in the list of invitations."""
    (label,) = parse(client.get("/place/invitations/")).findall(".//ul[@class='rows']//label")
    return str(label.text)


def test_times_are_shown_in_the_readers_zone(
    alice: User, alice_client: Client, invitation: Invitation
) -> None:
    in_utc = expiry_shown(alice_client)
    User.objects.update(time_zone="Asia/Kathmandu")
    assert expiry_shown(alice_client) != in_utc


def test_a_zone_that_the_system_lost_is_the_places(
    alice: User, alice_client: Client, invitation: Invitation
) -> None:
    in_utc = expiry_shown(alice_client)
    for lost in ("Europe/Atlantis", "../../etc/passwd"):
        User.objects.update(time_zone=lost)
        assert expiry_shown(alice_client) == in_utc


@pytest.mark.usefixtures("german")
def test_the_chosen_language_comes_before_the_browsers(bob: User, bob_client: Client) -> None:
    english = {"Accept-Language": "en"}
    assert bob_client.get(PROFILE, headers=english).headers["Content-Language"] == "en"
    User.objects.update(language="de")
    response = bob_client.get(PROFILE, headers=english)
    assert response.headers["Content-Language"] == "de"
    assert parse(response).get("lang") == "de"


@pytest.mark.usefixtures("german")
def test_without_a_choice_the_browsers_language_holds(bob_client: Client) -> None:
    response = bob_client.get(PROFILE, headers={"Accept-Language": "de"})
    assert response.headers["Content-Language"] == "de"


def test_a_language_that_is_spoken_no_longer_is_the_browsers(bob_client: Client) -> None:
    User.objects.update(language="de")
    assert bob_client.get(PROFILE).headers["Content-Language"] == "en"


@pytest.mark.usefixtures("german")
def test_one_readers_choice_is_not_the_next_ones(bob: User, bob_client: Client) -> None:
    before = timezone.get_current_timezone_name(), translation.get_language()
    User.objects.update(time_zone="Asia/Tokyo", language="de")
    assert bob_client.get(PROFILE).headers["Content-Language"] == "de"
    assert (timezone.get_current_timezone_name(), translation.get_language()) == before


@pytest.mark.usefixtures("german")
def test_the_readers_choice_holds_on_the_event_loop(async_client: AsyncClient, bob: User) -> None:
    User.objects.update(time_zone="Asia/Tokyo", language="de")
    async_client.force_login(bob)
    before = timezone.get_current_timezone_name(), translation.get_language()
    response = async_to_sync(async_client.get)(PROFILE)
    assert parse(response).get("lang") == response.headers["Content-Language"] == "de"
    assert (timezone.get_current_timezone_name(), translation.get_language()) == before


# All the pages


@pytest.mark.parametrize(
    "address",
    [
        LOGIN,
        SIGNUP,
        RESET,
        f"{RESET}done/",
        f"{RESET}key/1-x/",
        f"{RESET}key/done/",
        "/accounts/confirm-email/",
        "/accounts/confirm-email/x/",
        "/accounts/inactive/",
    ],
)
def test_a_page_for_strangers_is_valid_has_one_heading_and_no_script(
    client: Client, open_doors: Place, address: str
) -> None:
    check_page(client, address)


@pytest.mark.parametrize(
    "address", [PROFILE, EMAIL, CHANGE_PASSWORD, LOGOUT, RESET, "/accounts/reauthenticate/"]
)
def test_a_page_for_whoever_is_in_is_valid_and_has_one_heading(
    bob_client: Client, place: Place, open_room: Room, address: str
) -> None:
    check_page(bob_client, address)


def test_an_account_without_a_password_can_choose_one(bob: User) -> None:
    bob.set_unusable_password()
    bob.save()
    client = signed_in(bob)
    response = client.get(CHANGE_PASSWORD, follow=True)
    check_page(client, response.redirect_chain[-1][0])
    twice = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post("/accounts/password/set/", twice)
    bob.refresh_from_db()
    assert bob.check_password(NEW_PASSWORD)


def check_page(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200
    tree = parse(response)
    assert len(list(tree.iter("h1"))) == 1
    assert len(list(tree.iter("main"))) == 1
    assert all(script.get("src") and not script.text for script in tree.iter("script"))
    labels = {label.get("for") for label in tree.iter("label")}
    for field in tree.iter("input"):
        assert field.get("type") == "hidden" or field.get("id") in labels
