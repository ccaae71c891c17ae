"""Takes the pictures of the README, with a community that anybody would like to join.

    PICTURES=docs/pictures .venv/bin/python -m pytest tests/browser/pictures.py --stack=browser

It is no test and is not collected as one: the pictures are in the repository, which tests leave as it is.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

from django.utils import timezone
from playwright.sync_api import Page, expect

from rooms.models import Place, Role, Room, User
from tests import factories
from tests.browser.conftest import Open, Watch
from tests.browser.visitor import in_thread, path_of
from tests.process import REPOSITORY, Roomful
from tests.programs import Listener, Program

FOLDER = os.environ["PICTURES"]

ZONE = "Europe/Berlin"
SHARP = 2  # device pixels for each of the page's, as most screens have by now

PEOPLE = {
    "ines": "Ines Castell",
    "ruth": "Ruth Adeyemi",
    "tomasz": "Tomasz Wilk",
    "priya": "Priya Raman",
    "jonah": "Jonah Abel",
    "noor": "Noor Haddad",
    "xiaowen": "李晓雯",
    "marguerite": "Marguerite Delacroix",
}
HERE = ("ines", "ruth", "tomasz", "priya", "noor", "xiaowen")

# Who, how many minutes after the one before, and what.
YESTERDAY = """
ruth 0
Forty-one visitors, thirty-three repairs, two cakes left. Best Saturday since spring.
----
ruth 1
The toaster man came back to say it *still* works.
----
jonah 7
I have his number framed.
----
marguerite 25
Thank you all for staying to sweep. The hall has already written how tidy it was 🧹
"""
TODAY = """
tomasz 0
Morning! The radio that was left on the shelf: a 1962 Grundig, hums, no stations. Anybody with a \
feeling for valves?
----
priya 4
Me. The hum is nearly always the filter capacitors. Please **don't plug it in again** before I have \
had a look.
----
tomasz 2
Unplugged, and it wears a note.
----
xiaowen 11
我星期四有空，可以带万用表来。

(I am free on Thursday and can bring the meter.)
----
priya 3
Perfect. What we need:

- 2 × 47 µF, 450 V
- a 10 kΩ resistor, 2 W
- patience
----
noor 9
I have the capacitors. From the other Grundig, may it rest.
----
jonah 14
The opening hours on the website are still last year's. This should do it, if somebody looks over it:

```python
def is_open(day: date) -> bool:
    # the last Saturday, but in December
    week = timedelta(days=7)
    last = (day + week).month != day.month
    return last and day.weekday() == 5
```
----
noor 5
Looks right to me. `timedelta` needs importing, though.
----
ruth 6
> the last Saturday

In November that is the **28th**. I'll put it on the door as well.
----
ines 18
Tea is on. Who is coming on Saturday?
----
tomasz 1
Me, with the sewing machine.
----
priya 1
🙋‍♀️
"""
ELSEWHERE = {
    "Announcements": [],
    "Bicycles": [
        ("tomasz", "Two inner tubes of 28 inches are left, both with the thin valve."),
        ("noor", "I'll take one for the lady with the red one."),
        ("tomasz", "Put aside."),
    ],
    "Electronics": [],
    "Garden tools": [("marguerite", "The whetstone is back. Bring your shears.")],
    "Lobby": [],
    "Sewing and mending": [],
}


class Clock:
    """Lets the models believe that it is another time."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def say(self, room: Room, author: User, minutes: int, body: str) -> None:
        self.now += timedelta(minutes=minutes)
        with mock.patch("django.utils.timezone.now", return_value=self.now):
            factories.say(room, author, body)


@in_thread
def arrange() -> tuple[Room, dict[str, User]]:
    Place.objects.update_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})
    people = {name: factories.make_user(name, called) for name, called in PEOPLE.items()}
    everybody = list(people.values())
    ines = people["ines"]
    ines.role, ines.time_zone = Role.OWNER, ZONE
    ines.save()
    for name, said in ELSEWHERE.items():
        room = factories.make_room(name, *everybody)
        for author, body in said:
            factories.say(room, people[author], body)
    factories.make_room("Committee", ines, people["ruth"], people["marguerite"], private=True)
    bench = factories.make_room(
        "Workbench",
        *everybody,
        topic="What is on the bench, what it needs, who is on it · next open day: Saturday 28th",
    )
    yesterday = timezone.now().astimezone(ZoneInfo(ZONE)) - timedelta(days=1)
    clock = Clock(yesterday.replace(hour=17, minute=2))
    for author, minutes, body in read(YESTERDAY):
        clock.say(bench, people[author], minutes, body)
    clock.now = (yesterday + timedelta(days=1)).replace(hour=9, minute=12)
    for author, minutes, body in read(TODAY):
        clock.say(bench, people[author], minutes, body)
    return bench, people


def read(conversation: str) -> list[tuple[str, int, str]]:
    said = []
    for message in conversation.strip().split("\n----\n"):
        heading, _newline, body = message.partition("\n")
        author, minutes = heading.split()
        said.append((author, int(minutes), body))
    return said


def take(page: Page, name: str) -> None:
    folder = REPOSITORY / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    page.mouse.move(0, 0)
    page.screenshot(path=Path(folder, name), scale="device", animations="disabled")


def test_pictures(server: Roomful, open_page: Open, watch: Watch) -> None:
    # The picture is taken with a style of Playwright's own, which the page's policy refuses.
    watch.allow("Content Security Policy.*style|style.*Content Security Policy")
    bench, people = arrange()
    path = path_of(bench)
    listeners: list[Listener] = []
    programs = [Program.of(people[name], server.url) for name in HERE if name != "ines"]
    try:
        listeners = [program.listen(bench.slug) for program in programs]
        desk = open_page(
            people["ines"],
            path=path,
            viewport={"width": 1440, "height": 880},
            color_scheme="light",
            device_scale_factor=SHARP,
        )
        expect(desk.locator("#watch.live")).to_be_attached()
        expect(desk.locator("#presence .name")).to_have_count(len(HERE))
        listeners[-2].typing()
        expect(desk.locator("#typing b")).to_be_visible()
        desk.locator(".line").last.fill("Kettle's on from")
        take(desk, "room.png")

        phone = open_page(
            people["ines"],
            path=path,
            viewport={"width": 390, "height": 844},
            color_scheme="dark",
            device_scale_factor=SHARP,
            has_touch=True,
            is_mobile=True,
        )
        expect(phone.locator("#watch.live")).to_be_attached()
        take(phone, "room-phone-dark.png")

        plain = open_page(
            people["ines"],
            tier="no-script",
            path=path,
            viewport={"width": 1024, "height": 720},
            color_scheme="light",
            device_scale_factor=SHARP,
        )
        live = plain.frame_locator("#live")
        expect(live.locator(".message")).to_have_count(len(read(YESTERDAY)) + len(read(TODAY)))
        expect(live.locator(".people").last).to_be_visible()
        take(plain, "room-without-script.png")
    finally:
        for listener in listeners:
            listener.close()
        for program in programs:
            program.close()
