"""Signing in by a provider of identities, on a real one: who it lets in, whom it does not, and what
happens to an account here whatever the provider says."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth import get_user
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from project import providers
from rooms.models import Ban, Invitation, Place, Role, User, people
from rooms.providers.adapter import free_username
from tests.cast import signed_in
from tests.factories import PASSWORD, make_room, make_user
from tests.markup import error_of, parse, text, values
from tests.provider import NAME, OpenIDProvider, asked, comes_by, onward, sent
from tests.services import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django import Settings

pytestmark = pytest.mark.one_stack

LOGIN = "/accounts/login/"
SIGNUP = "/accounts/3rdparty/signup/"
CONNECTIONS = "/accounts/3rdparty/"
BUTTON = "/accounts/oidc/login/"
CALLBACK = "/accounts/oidc/login/callback/"

DORA = {"preferred_username": "dora", "name": "Dora Dean", "email": "dora@example.org"}
VERIFIED = {"email_verified": True}


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIDProvider]:
    running = OpenIDProvider()
    running.start()
    yield running
    running.remove()


@pytest.fixture(autouse=True)
def configured(
    provider: OpenIDProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in provider.variables_of_roomful.items():
        monkeypatch.setenv(name, value)
    settings.SOCIALACCOUNT_PROVIDERS = providers.configured()


@pytest.fixture
def open_doors(place: Place) -> Place:
    place.sign_up = Place.SignUp.OPEN
    place.save()
    return place


def connected(user: User, provider: OpenIDProvider, subject: str) -> None:
    """Somebody connected their account, as one does it."""
    provider.knows(subject)
    client = signed_in_by_password(user)
    comes_by(client, provider, subject, process="connect")
    assert SocialAccount.objects.filter(user=user).exists()


def signed_in_by_password(user: User) -> Client:
    client = Client()
    client.post(LOGIN, {"login": user.username, "password": PASSWORD})
    assert get_user(client) == user
    return client


def with_address(user: User, email: str, *, verified: bool) -> User:
    user.email = email
    user.save()
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user


# Making an account


def test_somebody_new_chooses_how_they_are_called_and_is_in(
    client: Client, alice: User, open_doors: Place, provider: OpenIDProvider
) -> None:
    lobby = make_room("Lobby", alice)
    provider.knows("d1", **DORA, **VERIFIED)
    assert comes_by(client, provider, "d1").headers["Location"] == SIGNUP
    form = values(client.get(SIGNUP))
    assert (form["username"], form["display_name"], form["email"]) == (
        "dora", "Dora Dean", "dora@example.org",
    )  # fmt: skip
    answer = client.post(SIGNUP, {**form, "username": "dd"})
    assert answer.headers["Location"] == f"/rooms/{lobby.slug}/"
    dora = User.objects.get(username="dd")
    assert get_user(client) == dora
    assert dora.name == "Dora Dean"
    assert not dora.has_usable_password()
    address = EmailAddress.objects.get(user=dora)
    assert (address.email, address.verified) == ("dora@example.org", True)


def test_whoever_came_before_is_signed_in(
    client: Client, open_doors: Place, provider: OpenIDProvider
) -> None:
    provider.knows("d2", **DORA)
    comes_by(client, provider, "d2")
    client.post(SIGNUP, {"username": "dora"})
    again = Client()
    assert comes_by(again, provider, "d2").headers["Location"] == "/rooms/"
    assert get_user(again) == User.objects.get()


def test_an_address_that_the_provider_does_not_vouch_for_is_not_taken_over(
    client: Client, open_doors: Place, provider: OpenIDProvider, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    provider.knows("d3", **DORA, email_verified="false")
    comes_by(client, provider, "d3")
    form = values(client.get(SIGNUP))
    assert form["email"] == ""
    client.post(SIGNUP, {**form, "email": "dora@example.org"})
    assert not EmailAddress.objects.get().verified
    assert mail.outbox[0].to == ["dora@example.org"]


def test_another_address_than_the_provider_s_is_not_verified_by_it(
    client: Client, open_doors: Place, provider: OpenIDProvider
) -> None:
    provider.knows("d4", **DORA, **VERIFIED)
    comes_by(client, provider, "d4")
    client.post(SIGNUP, {"username": "dora", "email": "bob@example.org"})
    (address,) = EmailAddress.objects.all()
    assert (address.email, address.verified) == ("bob@example.org", False)


@pytest.mark.parametrize("sign_up", [Place.SignUp.CLOSED, Place.SignUp.INVITATION])
def test_nobody_new_comes_in_behind_closed_doors(
    client: Client, place: Place, provider: OpenIDProvider, sign_up: str
) -> None:
    place.sign_up = sign_up
    place.save()
    provider.knows("d5", **DORA, **VERIFIED)
    page = text(comes_by(client, provider, "d5"))
    assert "by invitation" in page or "Nobody new" in page
    client.post(SIGNUP, {"username": "dora"})
    assert not User.objects.exists()


def test_doors_that_close_while_somebody_chooses_a_name_are_closed(
    client: Client, open_doors: Place, provider: OpenIDProvider
) -> None:
    provider.knows("d6", **DORA)
    comes_by(client, provider, "d6")
    Place.objects.update(sign_up=Place.SignUp.CLOSED)
    assert "Nobody new" in text(client.post(SIGNUP, {"username": "dora"}))
    assert not User.objects.exists()


def test_an_invitation_holds_all_the_way_to_the_provider_and_back(
    client: Client, alice: User, provider: OpenIDProvider
) -> None:
    committee = make_room("Committee", alice, private=True)
    invitation = Invitation.make(by=alice, role=Role.GUEST, rooms=[committee], max_uses=1)
    client.get(reverse("invited", args=[invitation.token]))
    provider.knows("d7", **DORA)
    comes_by(client, provider, "d7")
    client.post(SIGNUP, {"username": "dora"})
    dora = User.objects.get(username="dora")
    assert dora.is_guest
    assert [each.room for each in dora.memberships.select_related("room")] == [committee]
    invitation.refresh_from_db()
    assert invitation.used == 1


def test_an_invitation_that_ended_meanwhile_is_said_and_nothing_is_lost(
    client: Client, alice: User, provider: OpenIDProvider
) -> None:
    invitation = Invitation.make(by=alice)
    client.get(reverse("invited", args=[invitation.token]))
    provider.knows("d8", **DORA)
    comes_by(client, provider, "d8")
    invitation.revoke()
    answer = client.post(SIGNUP, {"username": "dora", "display_name": "Dora D"})
    assert answer.status_code == 409
    assert "used up or has ended" in text(answer)
    assert values(answer)["display_name"] == "Dora D"
    client.get(reverse("invited", args=[Invitation.make(by=alice).token]))
    client.post(SIGNUP, values(answer))
    assert User.objects.filter(username="dora", display_name="Dora D").exists()


@pytest.mark.parametrize("typed", ["", "bob", "here", "a b", "x" * 31])
def test_a_wrong_name_is_said_and_nothing_is_lost(
    client: Client, bob: User, open_doors: Place, provider: OpenIDProvider, typed: str
) -> None:
    provider.knows("d9", **DORA, **VERIFIED)
    comes_by(client, provider, "d9")
    answer = client.post(SIGNUP, {"username": typed, "email": "dora@example.org"})
    assert error_of(answer, "username")
    assert values(answer)["email"] == "dora@example.org"
    client.post(SIGNUP, {"username": "dora"})
    assert SocialAccount.objects.get().user.username == "dora"


def test_two_tabs_make_one_account(
    client: Client, open_doors: Place, provider: OpenIDProvider
) -> None:
    provider.knows("d10", **DORA)
    other = Client()
    comes_by(client, provider, "d10")
    comes_by(other, provider, "d10")
    client.post(SIGNUP, {"username": "dora"})
    assert other.post(SIGNUP, {"username": "dora.d"}).headers["Location"] == LOGIN
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("wishes", "free"),
    [
        (("dora",), "dora"),
        (("bob",), "bob2"),
        (("BOB",), "BOB2"),
        (("here",), "here2"),
        (("dora dean",), "dora.dean"),
        (("dora@example.org",), "dora"),
        (("", "dora@example.org"), "dora"),
        (("!!", "李小龍"), "李小龍"),
        (("x" * 40,), "x" * 30),
        ((".-",), ""),
        ((), ""),
    ],
)
def test_the_name_that_is_proposed_is_free(bob: User, wishes: tuple[str, ...], free: str) -> None:
    assert free_username(*wishes) == free


def test_what_a_provider_says_of_somebody_is_no_markup_and_no_error(
    client: Client, open_doors: Place, provider: OpenIDProvider
) -> None:
    odd = {"preferred_username": ["a"], "name": "<b>D\0ora</b>\n" + "x" * 500, "email": {"a": 1}}
    provider.knows("d11", **odd)
    comes_by(client, provider, "d11")
    page = client.get(SIGNUP)
    assert values(page)["display_name"].startswith("<b>Dora</b> x")
    client.post(SIGNUP, {**values(page), "username": "dora"})
    assert User.objects.get().name.startswith("<b>Dora</b> x")


# Whose account it is


@pytest.mark.parametrize("here", [True, False], ids=["address-verified-here", "or-not"])
def test_a_verified_address_alone_opens_no_account(
    client: Client, bob: User, open_doors: Place, provider: OpenIDProvider, here: bool
) -> None:
    with_address(bob, "bob@example.org", verified=here)
    provider.knows("e1", email="bob@example.org", **VERIFIED)
    answer = comes_by(client, provider, "e1")
    assert answer.status_code == 409
    assert "Then connect the two" in text(answer)
    assert not get_user(client).is_authenticated
    assert User.objects.count() == 1
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("claim", [{}, {"email_verified": False}, {"email_verified": "false"}])
def test_an_address_that_somebody_merely_claims_opens_nothing_and_tells_nothing(
    client: Client, bob: User, open_doors: Place, provider: OpenIDProvider, claim: dict[str, Any]
) -> None:
    with_address(bob, "bob@example.org", verified=True)
    provider.knows("e2", email="bob@example.org", preferred_username="mallory", **claim)
    assert comes_by(client, provider, "e2").headers["Location"] == SIGNUP
    page = client.get(SIGNUP)
    assert "bob@example.org" not in page.content.decode()
    answer = client.post(SIGNUP, {"username": "mallory", "email": "bob@example.org"})
    assert "Sign in to it, then connect" in error_of(answer, "email")
    assert not get_user(client).is_authenticated


def test_nobody_takes_an_address_over_by_choosing_it_after_the_provider_vouched_for_another(
    client: Client, bob: User, open_doors: Place, provider: OpenIDProvider
) -> None:
    with_address(bob, "bob@example.org", verified=True)
    provider.knows("e3", email="mallory@example.org", **VERIFIED)
    comes_by(client, provider, "e3")
    answer = client.post(SIGNUP, {"username": "mallory", "email": "BOB@example.org"})
    assert error_of(answer, "email")


def test_the_same_subject_at_another_provider_is_somebody_else(
    bob: User,
    open_doors: Place,
    provider: OpenIDProvider,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if the settings name the new one in the place of the old."""
    client = Client()
    connected(bob, provider, "42")
    other = OpenIDProvider()
    other.start()
    try:
        monkeypatch.setenv("OIDC_SERVER_URL", other.url)
        settings.SOCIALACCOUNT_PROVIDERS = providers.configured()
        other.knows("42", preferred_username="mallory")
        assert comes_by(client, other, "42").headers["Location"] == SIGNUP
        assert not get_user(client).is_authenticated
        monkeypatch.setenv("OIDC_SERVER_URL", provider.url)
        monkeypatch.setenv("GITLAB_URL", other.url)
        monkeypatch.setenv("GITLAB_CLIENT_ID", "roomful")
        monkeypatch.setenv("GITLAB_CLIENT_SECRET", "a secret")
        settings.SOCIALACCOUNT_PROVIDERS = providers.configured()
        assert comes_by(client, other, "42", "gitlab").headers["Location"] == SIGNUP
        assert comes_by(client, provider, "42").headers["Location"] == "/rooms/"
        assert get_user(client) == bob
    finally:
        other.remove()


