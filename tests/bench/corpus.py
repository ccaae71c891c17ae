"""A place in which very much was said: messages in words as frequent as in any language, and what to ask.

The last `OPEN` rooms, which are the smallest, and the first are open, all others private: so who is in
all rooms sees everything, and who is in the first alone sees few messages of many.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone

from rooms.models import Message, Room, User
from rooms.models.searching import index
from rooms.models.searching.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator

OPEN = 10
VOCABULARY = 50_000
FIRST, SECOND = "b c d f g h k l m n p r s t v w z st tr ch".split(), "a e i o u ai ou".split()  # noqa: SIM905
HAN = "".join(map(chr, range(0x4E00, 0x4E00 + 6_000, 3)))
HAN_EVERY = 20  # th message is of Han characters
BATCH = 5_000  # messages of one transaction
QUESTIONS = 200  # of each kind
RARE = range(5, 50)  # messages that have a rare word


def fill(count: int) -> dict[str, list[dict[str, str]]]:
    """Says so much, and returns what can be asked for, by kind: the fields of the search's form."""
    chance = random.Random(1)
    rooms = list(Room.objects.order_by("pk"))
    Room.objects.filter(pk__in=[room.pk for room in rooms[1:-OPEN]]).update(private=True)
    people = list(User.objects.exclude(username="owner").order_by("pk"))
    spoken, phrases, frequency = Said(rooms, people, count), [], Counter[str]()
    batch: list[Message] = []
    for number, message in enumerate(spoken.messages(chance), start=1):
        batch.append(message)
        said = words(message.body)
        frequency.update(set(said))
        if number % (count // QUESTIONS) == 0 and len(said) > 2 and message.body.isascii():
            phrases.append(" ".join(said[:2]))
        if len(batch) == BATCH or number == count:
            _store(batch)
            batch = []
    for room in rooms:
        last = spoken.numbers[room.pk]
        Room.objects.filter(pk=room.pk).update(version=last, last_number=last, run=1)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if index.is_postgresql() else "ANALYZE")
    return _questions(chance, frequency, phrases, rooms, people)


class Said:
    """What is said where and by whom."""

    def __init__(self, rooms: list[Room], people: list[User], count: int) -> None:
        self.rooms, self.people, self.count = rooms, people, count
        self.numbers = {room.pk: Message.objects.filter(room=room).count() for room in rooms}

    def messages(self, chance: random.Random) -> Iterator[Message]:
        vocabulary = _vocabulary(chance)
        of_words = list(accumulate(1 / (rank + 4) for rank in range(len(vocabulary))))
        of_han = list(accumulate(1 / (rank + 10) for rank in range(len(HAN))))
        of_rooms = list(accumulate(1 / (rank + 5) for rank in range(len(self.rooms))))
        begin = timezone.now() - timedelta(minutes=self.count)
        for minute in range(self.count):
            length = min(60, max(2, int(chance.lognormvariate(2.3, 0.7))))
            if minute % HAN_EVERY == 0:
                body = "".join(chance.choices(HAN, cum_weights=of_han, k=2 * length))
            else:
                body = " ".join(chance.choices(vocabulary, cum_weights=of_words, k=length))
            room = chance.choices(self.rooms, cum_weights=of_rooms)[0]
            self.numbers[room.pk] = number = self.numbers[room.pk] + 1
            yield Message(
                room=room,
                number=number,
                version=number,
                posted_version=number,
                author=chance.choice(self.people),
                body=body,
                key=secrets.token_urlsafe(9),
                created_at=begin + timedelta(minutes=minute),
            )


def _vocabulary(chance: random.Random) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < VOCABULARY:
        syllables = range(chance.choice([1, 2, 2, 3, 3, 4]))
        word = "".join(chance.choice(FIRST) + chance.choice(SECOND) for _ in syllables)
        made[word + chance.choice(["", "", "n", "r", "s", "t"])] = None
    return list(made)


def _store(batch: list[Message]) -> None:
    with transaction.atomic():
        Message.objects.bulk_create(batch)
        index.add_all(
            [
                (each.pk, each.room_id, each.author_id, each.created_at, each.body, False)
                for each in batch
            ]
        )


def _questions(
    chance: random.Random,
    frequency: Counter[str],
    phrases: list[str],
    rooms: list[Room],
    people: list[User],
) -> dict[str, list[dict[str, str]]]:
    spoken = [(word, times) for word, times in frequency.most_common() if word.isascii()]
    common = [word for word, _times in spoken[:2]]
    often = [word for word, _times in spoken[:500]]
    rare = [word for word, times in spoken if times in RARE]
    pairs = [word for word in frequency if not word.isascii() and len(word) == 2]

    def asked(make: object, **fields: object) -> list[dict[str, str]]:
        made = {"q": make, **fields}
        return [
            {name: str(value() if callable(value) else value) for name, value in made.items()}
            for _ in range(QUESTIONS)
        ]

    return {
        "a rare word": asked(lambda: f"{chance.choice(rare)} "),
        "a word in a fifth of all messages": asked(lambda: f"{chance.choice(common)} "),
        "two words": asked(lambda: " ".join(chance.sample(often, 2)) + " "),
        "a phrase": asked(lambda: f'"{chance.choice(phrases)}"'),
        "two Han characters": asked(lambda: chance.choice(pairs)),
        "a common word in a room": asked(
            lambda: f"{chance.choice(common)} ", room=lambda: chance.choice(rooms).slug
        ),
        "a common word by somebody": asked(
            lambda: f"{chance.choice(common)} ", by=lambda: chance.choice(people).username
        ),
        "the first two letters": asked(lambda: chance.choice(often)[:2]),
        "a word that nobody said": asked(lambda: f"q{secrets.token_hex(4)}"),
    }
