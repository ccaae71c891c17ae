"""The site for operators, at /admin/: what there is, to be looked up, and changed by the same verbs as
everywhere, so that open pages follow.

What has no verb can't be changed here. What is between people can't be read here: of private rooms it
shows that they are there and who belongs to them, of direct conversations nothing at all. Nothing by
which somebody proves who they are is shown, has an address or is searched.
"""

from . import machinery, moderation, people, place, rooms, words
from .site import operators

__all__ = ["machinery", "moderation", "operators", "people", "place", "rooms", "words"]

words.called()