def test_an_address_that_changes_at_the_provider_changes_nothing_here(
    client: Client, bob: User, charlie: User, place: Place, provider: OpenIDProvider
) -> None:
    with_address(bob, "bob@example.org", verified=True)
    with_address(charlie, "charlie@example.org", verified=True)
    connected(bob, provider, "e4")
    provider.knows("e4", email="charlie@example.org", **VERIFIED)
    comes_by(client, provider, "e4")
    assert get_user(client) == bob
    bob.refresh_from_db()
    assert bob.email == "bob@example.org"
    assert [each.email for each in EmailAddress.objects.filter(user=bob)] == ["bob@example.org"]


def test_a_closed_account_is_refused_with_a_sentence(
    client: Client, bob: User, place: Place, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "e5")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answer = client.get(comes_by(client, provider, "e5").headers["Location"])
    assert "This account is closed" in text(answer)
    assert not get_user(client).is_authenticated


def test_a_banned_account_is_refused_with_what_became_of_it(
    client: Client, alice: User, bob: User, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "e6")
    people.ban(bob, by=alice, reason="Threats")
    answer = comes_by(client, provider, "e6")
    assert answer.status_code == 403
    assert "Reason: Threats" in text(answer)
    Ban.objects.update(until=timezone.now() - timedelta(seconds=1))
    comes_by(client, provider, "e6")
    assert get_user(client) == bob


