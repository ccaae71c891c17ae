"""Tokens: what each kind opens, what it does not, and how it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from allauth.account.adapter import get_adapter
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import chores, jwts
from rooms.models import Place, Role, Room, Token, User, people, second_factor
from rooms.models.token import FOR_PASSWORD, LOST_ANSWER, PREFIX, USED
from tests.api.caller import Caller, token_of
from tests.cast import signed_in
from tests.factories import PASSWORD, say

if TYPE_CHECKING:
    from pytest_django import Settings

OLD_SECRET, NEW_SECRET = "o" * 40, "n" * 40


# What a token is


def test_a_token_is_kept_as_a_hash_alone(bob: User) -> None:
    secret = token_of(bob)
    assert secret.startswith(PREFIX)
    rows = list(Token.objects.values_list())
    assert rows
    assert secret not in str(rows)
    assert secret.removeprefix(PREFIX) not in str(rows)


@pytest.mark.parametrize("keyword", ["Bearer", "bearer", "Token"])
def test_it_is_shown_in_the_header(bob: User, keyword: str) -> None:
    assert Caller(token_of(bob), keyword).get("me")["username"] == "bob"


def test_what_is_no_token_opens_nothing(bob: User) -> None:
    secret = token_of(bob)
    wrong = [secret[:-1], f"{secret}x", PREFIX, "x", "a.b.c", "é", "x" * 5_000, "\0"]
    for each in wrong:
        problem = Caller(each).get("me", 401)
        assert problem["code"] == "token_refused"
        assert secret not in str(problem)
    caller = Caller()
    assert caller.get("me", 401)["code"] == "not_authenticated"
    assert caller.answer.headers["WWW-Authenticate"].startswith("Bearer")
    Caller(secret, "Basic").get("me", 401)


def test_it_never_enters_by_a_cookie_or_an_address(bob: User) -> None:
    secret = token_of(bob)
    for client, path in [(Client(), f"/api/me?token={secret}&access_token={secret}")]:
        for name in ("token", "Authorization", "roomful_session"):
            client.cookies[name] = secret
        assert client.get(path).status_code == 401


def test_asking_takes_one_statement_to_know_who_it_is(bob: User) -> None:
    for caller in (Caller.of(bob), Caller(jwts.sign_in(bob, "a phone").access)):
        caller.get("me")
        with CaptureQueriesContext(connection) as queries:
            caller.get("me")
        assert len(queries) == 1


def test_its_use_is_noted_once_in_a_while(bob: User) -> None:
    caller, token = Caller.of(bob), Token.objects.get()
    caller.get("me")
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    caller.get("me")
    token.refresh_from_db()
    assert token.last_used_at == first
    Token.objects.update(last_used_at=first - USED)
    caller.get("me")
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_at > first


# What it takes away


def test_a_token_for_reading_writes_nothing(bob: User, open_room: Room) -> None:
    path = f"rooms/{open_room.slug}/messages"
    Caller.of(bob, "write").post(path, {"text": "hi"})
    reads = Caller.of(bob, "read")
    assert reads.get(path)["messages"]
    assert reads.post(path, {"text": "hi"}, 403)["code"] == "scope"
    for method, rest in [("PATCH", "/1"), ("DELETE", "/1"), ("PUT", "/1/reactions/🎉")]:
        reads.ask(method, path + rest, {"text": "x"}, status=403)
    assert open_room.messages.get().body == "hi"


def test_a_token_for_writing_reads_nothing(bob: User, open_room: Room) -> None:
    writes = Caller.of(bob, "write")
    for path in ("me", "rooms", "unread", "search?q=x", f"rooms/{open_room.slug}/messages"):
        assert writes.get(path, 403)["code"] == "scope"


def test_a_token_for_a_room_finds_no_other(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    say(private_room, alice, "secret")
    narrow, wide = Caller.of(bob, rooms=[open_room]), Caller.of(bob)
    path = f"rooms/{private_room.slug}"
    for rest in ("", "/messages", "/messages/1", "/members", "/online", "/files", "/events"):
        narrow.get(path + rest, 404)
    for rest in ("/join", "/leave", "/read", "/messages"):
        narrow.post(path + rest, {"text": "hi"}, 404)
    assert [each["slug"] for each in narrow.get("rooms")["rooms"]] == [open_room.slug]
    assert [each["slug"] for each in narrow.get("unread")["rooms"]] == [open_room.slug]
    assert len(wide.get("rooms")["rooms"]) == len(wide.get("unread")["rooms"]) == 2
    narrow.post("rooms", {"name": "Shed"}, 403)
    narrow.post(f"rooms/{open_room.slug}/messages", {"text": "hi"})
    # one whose rooms are gone is not one for all
    open_room.delete()
    assert narrow.get("rooms")["rooms"] == []


def test_a_token_gives_no_right_that_its_person_has_not(bob: User, private_room: Room) -> None:
    caller = Caller.of(bob, rooms=[private_room])
    caller.get(f"rooms/{private_room.slug}")
    private_room.remove(bob)
    caller.get(f"rooms/{private_room.slug}", 404)


# How it ends


def test_it_expires(bob: User) -> None:
    made = Token.make(bob, name="for a day", lifetime=timedelta(days=1))
    caller = Caller(made.secret)
    caller.get("me")
    Token.objects.update(expires_at=timezone.now())
    caller.get("me", 401)


def test_it_is_revoked(bob: User) -> None:
    caller, other = Caller.of(bob), Caller.of(bob)
    caller.ask("DELETE", "me/token", status=204)
    caller.get("me", 401)
    other.get("me")
    assert signed_in(bob).get("/api/me").json()["token"] is None


def test_a_closed_account_has_none(alice: User, bob: User) -> None:
    callers = [Caller.of(bob), Caller(jwts.sign_in(bob, "a phone").access)]
    refresh = jwts.sign_in(bob, "another").refresh
    for caller in callers:
        caller.get("me")
    people.deactivate(bob, by=alice)
    for caller in callers:
        caller.get("me", 401)
    Caller().post("token/refresh", {"refresh": refresh}, 401)


def test_another_password_ends_what_the_old_one_gave(bob: User) -> None:
    named, phone = Caller.of(bob), Caller(jwts.sign_in(bob, "a phone").access)
    given = Caller(obtained(bob)["token"])
    for caller in (named, phone, given):
        caller.get("me")
    get_adapter().set_password(bob, "another long password")
    phone.get("me", 401)
    given.get("me", 401)
    named.get("me")


def test_those_that_are_over_are_forgotten_after_a_while(bob: User) -> None:
    token_of(bob, name="good")
    Token.make(bob, name="just over", lifetime=timedelta(days=-1))
    Token.make(bob, name="long over", lifetime=timedelta(days=-40))
    jwts.sign_in(bob, "good sign-in")
    Token.make(
        bob, name="over sign-in", kind=Token.Kind.SIGN_IN, lifetime=timedelta(days=-1), secret="x"
    )
    chores.forget_old_tokens()
    assert {each.name for each in Token.objects.all()} == {"good", "just over", "good sign-in"}


# For a name and a password


def obtained(user: User, status: int = 200, **wrong: str) -> Any:
    """As a tutorial's reader asks."""
    form = {"username": user.username, "password": PASSWORD, **wrong}
    answer = Client().post("/api-token-auth/", form)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_token_for_name_and_password(bob: User) -> None:
    found = obtained(bob)
    assert set(found) == {"token"}
    assert Caller(found["token"], "Token").get("me")["token"]["scopes"] == ["read", "write"]
    body = {"username": "bob", "password": PASSWORD}
    found = Caller().post("/api-token-auth/", body, 200)
    Caller(found["token"]).get("me")


