"""Every page: valid, quiet, within reach of everybody, and as wide as its window.

Valid is what a strict parser reads without a word. Quiet is a console without errors, which every test
here is watched for. Within reach is what axe-core says, in light and dark, on a desk and on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.urls import resolve
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page, Response, expect

from rooms import urls
from rooms.mail import unsubscribe_token
from rooms.models import (
    Bot,
    Export,
    Imported,
    Incoming,
    Invitation,
    Level,
    Message,
    OutgoingWebhook,
    Place,
    Preview,
    PreviewPicture,
    Profile,
    Report,
    Role,
    Room,
    Token,
    User,
    restriction,
    retention,
)
from rooms.models import people as people_verbs
from rooms.models.outgoing import Outcome
from rooms.models.preview import previews_of
from rooms.models.profile import Status
from rooms.unfurl import Picture
from tests import factories
from tests.browser.conftest import Open, Watch
from tests.browser.visitor import give_password, in_thread
from tests.files import MP3, MP4, picture
from tests.process import Roomful
from tests.programs import Program
from tests.provider import NAME, OF_PROVIDER, OpenIDProvider

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}

LOGIN = "/accounts/login/"
SET_UP = "/accounts/2fa/totp/activate/"

CROWD = 40
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3

BODIES = (
    "Good morning! The kettle is on.",
    f"A very long word: {LONG}",
    f"and a long address: https://example.org/{'a' * 200}?{'b' * 100}",
    f"`{'code_without_a_space_' * 20}`",
    "```python\n" + "def repair(toaster):\n    return toaster.repaired()  # " + "x" * 200 + "\n```",
    "```diff\n- a broken plug\n+ a new one\n```",
    f"|{' a heading |' * 6}\n|{'---|' * 6}\n|{' a rather wide cell of a table |' * 6}",
    "> What did he say?\n\nThat it *works*, **really**, ~~never~~.\n\n1. one\n2. two\n   - nested\n\n---",
    "# A heading\n\n## And a smaller one\n\ntext",
    "😀",
    "שלום, האם מישהו כאן?",
    "First line\nSecond line\n\n    four spaces\tand a tab",
    "to be edited",
    "to be deleted",
    "see https://example.org and [here](https://example.org/here)",
)

FILES = {
    "bench.png": picture(),
    f"{LONG[:100]}.pdf": b"%PDF-1.7\n",
    "song.mp3": MP3,
    "film.mp4": MP4,
}


@dataclass
class Scene:
    """A place with all that its pages can show."""

    names: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.names[name]


LINKING = (
    "The blue one is https://example.org/kettle and the long one https://example.org/long it is."
)


def previewed(message: Message) -> None:
    """As if the pages had said so of themselves."""
    file = BytesIO()
    Image.new("RGB", (288, 144), "teal").save(file, "WEBP")
    picture = PreviewPicture.of(Picture(file.getvalue(), 144, 72))
    shop = Preview("https://example.org/kettle", "Blue kettle", "The Shop", "It boils. " * 30)
    found = [
        shop._replace(picture=picture.key, width=144, height=72),
        Preview("https://example.org/long", LONG, "", ""),
    ]
    assert message.show_previews(message.body, found)
    message.refresh_from_db()


def give_ways_in(connected: User, locked: User) -> None:
    """To one accounts elsewhere, to the other a second factor."""
    connected.email = "tomasz@example.org"
    connected.save()
    told = {"email": "t.wilk@example.org"}
    SocialAccount.objects.create(user=connected, provider="oidc", uid="t", extra_data=told)
    SocialAccount.objects.create(user=connected, provider="github", uid="7")
    TOTP.activate(locked, generate_totp_secret())
    RecoveryCodes.activate(locked)
    for person in (connected, locked):
        give_password(person)


def data_of(ines: User, tomasz: User, noor: User, full: Room) -> dict[str, Any]:
    """Copies of what there is, a room that keeps messages for a while, somebody from elsewhere."""
    Export.objects.create(
        user=ines, room=full, name="of-pages", state=Export.State.READY, total=70, size=123_456,
        finished_at=timezone.now(),
    )  # fmt: skip
    Export.objects.create(user=noor, name="of-noor", state=Export.State.MAKING, total=9, done=4)
    aged = factories.make_room("Pages aged", ines, tomasz)
    factories.say(aged, tomasz, "what is left")
    retention.change_rule(aged, 30)
    brought = User.objects.create(username="brought-pages", password="!", display_name="Ada L")
    Imported.objects.create(foreign_id="slack-pages", user=brought)
    return {"aged": aged.slug, "brought": brought}


def mention(room: Room, author: User, reader: User) -> None:
    """What names people, and rooms that show it beside every page of the reader."""
    factories.say(
        room, author, f"@{reader.name} and @room, look: `@tomasz`", "for @zoe-pages and @here"
    )
    quiet = factories.make_room("Pages hushed", author, reader)
    quiet.memberships.get(user=reader).change_level(Level.MENTIONS)
    factories.say(quiet, author, "whatever")
    calling = factories.make_room(f"Pages calling {LONG}"[:60], author, reader)
    factories.say(calling, author, f"@{reader.username}", "and more")


def tell(person: User) -> None:
    """All that one can say of oneself."""
    person.email = "tomasz@example.org"
    person.save()
    told = Profile.of(person)
    told.describe(pronouns="he/him", about=f"Ask me about {LONG}.\nhttps://example.org/{'a' * 100}")
    told.show_status(Status("🎧", "Soldering until four, then tea"), None)
    told.rest(timezone.now() + timedelta(hours=3))
    factories.give_face(person)


def moderated(people: dict[str, User]) -> tuple[Room, User]:
    """A room with all that moderators do in one, and a banned account."""
    ines, tomasz, noor, zoe = (people[name] for name in ("ines", "tomasz", "noor", "zoe"))
    quiet = factories.make_room("Pages quiet", ines, tomasz, noor)
    rude, long = factories.say(quiet, noor, "You are a **kettle**", LONG)
    for person, reason in ((tomasz, "He is rude"), (zoe, LONG[:190])):
        for message in (rude, long):
            Report.make(message, by=person, reason=reason)
    rude.edit("You are a fine kettle", by=noor)
    quiet.change_details(name=quiet.name, topic="Slowly now", slow_mode=30, by=ines)
    until = timezone.now() + timedelta(hours=1)
    restriction.mute(quiet, tomasz, by=ines, until=until, reason=f"Too loud, {LONG[:150]}")
    restriction.keep_out(quiet, zoe, by=ines, reason="Enough")
    banned = factories.make_user("banned-pages", LONG[:60])
    give_password(banned)
    people_verbs.ban(banned, by=ines, until=until, reason=f"Threats, {LONG[:150]}")
    return quiet, banned


def bots(owner: User, full: Room) -> dict[str, Any]:
    """One with all that a bot can have, and one that nobody answers for."""
    bot = Bot.make(name=f"Deploy {LONG}"[:60], by=owner)
    bot.put_into(full, by=owner)
    Token.make(bot.user, name=LONG[:60], rooms=[full], by=owner)
    Incoming.make(bot, full, name=LONG[:60], by=owner)
    for event in ("message", "mention"):
        address = f"https://hook.example/{LONG}/{event}"
        OutgoingWebhook.make(bot, address=address, event=event, rooms=[full.pk], by=owner)
    said = [
        list(Outcome("2026-01-31T12:00:00+00:00", "200", reply="posted")),
        list(Outcome("2026-01-31T11:00:00+00:00", "slow")),
    ]
    OutgoingWebhook.objects.update(outcomes=said)
    OutgoingWebhook.objects.filter(event="mention").update(
        enabled=False, disabled_at=timezone.now(), outcomes=said[::-1]
    )
    factories.say(full, bot.user, "Deployed **v1**.", LONG)
    former = factories.make_user("former-pages", LONG[:60], role=Role.ADMIN)
    still = Bot.make(name="Weather", by=former)
    people_verbs.deactivate(former, by=owner)
    return {"bot": bot, "still": still}


@in_thread
def arrange() -> Scene:
    place, _made = Place.objects.get_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})
    people: dict[str, User] = {
        name: factories.make_user(f"{name}-pages", display)
        for name, display in {
            "ines": "Ines Castell",
            "tomasz": "Tomasz Wilk",
            "noor": "نور حدّاد",
            "nobody": "",
            "zoe": "Zoë Moreau",
            "lena": "Lena Lock",
        }.items()
    }
    ines, tomasz, noor = people["ines"], people["tomasz"], people["noor"]
    ines.role = Role.OWNER
    ines.save()
    give_ways_in(tomasz, people["lena"])
    tell(tomasz)

    full = factories.make_room(
        "Pages full", ines, tomasz, noor, topic=f"What is on the bench, and {LONG[:120]}"
    )
    full.add(people["zoe"])
    for number in range(60):
        factories.say(full, (ines, tomasz, noor)[number // 2 % 3], f"message {number}")
    last = [
        factories.say(full, (tomasz, ines, ines, noor)[number % 4], body)[0]
        for number, body in enumerate(BODIES)
    ]
    for message in last:
        if message.body == "to be edited":
            message.edit("was edited", by=message.author)
        if message.body == "to be deleted":
            message.delete_for_everybody(by=message.author)
    factories.say_with_files(full, ines, "Files", FILES)
    (linking,) = factories.say(full, tomasz, LINKING)
    Place.objects.update(link_previews=True)
    previewed(linking)
    Place.objects.update(link_previews=False)
    (mine,) = factories.say(full, tomasz, "what Tomasz said in the end")
    for person, emoji in ((ines, "👍"), (tomasz, "👍"), (noor, "🎉")):
        mine.react(emoji, by=person)
    mine.pin(by=ines)
    last[0].pin(by=ines)
    full.post(noor, f"I do, {LONG}", "key-of-the-reply", reply=mine.number)
    full.post(ines, "and I", "key-of-another", reply=mine.number + 1)

    mention(full, ines, tomasz)
    (advert,) = factories.say(full, noor, "Buy my watches")
    advert.remove(by=ines, reason=f"No adverts, {LONG[:150]}")
    quiet, banned = moderated(people)

    archived = factories.make_room("Pages archived", ines, tomasz, topic="Long ago")
    factories.say(archived, tomasz, "the last one puts out the light")
    archived.archive()

    crowd = factories.make_room("Pages crowd", ines, tomasz)
    many = factories.make_crowd(crowd, CROWD)
    User.objects.filter(pk=many[0].pk).update(display_name=LONG[:60])

    talk = Room.direct_with([ines, noor], by=tomasz)
    factories.say(talk, ines, "Who has the key?")
    factories.say(talk, noor, "مفتاح الباب معي")
    for other in (noor, many[0]):
        factories.say(Room.direct_with([other], by=tomasz), other, "hello")

    revoked = Invitation.make(by=ines)
    revoked.revoke()
    notices = factories.make_room("Pages notices", ines, tomasz, topic="Read these")
    notices.change_details(name=notices.name, topic=notices.topic, moderators_only=True)
    guest = factories.make_user("guest-pages", "Gast", role=Role.GUEST)
    factories.add_all(full, [guest])
    gone = factories.make_user("gone-pages", LONG[:60])
    User.objects.filter(pk=gone.pk).update(is_active=False)
    private = factories.make_room("Pages private", ines, tomasz, private=True)
    long_invitation = Invitation.make(
        by=ines, max_uses=3, rooms=[full, private], note=f"For {LONG[:90]}", role=Role.GUEST
    )
    return Scene(
        {
            **people,
            **data_of(ines, tomasz, noor, full),
            **bots(ines, full),
            "place": place,
            "full": full.slug,
            "mine": mine.number,
            "linking": linking.number,
            "preview": previews_of(linking.previews)[0].key,
            "empty": factories.make_room("Pages empty", ines, tomasz).slug,
            "archived": archived.slug,
            "private": private.slug,
            "notices": notices.slug,
            "quiet": quiet.slug,
            "banned": banned,
            "guest": guest,
            "gone": gone,
            "leads_in": long_invitation.token,
            "used_in": Invitation.make(by=ines, rooms=[private], max_uses=0).token,
            "outside": factories.make_room("Pages outside", ines).slug,
            "crowd": crowd.slug,
            "talk": talk.slug,
            "notes": Room.direct_with([], by=tomasz).slug,
            "many": many,
            "invitation": Invitation.make(by=ines).token,
            "unsubscribe": unsubscribe_token(people["zoe"].pk),
            "revoked": revoked.token,
            "reset": f"{user_pk_to_url_str(tomasz)}-{default_token_generator.make_token(tomasz)}",
        }
    )


@pytest.fixture(scope="session")  # pytest may go to another module in between and come back
def scene(server: Roomful) -> Scene:
    return arrange()


@pytest.fixture(scope="module")
def unset(server: Roomful, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roomful]:
    """A server that nobody has set up yet."""
    data_dir = tmp_path_factory.mktemp("unset")
    (data_dir / "static").symlink_to(settings.STATIC_ROOT)
    roomful = Roomful(data_dir)
    roomful.start()
    yield roomful
    roomful.end()


@in_thread
def sign_up_is(choice: Place.SignUp) -> None:
    Place.objects.update(sign_up=choice)


@pytest.fixture
def open_to_all(scene: Scene) -> Iterator[None]:
    before = scene["place"].sign_up
    sign_up_is(Place.SignUp.OPEN)
    yield
    sign_up_is(before)


@pytest.fixture
def closed(scene: Scene) -> Iterator[None]:
    before = scene["place"].sign_up
    sign_up_is(Place.SignUp.CLOSED)
    yield
    sign_up_is(before)


@pytest.fixture
def crowded(scene: Scene, server: Roomful) -> None:
    """Forty people who have just been in the room."""
    polls = [Program.of(person, server.url) for person in in_thread(list)(scene["many"])]
    for poll in polls:
        assert poll.http.get(f"/rooms/{scene['crowd']}/changes/").status_code < 300
        poll.close()


@pytest.fixture
def strict(scene: Scene) -> Iterator[None]:
    second_factor_is("everybody")
    yield
    second_factor_is("nobody")


@in_thread
def second_factor_is(wanted: str) -> None:
    Place.objects.update(second_factor=wanted)


@pytest.fixture(scope="session")
def known(provider: OpenIDProvider) -> None:
    """The provider knows somebody whom nobody knows here, and somebody who has an account."""
    provider.knows("new", name="Nora Newman", preferred_username="nora", email="nora@example.org")
    provider.knows("known", email="tomasz@example.org", email_verified=True)


# What to do on a page before it is looked at. A new page that this leads to is returned.

Doing = Callable[[Page], Response | None]


def sent(*filled: tuple[str, str], button: str) -> Doing:
    """Fills in what is named by its label and sends the form."""

    def do(page: Page) -> Response | None:
        for label, text in filled:
            page.get_by_label(label, exact=True).fill(text)
        page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
        with page.expect_navigation() as navigation:
            page.get_by_role("button", name=button, exact=True).click()
        return navigation.value

    return do


def opened(summary: str, *filled: tuple[str, str], button: str) -> Doing:
    """The same in a part of the page that is opened first."""

    def do(page: Page) -> Response | None:
        page.get_by_text(summary, exact=True).click()
        return sent(*filled, button=button)(page)

    return do


def ninety_days(page: Page) -> Response | None:
    """And no word that what is older may go."""
    page.get_by_role("radio", name="For so many days:").check()
    return sent(("Days", "90"), button="Save")(page)


def without_token(page: Page) -> Response | None:
    page.locator("[name=csrfmiddlewaretoken]").evaluate_all("all => all.forEach(e => e.remove())")
    return sent(button="Sign in")(page)


def menu(page: Page) -> None:
    """Of a message of the reader's own, by keyboard."""
    said = page.locator(".body", has_text="what Tomasz said in the end")
    page.locator("#messages .message", has=said).locator(".more").focus()
    page.keyboard.press("Enter")
    # which comes a moment after the menu itself, and would take the focus from what a test gives it
    expect(page.locator("#menu [autofocus]")).to_be_focused()


