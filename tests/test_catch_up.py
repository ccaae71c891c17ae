"""What a page is told that it has missed, while more is being said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from rooms.models import Room
from tests.factories import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from rooms.models import Step, User


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("statement", [1, 2])
def test_a_message_that_is_posted_between_two_statements_of_the_answer_is_not_skipped(
    alice: User, open_room: Room, statement: int, renamed: bool
) -> None:
    say(open_room, alice, "before")
    start = 1
    if renamed:
        open_room.change_details(name="Bicycles", topic="")
    seen = 0

    def meanwhile(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal seen
        result = execute(*arguments)
        seen += 1
        if seen == statement:
            say(open_room, alice, "meanwhile")
        return result

    with connection.execute_wrapper(meanwhile):
        steps = missed(open_room, start)
    assert seen > statement, "the message was posted"
    reached = steps[-1].version if steps else start
    steps += missed(open_room, reached)
    assert [step.row.body for step in steps if step.row] == ["meanwhile"]
    assert steps[-1].version == Room.objects.get(pk=open_room.pk).version


def missed(room: Room, after: int) -> list[Step]:
    """As every channel reads it: the room, then what leads on from the version that the page has."""
    steps = Room.objects.get(pk=room.pk).steps_after(after)
    assert steps is not None
    return steps
