"""What a place is: its people, its rooms, who belongs to them and what was said.

Every verb that changes something lives on the object that it changes, runs in one transaction and
announces the change after the commit. Nothing here knows of requests, sockets or HTML.
"""

from .chore import Chore
from .errors import KeyUsed, MessageRefused, RoomClosed
from .invitation import Invitation
from .membership import Membership
from .message import Message, Row
from .place import Place
from .profile import Profile
from .room import History, Room, RoomDetails, Step
from .session import Session
from .user import User

__all__ = [
    "Chore",
    "History",
    "Invitation",
    "KeyUsed",
    "Membership",
    "Message",
    "MessageRefused",
    "Place",
    "Profile",
    "Room",
    "RoomClosed",
    "RoomDetails",
    "Row",
    "Session",
    "Step",
    "User",
]