def chosen(control: str, then: str) -> Doing:
    """One of the choices in it."""

    def do(page: Page) -> None:
        menu(page)
        page.locator("#menu").get_by_role("button", name=control, exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.locator(then)).to_be_visible()

    return do


def unfolded(page: Page) -> None:
    page.get_by_role("link", name="Make a room", exact=True).click()
    expect(page.locator("details#make")).to_be_visible()


def names_typed(page: Page) -> None:
    page.get_by_role("textbox", name="To").fill("ines")
    expect(page.get_by_role("button", name="Ines Castell")).to_be_visible()


def names_refused(page: Page) -> None:
    page.get_by_role("button", name="Go to the conversation").click()
    expect(page.get_by_role("alert")).to_be_visible()


def larger_box(page: Page) -> None:
    page.locator(".several").check(force=True)
    expect(page.get_by_role("textbox", name="Several lines")).to_be_visible()


def signs_in(name: str) -> Doing:
    return sent(("Username or e-mail", name), ("Password", factories.PASSWORD), button="Sign in")


def is_it_you(page: Page) -> Response | None:
    """Shows it once more."""
    return sent(("Password", factories.PASSWORD), button="Continue")(page)


def onward(page: Page) -> Response | None:
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name=f"Continue with {NAME}").click()
    return navigation.value