def test_whoever_is_banned_makes_no_other_account_with_their_address(
    client: Client, alice: User, bob: User, open_doors: Place, provider: OpenIDProvider
) -> None:
    with_address(bob, "bob@example.org", verified=True)
    people.ban(bob, by=alice, reason="Threats")
    provider.knows("e7", email="bob@example.org", **VERIFIED)
    answer = comes_by(client, provider, "e7")
    assert answer.status_code == 403
    assert "Reason: Threats" in text(answer)
    provider.knows("e8", preferred_username="bobby")
    comes_by(client, provider, "e8")
    answer = client.post(SIGNUP, {"username": "bobby", "email": "bob@example.org"})
    assert "Threats" in error_of(answer, "email")


# The way there and back


def test_the_provider_is_asked_so_that_no_other_answer_will_do(
    client: Client, place: Place, provider: OpenIDProvider
) -> None:
    first, second = asked(sent(client)), asked(sent(client))
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == f"http://testserver{CALLBACK}"
    assert set(first["scope"].split()) == {"openid", "profile", "email"}
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 16
        assert first[name] != second[name]


def test_by_a_mere_link_nobody_is_signed_in(
    client: Client, place: Place, provider: OpenIDProvider
) -> None:
    page = client.get(f"{BUTTON}?next=/rooms/")
    assert f"sign in with your account at {NAME}" in text(page)
    assert values(page)["next"] == "/rooms/"
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(BUTTON).status_code == 403


