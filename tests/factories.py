"""Makes what a test needs, by the verbs that the application itself uses."""

from __future__ import annotations

import io
import secrets
from typing import TYPE_CHECKING

from PIL import Image

from rooms import faces
from rooms.models import Room, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rooms.models import Message

PASSWORD = "correct horse battery"


def make_user(username: str, display_name: str = "", *, is_owner: bool = False) -> User:
    """Somebody with an account, whose password is `PASSWORD`."""
    return User.objects.create_user(
        username, password=PASSWORD, display_name=display_name, is_owner=is_owner
    )


def make_room(
    name: str,
    by: User,
    *members: User,
    topic: str = "",
    private: bool = False,
) -> Room:
    """A room with `by` as its moderator and the `members` in it."""
    room = Room.make(name=name, topic=topic, private=private, by=by)
    for member in members:
        room.add(member)
    return room


def say(room: Room, author: User, *bodies: str) -> list[Message]:
    """Messages by `author`, one for each body."""
    return [room.post(author, body, key=secrets.token_urlsafe(9)) for body in bodies]


def make_picture(kind: str = "JPEG", size: tuple[int, int] = (500, 300)) -> bytes:
    """A picture of one colour."""
    target = io.BytesIO()
    Image.new("RGB", size, (180, 60, 40)).save(target, kind)
    return target.getvalue()


def give_face(user: User) -> None:
    """A picture that this person is shown by."""
    picture = make_picture()
    user.change_face(faces.made(io.BytesIO(picture), len(picture)))


def make_crowd(room: Room, size: int) -> list[User]:
    """`size` people without passwords in the room."""
    crowd = User.objects.bulk_create(
        User(username=f"{room.slug[:20]}-{number}", password="!") for number in range(size)
    )
    add_all(room, crowd)
    return crowd


def add_all(room: Room, people: Iterable[User]) -> None:
    for person in people:
        room.add(person)
