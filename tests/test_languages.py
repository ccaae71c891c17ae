"""Whoever reads in a language is written to in it: by pages, by what is pushed to them, and by mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import translation

from rooms import emojis
from rooms.live import consumers
from rooms.live.connections import NOT_FOUND, SIGNED_OUT
from rooms.live.hub import hub
from rooms.models import Place, Role, Room, User
from rooms.models.names import sort_key
from tests.cast import signed_in
from tests.factories import PASSWORD, make_room, say
from tests.markup import parse, text, values
from tests.sockets import in_db, new_process, socket, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.sockets import Socket

LOGIN = "/accounts/login/"
SIGNUP = "/accounts/signup/"
PROFILE = "/accounts/profile/"
RESET = "/accounts/password/reset/"
CHOOSE = "/language/"
CHINESE, ENGLISH = "zh-hans", "en"
COOKIE = settings.LANGUAGE_COOKIE_NAME


def language_of(client: Client, path: str = LOGIN, **headers: str) -> str:
    response = client.get(path, headers=headers)
    language: str = parse(response).get("lang")
    assert response.headers["Content-Language"] == language
    return language


def reads(user: User, language: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language)
    user.refresh_from_db()


# Before one has signed in


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh", CHINESE),
        ("zh-SG", CHINESE),
        ("fr,zh-Hans;q=0.5", CHINESE),
        ("fr", ENGLISH),
        ("en-GB,zh;q=0.9", ENGLISH),
        ("", ENGLISH),
        ("\x7f;;q=,,", ENGLISH),
    ],
)
def test_a_page_is_in_the_browsers_language(asked: str, found: str) -> None:
    assert language_of(Client(), **{"Accept-Language": asked}) == found


@pytest.mark.usefixtures("place")
def test_another_language_is_chosen_where_one_signs_in() -> None:
    client = Client()
    page = parse(client.get(LOGIN))
    (form,) = [form for form in page.iter("form") if form.get("action") == CHOOSE]
    offered = {button.get("value"): button for button in form.iter("button")}
    assert {
        code: button.text for code, button in offered.items() if code in (CHINESE, ENGLISH)
    } == {
        ENGLISH: "English",
        CHINESE: "简体中文",
    }
    assert [code for code in offered if offered[code].get("aria-current")] == [ENGLISH]
    assert offered[CHINESE].get("lang") == CHINESE

    at = f"{LOGIN}?next=/rooms/"
    headers = {"Referer": f"http://testserver{at}"}
    response = client.post(CHOOSE, {"language": CHINESE}, headers=headers)
    assert response.headers["Location"].endswith(at)
    assert response.cookies[COOKIE]["httponly"]
    assert response.cookies[COOKIE]["samesite"] == "Lax"
    assert language_of(client, at, **{"Accept-Language": ENGLISH}) == CHINESE


@pytest.mark.usefixtures("place")
def test_languages_are_called_what_their_speakers_call_them() -> None:
    page = parse(Client(headers={"Accept-Language": CHINESE}).get(LOGIN))
    assert page.findtext(".//form[@class='languages']/button[@value='en']") == "English"


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("asked", ["", "tlh", "../en", "\0", "x" * 10_000, "de"])
def test_what_is_no_language_of_ours_changes_nothing(asked: str) -> None:
    client = Client()
    assert client.post(CHOOSE, {"language": asked}).status_code == 302
    assert language_of(client) == ENGLISH


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kept", ["", "tlh", "../en", "x" * 4_000])
def test_a_cookie_that_names_none_is_not_heeded(kept: str) -> None:
    client = Client()
    client.cookies[COOKIE] = kept
    assert language_of(client) == ENGLISH


@pytest.mark.usefixtures("place")
def test_choosing_a_language_leads_to_no_other_site() -> None:
    for headers in ({"Referer": "https://evil.example/"}, {}):
        data = {"language": CHINESE, "next": "https://evil.example/"}
        assert Client().post(CHOOSE, data, headers=headers).headers["Location"] == "/"


@pytest.mark.usefixtures("place")
def test_it_is_chosen_by_a_form_alone() -> None:
    assert Client().get(CHOOSE).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(CHOOSE, {"language": CHINESE}).status_code == 403


def test_who_is_signed_in_chooses_it_on_their_profile(bob_client: Client) -> None:
    assert CHOOSE in Client().get("/there-is-none/").content.decode()
    assert CHOOSE not in bob_client.get("/there-is-none/").content.decode()


def test_the_place_is_set_up_in_the_owners_language(db: None) -> None:
    client = Client(headers={"Accept-Language": CHINESE})
    page = client.get("/setup/")
    assert "开门" in text(page)
    sent = {
        **values(page),
        "name": "修理铺",
        "username": "mei",
        "email": "mei@example.org",
        "password": PASSWORD,
    }
    client.post("/setup/", sent)
    mei = User.objects.get()
    assert (mei.language, mei.reads) == ("", CHINESE)
    assert Room.objects.get().name == "大厅"


# With an account


def test_an_account_keeps_the_language_that_was_chosen(place: Place) -> None:
    Place.objects.update(sign_up=Place.SignUp.OPEN)
    client = Client(headers={"Accept-Language": CHINESE})
    page = client.get(SIGNUP)
    sent = {**values(page), "username": "dora", "password1": PASSWORD}
    client.post(SIGNUP, sent)
    dora = User.objects.get()
    assert dora.language == ""  # the browser asked for it, and may ask for another one day
    assert dora.reads == CHINESE

    client = Client(headers={"Accept-Language": CHINESE})
    client.post(CHOOSE, {"language": ENGLISH})
    client.post(SIGNUP, {**sent, "username": "emil"})
    emil = User.objects.get(username="emil")
    assert (emil.language, emil.reads) == (ENGLISH, ENGLISH)


def test_what_one_reads_in_is_what_one_signed_in_with(bob: User) -> None:
    assert bob.reads == ENGLISH
    sent = {"login": "bob", "password": PASSWORD}
    Client(headers={"Accept-Language": CHINESE}).post(LOGIN, sent)
    bob.refresh_from_db()
    assert (bob.language, bob.reads) == ("", CHINESE)
    reads(bob, ENGLISH)
    assert bob.reads == ENGLISH
    bob.language, bob.last_language = "tlh", "xx"  # spoken once
    assert bob.reads == ENGLISH


def test_a_profile_says_which_languages_there_are(bob_client: Client) -> None:
    (field,) = [
        field for field in parse(bob_client.get(PROFILE)).iter("select")
        if field.get("name") == "language"
    ]  # fmt: skip
    options = {option.get("value"): option.text for option in field.iter("option")}
    assert options[""] == "As the browser asks"
    assert (options[ENGLISH], options[CHINESE]) == ("English", "简体中文")


def test_the_choice_of_a_profile_holds_when_one_has_signed_out(bob_client: Client) -> None:
    sent = {**values(bob_client.get(PROFILE)), "language": CHINESE}
    page = bob_client.post(PROFILE, sent, follow=True)
    assert parse(page).get("lang") == CHINESE
    assert "已保存。" in text(page)
    bob_client.post("/accounts/logout/")
    assert language_of(bob_client) == CHINESE


def test_whoever_chooses_none_has_the_browsers_again(bob_client: Client) -> None:
    bob_client.post(CHOOSE, {"language": CHINESE})
    assert language_of(bob_client, PROFILE) == CHINESE  # their account says nothing
    page = bob_client.post(
        PROFILE, {**values(bob_client.get(PROFILE)), "language": ""}, follow=True
    )
    assert parse(page).get("lang") == ENGLISH
    assert "Saved." in text(page)


# Dates


def test_days_and_hours_are_written_as_the_language_has_them(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    (message,) = say(open_room, alice, "hello")
    at = message.created_at
    page = f"/rooms/{open_room.slug}/"
    assert f"{at.day} {at:%B} {at.year}" in text(bob_client.get(page))
    reads(bob, CHINESE)
    weekday = "一二三四五六日"[at.weekday()]
    shown = text(bob_client.get(page))
    assert f"{at.year}年{at.month}月{at.day}日 星期{weekday}" in shown
    assert f"{at:%H:%M}" in shown


# Names


def test_names_stand_where_one_looks_for_them() -> None:
    names = [
        "李雷",
        "zoe",
        "Émile",
        "Eve",
        "陈静",
        "Über",
        "Tom",
        "王芳",
        "Zoë",
        "anna",
        "Борис",
        "Анна",
    ]
    assert sorted(names, key=sort_key) == [
        *("anna", "Émile", "Eve", "Tom", "Über", "zoe", "Zoë"),
        *("Анна", "Борис"),
        *("陈静", "李雷", "王芳"),  # chen, li, wang
    ]
    assert sort_key("\ud800") == sort_key("?")  # half a character is a name to nobody


def test_emoji_are_found_by_what_they_are_called_in_the_language(
    alice: User, bob: User, open_room: Room
) -> None:
    assert "火箭" not in [each.name for each in emojis.search("rocket")]
    with translation.override(CHINESE):
        assert emojis.named("🚀").name == "火箭"
        assert emojis.one_emoji("火箭") == "🚀"
        assert "👍" in [each.emoji for each in emojis.search("向上")]
        assert emojis.search("rocket")[0].emoji == "🚀"  # many know that name
        assert emojis.search("不存在的表情") == ()
    reads(bob, CHINESE)
    (message,) = say(open_room, alice, "hello")
    menu = f"/rooms/{open_room.slug}/{message.number}/menu/"
    palette = parse(signed_in(bob).get(menu)).iter("button")
    assert "拇指向上" in [button.get("title") for button in palette]


# Mail


@pytest.fixture
def bob_with_address(bob: User) -> User:
    bob.email = "bob@example.org"
    bob.save()
    return bob


def test_mail_is_in_the_language_of_whom_it_is_for(bob_with_address: User) -> None:
    sent = {"email": bob_with_address.email}
    Client(headers={"Accept-Language": ENGLISH}).post(RESET, sent)
    reads(bob_with_address, CHINESE)
    Client(headers={"Accept-Language": ENGLISH}).post(RESET, sent)
    english, chinese = mail.outbox
    assert english.subject == "Millbrook Repair Café: A new password"
    assert chinese.subject == "Millbrook Repair Café: 设置新密码"
    assert "请打开这个链接来设置" in chinese.body
    assert "你的用户名是 bob。" in chinese.body


def test_without_a_choice_it_is_in_the_language_of_the_page(bob_with_address: User) -> None:
    chinese = {"Accept-Language": CHINESE}
    Client(headers=chinese).post(RESET, {"email": bob_with_address.email})
    Client(headers=chinese).post(RESET, {"email": "nobody@example.org"})
    assert ["密码" in message.subject or "账号" in message.subject for message in mail.outbox] == [
        True,
        True,
    ]


def test_a_notification_is_so_too(bob_with_address: User) -> None:
    reads(bob_with_address, CHINESE)
    new = f"{PASSWORD} and more"
    sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    signed_in(bob_with_address).post("/accounts/password/change/", sent)
    for message in mail.outbox:
        assert "你的密码已更改。" in message.body


# What is pushed


@pytest.fixture
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


live = pytest.mark.usefixtures("one_process")
stored = pytest.mark.django_db(transaction=True)


async def both(english: Socket, chinese: Socket, words: str, chinese_words: str) -> None:
    """What happens is told to each of them, and to neither in the other's words."""
    for reader, own, other in (
        (english, words, chinese_words),
        (chinese, chinese_words, words),
    ):
        frame = await reader.until(own)
        assert other not in frame


