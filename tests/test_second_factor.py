"""The second factor: set up, asked for, recovered, turned off, and wanted by the place."""

from __future__ import annotations

import re
import time
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from django.contrib.auth import get_user
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from rooms import second_factor as codes
from rooms.audit_words import sentence
from rooms.live.connections import SIGNED_OUT
from rooms.models import AuditEntry, Place, Role, User, people, second_factor
from tests.cast import signed_in
from tests.factories import PASSWORD, make_user, say
from tests.markup import error_of, parse, text
from tests.sockets import Socket, in_db, new_process, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_django import Settings

    from rooms.models import Room

LOGIN = "/accounts/login/"
CODE = "/accounts/2fa/authenticate/"
INDEX = "/accounts/2fa/"
SET_UP = "/accounts/2fa/totp/activate/"
TURN_OFF = "/accounts/2fa/totp/deactivate/"
RECOVERY = "/accounts/2fa/recovery-codes/"
DOWNLOAD = "/accounts/2fa/recovery-codes/download/"
GENERATE = "/accounts/2fa/recovery-codes/generate/"
AGAIN = "/accounts/2fa/reauthenticate/"
PLACE = "/place/second-factor/"
AUDIT = "/place/audit/"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Clock:
    """Time, as codes are made of it; it stands still between two steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = int(time.time())
        monkeypatch.setattr(codes, "now", lambda: self.now)

    def code(self, secret: str, after: int = 0) -> str:
        """What an app shows, `after` so many seconds."""
        step = (self.now + after) // codes.STEP
        return str(auth.format_hotp_value(auth.hotp_value(secret, step)))

    def goes(self, seconds: int) -> None:
        self.now += seconds


def by_password(user: User) -> Client:
    client = Client()
    client.post(LOGIN, {"login": user.username, "password": PASSWORD})
    return client


def set_up(client: Client, clock: Clock) -> str:
    """Sets it up as one does. Returns the secret."""
    secret = secret_of(client)
    answer = client.post(SET_UP, {"code": clock.code(secret)})
    assert answer.headers["Location"] == RECOVERY, text(answer)
    return secret


def secret_of(client: Client) -> str:
    page = parse(client.get(SET_UP))
    (shown,) = [each for each in page.iter("code") if each.get("class") == "secret"]
    return "".join(shown.itertext())


@pytest.fixture
def secret(bob: User, place: Place, clock: Clock) -> str:
    """Bob has set it up, some time ago."""
    found = set_up(by_password(bob), clock)
    clock.goes(300)
    return found


def recovery_codes(client: Client) -> list[str]:
    return re.findall(r"<code>(\d+)</code>", client.get(RECOVERY).content.decode())


# Setting it up


def test_the_page_shows_a_picture_and_the_secret_and_keeps_it(bob: User, place: Place) -> None:
    client = by_password(bob)
    page = parse(client.get(SET_UP))
    (picture,) = list(page.iter("img"))
    assert picture.get("src").startswith("data:image/svg+xml;base64,")
    assert re.fullmatch(r"[A-Z2-7]{32}", secret_of(client))
    assert secret_of(client) == secret_of(client)


def test_a_code_of_the_app_turns_it_on_and_recovery_codes_are_shown(
    bob: User, place: Place, clock: Clock
) -> None:
    client = by_password(bob)
    set_up(client, clock)
    shown = recovery_codes(client)
    assert len(set(shown)) == 10
    download = client.get(DOWNLOAD)
    assert download.headers["Content-Disposition"].startswith("attachment")
    assert download.content.decode().split()[-10:] == shown
    assert "Since" in text(client.get(INDEX))


@pytest.mark.parametrize("typed", ["", "000000", "12345", "x" * 60, "１２３４５６", "\0", "½"])
def test_another_code_does_not(bob: User, place: Place, clock: Clock, typed: str) -> None:
    client = by_password(bob)
    secret = secret_of(client)
    answer = client.post(SET_UP, {"code": typed})
    assert answer.status_code == 200
    if "\0" not in typed:
        assert error_of(answer, "code")
    assert secret_of(client) == secret
    assert not Authenticator.objects.exists()


def test_what_the_database_has_makes_no_codes(secret: str, bob: User) -> None:
    kept = str([each.data for each in Authenticator.objects.all()])
    assert secret not in kept
    totp = Authenticator.objects.get(type="totp")
    assert codes.SecondFactorAdapter().decrypt(totp.data["secret"]) == secret


def test_whoever_signed_in_long_ago_shows_first_that_it_is_them(bob: User, place: Place) -> None:
    answer = signed_in(bob).get(SET_UP)
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")


# Signing in


def test_signing_in_takes_a_code(secret: str, bob: User, clock: Clock) -> None:
    client = Client()
    answer = client.post(LOGIN, {"login": "bob", "password": PASSWORD, "next": "/help/"})
    assert answer.headers["Location"] == CODE
    assert not get_user(client).is_authenticated
    assert client.get("/rooms/").headers["Location"].startswith(LOGIN)
    assert client.post(CODE, {"code": clock.code(secret)}).headers["Location"] == "/help/"
    assert get_user(client) == bob


@pytest.mark.parametrize("after", [-30, 0, 30])
@pytest.mark.parametrize("spelt", ["{}", " {} ", "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}"])
def test_a_clock_may_be_off_and_a_code_written_in_two_parts(
    secret: str, bob: User, clock: Clock, after: int, spelt: str
) -> None:
    client = by_password(bob)
    client.post(CODE, {"code": spelt.format(clock.code(secret, after))})
    assert get_user(client) == bob


@pytest.mark.parametrize("after", [-120, -60, 60, 3600])
def test_a_code_of_another_time_is_none(secret: str, bob: User, clock: Clock, after: int) -> None:
    client = by_password(bob)
    answer = client.post(CODE, {"code": clock.code(secret, after)})
    assert "wrong, or was used already" in error_of(answer, "code")
    assert not get_user(client).is_authenticated


def test_a_code_opens_once(secret: str, bob: User, clock: Clock) -> None:
    code, earlier = clock.code(secret), clock.code(secret, -30)
    assert get_user(after_code(bob, code)) == bob
    assert not get_user(after_code(bob, code)).is_authenticated
    assert not get_user(after_code(bob, earlier)).is_authenticated
    clock.goes(59)
    assert not get_user(after_code(bob, code)).is_authenticated
    assert get_user(after_code(bob, clock.code(secret))) == bob


def after_code(user: User, code: str) -> Client:
    client = by_password(user)
    client.post(CODE, {"code": code})
    return client


def test_the_code_that_set_it_up_opens_nothing(bob: User, place: Place, clock: Clock) -> None:
    client = by_password(bob)
    secret = set_up(client, clock)
    assert not get_user(after_code(bob, clock.code(secret))).is_authenticated


def test_guessing_is_stopped(secret: str, bob: User, clock: Clock) -> None:
    client = by_password(bob)
    for _ in range(5):
        client.post(CODE, {"code": "000000"})
    answer = client.post(CODE, {"code": clock.code(secret)})
    assert "Too many tries" in error_of(answer, "code")
    assert not get_user(client).is_authenticated
    assert "Too many tries" in error_of(by_password(bob).post(CODE, {"code": "1"}), "code")


@pytest.mark.parametrize("typed", ["", "x" * 100_000, "\0", "१२३४५६", "🙂"])
def test_garbage_is_no_code(secret: str, bob: User, typed: str) -> None:
    client = by_password(bob)
    assert client.post(CODE, {"code": typed}).status_code == 200
    assert error_of(client.post(CODE, {}), "code")
    assert not get_user(client).is_authenticated


def test_a_recovery_code_opens_once(secret: str, bob: User, clock: Clock) -> None:
    client = after_code(bob, clock.code(secret))
    clock.goes(60)
    first, second, *_rest = recovery_codes(client)
    assert get_user(after_code(bob, f"{first[:4]} {first[4:]}")) == bob
    assert not get_user(after_code(bob, first)).is_authenticated
    assert get_user(after_code(bob, second)) == bob
    assert first not in recovery_codes(client)
    assert "8 are left" in text(client.get(RECOVERY))


def test_new_recovery_codes_void_the_old(secret: str, bob: User, clock: Clock) -> None:
    client = after_code(bob, clock.code(secret))
    old = recovery_codes(client)
    assert client.post(GENERATE).headers["Location"] == RECOVERY
    assert not set(old) & set(recovery_codes(client))
    assert not get_user(after_code(bob, old[0])).is_authenticated


def test_with_another_secret_key_it_is_said_that_the_factor_is_lost(
    secret: str, bob: User, clock: Clock, settings: Settings
) -> None:
    code = clock.code(secret)
    settings.SECRET_KEY = "another key, as long as such a key has to be at the least"
    client = by_password(bob)
    answer = client.post(CODE, {"code": code})
    assert "cannot be read any more" in error_of(answer, "code")


# Turning it off


def test_it_is_turned_off_with_its_recovery_codes(secret: str, bob: User, clock: Clock) -> None:
    client = after_code(bob, clock.code(secret))
    client.post(TURN_OFF)
    assert not Authenticator.objects.exists()
    assert get_user(by_password(bob)) == bob


@pytest.mark.parametrize("address", [TURN_OFF, RECOVERY, DOWNLOAD, GENERATE])
def test_before_it_is_touched_one_shows_again_that_it_is_oneself(
    secret: str, bob: User, clock: Clock, address: str
) -> None:
    client = signed_in(bob)
    there = client.get(address).headers["Location"]
    assert there.startswith("/accounts/reauthenticate/")
    page = client.get(there)
    assert AGAIN in page.content.decode()  # or by a code
    assert Authenticator.objects.count() == 2
    client.post(there, {"password": PASSWORD})
    assert client.get(address).status_code == 200


def test_a_code_shows_as_well_that_it_is_oneself(secret: str, bob: User, clock: Clock) -> None:
    client = signed_in(bob)
    code = clock.code(secret)
    assert client.post(AGAIN, {"code": code, "next": RECOVERY}).headers["Location"] == RECOVERY
    assert recovery_codes(client)
    other = signed_in(bob)
    assert error_of(other.post(AGAIN, {"code": code}), "code")


# Whom the place wants it of


def require(of: str) -> None:
    Place.objects.update(second_factor=of)


@pytest.mark.parametrize(
    ("of", "bound"),
    [
        ("nobody", set()),
        ("runners", {Role.OWNER, Role.ADMIN}),
        ("everybody", {Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST}),
    ],
)
def test_who_must_have_one_and_has_none_is_led_to_where_it_is_set_up(
    place: Place, of: str, bound: set[Role]
) -> None:
    require(of)
    for role in Role:
        user = make_user(role, role=role)
        answer = signed_in(user).get("/rooms/")
        assert (answer.headers.get("Location") == SET_UP) == (user.role in bound)
        assert (answer.status_code == 200) == (user.role not in bound)


def test_the_page_to_set_it_up_shows_nothing_of_the_place_beside_it_and_leads_on(
    open_room: Room, bob: User, clock: Clock
) -> None:
    require("everybody")
    client = by_password(bob)
    page = client.get("/", follow=True)
    assert page.redirect_chain[-1][0] == SET_UP
    assert "This place wants a second factor of you" in text(page)
    assert "Workbench" not in text(page)
    set_up(client, clock)
    assert "on to the rooms" in text(client.get(RECOVERY))
    assert client.get(f"/rooms/{open_room.slug}/").status_code == 200


def test_whoever_signed_in_long_ago_has_to_show_that_it_is_them_before_they_set_it_up(
    bob: User, place: Place
) -> None:
    require("everybody")
    client = signed_in(bob)
    there = client.get(SET_UP).headers["Location"]
    assert there.startswith("/accounts/reauthenticate/")
    assert client.get(there).status_code == 200
    assert client.post(there, {"password": PASSWORD}).headers["Location"] == SET_UP
    assert client.get("/accounts/password/reset/").status_code == 200
    assert client.post("/accounts/logout/").headers["Location"] == LOGIN


@pytest.mark.parametrize(
    "address",
    [
        "/rooms/{room}/changes/?after=0",
        "/rooms/{room}/stream/",
        "/rooms/{room}/1/menu/",
        "/unread/news/?after=0",
        "/accounts/profile/",
        "/accounts/2fa/",
        "/accounts/email/",
        "/place/",
        "/search/?q=x",
    ],
)
@pytest.mark.django_db(transaction=True)
async def test_until_then_nothing_is_shown(alice: User, open_room: Room, address: str) -> None:
    await in_db(say)(open_room, alice, "a secret that is told")
    client = AsyncClient()
    await client.aforce_login(alice)

    async def asks() -> tuple[int, str]:
        answer: Any = await client.get(
            address.format(room=open_room.slug), headers={"HX-Request": "true"}
        )
        if answer.streaming:
            pieces = answer.streaming_content.__aiter__()
            content = (await pieces.__anext__()).decode()
            await pieces.aclose()
        else:
            content = answer.content.decode()
        return answer.status_code, content

    status, _content = await asks()
    assert status in {200, 204}
    await in_db(require)("everybody")
    status, content = await asks()
    assert status in {302, 401, 200}
    assert "a secret that is told" not in content
    assert "Workbench" not in content


def test_what_is_sent_meanwhile_is_refused(bob: User, open_room: Room) -> None:
    require("everybody")
    client = signed_in(bob)
    client.post(f"/rooms/{open_room.slug}/send/", {"key": "a-key-of-eight", "text": "hi"})
    told = client.post(
        f"/rooms/{open_room.slug}/send/",
        {"key": "a-key-of-nine!", "text": "hi"},
        headers={"HX-Request": "true"},
    )
    assert told.status_code == 401
    assert not open_room.messages.exists()


def test_a_factor_that_is_set_up_is_not_asked_for_again_and_stays_on(
    secret: str, bob: User, clock: Clock
) -> None:
    require("everybody")
    client = after_code(bob, clock.code(secret))
    assert client.get("/rooms/").status_code == 200
    assert "so it stays" in text(client.get(TURN_OFF))
    client.post(TURN_OFF)
    assert Authenticator.objects.filter(type="totp").exists()


def test_a_room_costs_no_query_more_where_it_is_wanted(
    secret: str, bob: User, open_room: Room, clock: Clock
) -> None:
    client = after_code(bob, clock.code(secret))

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/rooms/{open_room.slug}/").status_code == 200
        return len(queries)

    cost()
    before = cost()
    require("everybody")
    assert cost() == before


def test_a_session_that_is_found_the_long_way_is_barred_as_well(bob: User, place: Place) -> None:
    """Its row does not name its user; the data in it do."""
    require("everybody")
    client = signed_in(bob)
    bob.sessions.update(user=None)
    assert client.get("/rooms/").headers["Location"] == SET_UP


# What the owner does


def test_an_owner_wants_it_of_others(alice: User, bob: User, clock: Clock) -> None:
    client = signed_in(alice)
    page = text(client.get(PLACE))
    assert "2 of them have no second factor" in page
    assert "You have none yourself" in page
    client.post(PLACE, {"second_factor": "everybody"})
    assert Place.objects.get().second_factor == "everybody"
    entry = AuditEntry.objects.get(kind="place")
    assert str(sentence(entry, seen=True)).endswith("<bdi>Nobody</bdi> → <bdi>Everybody</bdi>.")
    assert signed_in(bob).get("/rooms/").headers["Location"] == SET_UP


@pytest.mark.parametrize("said", ["", "nonsense", "\0", "x" * 1000])
def test_garbage_changes_nothing(alice_client: Client, said: str) -> None:
    assert alice_client.post(PLACE, {"second_factor": said}).status_code == 200
    assert Place.objects.get().second_factor == "nobody"


def test_an_admin_sees_it_and_does_not_decide_it(amir_client: Client) -> None:
    assert "Only an owner of this place decides this" in text(amir_client.get(PLACE))
    assert amir_client.post(PLACE, {"second_factor": "everybody"}).status_code == 403


def test_who_lost_theirs_has_it_taken_away(secret: str, alice: User, bob: User) -> None:
    client = signed_in(alice)
    address = f"/place/people/{bob.pk}/second-factor/"
    assert "Take the second factor of Bob Baker away?" in text(client.get(address))
    client.post(address)
    assert not Authenticator.objects.exists()
    assert "Alice Archer took the second factor of Bob Baker away" in text(client.get(AUDIT))
    assert get_user(by_password(bob)) == bob
    assert "has no second factor" in text(client.get(address))


def test_who_runs_the_machine_takes_an_owner_s_away(secret: str, bob: User) -> None:
    out = StringIO()
    call_command("forget_second_factor", "BOB", stdout=out)
    assert "bob signs in without" in out.getvalue()
    assert not Authenticator.objects.exists()
    for name, said in (("bob", "has no second factor"), ("xyzzy", "Nobody")):
        with pytest.raises(CommandError, match=said):
            call_command("forget_second_factor", name)


# What is open


@pytest.fixture(autouse=True)
async def process() -> AsyncIterator[None]:
    async with new_process():
        yield


@pytest.mark.django_db(transaction=True)
async def test_open_pages_close_at_once_and_do_not_open_again(
    alice: User, bob: User, open_room: Room
) -> None:
    place = await in_db(Place.objects.get)()
    async with watching(bob, open_room) as page, watching(alice, open_room) as other:
        await in_db(second_factor.require)(place, "nobody", by=alice)
        await in_db(say)(open_room, alice, "hello")
        await page.until("hello")
        await in_db(second_factor.require)(place, "everybody", by=alice)
        assert await page.until_closed() == SIGNED_OUT
        assert await other.until_closed() == SIGNED_OUT
    client = await in_db(signed_in)(bob)
    assert not await Socket(client, open_room.slug, page=None).open()


@pytest.mark.django_db(transaction=True)
async def test_a_role_that_needs_one_closes_open_pages(
    alice: User, bob: User, open_room: Room
) -> None:
    await in_db(require)("runners")
    async with watching(bob, open_room) as page:
        await in_db(people.change_role)(bob, Role.ADMIN, by=alice)
        assert await page.until_closed() == SIGNED_OUT