def test_a_wrong_password_gives_none(bob: User) -> None:
    problem = obtained(bob, 400, password="a wrong password")
    assert problem["non_field_errors"] == [problem["detail"]]
    assert obtained(bob, 400, username="nobody")["detail"] == problem["detail"]
    User.objects.update(is_active=False)
    assert obtained(bob, 400)["detail"] == problem["detail"]
    Client().post("/api-token-auth/", {}).json()["errors"]
    assert not Token.objects.exists()


def test_guessing_is_slowed_down_as_on_the_page(bob: User) -> None:
    for _guess in range(5):
        obtained(bob, 400, password="a wrong password")
    client = Client()
    answer = client.post("/api-token-auth/", {"username": "bob", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    page = client.post("/accounts/login/", {"login": "bob", "password": PASSWORD})
    assert b"Too many tries" in page.content


def test_a_second_factor_makes_a_password_not_enough(bob: User) -> None:
    obtained(bob)
    TOTP.activate(bob, generate_totp_secret())
    assert "second factor" in obtained(bob, 403)["detail"]
    Caller().post("token", {"username": "bob", "password": PASSWORD}, 403)


def test_whoever_owes_a_second_factor_has_nothing_by_a_token(
    alice: User, bob: User, place: Place, open_room: Room
) -> None:
    """As with a session: it works again once they have one."""
    tokens = {person: Caller(token_of(person)) for person in (alice, bob)}
    second_factor.require(place, "runners", by=alice)
    tokens[alice].get("me", 401)
    tokens[bob].get("me")
    second_factor.require(place, "everybody", by=alice)
    assert "second factor" in tokens[bob].get("me", 401)["detail"]
    assert "set it up" in obtained(bob, 403)["detail"]
    TOTP.activate(bob, generate_totp_secret())
    tokens[bob].get("me")


def test_a_script_that_always_asks_anew_does_not_pile_them_up(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.api.limits.SIGN_INS", 100)
    first = obtained(bob)["token"]
    for _again in range(FOR_PASSWORD):
        last = obtained(bob)["token"]
    assert bob.tokens.count() == FOR_PASSWORD
    Caller(first).get("me", 401)
    Caller(last).get("me")


def test_one_address_signs_in_so_often_a_minute(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.api.limits.SIGN_INS", 2)
    body = {"username": "bob", "password": PASSWORD}
    statuses = {
        Client().post("/api/token", body, content_type="application/json").status_code
        for _each in range(6)
    }
    assert statuses == {200, 429}


# JSON Web Tokens


def sign_in(user: User) -> dict[str, str]:
    body = {"username": user.username, "password": PASSWORD}
    found: dict[str, str] = Caller().post("token", body, 200)
    return found


def exchanged(refresh: str, status: int = 200) -> Any:
    return Caller().post("token/refresh", {"refresh": refresh}, status)


def test_signing_in_and_going_on(bob: User) -> None:
    pair = sign_in(bob)
    Caller(pair["access"]).get("me")
    Caller(pair["refresh"]).get("me", 401)
    new = exchanged(pair["refresh"])
    Caller(new["access"]).get("me")
    exchanged(new["access"], 401)
    exchanged("nonsense", 401)
    assert exchanged(exchanged(new["refresh"])["refresh"])
    assert bob.tokens.count() == 1
    Caller().post("token", {"username": "bob", "password": "wrong password"}, 401)


def test_an_access_token_is_short(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwts.Access, "lifetime", timedelta(seconds=-1))
    Caller(sign_in(bob)["access"]).get("me", 401)


def test_signing_out_ends_all_of_it(bob: User) -> None:
    pair, other = sign_in(bob), sign_in(bob)
    Caller().post("token/blacklist", {"refresh": pair["refresh"]}, 204)
    Caller(pair["access"]).get("me", 401)
    exchanged(pair["refresh"], 401)
    Caller().post("token/blacklist", {"refresh": pair["refresh"]}, 401)
    Caller(other["access"]).get("me")


def test_an_answer_that_got_lost_can_be_asked_for_again(bob: User) -> None:
    pair = sign_in(bob)
    lost = exchanged(pair["refresh"])
    again = exchanged(pair["refresh"])
    Caller(again["access"]).get("me")
    assert exchanged(again["refresh"])
    assert lost["refresh"] != again["refresh"]


def test_a_refresh_token_that_comes_twice_was_stolen(bob: User) -> None:
    pair = sign_in(bob)
    thief = exchanged(pair["refresh"])
    Token.objects.update(exchanged_at=timezone.now() - LOST_ANSWER)
    exchanged(pair["refresh"], 401)
    exchanged(thief["refresh"], 401)
    Caller(thief["access"]).get("me", 401)
    assert not bob.tokens.exists()


def test_another_secret_can_take_the_first_ones_place(bob: User, settings: Settings) -> None:
    settings.JWT_SECRETS = [OLD_SECRET]
    old = sign_in(bob)
    settings.JWT_SECRETS = [NEW_SECRET, OLD_SECRET]
    Caller(old["access"]).get("me")
    new = exchanged(old["refresh"])
    settings.JWT_SECRETS = [NEW_SECRET]
    Caller(new["access"]).get("me")
    Caller(old["access"]).get("me", 401)
    exchanged(new["refresh"])


def test_what_somebody_else_signed_is_worth_nothing(bob: User, settings: Settings) -> None:
    settings.JWT_SECRETS = [OLD_SECRET]
    pair = sign_in(bob)
    settings.JWT_SECRETS = [NEW_SECRET]
    Caller(pair["access"]).get("me", 401)
    exchanged(pair["refresh"], 401)
    header, payload, _signature = pair["access"].split(".")
    Caller(f"{header}.{payload}.").get("me", 401)


# A browser


def test_a_browser_reads_with_its_cookie_and_writes_with_its_forms_token(
    bob: User, open_room: Room
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.get("/api/me").json()["username"] == "bob"
    path = f"/api/rooms/{open_room.slug}/messages"
    answer = client.post(path, {"text": "forged"}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf"
    client.get("/accounts/profile/")
    token = client.cookies["roomful_csrf"].value
    answer = client.post(
        path,
        {"text": "hello"},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 201
    # what is asked with a token needs none, whatever cookies are there
    caller = Caller.of(bob)
    caller.client = client
    caller.post(path, {"text": "by a token"})


# The page


def test_a_token_is_shown_once(bob: User, bob_client: Client, open_room: Room) -> None:
    form = {"name": "Backup", "scopes": ["read"], "rooms": [open_room.pk], "lifetime": "30"}
    page = bob_client.post("/accounts/tokens/", form)
    made: Any = page.context["made"]
    assert made.secret in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    token = Token.objects.get()
    assert (token.may_read, token.may_write, token.limited) == (True, False, True)
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=30)
    found = Caller(made.secret).get("me")["token"]
    assert found["rooms"] == [open_room.slug]
    again = bob_client.get("/accounts/tokens/").content.decode()
    assert "Backup" in again
    assert made.secret not in again


def test_a_form_that_is_sent_twice_makes_one(bob: User, bob_client: Client) -> None:
    form = {"name": "Backup", "scopes": ["read"], "lifetime": ""}
    for status in (200, 409, 409):
        assert bob_client.post("/accounts/tokens/", form).status_code == status
    assert bob.tokens.count() == 1


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": "x"},
        {"name": "", "scopes": ["read"]},
        {"name": "x" * 61, "scopes": ["read"]},
        {"name": "a\0b", "scopes": ["read"]},
        {"name": "x", "scopes": ["read", "everything"]},
        {"name": "x", "scopes": ["read"], "lifetime": "-1"},
        {"name": "x", "scopes": ["read"], "rooms": ["999999"]},
        {"name": "x", "scopes": ["read"], "rooms": ["x"] * 10_000},
    ],
)
def test_what_cannot_be_made_is_told(bob: User, bob_client: Client, form: Any) -> None:
    answer = bob_client.post("/accounts/tokens/", form)
    assert answer.status_code == 400
    assert not bob.tokens.exists()


def test_nobody_names_a_room_that_is_not_theirs(
    charlie: User, charlie_client: Client, private_room: Room
) -> None:
    form = {"name": "x", "scopes": ["read"], "rooms": [private_room.pk]}
    answer = charlie_client.post("/accounts/tokens/", form)
    assert answer.status_code == 400
    assert private_room.name not in answer.content.decode()


def test_revoking_on_the_page_is_for_ones_own(
    bob: User, bob_client: Client, charlie_client: Client
) -> None:
    caller, pk = Caller.of(bob), bob.tokens.get().pk
    charlie_client.post(f"/accounts/tokens/{pk}/revoke/")
    caller.get("me")
    for _again in range(2):
        assert bob_client.post(f"/accounts/tokens/{pk}/revoke/").status_code == 302
    caller.get("me", 401)


def test_a_bots_token_is_its_owners_to_make(alice: User) -> None:
    bot = User.objects.create_user("weather", role=Role.MEMBER)
    made = Token.make(bot, name="the bot's", by=alice, may_write=True)
    assert Caller(made.secret).get("me")["username"] == "weather"
    assert made.token.made_by == alice