@live
@stored
async def test_each_reader_is_pushed_their_own_language(
    alice: User, bob: User, open_room: Room
) -> None:
    await in_db(reads)(bob, CHINESE)
    notes = await in_db(Room.direct_with)([], by=bob)
    elsewhere = await in_db(make_room)("Elsewhere", alice, bob)
    async with (
        watching(alice, open_room) as english,
        watching(bob, open_room) as chinese,
        watching(bob, notes) as aside,
    ):
        (message,) = await in_db(say)(open_room, alice, "hello")
        await both(english, chinese, f"{message.created_at:%B}", "年")
        assert "更多" in chinese.frames[-1]
        await in_db(message.edit)("hello again", by=alice)
        await both(english, chinese, ">edited<", "已编辑")
        await in_db(message.pin)(by=alice)
        await both(english, chinese, "Pinned messages:", "置顶消息：")
        await in_db(message.react)("🎉", by=alice)
        await in_db(message.react)("🎉", by=bob)
        await both(english, chinese, "Alice Archer and Bob Baker", "Alice Archer和Bob Baker")
        await in_db(open_room.post)(bob, "yes", "key-of-the-reply", reply=message.number)
        await both(english, chinese, "1 reply", "1 条回复")
        await chinese.send({"type": "typing"})
        await both(english, chinese, "Writing:", "正在输入：")
        await in_db(message.delete_for_everybody)(by=alice)
        await both(english, chinese, "deleted by its author", "已被作者删除")
        await in_db(say)(elsewhere, bob, "over here")
        frame = await english.until('class="count"')
        assert "unread" in frame
        assert "未读" not in frame
        await in_db(say)(elsewhere, alice, "and here")
        frame = await chinese.until('class="count"')
        assert "条未读" in frame
        assert "写给自己的便笺" in frame
        await aside.until("写给自己的便笺")
        await in_db(open_room.archive)()
        await both(english, chinese, "Archived:", "已归档：")
        for room in list(hub().rooms.values()):
            for connection in list(room.connections):
                connection.say_restarting()
        await both(english, chinese, "Roomful restarts.", "Roomful 正在重启。")