def test_the_pages_to_sign_in_have_the_button(client: Client, open_doors: Place) -> None:
    for address in (LOGIN, "/accounts/signup/"):
        forms = [
            form for form in parse(client.get(address)).iter("form") if form.get("action") == BUTTON
        ]
        assert [form.get("method") for form in forms] == ["post"]


def test_whoever_was_going_somewhere_comes_there(
    client: Client, bob: User, place: Place, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "f1")
    room = make_room("Workbench", bob)
    address = f"/rooms/{room.slug}/"
    page = client.get(client.get(address).headers["Location"])
    (form,) = [form for form in parse(page).iter("form") if form.get("action") == BUTTON]
    hidden = {field.get("name"): field.get("value") for field in form.iter("input")}
    assert comes_by(client, provider, "f1", next=hidden["next"]).headers["Location"] == address


def test_nobody_is_led_to_another_site(
    client: Client, bob: User, place: Place, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "f2")
    answer = comes_by(client, provider, "f2", next="https://evil.example/")
    assert answer.headers["Location"] == "/rooms/"


def test_an_answer_is_good_for_the_browser_that_asked_and_once(
    client: Client, bob: User, place: Place, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "f3")
    back = provider.lets("f3", sent(client))
    victim = Client()
    sent(victim)
    stolen = victim.get(back)
    assert stolen.status_code == 401
    assert "Try again from the beginning" in text(stolen)
    assert not get_user(victim).is_authenticated
    assert client.get(back).status_code == 302
    assert get_user(client) == bob
    assert client.get(back).status_code == 401


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=%00&state=%00", "?error=server_error&state=x"]
)
def test_garbage_that_comes_back_is_a_page(client: Client, place: Place, query: str) -> None:
    answer = client.get(f"{CALLBACK}{query}")
    assert answer.status_code == 401
    assert "That did not work" in text(answer)


