"""What can be done with a message: asked for by one reader, so it may differ between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from tests import markup
from tests.cast import signed_in
from tests.factories import say
from tests.page import Node, Page, fragment

if TYPE_CHECKING:
    from django.test import Client

    from rooms.models import Room, User

HTMX = {"HX-Request": "true"}


def address(room: Room, number: int = 1) -> str:
    return reverse("message-menu", args=[room.slug, number])


def in_page(client: Client, room: Room, number: int = 1) -> list[str]:
    """What the page of choices offers, for a browser without JavaScript."""
    page = Page(client.get(address(room, number)).content.decode())
    return [choice.text for choice in page.all(".choices>li")]


def beside(client: Client, room: Room, number: int = 1) -> Node:
    """The menu beside the message in an open page, filled."""
    page = Page(client.get(f"/rooms/{room.slug}/").content.decode())
    button = page.one(f"#m{number}>.more")
    assert button.attributes["popovertarget"] == page.one("#menu").attributes["id"]
    page.answer(client.get(button.attributes["hx-get"], headers=HTMX).content.decode())
    return page.one("#menu")


def offered(client: Client, room: Room, number: int = 1) -> list[str]:
    return [choice.text for choice in beside(client, room, number).all("li")]


def test_one_may_change_what_one_said_oneself(
    alice_client: Client, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "mine")
    for asked in (in_page, offered):
        own, others = asked(bob_client, open_room), asked(alice_client, open_room)
        assert {"Edit", "Delete"} <= set(own)
        assert not {"Edit", "Delete"} & set(others)
        assert "Address of this message" in own
        assert "Address of this message" in others


def test_the_first_choice_takes_the_focus(bob: User, bob_client: Client, open_room: Room) -> None:
    say(open_room, bob, "mine")
    menu = beside(bob_client, open_room)
    first = next(node for node in menu.walk() if node.tag in ("a", "button"))
    assert "autofocus" in first.attributes


def test_without_scripts_the_same_button_leads_to_a_page(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    """A button that belongs to a form sends it, and one that belongs to none opens what it names: the
    form is there for those alone who have no scripts."""
    say(open_room, bob, "mine")
    html = bob_client.get(f"/rooms/{open_room.slug}/").content.decode()
    button = Page(html).one("#m1>.more")
    assert '<noscript><form id="menus"></form></noscript>' in html
    assert button.attributes["form"] == "menus"
    assert bob_client.get(button.attributes["formaction"]).status_code == 200
    assert "mine" in markup.text(bob_client.get(address(open_room)))


def test_a_deleted_message_has_no_menu_and_asking_for_it_offers_no_change(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, bob, "mine")[0].delete_for_everybody(by=bob)
    page = Page(bob_client.get(f"/rooms/{open_room.slug}/").content.decode())
    assert not page.all("#m1>.more")
    assert "Edit" not in in_page(bob_client, open_room)


def test_an_outsider_finds_no_menu(bob: User, charlie: User, private_room: Room) -> None:
    say(private_room, bob, "between us")
    for headers in ({}, HTMX):
        where = address(private_room)
        assert signed_in(bob).get(where, headers=headers).status_code == 200
        answer = signed_in(charlie).get(where, headers=headers)
        assert answer.status_code == 404
        assert "between us" not in answer.content.decode()


@pytest.mark.parametrize("number", [0, 2, 10**30])
def test_there_is_no_menu_of_what_nobody_said(
    bob: User, bob_client: Client, open_room: Room, number: int
) -> None:
    say(open_room, bob, "mine")
    assert bob_client.get(address(open_room, 1)).status_code == 200
    assert bob_client.get(address(open_room, number)).status_code == 404


def test_a_stranger_is_asked_to_sign_in(client: Client, bob: User, open_room: Room) -> None:
    say(open_room, bob, "mine")
    answer = client.get(address(open_room))
    assert answer.headers["Location"].startswith(reverse("account_login"))
    answer = client.get(address(open_room), headers=HTMX)
    assert answer.status_code == 401
    assert "signed out" in fragment(answer.content.decode()).text


def test_only_reading_is_asked_for(bob: User, bob_client: Client, open_room: Room) -> None:
    say(open_room, bob, "mine")
    assert bob_client.post(address(open_room)).status_code == 405