@live
@stored
@pytest.mark.parametrize(
    ("code", "words", "chinese_words"),
    [
        (NOT_FOUND, "no longer open to you", "不再对你开放"),
        (SIGNED_OUT, "You have been signed out.", "你已退出登录。"),
    ],
)
async def test_each_reader_is_told_why_in_their_language(
    *, alice: User, bob: User, open_room: Room, code: int, words: str, chinese_words: str
) -> None:
    await in_db(reads)(bob, CHINESE)
    async with watching(alice, open_room) as english, watching(bob, open_room) as chinese:
        for connection in list(hub().rooms[open_room.pk].connections):
            connection.end(code)
        await both(english, chinese, words, chinese_words)


@live
@stored
async def test_what_is_refused_is_refused_in_the_readers_language(
    alice: User, bob: User, open_room: Room
) -> None:
    await in_db(reads)(bob, CHINESE)
    async with socket(alice, open_room) as english, socket(bob, open_room) as chinese:
        for frame, words, chinese_words in (
            ("nonsense", "not JSON", "不是 JSON"),
            ({"type": "message", "key": "k" * 16, "text": " "}, "nothing in", "是空的"),
            ({"type": "resume", "after": "x"}, "a number", "应为数字"),
        ):
            for reader, expected in ((english, words), (chinese, chinese_words)):
                await reader.send(frame)
                assert expected in (await reader.answer())["error"]


