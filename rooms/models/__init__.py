"""What a place is: its people, its rooms, who belongs to them and what was said.

Every verb that changes something lives on the object that it changes, runs in one transaction and
announces the change after the commit. Nothing here knows of requests, sockets or HTML.
"""

from .attachment import Attachment, File, Shelf
from .audit import AuditEntry
from .ban import Ban
from .bot import Bot
from .chore import Chore
from .errors import (
    FileRefused,
    KeyUsed,
    MessageRefused,
    ModeratorsOnly,
    RoomClosed,
    TooManyPeople,
    TryLater,
)
from .export import Export
from .imported import Imported
from .incoming import Incoming
from .invitation import Invitation
from .leaving import DeletedAccount
from .mailing import MailSettings
from .membership import Level, Membership
from .mentions import Mention
from .message import Message, Row
from .outgoing import OutgoingWebhook
from .permissions import PlaceStanding, Role, Standing
from .place import Place
from .preview import LinkPreview, Preview, PreviewPicture
from .profile import Profile
from .quote import Quote
from .reactions import Reaction
from .report import Report
from .restriction import Restriction
from .room import History, Room, RoomDetails, Step
from .session import Session
from .token import Token
from .user import User

__all__ = [
    "Attachment",
    "AuditEntry",
    "Ban",
    "Bot",
    "Chore",
    "DeletedAccount",
    "Export",
    "File",
    "FileRefused",
    "History",
    "Imported",
    "Incoming",
    "Invitation",
    "KeyUsed",
    "Level",
    "LinkPreview",
    "MailSettings",
    "Membership",
    "Mention",
    "Message",
    "MessageRefused",
    "ModeratorsOnly",
    "OutgoingWebhook",
    "Place",
    "PlaceStanding",
    "Preview",
    "PreviewPicture",
    "Profile",
    "Quote",
    "Reaction",
    "Report",
    "Restriction",
    "Role",
    "Room",
    "RoomClosed",
    "RoomDetails",
    "Row",
    "Session",
    "Shelf",
    "Standing",
    "Step",
    "Token",
    "TooManyPeople",
    "TryLater",
    "User",
]
