"""Bringing a Slack export here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.importing import slack, source
from rooms.importing.messages import pieces
from rooms.importing.mrkdwn import to_markdown
from rooms.importing.slack import SlackImport
from rooms.importing.source import SlackExport
from rooms.models import (
    DeletedAccount,
    Imported,
    Membership,
    Message,
    Role,
    Room,
    User,
    retention,
    unread,
)
from rooms.models.leaving import delete_account
from rooms.models.message import BODY_LENGTH
from rooms.models.searching.query import parsed
from rooms.models.searching.search import Filters, search
from rooms.text import to_html
from tests.cast import signed_in
from tests.factories import make_user, say
from tests.slack import DAY, SlackFiles, channel, message, ts, user

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from rooms.models import Place


@pytest.fixture
def files() -> SlackFiles:
    return SlackFiles()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "export.zip"


def brought(files: SlackFiles, path: Path, *options: str, prefix: str = "") -> str:
    """Import it; returns what the command says."""
    out = StringIO()
    call_command("import_slack", str(files.write(path, prefix)), *options, stdout=out)
    return out.getvalue()


def counted(said: str, what: str) -> int:
    found = re.search(rf"^ +([\d,]+) {re.escape(what)}$", said, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else 0


def bodies(room: Room) -> list[str]:
    return list(room.messages.order_by("number").values_list("body", flat=True))


def room_named(name: str) -> Room:
    return Room.objects.get(name=name)


# People


def test_people_get_accounts_that_nobody_can_sign_in_to_yet(
    place: Place, files: SlackFiles, path: Path
) -> None:
    brought(files, path)
    people = {each.username: each for each in User.objects.all()}
    assert set(people) == {"ada", "ben", "cleo", "gus"}
    ada = people["ada"]
    assert (ada.name, ada.email, ada.time_zone) == ("Ada L", "ada@example.org", "Europe/Amsterdam")
    assert [people[name].is_active for name in ("ada", "ben", "cleo", "gus")] == [
        *(True, True, False),
        True,
    ]
    assert [people[name].role for name in ("ada", "gus")] == [Role.MEMBER, Role.GUEST]
    assert not any(each.has_usable_password() for each in people.values())
    assert not EmailAddress.objects.get().verified


def test_who_has_an_account_here_is_known_by_a_verified_address(
    alice: User, bob: User, files: SlackFiles, path: Path
) -> None:
    EmailAddress.objects.create(user=alice, email="ada@example.org", verified=True)
    EmailAddress.objects.create(user=bob, email="ben@example.org", verified=False)
    files.files["users.json"][1]["profile"]["email"] = "ben@example.org"
    files.say("general", message(0, "U1", "hello"), message(1, "U2", "hi"))
    said = brought(files, path)
    first, second = Message.objects.order_by("number")
    assert first.author == alice
    assert second.author.username == "ben"
    assert second.author != bob
    assert counted(said, "people who have an account here") == 1
    assert "ben: an account here has their address, but it is not verified" in said
    assert alice.role == Role.OWNER


def test_addresses_can_be_trusted(bob: User, files: SlackFiles, path: Path) -> None:
    EmailAddress.objects.create(user=bob, email="ada@example.org", verified=False)
    files.say("general", message(0, "U1", "hello"))
    brought(files, path, "--trust-addresses")
    assert Message.objects.get().author == bob


def test_names_that_others_have_get_a_number(bob: User, files: SlackFiles, path: Path) -> None:
    files.files["users.json"] = [
        user("U1", "Bob"),
        user("U2", "bob"),
        user("U3", "here"),
        user("U4", "żółw @ home!"),
        user("U5", "x" * 200),
        user("U6", "..."),
    ]
    brought(files, path)
    names = {
        each.foreign_id: each.user.username
        for each in Imported.objects.exclude(user=None)
        if each.user
    }
    assert names["slack-U1"] == "Bob-2"
    assert names["slack-U2"] == "bob-3"
    assert names["slack-U3"] == "slack"
    assert names["slack-U4"] == "żółw-home"
    assert len(names["slack-U5"]) <= 30
    assert names["slack-U6"].startswith("slack-")


def test_an_account_is_claimed_by_its_address(
    place: Place, files: SlackFiles, path: Path, client: Client
) -> None:
    brought(files, path)
    client.post("/accounts/password/reset/", {"email": "ada@example.org"})
    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert link
    form: Any = client.get(link[1], follow=True)
    address = form.redirect_chain[-1][0]
    password = "a long enough pass-phrase"
    client.post(address, {"password1": password, "password2": password})
    ada = User.objects.get(username="ada")
    assert ada.check_password(password)


def test_an_account_without_an_address_is_claimed_by_a_link_from_an_admin(  # noqa: PLR0917
    alice: User, alice_client: Client, bob: User, files: SlackFiles, path: Path, client: Client
) -> None:
    brought(files, path)
    ben = User.objects.get(username="ben")
    assert "Make a link" in alice_client.get(f"/place/people/{ben.pk}/").content.decode()
    page = alice_client.post(f"/place/people/{ben.pk}/claim/").content.decode()
    link = re.search(r'value="https?://[^/]+(/accounts/password/reset/key/[^"]+)"', page)
    assert link
    form: Any = client.get(link[1], follow=True)
    password = "a long enough pass-phrase"
    client.post(form.redirect_chain[-1][0], {"password1": password, "password2": password})
    assert User.objects.get(pk=ben.pk).check_password(password)
    # now it is somebody's, and no admin opens it any more; nor any that was not brought here
    assert alice_client.post(f"/place/people/{ben.pk}/claim/").status_code == 404
    assert alice_client.post(f"/place/people/{bob.pk}/claim/").status_code == 404
    assert "Make a link" not in alice_client.get(f"/place/people/{bob.pk}/").content.decode()


# Channels


def test_channels_of_each_kind_become_rooms(alice: User, files: SlackFiles, path: Path) -> None:
    files.files["groups.json"] = [channel("G1", "money", "U2", "U1", is_archived=True)]
    files.files["dms.json"] = [{"id": "D1", "created": 1, "members": ["U1", "U2"]}]
    files.files["mpims.json"] = [channel("M1", "mpdm-a--b--c-1", "U1", "U2", "U4")]
    files.say("money", message(0, "U2", "we are broke"))
    files.say("D1", message(0, "U1", "between us"))
    files.say("mpdm-a--b--c-1", message(0, "U4", "we three"))
    brought(files, path)
    general, money = room_named("general"), room_named("money")
    assert (general.private, general.topic, general.archived) == (False, "About general", False)
    assert general.created_at == datetime.fromtimestamp(1_600_000_000 - DAY, UTC)
    assert (money.private, money.archived) == (True, True)
    assert {each.user.username for each in money.memberships.select_related("user")} == {
        "ada",
        "ben",
    }
    moderates = general.memberships.select_related("user").get(is_moderator=True)
    assert moderates.user.username == "ada"
    direct = {tuple(bodies(each)): each for each in Room.objects.filter(direct=True)}
    assert set(direct) == {("between us",), ("we three",)}
    ada, ben = User.objects.get(username="ada"), User.objects.get(username="ben")
    assert Room.direct_with([ben], by=ada) == direct["between us",]
    assert not Room.objects.visible_to(alice).filter(pk=money.pk).exists()


def test_a_conversation_that_there_is_is_gone_on_with(
    alice: User, bob: User, files: SlackFiles, path: Path
) -> None:
    for person, address in ((alice, "ada@example.org"), (bob, "ben@example.org")):
        EmailAddress.objects.create(user=person, email=address, verified=True)
    files.files["users.json"][1]["profile"]["email"] = "ben@example.org"
    files.files["dms.json"] = [{"id": "D1", "members": ["U1", "U2"]}]
    files.say("D1", message(0, "U1", "long ago"))
    room = Room.direct_with([bob], by=alice)
    say(room, alice, "now")
    brought(files, path)
    assert bodies(room) == ["now", "long ago"]


def test_what_nobody_could_moderate_is_left_out_with_a_word(
    alice: User, files: SlackFiles, path: Path
) -> None:
    files.files["channels.json"].append(channel("C2", "forgotten"))
    files.files["groups.json"] = [channel("G1", "lost"), channel("G2", "guests", "U4")]
    files.files["mpims.json"] = [channel("M1", "nobody")]
    said = brought(files, path)
    assert room_named("forgotten").memberships.get().user == alice
    for name in ("lost", "guests", "nobody"):
        assert f"- {name}: " in said
        assert not Room.objects.filter(name=name).exists()


# Messages


def test_messages_come_in_order_at_their_times(place: Place, files: SlackFiles, path: Path) -> None:
    files.say(
        "general",
        message(DAY + 5, "U2", "three"),
        message(60, "U1", "two"),
        message(0, "U1", "one"),
        message(DAY + 9, "U2", "four", edited={"user": "U2", "ts": ts(DAY + 30)}),
    )
    brought(files, path)
    room = room_named("general")
    rows = room.history().rows
    assert [row.body for row in rows] == ["one", "two", "three", "four"]
    assert rows[0].created_at == datetime.fromtimestamp(1_600_000_000, UTC)
    assert [row.continues for row in rows] == [False, True, False, True]
    assert [row.edited for row in rows] == [False, False, False, True]
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert (room.last_number, room.version, room.last_at) == (4, 4, rows[3].created_at)
    ada = User.objects.get(username="ada")
    assert search(ada, parsed("two from:me"), Filters()).total == 1
    (next_one,) = say(room, ada, "five")
    assert next_one.number == 5
    assert not next_one.continues


def test_nothing_of_it_is_unread(place: Place, files: SlackFiles, path: Path) -> None:
    files.say("general", message(0, "U1", "one"), message(1, "U2", "two"))
    brought(files, path)
    people = list(User.objects.values_list("pk", flat=True))
    assert unread.counts(people) == {person: {} for person in people}
    room = room_named("general")
    say(room, User.objects.get(username="ada"), "new")
    ben = User.objects.get(username="ben")
    assert unread.counts([ben.pk]) == {ben.pk: {room.pk: 1}}
    files.say("general", message(2, "U1", "three"))
    brought(files, path)
    assert unread.counts([ben.pk]) == {ben.pk: {room.pk: 2}}
    assert Membership.objects.get(room=room, user=ben).last_read == 2


def test_threads_and_reactions_come_along(place: Place, files: SlackFiles, path: Path) -> None:
    files.say(
        "general",
        message(
            0,
            "U1",
            "who has the key?",
            thread_ts=ts(0),
            reply_count=2,
            reactions=[
                {"name": "thumbsup", "users": ["U2", "U1", "U2", "U99"], "count": 3},
                {"name": "wave::skin-tone-3", "users": ["U1"], "count": 1},
                {"name": "our-own-parrot", "users": ["U1"], "count": 1},
            ],
        ),
        message(10, "U2", "no thread"),
        message(DAY, "U2", "I", thread_ts=ts(0)),
        message(DAY + 1, "U1", "thanks", thread_ts=ts(0)),
        message(DAY + 2, "U1", "to something gone", thread_ts=ts(5)),
        message(DAY + 3, "U2", "old thread", thread_ts=ts(10)),
    )
    said = brought(files, path)
    room = room_named("general")
    rows = {row.body: row for row in room.history().rows}
    root = rows["who has the key?"]
    assert root.replies == 2
    assert [(each.emoji, each.total) for each in root.reactions] == [("👍", 2), ("👋", 1)]
    assert rows["I"].quote is not None
    assert rows["I"].quote.number == root.number
    assert rows["to something gone"].quote is None
    assert rows["no thread"].replies == 1
    assert counted(said, "reactions left out") == 1
    assert counted(said, "replies in threads") == 3
    assert dict(room.messages.values_list("body", "thread__number"))["thanks"] == root.number


def test_what_is_no_message_does_not_come(place: Place, files: SlackFiles, path: Path) -> None:
    files.say(
        "general",
        message(0, "U1", "<@U1> has joined the channel", subtype="channel_join"),
        message(1, "U1", "hidden", hidden=True),
        message(2, "U1", ""),
        message(3, "U1", "waves", subtype="me_message"),
        message(4, "U1", "   "),
    )
    said = brought(files, path)
    assert bodies(room_named("general")) == ["_waves_"]
    assert counted(said, "events that are no messages") == 2
    assert counted(said, "messages without words") == 2


def test_what_programs_and_strangers_said_comes_under_their_names(
    place: Place, files: SlackFiles, path: Path
) -> None:
    bot = {
        "type": "message",
        "subtype": "bot_message",
        "bot_id": "B9",
        "username": "Build bot",
        "text": "",
        "ts": ts(0),
        "attachments": [
            {"pretext": "Build 5", "title": "failed", "title_link": "https://ci.example.org/5"},
            {"fallback": "see there"},
        ],
    }
    stranger = message(1, "W77", "hello", user_profile={"real_name": "Dana Other"})
    files.say("general", bot, {**bot, "ts": ts(2), "text": "again", "attachments": []}, stranger)
    brought(files, path)
    rows = room_named("general").history().rows
    assert [(row.author_name, row.body) for row in rows] == [
        ("Build bot", "Build 5\n[failed](https://ci.example.org/5)\nsee there"),
        ("Dana Other", "hello"),
        ("Build bot", "again"),
    ]
    made = User.objects.filter(display_name__in=["Build bot", "Dana Other"])
    assert made.count() == 2
    assert not any(each.is_active for each in made)


def test_files_come_as_links(place: Place, files: SlackFiles, path: Path) -> None:
    files.say(
        "general",
        message(
            0,
            "U1",
            "look",
            files=[
                {"id": "F1", "title": "cup [1].png", "permalink": "https://x.slack.com/files/F1"},
                {"id": "F2", "name": "bad", "url_private": "javascript:alert(1)"},
                {"id": "F3"},
            ],
        ),
    )
    said = brought(files, path)
    assert bodies(room_named("general")) == [
        "look\n[cup (1).png](https://x.slack.com/files/F1)\nbad\nfile"
    ]
    assert counted(said, "files, as links") == 3


def test_a_long_message_becomes_several(place: Place, files: SlackFiles, path: Path) -> None:
    files.say("general", message(0, "U1", "word " * 3_000), message(1, "U2", "short"))
    for _again in range(2):
        brought(files, path)
        found = bodies(room_named("general"))
        assert len(found) == 5
        assert " ".join(found[:4]).split() == ["word"] * 3_000
        assert found[4] == "short"


@pytest.mark.parametrize(
    "text",
    ["x" * 12_345, "a line\n" * 2_000, "```\n" + "code here\n" * 1_500 + "```", "```" * 5_000],
)
def test_pieces_fit_and_lose_nothing(text: str) -> None:
    found = pieces(text)
    assert all(0 < len(piece) <= BODY_LENGTH for piece in found)
    assert re.sub(r"[\s`]", "", "".join(found)) == re.sub(r"[\s`]", "", text)
    if "code here" in text:
        assert all(piece.count("```") == 2 for piece in found)


# Slack's marks


MARKS = {
    "*bold* and _it_ and ~gone~": "**bold** and _it_ and ~~gone~~",
    "2*3*4 and * a * b": "2*3*4 and * a * b",
    "<@U1>, <@U1|ada> and <@U404|eve> <@U404>": "@ada, @ada and @eve @U404",
    "<#C1> <#C404|old> <#C404>": "#general #old #C404",
    "<!here> <!channel> <!subteam^S1|@team> <!date^1^{date}|May 5>": "@here @channel @team May 5",
    "<https://a.org/x?a=1&amp;b=2>": "https://a.org/x?a=1&b=2",
    "<https://a.org|the page>": "[the page](https://a.org)",
    "<https://a.org|a.org>": "https://a.org",
    "<https://a.org/(x)|see [1] *now*>": "[see (1) *now*](https://a.org/%28x%29)",
    "<mailto:a@b.org|a@b.org>": "a@b.org",
    "<javascript:alert(1)|click>": "click",
    "a &lt;b&gt; &amp;amp; c": "a <b> &amp; c",
    "`*x* &lt; <https://a.org>`": "`*x* < https://a.org`",
    "see ```a *b*\nc``` there": "see \n```\na *b*\nc\n```\n there",
    "```x```": "```\nx\n```",
    "&gt; quoted\nnot": "> quoted\nnot",
    "&gt;quoted": "> quoted",
    "&gt;&gt;&gt; all\nof it": "> all\n> of it",
    "• one\n    ◦ two": "- one\n    - two",
    ":wave::skin-tone-2: :tada:": ":wave: :tada:",
    "[not](a-link)": "\\[not](a-link)",
    "*<https://a.org|bold link>*": "**[bold link](https://a.org)**",
    "\ue0005\ue001": "5",
}


@pytest.mark.parametrize(("text", "expected"), MARKS.items(), ids=lambda given: given[:20])
def test_marks(text: str, expected: str) -> None:
    people, channels = {"U1": "ada"}, {"C1": "general"}
    found = to_markdown(
        text, lambda each: people.get(each, ""), lambda each: channels.get(each, "")
    )
    assert found == expected


def test_marks_are_shown_as_they_were_meant() -> None:
    html = to_html(to_markdown("*b* _i_ ~s~ <https://a.org|x> `c`", lambda _: "", lambda _: ""))
    for part in ("<strong>b</strong>", "<em>i</em>", "<s>s</s>", 'href="https://a.org"', "<code>c"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    ["*" * 40_000, "<" * 40_000, "`" * 40_000, "*a " * 13_000, "~a " * 13_000, "&gt;" * 9_999],
)
def test_whatever_is_marked_takes_no_time(text: str) -> None:
    began = timezone.now()
    to_markdown(text, lambda _: "", lambda _: "")
    assert timezone.now() - began < timedelta(seconds=2)


# Again, and on from where it ended


def everything() -> list[Any]:
    tables: tuple[Any, ...] = (User, Room, Membership, Imported, EmailAddress)
    found: list[Any] = [list(model.objects.order_by("pk").values_list("pk")) for model in tables]
    fields = "pk", "number", "version", "body", "reply_to", "replies"
    return [*found, list(Message.objects.order_by("pk").values_list(*fields))]


def rich(files: SlackFiles) -> None:
    files.files["dms.json"] = [{"id": "D1", "members": ["U1", "U2"]}]
    files.say("D1", message(0, "U1", "psst"))
    files.say(
        "general",
        *(message(each, "U1", f"number {each}", thread_ts=ts(each)) for each in range(6)),
        *(message(10 + each, "W5", f"re {each}", thread_ts=ts(each)) for each in range(6)),
    )


def test_twice_brings_nothing_twice(place: Place, files: SlackFiles, path: Path) -> None:
    rich(files)
    brought(files, path)
    before = everything()
    said = brought(files, path)
    assert everything() == before
    assert counted(said, "messages") == counted(said, "new rooms") == 0
    assert counted(said, "people known from before") == 5
    files.say("general", message(100, "U2", "later"), message(101, "U2", "re", thread_ts=ts(3)))
    assert counted(brought(files, path), "messages") == 2
    assert bodies(room_named("general"))[-2:] == ["later", "re"]
    assert Message.objects.get(body="number 3").replies == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", range(1, 5))
def test_it_goes_on_where_it_was_interrupted(
    place: Place, files: SlackFiles, path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    rich(files)
    monkeypatch.setattr(slack, "BATCH", 4)
    store, left = SlackImport._store, [after]

    def interrupted(*arguments: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        store(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(SlackImport, "_store", interrupted)
        with pytest.raises(SystemExit):
            brought(files, path)
    brought(files, path)
    room = room_named("general")
    assert bodies(room) == [f"number {each}" for each in range(6)] + [
        f"re {each}" for each in range(6)
    ]
    assert set(room.messages.filter(number__lte=6).values_list("replies", flat=True)) == {1}
    assert [row.number for row in room.history().rows] == list(range(1, 13))


def test_a_dry_run_stores_nothing_and_says_the_same(
    place: Place, files: SlackFiles, path: Path
) -> None:
    rich(files)
    before = everything()
    dry = brought(files, path, "--dry-run")
    assert everything() == before
    wet = brought(files, path)
    for what in ("messages", "new rooms", "new accounts", "direct conversations"):
        assert counted(dry, what) == counted(wet, what) > 0
    assert "Nothing was stored" in dry
    assert counted(brought(files, path, "--dry-run"), "messages") == 0


def test_what_was_deleted_here_does_not_come_back(
    place: Place, files: SlackFiles, path: Path
) -> None:
    files.say(
        "general", message(0, "U1", "one"), message(1, "U2", "two"), message(2, "U1", "three")
    )
    brought(files, path)
    ada, ben = User.objects.get(username="ada"), User.objects.get(username="ben")
    Message.objects.get(body="one").delete_for_everybody(by=ada)
    delete_account(ben, by=ben)
    brought(files, path)
    assert bodies(room_named("general")) == ["", "two", "three"]
    assert DeletedAccount.objects.get().user_id == ben.pk
    assert not User.objects.filter(username="ben").exists()
    room = room_named("general")
    retention.change_rule(room, 30)
    while retention.remove_old_messages(room, timezone.now()):
        pass
    said = brought(files, path)
    assert bodies(room_named("general")) == []
    assert counted(said, "messages older than the room keeps them") == 3


def test_each_batch_asks_as_often_whatever_is_there(
    place: Place, files: SlackFiles, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.say("general", *(message(each, "U1", f"number {each}") for each in range(400)))
    with CaptureQueriesContext(connection) as few:
        brought(files, path)
    files.files["channels.json"].append(channel("C2", "more", "U1"))
    files.say("more", *(message(each, "U1", f"number {each}") for each in range(10)))
    with CaptureQueriesContext(connection) as again:
        brought(files, path)
    assert len(again) <= len(few) + 10


# What is wrong with it


def test_what_is_wrong_is_said_with_file_and_place(
    place: Place, files: SlackFiles, path: Path
) -> None:
    files.files["general/2020-09-13.json"] = [
        "no object",
        {"type": "message", "user": "U1", "text": "no time"},
        {"type": "message", "ts": "nonsense", "user": "U1", "text": "x"},
        {"type": "message", "ts": ts(1), "text": "nobody"},
        message(2, "U1", "fine"),
        {"type": "message", "ts": ts(3), "user": {"id": 5}, "text": ["x"], "files": 7},
        message(
            4, "U1", "also \ud83d fine\0", reactions=[None, {"name": 5, "users": {}}], files=[None]
        ),
        {"type": "message", "ts": "9" * 5_000, "user": "U1", "text": "x"},
        message(2, "U1", "fine"),
    ]
    said = brought(files, path)
    assert bodies(room_named("general")) == ["fine", "also  fine"]
    for entry, problem in (
        (1, "it is no object"),
        (2, "it has no time (ts)"),
        (3, "it has no time (ts)"),
        (4, "nobody said it (no user)"),
    ):
        assert f"- general/2020-09-13.json, entry {entry}: {problem}" in said


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("users.json", "{", "export.zip, users.json is no JSON"),
        ("users.json", "{}", "export.zip, users.json is no list"),
        ("users.json", "[{}]", "export.zip, users.json, entry 1 has no id"),
        ("users.json", "[[]]", "entry 1 has no id"),
        ("users.json", "[" * 100_000, "users.json is no JSON"),
        ("users.json", b"\xff\xfe\x00", "users.json is no JSON"),
        ("channels.json", '[{"name": "x"}]', "export.zip, channels.json, entry 1 has no id"),
        ("channels.json", '[{"id": "C1"}]', "channels.json, entry 1 has no name"),
        ("general/2020-09-13.json", "null", "general/2020-09-13.json is no list"),
    ],
)
def test_a_file_that_makes_no_sense_stops_it(  # noqa: PLR0917
    place: Place, files: SlackFiles, path: Path, name: str, content: Any, problem: str
) -> None:
    files.files[name] = content
    with pytest.raises(CommandError, match=re.escape(problem)):
        brought(files, path)


def test_what_is_no_export_is_refused(place: Place, path: Path, files: SlackFiles) -> None:
    path.write_bytes(b"no zip at all")
    with pytest.raises(CommandError, match="no ZIP file"):
        call_command("import_slack", str(path))
    with pytest.raises(CommandError, match="no ZIP file"):
        call_command("import_slack", str(path.with_name("nowhere.zip")))
    files.files = {"something.txt": "x"}
    with pytest.raises(CommandError, match="no export of Slack"):
        brought(files, path)


def test_a_bomb_is_not_unpacked(
    place: Place, files: SlackFiles, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LARGEST", 1_000_000)
    files.files["general/2020-09-13.json"] = b"[" + b" " * 5_000_000 + b"]"
    with pytest.raises(CommandError, match=r"2020-09-13\.json is larger"):
        brought(files, path)


def test_a_damaged_archive_is_named(place: Place, files: SlackFiles, path: Path) -> None:
    files.say("general", *(message(each, "U1", f"number {each}") for each in range(500)))
    files.write(path)
    content = bytearray(path.read_bytes())
    place_of = content.index(b"general/2020-09-13.json") + 40
    content[place_of : place_of + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(CommandError, match=r"general/2020-09-13\.json cannot be unpacked"):
        call_command("import_slack", str(path))


def test_names_that_lead_elsewhere_lead_nowhere(
    place: Place, files: SlackFiles, path: Path, tmp_path: Path
) -> None:
    files.files["channels.json"].append(channel("C2", "../../x", "U1"))
    files.files["channels.json"].append(channel("C3", "/etc", "U1"))
    files.files["../../x/2020-09-13.json"] = [message(0, "U1", "outside")]
    files.files["/etc/2020-09-13.json"] = [message(0, "U1", "outside")]
    files.files["..\\x\\2020-09-13.json"] = [message(0, "U1", "outside")]
    before = set(tmp_path.parent.rglob("*"))
    brought(files, path)
    assert not Message.objects.exists()
    assert set(tmp_path.parent.rglob("*")) - before == {path}


def test_a_folder_around_it_does_no_harm(place: Place, files: SlackFiles, path: Path) -> None:
    files.say("general", message(0, "U1", "hello"))
    brought(files, path, prefix="My export/")
    assert bodies(room_named("general")) == ["hello"]


def test_a_place_that_was_never_set_up_takes_nothing(
    db: None, files: SlackFiles, path: Path
) -> None:
    with pytest.raises(CommandError, match="set it up first"):
        brought(files, path)


def test_one_day_is_held_at_a_time(place: Place, files: SlackFiles, path: Path) -> None:
    files.say("general", *(message(DAY * each, "U1", f"day {each}") for each in range(5)))
    opened: list[str] = []
    with SlackExport(files.write(path)) as export:
        read = export._read

        def noted(name: str) -> list[Any]:
            opened.append(name)
            return read(name)

        export._read = noted  # type: ignore[method-assign]
        (general,) = export.channels()
        days = export.days(general)
        next(days)
    assert opened == ["channels.json", "general/2020-09-13.json"]


def test_who_signs_in_finds_what_was_said(
    place: Place, files: SlackFiles, path: Path, settings: Settings
) -> None:
    rich(files)
    brought(files, path)
    page = signed_in(User.objects.get(username="ada")).get(f"/rooms/{room_named('general').slug}/")
    assert "number 5" in page.content.decode()


def test_people_here_are_as_they_were(place: Place, files: SlackFiles, path: Path) -> None:
    other = make_user("eve", "Eve")
    brought(files, path)
    other.refresh_from_db()
    assert (other.username, other.is_active, other.has_usable_password()) == ("eve", True, True)