def comes_by(subject: str) -> Doing:
    """Signs in by a provider, who knows them by this name."""

    def do(page: Page) -> Response | None:
        page.get_by_role("button", name=f"Continue with {NAME}").click()
        page.get_by_placeholder("sub").fill(subject)
        with page.expect_navigation() as navigation:
            page.get_by_role("button", name="Authorize").click()
        return navigation.value

    return do


def invited_as_guest(page: Page) -> Response | None:
    page.get_by_text("Make an invitation", exact=True).click()
    page.get_by_label("Guest").check()
    page.locator(".qr summary").first.click()
    return sent(("By how many people", "0"), button="Make the invitation")(page)


def own_menu(page: Page) -> None:
    page.get_by_role("button", name="You and your settings").click()
    expect(page.locator("#self-menu")).to_be_visible()


def card(page: Page) -> None:
    page.locator("#messages a.name", has_text="Tomasz").last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Tomasz Wilk")).to_be_visible()


@dataclass(frozen=True)
class Case:
    """A page: whose it is, where it is, and what makes it so."""

    name: str
    who: str
    path: str
    status: int = 200
    do: Doing | None = None
    needs: tuple[str, ...] = ()


CASES = [
    Case("set-up", "", "/setup/", needs=("unset",)),
    Case(
        "set-up with mistakes",
        "",
        "/setup/",
        do=sent(("Username", "a b"), button="Open the doors"),
        needs=("unset",),
    ),
    Case("sign-in", "", "/accounts/login/"),
    Case("sign-in with mistakes", "", "/accounts/login/", do=sent(button="Sign in")),
    Case("a form without its token", "", "/accounts/login/", 403, do=without_token),
    Case("sign-up", "", "/accounts/signup/", needs=("open_to_all",)),
    Case(
        "sign-up with mistakes",
        "",
        "/accounts/signup/",
        do=sent(("Username", "a b"), ("Password", "123"), button="Make the account"),
        needs=("open_to_all",),
    ),
    Case("closed sign-up", "", "/accounts/signup/", needs=("closed",)),
    Case("to a provider", "", "/accounts/oidc/login/"),
    Case("a provider that is down", "", "/accounts/oidc/login/", 401, do=onward),
    Case("back from a provider without a word", "", "/accounts/oidc/login/callback/", 401),
    Case("turned back by a provider", "", "/accounts/3rdparty/login/cancelled/"),
    Case("sign-up by a provider", "", LOGIN, do=comes_by("new"), needs=("open_to_all", "known")),
    Case("address taken", "", LOGIN, 409, do=comes_by("known"), needs=("known",)),
    Case("code", "", "/accounts/2fa/authenticate/", do=signs_in("lena-pages")),
    Case("invitation", "", "/join/{invitation}/"),
    Case("revoked invitation", "", "/join/{revoked}/", 410),
    Case("no such invitation", "", "/join/nonsense/", 404),
    Case("reset", "", "/accounts/password/reset/"),
    Case("reset under way", "", "/accounts/password/reset/done/"),
    Case("new password", "", "/accounts/password/reset/key/{reset}/"),
    Case("link used up", "", "/accounts/password/reset/key/1-nonsense/"),
    Case("new password set", "", "/accounts/password/reset/key/done/"),
    Case("look", "ines", "/accounts/look/"),
    Case("signed in", "ines", "/accounts/sessions/"),
    Case("profile", "tomasz", "/accounts/profile/"),
    Case("profile with mistakes", "tomasz", "/accounts/profile/",
         do=sent(("Display name", "\u2060"), button="Save")),
    Case("status", "tomasz", "/accounts/status/"),
    Case("no status", "nobody", "/accounts/status/"),
    Case("card", "ines", "/people/{tomasz.pk}/"),
    Case("one's own card", "noor", "/people/{noor.username}/"),
    Case("card of a closed account", "ines", "/people/{gone.pk}/"),
    Case("card seen by a guest", "guest", "/people/@tomasz-pages/"),
    Case("room and a card", "ines", "/rooms/{full}/", do=card),
    Case("password change", "tomasz", "/accounts/password/change/"),
    Case("e-mail", "tomasz", "/accounts/email/"),
    Case("no e-mail", "nobody", "/accounts/email/"),
    Case("tokens", "tomasz", "/accounts/tokens/"),
    Case("no token yet", "nobody", "/accounts/tokens/"),
    Case(
        "a new token",
        "tomasz",
        "/accounts/tokens/",
        do=sent(("What it is for", LONG[:60]), button="Make the token"),
    ),
    Case("bots", "ines", "/accounts/bots/"),
    Case("bots of somebody who makes none", "tomasz", "/accounts/bots/"),
    Case("a nameless bot", "ines", "/accounts/bots/", 400,
         do=opened("Make a bot", button="Make the bot")),
    Case("bot", "ines", "/accounts/bots/{bot.pk}/"),
    Case("bot that nobody answers for", "ines", "/accounts/bots/{still.pk}/"),
    Case("a new webhook", "ines", "/accounts/bots/{bot.pk}/",
         do=opened("Make an incoming webhook", ("What posts there", "CI"), button="Make the webhook")),
    Case("a new outgoing webhook", "ines", "/accounts/bots/{bot.pk}/",
         do=opened("Add an outgoing webhook", ("Address of your program", "https://other.example/"),
                   button="Add the webhook")),
    Case("an outgoing webhook to nowhere", "ines", "/accounts/bots/{bot.pk}/", 400,
         do=opened("Add an outgoing webhook", ("Address of your program", "https://10.0.0.1/"),
                   button="Add the webhook")),
    Case("a token without a name", "ines", "/accounts/bots/{bot.pk}/", 400,
         do=opened("Make a token", button="Make the token")),
    Case("the end of a bot", "ines", "/accounts/bots/{bot.pk}/end/"),
    Case("card of a bot", "tomasz", "/people/{bot.pk}/"),
    Case("what programs can ask for", "tomasz", "/api/"),
    Case("connections", "tomasz", "/accounts/3rdparty/"),
    Case("no connections", "nobody", "/accounts/3rdparty/"),
    Case("second factor", "tomasz", "/accounts/2fa/"),
    Case("second factor that is on", "lena", "/accounts/2fa/"),
    Case("second factor to be set up", "tomasz", SET_UP, do=is_it_you),
    Case("second factor before anything else", "tomasz", "/", do=is_it_you, needs=("strict",)),
    Case("second factor to be turned off", "lena", "/accounts/2fa/totp/deactivate/", do=is_it_you),
    Case("recovery codes", "lena", "/accounts/2fa/recovery-codes/", do=is_it_you),
    Case("new codes", "lena", "/accounts/2fa/recovery-codes/generate/", do=is_it_you),
    Case("is it you, by a code", "lena", "/accounts/2fa/reauthenticate/"),
    Case("sign-out", "tomasz", "/accounts/logout/"),
    Case("invitation into rooms", "nobody", "/join/{leads_in}/"),
    Case("used invitation for a member", "nobody", "/join/{used_in}/", 410),
    Case("help", "tomasz", "/help/"),
    Case("place", "ines", "/place/"),
    Case("people", "ines", "/place/people/"),
    Case("people searched for in vain", "ines", "/place/people/?q=xyzzy"),
    Case("person", "ines", "/place/people/{gone.pk}/"),
    Case("a second factor to be taken away", "ines", "/place/people/{lena.pk}/second-factor/"),
    Case("no second factor", "ines", "/place/people/{tomasz.pk}/second-factor/"),
    Case("second factor of others", "ines", "/place/second-factor/"),
    Case("deactivation", "ines", "/place/people/{tomasz.pk}/account/"),
    Case("reactivation", "ines", "/place/people/{gone.pk}/account/"),
    Case("deletion of a person", "ines", "/place/people/{tomasz.pk}/delete/"),
    Case("data of the place", "ines", "/place/data/"),
    Case("data of the place with mistakes", "ines", "/place/data/",
         do=ninety_days),
    Case("one's data", "tomasz", "/accounts/data/"),
    Case("one's data while a copy is made", "noor", "/accounts/data/"),
    Case("deletion of one's account", "nobody", "/accounts/delete/",
         do=sent(("Password", factories.PASSWORD), button="Continue")),
    Case("a person who was brought from elsewhere", "ines", "/place/people/{brought.pk}/"),
    Case("a link for them", "ines", "/place/people/{brought.pk}/",
         do=sent(button="Make a link")),
    Case("banned", "", "/accounts/login/", 403,
         do=sent(("Username or e-mail", "banned-pages"), ("Password", factories.PASSWORD),
                 button="Sign in")),
    Case("ban", "ines", "/place/people/{tomasz.pk}/ban/"),
    Case("ban to lift", "ines", "/place/people/{banned.pk}/ban/"),
    Case("banned person", "ines", "/place/people/{banned.pk}/"),
    Case("bans", "ines", "/place/bans/"),
    Case("audit log", "ines", "/place/audit/"),
    Case("audit log in vain", "ines", "/place/audit/?person=xyzzy"),
    Case("reports", "ines", "/reports/"),
    Case("invitations", "ines", "/place/invitations/"),
    Case("invitations with mistakes", "ines", "/place/invitations/", do=invited_as_guest),
    Case("invitations while closed", "ines", "/place/invitations/", needs=("closed",)),
    Case("not the owner", "tomasz", "/place/", 403),
    Case("rooms", "tomasz", "/rooms/"),
    Case("rooms of a guest", "guest", "/rooms/"),
    Case("rooms without one's own", "nobody", "/rooms/"),
    Case("rooms searched for", "tomasz", "/rooms/?q=pages"),
    Case("rooms searched for in vain", "tomasz", "/rooms/?q=xyzzy"),
    Case("archived rooms", "tomasz", "/rooms/?archived=1"),
    Case("rooms and a form for one more", "tomasz", "/rooms/", do=unfolded),
    Case("rooms and one's menu", "tomasz", "/rooms/", do=own_menu, needs=("desk",)),
    Case("search", "tomasz", "/search/"),
    Case("search with results", "tomasz", "/search/?q=message+the&order=best"),
    Case("search by everything", "tomasz", "/search/?q=a&by=ines&since=2020-01-01&room={full}"),
    Case("search in another direction", "noor", "/search/?q=שלום"),
    Case("search with mistakes", "tomasz", f"/search/?q={LONG[:299]}&since=banana"),
    Case("search in vain", "tomasz", "/search/?q=xyzzy"),
    Case("make", "tomasz", "/rooms/new/"),
    Case("make with mistakes", "tomasz", "/rooms/new/", do=sent(button="Make the room")),
    Case("new message", "tomasz", "/direct/new/"),
    Case("new message and who was found", "tomasz", "/direct/new/?names=pages&with=noor-pages",
         do=names_typed),
    Case("new message with mistakes", "tomasz",
         "/direct/new/?person={many[0].pk}&person={ines.pk}&names=xyzzy",
         do=names_refused),
    Case("direct conversation", "tomasz", "/rooms/{talk}/"),
    Case("people of a direct conversation", "tomasz", "/rooms/{talk}/members/"),
    Case("notes to oneself", "tomasz", "/rooms/{notes}/"),
    Case("room", "tomasz", "/rooms/{full}/"),
    Case("room and a larger box", "tomasz", "/rooms/{full}/", do=larger_box),
    Case("room and an edit", "tomasz", "/rooms/{full}/", do=chosen("Edit", ".edit textarea")),
    Case("room and a deletion", "tomasz", "/rooms/{full}/", do=chosen("Delete", ".edit .danger")),
    Case("room and a message's menu", "tomasz", "/rooms/{full}/", do=menu, needs=("desk",)),
    Case("room and any emoji", "tomasz", "/rooms/{full}/", do=chosen("Any emoji", "#menu .pick"),
         needs=("desk",)),
    Case("room and a reply", "tomasz", "/rooms/{full}/", do=chosen("Reply", ".replying")),
    Case("room to reply in", "tomasz", "/rooms/{full}/?reply=30"),
    Case("pinned messages", "tomasz", "/rooms/{full}/pins/"),
    Case("no pinned messages", "tomasz", "/rooms/{empty}/pins/"),
    Case("thread", "tomasz", "/rooms/{full}/{mine}/thread/"),
    Case("thread of an archived room", "tomasz", "/rooms/{archived}/1/thread/"),
    Case("reactions", "tomasz", "/rooms/{full}/{mine}/reactions/"),
    Case("reactions with mistakes", "tomasz", "/rooms/{full}/{mine}/reactions/", 400,
         do=sent(("Emoji or its name", "two words"), button="React")),
    Case("mention somebody", "tomasz", "/rooms/{full}/mention/?q="),
    Case("mention somebody searched for in vain", "tomasz", "/rooms/{full}/mention/?q=xyzzy"),
    Case("notifications of a room", "tomasz", "/rooms/{full}/notifications/"),
    Case("notifications of a direct conversation", "tomasz", "/rooms/{talk}/notifications/"),
    Case("notifications", "tomasz", "/accounts/notifications/"),
    Case("notifications with mistakes", "ines", "/accounts/notifications/",
         do=sent(("No mail from", "22:00"), button="Save")),
    Case("no more mail", "", "/unsubscribe/{unsubscribe}/"),
    Case("no more mail, done", "", "/unsubscribe/{unsubscribe}/", do=sent(button="Send me no more")),
    Case("message's menu as a page", "tomasz", "/rooms/{full}/{mine}/menu/"),
    Case("room in another direction", "noor", "/rooms/{full}/"),
    Case("empty room", "tomasz", "/rooms/{empty}/"),
    Case("private room", "tomasz", "/rooms/{private}/"),
    Case("archived room", "tomasz", "/rooms/{archived}/"),
    Case("room where only moderators write", "tomasz", "/rooms/{notices}/"),
    Case("room that one is not in", "tomasz", "/rooms/{outside}/"),
    Case("crowded room", "tomasz", "/rooms/{crowd}/", needs=("crowded",)),
    Case("room that keeps messages for a while", "tomasz", "/rooms/{aged}/"),
    Case("how long a room keeps messages", "ines", "/rooms/{full}/keeping/"),
    Case("copy of a room", "ines", "/rooms/{full}/export/"),
    Case("copy of a direct conversation", "tomasz", "/rooms/{talk}/export/"),
    Case("past", "tomasz", "/rooms/{full}/?before=60"),
    Case("one message", "tomasz", "/rooms/{full}/30/"),
    Case("one message at the end", "tomasz", "/rooms/{full}/{mine}/"),
    Case("catch up", "ines", "/unread/"),
    Case("catch up with nothing", "nobody", "/unread/"),
    Case("mark unread", "tomasz", "/rooms/{full}/30/unread/"),
    Case("room with what is new", "zoe", "/rooms/{full}/"),
    Case("settings", "ines", "/rooms/{full}/settings/"),
    Case("settings of an archived room", "ines", "/rooms/{archived}/settings/"),
    Case("about", "tomasz", "/rooms/{full}/settings/"),
    Case("about a room that one is not in", "tomasz", "/rooms/{outside}/settings/"),
    Case("make private", "ines", "/rooms/{full}/settings/private/"),
    Case("archive", "ines", "/rooms/{full}/archive/"),
    Case("restore", "ines", "/rooms/{archived}/archive/"),
    Case("who is here", "tomasz", "/rooms/{crowd}/here/", needs=("crowded",)),
    Case("who is here: nobody", "tomasz", "/rooms/{outside}/here/"),
    Case("files", "tomasz", "/rooms/{full}/files/"),
    Case("no files", "tomasz", "/rooms/{empty}/files/"),
    Case("members", "tomasz", "/rooms/{crowd}/members/"),
    Case("members for their moderator", "ines", "/rooms/{crowd}/members/"),
    Case("removal", "ines", "/rooms/{full}/members/remove/?user={tomasz.pk}"),
    Case("mute", "ines", "/rooms/{full}/members/mute/?user={tomasz.pk}"),
    Case("mute to lift", "ines", "/rooms/{quiet}/members/mute/?user={tomasz.pk}"),
    Case("room in which one is muted", "tomasz", "/rooms/{quiet}/"),
    Case("room out of which one is kept", "zoe", "/rooms/{quiet}/"),
    Case("moderation", "ines", "/rooms/{quiet}/moderation/"),
    Case("moderation with nothing to do", "ines", "/rooms/{empty}/moderation/"),
    Case("report", "zoe", "/rooms/{full}/{mine}/report/"),
    Case("report with mistakes", "zoe", "/rooms/{full}/{mine}/report/", 409,
         do=sent(("Why", ""), button="Report")),
    Case("room and a report", "zoe", "/rooms/{full}/",
         do=chosen("Report to the moderators", ".edit [name=reason]")),
    Case("room and a removal", "ines", "/rooms/{full}/",
         do=chosen("Remove", ".edit [name=reason]")),
    Case("another's message to remove", "ines", "/rooms/{full}/{mine}/delete/"),
    Case("leave", "tomasz", "/rooms/{full}/leave/"),
    Case("edit", "tomasz", "/rooms/{full}/{mine}/edit/"),
    Case("edit with mistakes", "tomasz", "/rooms/{full}/{mine}/edit/", 400,
         do=sent(("New text", ""), button="Save")),
    Case("delete", "tomasz", "/rooms/{full}/{mine}/delete/"),
    Case("remove a preview", "tomasz", "/rooms/{full}/{linking}/previews/{preview}/remove/"),
    Case("another's message", "ines", "/rooms/{full}/{mine}/edit/", 403),
    Case("nothing there", "tomasz", "/rooms/there-is-none/", 404),
    Case("nothing there for nobody", "", "/there-is-none/", 404),
]  # fmt: skip