def test_whoever_says_no_at_the_provider_is_told_that_nothing_happened(
    client: Client, place: Place, provider: OpenIDProvider
) -> None:
    answer = client.get(provider.denies(sent(client)), follow=True)
    assert "You are not signed in" in text(answer)


def test_an_unknown_code_is_a_page(client: Client, place: Place, provider: OpenIDProvider) -> None:
    state = asked(sent(client))["state"]
    answer = client.get(f"{CALLBACK}?code=nonsense&state={state}")
    assert answer.status_code == 401
    assert NAME in text(answer)


@pytest.mark.parametrize("name", ["github", "gitlab", "google", "nonsense", "openid_connect"])
def test_what_is_not_configured_is_not_there(client: Client, place: Place, name: str) -> None:
    assert client.post(f"/accounts/{name}/login/").status_code == 404
    assert client.get(f"/accounts/{name}/login/callback/").status_code == 404


def test_a_provider_that_is_down_is_a_page(
    client: Client,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OIDC_SERVER_URL", f"http://127.0.0.1:{free_port()}")
    settings.SOCIALACCOUNT_PROVIDERS = providers.configured()
    answer = client.post(BUTTON)
    assert answer.status_code == 401
    assert f"{NAME} cannot be reached" in text(answer)
    assert "signing in by oidc failed: ConnectionError" in caplog.text


# What a provider says that cannot be trusted


class Crook:
    """Stands between Roomful and the provider, and answers otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.changes: list[Callable[[str, Any], Any]] = []
        original = requests.Session.send

        def send(session: Any, request: Any, **options: Any) -> Any:
            answer = original(session, request, **options)
            for change in self.changes:
                said = change(request.url, answer.json())
                if said is not None:
                    answer._content = said if isinstance(said, bytes) else json.dumps(said).encode()
            return answer

        monkeypatch.setattr(requests.Session, "send", send)

    def answers(self, end: str, said: Any) -> None:
        self.changes.append(lambda url, _was: said if url.endswith(end) else None)

    def signs(
        self, key: Any = None, algorithm: str = "RS256", own_keys: bool = True, **claims: Any
    ) -> None:
        """The same token with other claims; one that is None is left out."""

        def change(url: str, was: Any) -> Any:
            if url.endswith("/jwks") and own_keys:
                public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
                return {"keys": [{**public, "kid": "k", "use": "sig", "alg": "RS256"}]}
            if not url.endswith("/token"):
                return None
            said = jwt.decode(was["id_token"], options={"verify_signature": False})
            now = int(time.time())
            said |= {k: now + v.seconds if isinstance(v, In) else v for k, v in claims.items()}
            said = {name: value for name, value in said.items() if value is not None}
            by: Any = None if algorithm == "none" else (key or self.key)
            token = jwt.encode(said, by, algorithm, headers={"kid": "k"})
            return {**was, "id_token": token}

        self.changes.append(change)


@pytest.fixture
def crook(monkeypatch: pytest.MonkeyPatch) -> Crook:
    return Crook(monkeypatch)


class In(NamedTuple):
    """A time, from now."""

    seconds: int


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": In(-60)},
        {"iat": In(60), "nbf": In(60)},
        {"aud": ["roomful", "another"], "azp": "roomful"},
    ],
    ids=["as-it-was", "clock-behind", "clock-ahead", "for-two"],
)
def test_what_is_signed_for_this_sign_in_is_believed(
    client: Client,
    open_doors: Place,
    provider: OpenIDProvider,
    crook: Crook,
    claims: dict[str, Any],
) -> None:
    """Else the next test could not fail."""
    provider.knows("g1", **DORA)
    crook.signs(**claims)
    assert comes_by(client, provider, "g1").headers["Location"] == SIGNUP


@pytest.mark.parametrize(
    "signed",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["roomful", "another"], "azp": "another"},
        {"exp": In(-600)},
        {"iat": In(600)},
        {"nbf": In(600)},
        {"exp": None},
        {"sub": None},
        {"sub": "somebody-else"},
        {"nonce": "another"},
        {"nonce": None},
        {"own_keys": False},
        {"algorithm": "none"},
        {"algorithm": "HS256", "key": "a secret that is long enough for it"},
    ],
    ids=str,
)
def test_what_is_not_is_a_page(
    client: Client,
    open_doors: Place,
    provider: OpenIDProvider,
    crook: Crook,
    signed: dict[str, Any],
) -> None:
    provider.knows("g2", **DORA)
    crook.signs(**signed)
    answer = comes_by(client, provider, "g2")
    assert answer.status_code == 401
    assert "may not trust" in text(answer)
    assert not get_user(client).is_authenticated


@pytest.mark.parametrize("said", [b"", b"<html>", [], {}, {"access_token": 1}, 42, "x", None])
@pytest.mark.parametrize("end", ["openid-configuration", "/token", "/jwks", "/userinfo"])
def test_garbage_that_a_provider_says_is_a_page(
    open_doors: Place, provider: OpenIDProvider, crook: Crook, end: str, said: Any
) -> None:
    client = Client()
    provider.knows("g3", **DORA)
    address = sent(client)
    crook.answers(end, b"null" if said is None else said)
    answer = client.get(provider.lets("g3", address))
    assert answer.status_code == 401
    answer = client.post(BUTTON)
    assert answer.status_code == (401 if end == "openid-configuration" else 200)


# GitHub, which is no OpenID provider


class GitHub:
    """What its API says, as its documentation has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: dict[str, Any] = {
            "https://github.com/login/oauth/access_token": {"access_token": "t"},
            "https://api.github.com/user": {"id": 7, "login": "dora", "name": "Dora Dean"},
            "https://api.github.com/user/emails": [
                {"email": "dora@example.org", "verified": True, "primary": True},
                {"email": "old@example.org", "verified": False, "primary": False},
            ],
        }

        def send(_session: Any, request: Any, **_options: Any) -> requests.Response:
            answer = requests.Response()
            answer.status_code, answer.url = 200, request.url
            answer.headers["content-type"] = "application/json"
            answer._content = json.dumps(self.said[request.url]).encode()
            return answer

        monkeypatch.setattr(requests.Session, "send", send)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> GitHub:
    monkeypatch.setenv("GITHUB_CLIENT_ID", "roomful")
    monkeypatch.setenv("GITHUB_CLIENT_SECRET", "a secret")
    settings.SOCIALACCOUNT_PROVIDERS = providers.configured()
    return GitHub(monkeypatch)


def test_github_is_another_way_in(client: Client, open_doors: Place, github: GitHub) -> None:
    address = sent(client, "github")
    assert address.startswith("https://github.com/login/oauth/authorize?")
    assert asked(address)["code_challenge_method"] == "S256"
    back = f"/accounts/github/login/callback/?code=c&state={asked(address)['state']}"
    assert client.get(back).headers["Location"] == SIGNUP
    form = values(client.get(SIGNUP))
    assert (form["username"], form["email"]) == ("dora", "dora@example.org")
    client.post(SIGNUP, form)
    account = SocialAccount.objects.get()
    assert (account.provider, account.uid) == ("github", "7")
    assert EmailAddress.objects.get().verified


@pytest.mark.parametrize("said", [None, [], {}, "x", {"id": None}])
def test_garbage_that_github_says_is_a_page(
    client: Client, open_doors: Place, github: GitHub, said: Any
) -> None:
    github.said["https://api.github.com/user"] = said
    state = asked(sent(client, "github"))["state"]
    answer = client.get(f"/accounts/github/login/callback/?code=c&state={state}")
    assert answer.status_code in {302, 401} if said == {"id": None} else answer.status_code == 401


def test_somebody_of_one_s_own_github_is_nobody_of_the_public_one(
    monkeypatch: pytest.MonkeyPatch, github: GitHub
) -> None:
    monkeypatch.setenv("GITHUB_URL", "https://git.example.org/")
    app = providers.configured()["github"]["APPS"][0]
    assert app["provider_id"] == "github:git.example.org"


@pytest.mark.parametrize(
    ("name", "server"),
    [("gitlab", "https://gitlab.com"), ("google", "https://accounts.google.com")],
)
def test_gitlab_and_google_are_openid_providers_whose_address_is_known(
    monkeypatch: pytest.MonkeyPatch, name: str, server: str
) -> None:
    monkeypatch.setenv(f"{name.upper()}_CLIENT_ID", "roomful")
    monkeypatch.setenv(f"{name.upper()}_CLIENT_SECRET", "a secret")
    app = providers.configured()["openid_connect"]["APPS"][-1]
    assert (app["provider_id"], app["settings"]["server_url"]) == (name, server)


def test_the_whole_discovery_address_will_do(
    provider: OpenIDProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OIDC_SERVER_URL", f"{provider.url}/.well-known/openid-configuration")
    app = providers.configured()["openid_connect"]["APPS"][0]
    assert app["settings"]["server_url"] == provider.url


# Connecting and disconnecting


def test_somebody_connects_an_account_and_signs_in_by_it(
    bob: User, place: Place, provider: OpenIDProvider
) -> None:
    provider.knows("h1", email="other@example.org", preferred_username="bobby")
    client = signed_in_by_password(bob)
    assert NAME in text(client.get(CONNECTIONS))
    answer = comes_by(client, provider, "h1", process="connect")
    assert answer.headers["Location"] == CONNECTIONS
    page = text(client.get(CONNECTIONS))
    assert "It is connected" in page
    assert "bobby" in page
    other = Client()
    comes_by(other, provider, "h1")
    assert get_user(other) == bob


def test_nobody_connects_who_is_not_signed_in(
    client: Client, place: Place, provider: OpenIDProvider
) -> None:
    assert client.post(BUTTON, {"process": "connect"}).headers["Location"] == LOGIN


def test_whoever_signed_in_long_ago_shows_first_that_it_is_them(
    bob: User, place: Place, provider: OpenIDProvider
) -> None:
    provider.knows("h2")
    client = signed_in(bob)
    asked_first = client.post(BUTTON, {"process": "connect"}).headers["Location"]
    assert asked_first.startswith("/accounts/reauthenticate/")
    resumed = client.post(asked_first, {"password": PASSWORD})
    back = provider.lets("h2", onward(resumed))
    assert client.get(back).headers["Location"] == CONNECTIONS
    assert SocialAccount.objects.get().user == bob


def test_an_account_that_is_somebody_s_is_not_connected_to_another(
    bob: User, charlie: User, place: Place, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "h3")
    client = signed_in_by_password(charlie)
    comes_by(client, provider, "h3", process="connect")
    assert "belongs to somebody else here" in text(client.get(CONNECTIONS))
    assert SocialAccount.objects.get().user == bob


def disconnect(client: Client, account: SocialAccount) -> Any:
    return client.post(CONNECTIONS, {"account": account.pk})


def test_what_is_disconnected_opens_nothing(
    bob: User, open_doors: Place, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "h4")
    client = signed_in_by_password(bob)
    disconnect(client, SocialAccount.objects.get())
    assert not SocialAccount.objects.exists()
    other = Client()
    assert comes_by(other, provider, "h4").headers["Location"] == SIGNUP


def test_nobody_disconnects_somebody_else_s(
    bob: User, charlie: User, place: Place, provider: OpenIDProvider
) -> None:
    connected(bob, provider, "h5")
    client = signed_in_by_password(charlie)
    assert disconnect(client, SocialAccount.objects.get()).status_code == 404
    assert SocialAccount.objects.exists()


@pytest.mark.parametrize("wanted", ["", "x", "9" * 100, "\0", "-1"])
def test_garbage_disconnects_nothing(bob_client: Client, wanted: str) -> None:
    assert bob_client.post(CONNECTIONS, {"account": wanted}).status_code == 404


def test_the_last_way_in_stays(client: Client, open_doors: Place, provider: OpenIDProvider) -> None:
    provider.knows("h6", **DORA)
    comes_by(client, provider, "h6")
    client.post(SIGNUP, {"username": "dora"})
    account = SocialAccount.objects.get()
    answer = disconnect(client, account)
    assert answer.status_code == 409
    assert "Choose a password first" in text(answer)
    client.post("/accounts/password/set/", {"password1": PASSWORD, "password2": PASSWORD})
    client.post(LOGIN, {"login": "dora", "password": PASSWORD})
    disconnect(client, account)
    assert not SocialAccount.objects.exists()


def test_a_provider_that_is_no_longer_there_is_no_way_in_but_can_be_disconnected(
    bob: User, place: Place, provider: OpenIDProvider, settings: Settings
) -> None:
    connected(bob, provider, "h7")
    settings.SOCIALACCOUNT_PROVIDERS = {}
    client = signed_in_by_password(bob)
    assert "no longer lets anybody in" in text(client.get(CONNECTIONS))
    disconnect(client, SocialAccount.objects.get())
    assert not SocialAccount.objects.exists()


def test_whoever_has_no_password_is_sent_a_link_to_choose_one(
    client: Client, open_doors: Place, provider: OpenIDProvider
) -> None:
    provider.knows("h8", **DORA, **VERIFIED)
    comes_by(client, provider, "h8")
    client.post(SIGNUP, values(client.get(SIGNUP)))
    other = Client()
    other.post("/accounts/password/reset/", {"email": "dora@example.org"})
    (message,) = mail.outbox
    assert "Your username is dora" in message.body


def test_the_list_asks_the_database_no_more_often_with_more_accounts(
    bob: User, place: Place
) -> None:
    client = signed_in(bob)
    counts = []
    for number in range(3):
        SocialAccount.objects.create(user=bob, provider=f"p{number}", uid=str(number))
        with CaptureQueriesContext(connection) as queries:
            client.get(CONNECTIONS)
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_without_a_provider_nothing_speaks_of_one(
    client: Client, bob: User, place: Place, settings: Settings
) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = {}
    assert "Continue with" not in text(client.get(LOGIN))
    assert "Connections" not in text(signed_in(make_user("dora")).get("/accounts/profile/"))
