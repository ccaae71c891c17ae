"""A community that anybody would like to join: what the pictures of the documentation show.

Names, words and times are the same at every run, so that a page of it says the same until the page itself
changes. Usernames and rooms are those of no other test.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from unittest import mock
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw

from rooms.models import Attachment, Invitation, Place, Role, Room, User
from tests import factories
from tests.browser.visitor import in_thread

if TYPE_CHECKING:
    from rooms.models import Message

ZONE = "Europe/Berlin"
TOKEN = "the-last-Saturday-of-November-26"  # of the invitation, which opens nothing anywhere
SUNDAY = datetime(2026, 11, 22, 17, 2, tzinfo=ZoneInfo(ZONE))
MONDAY = datetime(2026, 11, 23, 9, 12, tzinfo=ZoneInfo(ZONE))

PEOPLE = {
    "ines": "Ines Castell",
    "ruth": "Ruth Adeyemi",
    "tomasz": "Tomasz Wilk",
    "priya": "Priya Raman",
    "jonah": "Jonah Abel",
    "noor": "Noor Haddad",
    "xiaowen": "Li Xiaowen",
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
I am free on Thursday and can bring the meter. Grüße an alle!
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
    "Announcements": "",
    "Bicycles": """
tomasz 0
Two inner tubes of 28 inches are left, both with the thin valve.
----
noor 6
I'll take one for the lady with the red one.
----
tomasz 2
Put aside.
""",
    "Electronics": """
priya 0
Whoever has a **10 kΩ resistor, 2 W**: the Grundig wants one.
""",
    "Garden tools": """
marguerite 0
The whetstone is back. Bring your shears.
""",
    "Lobby": "",
    "Sewing and mending": "",
}
ASIDE = """
ruth 0
Do you have the key to the hall for Saturday, or does Jonah?
----
ines 3
I have it. Shall I come at half past eight?
----
ruth 1
Perfect, I'll bring the urn and the good biscuits.
"""


class Clock:
    """Lets the models believe that it is another time."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def say(
        self, room: Room, people: dict[str, User], conversation: str, start: datetime | None = None
    ) -> dict[str, Message]:
        """Returns what was said, by its first word."""
        self.now = start or self.now
        said = {}
        for author, minutes, body in read(conversation):
            self.now += timedelta(minutes=minutes)
            with mock.patch("django.utils.timezone.now", return_value=self.now):
                said[body.split()[0]] = factories.say(room, people[author], body)[0]
        return said


def read(conversation: str) -> list[tuple[str, int, str]]:
    """Who, after how many minutes, and what."""
    said = []
    for message in conversation.strip().split("\n----\n"):
        heading, _newline, body = message.partition("\n")
        author, minutes = heading.split()
        said.append((author, int(minutes), body))
    return said


def drawn() -> bytes:
    """The radio, as somebody drew it on their phone."""
    picture = Image.new("RGB", (960, 600), "#efe6d2")
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((90, 90, 870, 510), 40, fill="#6b4423", outline="#3f2612", width=12)
    pen.rounded_rectangle((140, 140, 560, 380), 20, fill="#d9c79a", outline="#3f2612", width=6)
    for y in range(165, 370, 22):
        pen.line((160, y, 540, y), fill="#9c8351", width=5)
    pen.rounded_rectangle((600, 150, 820, 330), 16, fill="#f6efc8", outline="#3f2612", width=6)
    for number, x in enumerate(range(625, 810, 26)):
        pen.line((x, 190, x, 230 + 18 * (number % 2)), fill="#3f2612", width=4)
    pen.line((735, 165, 735, 315), fill="#b3261e", width=6)
    for x in (230, 470, 710):
        pen.ellipse((x - 42, 404, x + 42, 488), fill="#d9c79a", outline="#3f2612", width=6)
        pen.line((x, 446, x + 22, 418), fill="#3f2612", width=7)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Community:
    people: dict[str, User]
    bench: Room
    talk: Room
    radio: Message  # that a thread begins with

    def __getitem__(self, name: str) -> User:
        return self.people[name]


@in_thread
def gather() -> Community:
    Place.objects.update_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})
    people = {name: factories.make_user(name, called) for name, called in PEOPLE.items()}
    everybody = list(people.values())
    User.objects.filter(pk__in=[each.pk for each in everybody]).update(time_zone=ZONE)
    ines = people["ines"]
    ines.role, ines.time_zone = Role.OWNER, ZONE
    ines.save(update_fields=["role", "time_zone"])
    clock = Clock(MONDAY - timedelta(days=1))
    for name, conversation in ELSEWHERE.items():
        room = factories.make_room(name, *everybody)
        if conversation:
            clock.say(room, people, conversation)
    factories.make_room("Committee", ines, people["ruth"], people["marguerite"], private=True)
    bench = factories.make_room(
        "Workbench",
        *everybody,
        topic="What is on the bench, what it needs, who is on it · next open day: Saturday 28th",
    )
    bench.appoint(people["priya"], moderator=True)
    clock.say(bench, people, YESTERDAY, SUNDAY)
    said = clock.say(bench, people, TODAY, MONDAY)
    _talk_about(said["Morning!"], bench, people, clock)
    said["Tea"].react("🙋", by=people["tomasz"])
    said["Tea"].pin(by=ines)
    talk = Room.direct_with([people["ruth"]], by=ines)
    clock.say(talk, people, ASIDE)
    invitation = Invitation.make(by=ines, note="Poster in the hall", max_uses=20, rooms=[bench])
    Invitation.objects.filter(pk=invitation.pk).update(token=TOKEN)
    return Community(people, bench, talk, said["Morning!"])


def _talk_about(radio: Message, bench: Room, people: dict[str, User], clock: Clock) -> None:
    for name, emoji in (("ines", "👍"), ("priya", "👍"), ("xiaowen", "👍"), ("jonah", "📻")):
        radio.react(emoji, by=people[name])
    replies: tuple[tuple[str, str, dict[str, bytes]], ...] = (
        ("priya", "Does the dial light up?", {}),
        ("tomasz", "It does, and this is how it looks:", {"grundig.png": drawn()}),
        (
            "priya",
            "A beauty. The values are in here.",
            {"circuit.pdf": b"%PDF-1.7\n" + bytes(48_000)},
        ),
    )
    for number, (name, body, files) in enumerate(replies):
        clock.now += timedelta(minutes=2)
        with mock.patch("django.utils.timezone.now", return_value=clock.now):
            key = f"reply-number-{number}"
            taken = factories.upload_all(bench, people[name], key, files)
            Attachment.objects.filter(pk__in=taken).update(created_at=clock.now)
            bench.post(people[name], body, key, taken, reply=radio.number)
