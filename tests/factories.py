"""Makes what a test needs, by the verbs that the application itself uses."""

from __future__ import annotations

import io
import secrets
from typing import TYPE_CHECKING

from rooms import faces
from rooms.models import Attachment, Role, Room, User, unread
from rooms.models.attachment import Upload
from tests.files import picture

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rooms.models import Message

PASSWORD = "correct horse battery"


def make_user(username: str, display_name: str = "", *, role: Role = Role.MEMBER) -> User:
    """Somebody with an account, whose password is `PASSWORD`."""
    return User.objects.create_user(
        username, password=PASSWORD, display_name=display_name, role=role
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


def give_face(user: User) -> None:
    """A picture that this person is shown by."""
    content = picture("JPEG", (500, 300))
    user.change_face(faces.made(io.BytesIO(content), len(content)))


def unread_of(room: Room, user: User) -> int:
    """How much of the room is unread for the user."""
    return unread.counts([user.pk])[user.pk].get(room.pk, 0)


def say_with_files(room: Room, author: User, body: str, files: dict[str, bytes]) -> Message:
    """A message with these files, by their names."""
    key = secrets.token_urlsafe(9)
    return room.post(author, body, key, upload_all(room, author, key, files))


def upload_all(room: Room, author: User, key: str, files: dict[str, bytes]) -> list[int]:
    """The files chosen in the composer with this key, by their own keys."""
    return [
        Attachment.upload(room, author, key, Upload(name, io.BytesIO(content), len(content))).pk
        for name, content in files.items()
    ]


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