@live
@stored
async def test_a_socket_speaks_the_language_of_its_page(bob: User, open_room: Room) -> None:
    scope = {"headers": [(b"accept-language", b"zh-CN,en;q=0.5")], "cookies": {}}
    assert consumers.variant_of(bob, scope).language == CHINESE
    assert consumers.variant_of(bob, {**scope, "cookies": {COOKIE: "en"}}).language == ENGLISH
    assert consumers.variant_of(bob, {"headers": [], "cookies": {}}).language == ENGLISH
    bob.language = "tlh"  # spoken once
    assert consumers.variant_of(bob, scope).language == CHINESE
    bob.language = ENGLISH
    assert consumers.variant_of(bob, scope).language == ENGLISH


@live
@stored
async def test_a_page_without_a_socket_is_told_in_its_language(
    alice: User, bob: User, open_room: Room
) -> None:
    await in_db(reads)(bob, CHINESE)
    client = await in_db(signed_in)(bob)
    (message,) = await in_db(say)(open_room, alice, "hello")
    await in_db(message.delete_for_everybody)(by=alice)
    headers = {"HX-Request": "true"}
    changes = f"/rooms/{open_room.slug}/changes/?after=0"
    told = (await in_db(client.get)(changes, headers=headers)).content.decode()
    assert "已被作者删除" in told
    gone = await in_db(client.get)("/rooms/no-such-room/changes/?after=0", headers=headers)
    assert "不再对你开放" in gone.content.decode()
    refused = await in_db(client.post)(f"/rooms/{open_room.slug}/99/edit/", headers=headers)
    assert "已经不在" in refused.content.decode() or refused.status_code == 404


@stored
def test_what_an_outbox_is_told_is_in_its_language(bob: User, open_room: Room) -> None:
    reads(bob, CHINESE)
    sent = {"key": "k" * 16, "text": "x" * 20_000}
    for headers in ({"HX-Request": "true"}, {}):
        answer = signed_in(bob).post(f"/rooms/{open_room.slug}/send/", sent, headers=headers)
        assert "一条消息最多" in answer.content.decode()


def test_people_are_who_they_are_in_every_language(alice: User) -> None:
    with translation.override(CHINESE):
        assert [str(Role(role).label) for role in Role.values] == [
            "所有者",
            "管理员",
            "成员",
            "访客",
        ]
