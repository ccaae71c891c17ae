"""What the hub pushes, in the form that each kind of reader has it: HTML for pages, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import events, fragments
from .connections import Frame
from .events import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models import Step
    from .fragments import Variant


def rendered_for(variant: Variant, steps: Sequence[Step]) -> list[Frame]:
    """Made once, however many readers have this variant. For programs there is one for each step."""
    if variant == PROGRAMS:
        return [Frame(events.of_step(step)) for step in steps]
    return [Frame(html) for html in fragments.frames(steps, variant)]