@pytest.fixture
def desk() -> None:
    """What a phone has elsewhere."""


# A page's HTML

# Attributes that name other elements by their ids.
REFERENCES = (
    *("for", "form", "list", "headers", "popovertarget"),
    *(f"aria-{name}" for name in ("labelledby", "describedby", "controls", "owns", "details")),
)


def assert_valid(html: str) -> None:
    """Both as a browser reads it that runs scripts and as one that does not."""
    for scripting in (True, False):
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        tree = parser.parse(html, scripting=scripting)
        elements = [element for element in tree.iter() if isinstance(element.tag, str)]
        ids = [element.get("id") for element in elements if element.get("id") is not None]
        assert all(ids), "an empty id"
        assert sorted(ids) == sorted(set(ids)), "an id is there twice"
        referred = [
            (name, target)
            for element in elements
            for name in REFERENCES
            for target in (element.get(name) or "").split()
            # Without scripts a row's button leads to a page; with them it must belong to no form.
            if not (scripting and (name, target) == ("form", "menus"))
        ]
        referred += [
            ("href", address[1:])
            for element in elements
            if len(address := element.get("href") or "") > 1 and address.startswith("#")
        ]
        assert [each for each in referred if each[1] not in ids] == []


# What stands on the page

# The package's own way of running it returns what only that knows to read; here its script is enough.
PACKAGE = find_spec("axe_playwright_python")
assert PACKAGE
assert PACKAGE.origin
AXE = Path(PACKAGE.origin).with_name("axe.min.js")

