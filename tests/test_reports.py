"""Bringing a message before those who moderate."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.models import AuditEntry, Message, MessageRefused, Report, Role, Room
from tests import files
from tests.cast import signed_in
from tests.factories import make_room, make_user, say, say_with_files
from tests.markup import text
from tests.page import Page
from tests.sockets import in_db, new_process, watching
from tests.together import together

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from rooms.models import User

HTMX = {"HX-Request": "true"}
REPORTS = "/reports/"


def address(message: Message) -> str:
    return reverse("message-report", args=[message.room.slug, message.number])


def report(message: Message, by: User, why: str = "rude") -> Report:
    assert Report.make(message, by=by, reason=why)
    return Report.objects.latest("pk")


def close(client: Client, found: Report, outcome: str, **more: str) -> Answer:
    return client.post(
        reverse("report-close", args=[found.pk]), {"outcome": outcome, **more}, follow=True
    )


def seen(*people: User) -> dict[str, int]:
    """How many open reports each of them sees."""
    return {each.username: Report.objects.open().seen_by(each).count() for each in people}


@pytest.fixture
def insult(bob: User, charlie: User, open_room: Room) -> Message:
    """By bob, in a room that charlie reads."""
    open_room.add(charlie)
    return say(open_room, bob, "you are a kettle")[0]


# Reporting


def test_one_says_why_and_is_told_that_it_was_received(
    charlie_client: Client, alice_client: Client, insult: Message
) -> None:
    page = charlie_client.get(address(insult))
    assert "you are a kettle" in text(page)
    answer = charlie_client.post(address(insult), {"reason": " very  rude "}, follow=True)
    assert "Thank you. Those who moderate will look at it." in text(answer)
    shown = text(alice_client.get(REPORTS))
    for words in ("very rude", "you are a kettle", "Bob Baker", "Reported by Charlie Cooper"):
        assert words in shown


def test_in_the_row_of_an_open_page(charlie_client: Client, insult: Message) -> None:
    page = Page(charlie_client.get(f"/rooms/{insult.room.slug}/").content.decode())
    before = page.one("#m1").html
    page.answer(charlie_client.get(address(insult), headers=HTMX).content.decode())
    assert page.all("#m1 form [name='reason']")
    answer = charlie_client.post(address(insult), {"reason": ""}, headers=HTMX)
    page.answer(answer.content.decode())
    assert page.all("#m1 .error")
    answer = charlie_client.post(address(insult), {"reason": "rude"}, headers=HTMX)
    page.answer(answer.content.decode())
    assert page.one("#m1").html == before
    assert "Thank you." in page.one("#banner").text


def test_each_person_reports_a_message_once(
    alice: User, bob: User, charlie: User, charlie_client: Client, insult: Message
) -> None:
    report(insult, charlie, "first")
    answer = charlie_client.post(address(insult), {"reason": "second"}, follow=True)
    assert "You have reported this message already." in text(answer)
    assert [each.reason for each in Report.objects.all()] == ["first"]
    report(insult, alice)
    assert Report.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_also_of_two_at_once(charlie: User, insult: Message) -> None:
    made: list[bool] = []
    together(lambda number: made.append(Report.make(insult, by=charlie, reason=f"{number}")))
    assert sorted(made)[-2:] == [False, True]
    assert Report.objects.count() == 1


def test_one_s_own_message_and_what_is_gone_are_not_reported(
    bob: User, bob_client: Client, charlie: User, charlie_client: Client, insult: Message
) -> None:
    assert bob_client.get(address(insult)).status_code == 403
    assert bob_client.post(address(insult), {"reason": "x"}).status_code == 403
    insult.delete_for_everybody(by=bob)
    with pytest.raises(MessageRefused):
        Report.make(insult, by=charlie, reason="x")
    for answer in (
        charlie_client.get(address(insult)),
        charlie_client.post(address(insult), {"reason": "x"}),
    ):
        assert answer.status_code == 409
        assert "This message was deleted meanwhile." in text(answer)
    answer = charlie_client.post(address(insult), {"reason": "x"}, headers=HTMX)
    assert "deleted meanwhile" in answer.content.decode()
    assert not Report.objects.exists()


def test_what_one_does_not_see_one_can_t_report(
    alice: User, charlie: User, charlie_client: Client, private_room: Room
) -> None:
    (message,) = say(private_room, alice, "between us")
    assert charlie_client.get(address(message)).status_code == 404
    assert charlie_client.post(address(message), {"reason": "x"}).status_code == 404
    with pytest.raises(PermissionDenied):
        Report.make(message, by=charlie, reason="x")
    assert charlie_client.get(f"/rooms/{private_room.slug}/999/report/").status_code == 404


@pytest.mark.parametrize("reason", ["", "   ", "\0", "x" * 201])
def test_a_reason_is_needed_and_not_too_long(
    charlie_client: Client, insult: Message, reason: str
) -> None:
    answer = charlie_client.post(address(insult), {"reason": reason})
    assert answer.status_code == 409
    assert not Report.objects.exists()


# Who sees it


def test_the_room_s_moderators_and_those_who_run_the_place_see_reports_of_an_open_room(
    alice: User, amir: User, bob: User, charlie: User, insult: Message
) -> None:
    dora = make_user("dora")
    insult.room.add(dora)
    insult.room.appoint(dora, moderator=True)
    report(insult, charlie)
    expected = {"alice": 1, "amir": 1, "bob": 0, "charlie": 0, "dora": 1}
    assert seen(alice, amir, bob, charlie, dora) == expected


def test_of_a_private_room_its_moderators_alone(
    amir: User, bob: User, charlie: User, alice: User
) -> None:
    room = make_room("Committee", charlie, bob, private=True)
    (message,) = say(room, bob, "you are a kettle")
    report(message, charlie)
    assert seen(alice, amir, bob, charlie) == {"alice": 0, "amir": 0, "bob": 0, "charlie": 1}


def test_what_a_moderator_of_a_private_room_said_goes_to_those_who_run_the_place(
    alice: User, amir: User, amir_client: Client, bob: User, charlie: User
) -> None:
    room = make_room("Committee", charlie, bob, private=True)
    say(room, bob, "other words")
    (message,) = say(room, charlie, "you are a kettle")
    report(message, bob)
    assert seen(alice, amir, bob, charlie) == {"alice": 1, "amir": 1, "bob": 0, "charlie": 0}
    shown = text(amir_client.get(REPORTS))
    assert "you are a kettle" in shown
    assert "in a private room" in shown
    assert "Committee" not in shown
    assert "other words" not in shown


def test_a_report_of_a_direct_conversation_shows_that_message_and_nothing_else(
    alice: User, amir: User, amir_client: Client, bob: User, charlie: User
) -> None:
    talk = Room.direct_with([bob], by=charlie)
    say(talk, charlie, "other words")
    (message,) = say(talk, bob, "you are a kettle")
    found = report(message, charlie)
    assert seen(alice, amir, bob, charlie) == {"alice": 1, "amir": 1, "bob": 0, "charlie": 0}
    page = amir_client.get(REPORTS)
    assert "in a direct conversation" in text(page)
    assert "you are a kettle" in text(page)
    assert "other words" not in text(page)
    assert talk.slug not in page.content.decode()
    assert amir_client.get(f"/rooms/{talk.slug}/").status_code == 404
    close(amir_client, found, "removed")
    message.refresh_from_db()
    assert message.removal == ""


def test_nobody_sees_what_was_reported_of_themselves(
    alice: User, alice_client: Client, amir: User, bob: User, open_room: Room
) -> None:
    (message,) = say(open_room, alice, "kettle!")
    found = report(message, bob)
    assert seen(alice, amir) == {"alice": 0, "amir": 1}
    assert close(alice_client, found, "dismissed").status_code == 404
    with pytest.raises(PermissionDenied):
        found.close("dismissed", by=alice)


def test_moderators_without_a_report_have_the_page_and_others_have_not(
    alice_client: Client, bob_client: Client, greta_client: Client, open_room: Room
) -> None:
    assert "Nothing is waiting for you." in text(alice_client.get(REPORTS))
    assert bob_client.get(REPORTS).status_code == 403
    assert greta_client.get(REPORTS).status_code == 403


# The evidence


def test_what_was_said_is_kept_while_it_is_open_and_no_longer(
    alice_client: Client, bob: User, charlie: User, insult: Message
) -> None:
    found = report(insult, charlie)
    insult.edit("you are a fine kettle", by=bob)
    shown = text(alice_client.get(REPORTS))
    assert "you are a kettle" in shown
    assert "edited since" in shown
    insult.delete_for_everybody(by=bob)
    shown = text(alice_client.get(REPORTS))
    assert "you are a kettle" in shown
    assert "deleted since" in shown
    close(alice_client, found, "done")
    found.refresh_from_db()
    assert (found.body, found.outcome) == ("", "done")
    assert "kettle" not in text(alice_client.get(REPORTS))


def test_files_are_named(alice_client: Client, bob: User, charlie: User, open_room: Room) -> None:
    open_room.add(charlie)
    message = say_with_files(open_room, bob, "", {"cup.png": files.picture()})
    report(message, charlie)
    message.delete_for_everybody(by=bob)
    assert "cup.png" in text(alice_client.get(REPORTS))


# What is decided


def test_removing_the_message_closes_all_reports_of_it(
    alice: User, alice_client: Client, charlie: User, insult: Message
) -> None:
    dora = make_user("dora")
    found, other = report(insult, charlie), report(insult, dora)
    assert "The report is closed." in text(close(alice_client, found, "removed"))
    for each in (found, other):
        each.refresh_from_db()
        assert (each.outcome, each.closed_by, each.body) == ("removed", alice, "")
    insult.refresh_from_db()
    assert insult.removal == ""
    kinds = AuditEntry.objects.order_by("pk").values_list("kind", flat=True)
    assert [*kinds][-2:] == ["message", "report"]


def test_so_does_removing_it_in_the_room(alice: User, charlie: User, insult: Message) -> None:
    found = report(insult, charlie)
    insult.remove(by=alice)
    found.refresh_from_db()
    assert found.outcome == "removed"


@pytest.mark.parametrize("outcome", ["done", "dismissed"])
def test_or_the_message_stays(
    alice_client: Client, charlie: User, insult: Message, outcome: str
) -> None:
    found = report(insult, charlie)
    close(alice_client, found, outcome)
    insult.refresh_from_db()
    assert insult.body == "you are a kettle"
    entry = AuditEntry.objects.latest("pk")
    assert (entry.kind, entry.data["outcome"]) == ("report", outcome)
    again = close(alice_client, found, outcome)
    assert "Somebody else has closed this report already." in text(again)


def test_a_moderator_does_not_remove_by_a_report_what_they_may_not(
    amir: User, bob: User, open_room: Room
) -> None:
    open_room.appoint(bob, moderator=True)
    (message,) = say(open_room, amir, "kettle!")
    found = report(message, make_user("dora"))
    with pytest.raises(PermissionDenied):
        found.close("removed", by=bob)
    found.refresh_from_db()
    assert found.closed_at is None
    assert found.close("dismissed", by=bob)


@pytest.mark.django_db(transaction=True)
def test_of_several_who_close_it_one_does(alice: User, charlie: User, insult: Message) -> None:
    found, done = report(insult, charlie), list[bool]()
    together(lambda number: done.append(found.close(["done", "removed"][number % 2], by=alice)))
    assert sorted(done)[-2:] == [False, True]
    assert AuditEntry.objects.filter(kind="report").count() == 1


@pytest.mark.django_db(transaction=True)
def test_reporting_deleting_and_closing_at_once_wait_for_each_other(
    alice: User, bob: User, charlie: User, insult: Message
) -> None:
    found = report(insult, alice)
    work: list[Any] = [
        lambda: Report.make(insult, by=charlie, reason="x"),
        lambda: insult.delete_for_everybody(by=bob),
        lambda: found.close("done", by=make_user("ada", role=Role.ADMIN)),
        lambda: say(insult.room, charlie, "hello"),
    ]

    def do(number: int) -> None:
        if number < len(work):
            with suppress(MessageRefused):
                work[number]()

    together(do)
    insult.refresh_from_db()
    assert insult.deleted_at


@pytest.mark.parametrize("outcome", ["", "x", "\0", "removed\0"])
def test_nonsense_closes_nothing(
    alice_client: Client, charlie: User, insult: Message, outcome: str
) -> None:
    found = report(insult, charlie)
    assert close(alice_client, found, outcome).status_code == 400
    assert alice_client.post(f"/reports/{10**30}/", {"outcome": "done"}).status_code == 404
    found.refresh_from_db()
    assert found.closed_at is None


# The counter


def counter(client: Client, path: str = "/rooms/") -> str:
    return Page(client.get(path).content.decode()).one("#reports").text


def test_those_who_moderate_see_how_many_there_are_on_every_page(
    alice_client: Client, bob_client: Client, charlie: User, insult: Message
) -> None:
    assert counter(alice_client) == "Reports"
    report(insult, charlie)
    for path in ("/rooms/", "/unread/", f"/rooms/{insult.room.slug}/", "/help/"):
        assert counter(alice_client, path) == "Reports 1 open"
        assert counter(bob_client, path) == ""


def test_the_others_pages_ask_for_nothing_more(
    alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    def asked(client: Client) -> int:
        client.get(f"/rooms/{open_room.slug}/")
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/rooms/{open_room.slug}/")
        return sum("rooms_report" in each["sql"] for each in captured)

    assert (asked(alice_client), asked(bob_client)) == (1, 0)


@pytest.mark.django_db(transaction=True)
async def test_open_pages_learn_of_it_at_once(
    alice: User, bob: User, charlie: User, insult: Message
) -> None:
    async with (
        new_process(),
        watching(alice, insult.room) as moderator,
        watching(charlie, insult.room) as other,
    ):
        found = await in_db(report)(insult, charlie)
        assert '<span class="count">1' in await moderator.until('id="reports"')
        await in_db(found.close)("done", by=alice)
        assert "count" not in await moderator.until('id="reports"')
        await in_db(say)(insult.room, bob, "calm")
        await other.until("calm")
        assert 'id="reports"' not in other.words


def test_pages_that_poll_learn_of_it(alice_client: Client, charlie: User, insult: Message) -> None:
    page = Page(alice_client.get(f"/rooms/{insult.room.slug}/").content.decode())
    report(insult, charlie)
    query: dict[str, int | str] = {
        "after": page.cursor,
        "seen": page.one("#seen").attributes["value"],
    }
    answer = alice_client.get(f"/rooms/{insult.room.slug}/changes/", query, headers=HTMX)
    page.answer(answer.content.decode())
    assert page.one("#reports").text == "Reports 1 open"
    page.check()
    elsewhere = Page(alice_client.get("/help/").content.decode())
    follow = elsewhere.one("#follow").attributes["hx-get"]
    assert "Reports" in alice_client.get(follow, headers=HTMX).content.decode()


def test_the_page_takes_as_many_queries_however_long_it_is(
    alice_client: Client, bob: User, charlie: User, insult: Message
) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert alice_client.get(path).status_code == 200
        return len(captured)

    paths = [REPORTS, reverse("moderation", args=[insult.room.slug])]
    report(insult, charlie)
    few = [queries(path) for path in paths]
    for message in say(insult.room, bob, *map(str, range(12))):
        report(message, charlie)
    assert [queries(path) for path in paths] == few
    assert signed_in(bob).get(paths[1]).status_code == 403