OVERFLOWS = """() => ["html", "body", "main", ".page", "#scroll", "#past", ".side", ".sheet"]
    .flatMap(selector => [...document.querySelectorAll(selector)])
    .filter(element => element.checkVisibility() && element.scrollWidth > element.clientWidth + 1)
    .map(element => `${element.tagName}#${element.id} is ${element.scrollWidth} px wide`)"""


@cache
def axe_source() -> str:
    return AXE.read_text()


def violations(page: Page, *only: str, without: tuple[str, ...] = ()) -> list[str]:
    """What axe-core finds, each as a line that says where."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {axe_source()} }} }}")
    options: dict[str, Any] = {
        "resultTypes": ["violations"],
        "rules": {
            "target-size": {"enabled": True},
            **{name: {"enabled": False} for name in without},
        },
    }
    if only:
        options["runOnly"] = {"type": "rule", "values": list(only)}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {node['target']} {' '.join(node['failureSummary'].split())[:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_page(
    case: Case, scene: Scene, open_page: Open, watch: Watch, request: pytest.FixtureRequest
) -> None:
    needed = {name: request.getfixturevalue(name) for name in case.needs}
    if "known" in case.needs:
        watch.allow(OF_PROVIDER)
    if case.status >= 400:
        watch.allow(rf"the server responded with a status of {case.status}")
    options = {"base_url": needed["unset"].url} if "unset" in needed else {}
    page = open_page(scene[case.who] if case.who else None, viewport=DESK, **options)
    response = page.goto(case.path.format_map(scene))
    if case.do:
        response = case.do(page) or response
    assert response
    assert response.status == case.status
    assert_valid(response.text())

    found: dict[str, list[str]] = {}
    for width, viewport in {"desk": DESK, "phone": PHONE}.items():
        if width == "phone" and "desk" in needed:
            continue
        page.set_viewport_size(viewport)
        found[f"too wide, {width}"] = page.evaluate(OVERFLOWS)
        full = "light" if width == "desk" else "dark"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            rules = () if scheme == full else ("color-contrast",)
            found[f"axe, {width}, {scheme}"] = violations(page, *rules)
    assert {what: faults for what, faults in found.items() if faults} == {}


def test_the_audit_sees(open_page: Open, scene: Scene) -> None:
    """An audit that finds nothing anywhere would let every page pass."""
    page = open_page(scene["tomasz"], path="/rooms/", viewport=PHONE)
    page.evaluate(
        """() => {
            document.querySelector("main").insertAdjacentHTML("beforeend",
                `<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
                 <p class="wide">${"x".repeat(500)}</p>
                 <a class="tiny" href="/a">.</a><a class="tiny" href="/b">.</a>`)
            const sheet = new CSSStyleSheet()
            sheet.replaceSync(`.wide { color: #ccc; background: #ddd; white-space: nowrap }
                .tiny { display: inline-block; width: 5px; height: 5px; overflow: hidden }`)
            document.adoptedStyleSheets.push(sheet)
        }"""
    )
    said = "\n".join(violations(page))
    for rule in ("image-alt", "color-contrast", "target-size"):
        assert f"{rule}:" in said
    assert page.evaluate(OVERFLOWS) != []
    for broken in ("<p><div></p>", "<i id='a'></i><i id='a'></i>", "<label for='none'>x</label>"):
        with pytest.raises((AssertionError, html5lib.html5parser.ParseError)):
            assert_valid(
                f"<!doctype html><html><head><title>x</title></head><body>{broken}</body></html>"
            )


def test_nothing_that_was_said_is_hidden(scene: Scene, open_page: Open) -> None:
    """A class of the page's own may mean something else in somebody's code."""
    page = open_page(scene["tomasz"], path=f"/rooms/{scene['full']}/", viewport=DESK)
    expect(page.locator(".body pre .c")).not_to_have_count(0)
    hidden = page.locator(".body, .body *").evaluate_all(
        "all => all.filter(each => !each.checkVisibility()).map(each => each.outerHTML)"
    )
    assert hidden == []


def test_the_stream_is_a_valid_document_within_reach_of_everybody(
    scene: Scene, server: Roomful, open_page: Open
) -> None:
    reader = Program.of(scene["tomasz"], server.url)
    html = ""
    with reader.http.stream("GET", f"/rooms/{scene['full']}/stream/") as answer:
        for piece in answer.iter_text():
            html += piece
            if "</ul>" in html.partition('id="presence"')[2]:  # who is here follows the messages
                break
    assert f'id="m{scene["mine"]}"' in html
    head, _presence, _rest = html.partition('<ul id="presence"')
    assert_valid(f"{head}</ol></div></body></html>")
    assert_valid(reader.http.get(f"/rooms/{scene['full']}/stream/?wait=1").text)
    reader.close()
    # With scripts, so that axe can run; the document itself has none. It is a frame of a page, which
    # has a heading and landmarks.
    of_pages = ("landmark-one-main", "page-has-heading-one", "region")
    page = open_page(scene["tomasz"], viewport=PHONE)
    page.goto(f"/rooms/{scene['full']}/stream/", wait_until="commit")
    expect(page.locator("#presence")).to_be_attached()
    expect(page.locator("#presence")).to_have_css("position", "fixed")  # its last sheet is there
    assert page.evaluate(OVERFLOWS) == []
    assert violations(page, without=of_pages) == []


def test_no_room_is_forgotten(scene: Scene) -> None:
    """Each kind of page that has an address of its own is among the cases."""
    not_pages = {
        "home", "manifest", "reader-style", "composer-input", "connection-lost", "menu-lost",
        "not-replying", "poller", "pasted", "message-reply", "message-pin", "changes", "token-revoke",
        "preview-picture", "stream", "typing", "draft", "send", "room-join", "invitation-revoke",
        "file", "thumbnail", "files-of-plain", "export-file", "person-claim",
        "invitation-qr", "member-moderator", "news", "unread-read", "language",
        "face", "portrait", "picture",
        "sessions-end", "member-return", "report-close",
        "bot-rooms", "bot-tokens", "bot-hooks", "bot-hook-revoke",
        "bot-outgoing", "bot-outgoing-change", "bot-take-over", "hook",
    }  # fmt: skip
    seen = {resolve(case.path.format_map(scene).split("?")[0]).url_name
            for case in CASES if "there-is-none" not in case.path}  # fmt: skip
    ours = {pattern.name for pattern in urls.urlpatterns}
    assert ours - seen - not_pages == set()
