"""Every address of Roomful but those of sign-in, which are allauth's, and project/probes.py's."""

from django.urls import path

from . import faces
from .views import accounts, directory, messages, place, profiles, reader, rooms, settings, stream

urlpatterns = [
    path("", directory.home, name="home"),
    path("setup/", place.set_up, name="setup"),
    path("place/", place.change, name="place"),
    path("place/invitations/", place.invitations, name="invitations"),
    path("place/invitations/<int:pk>/revoke/", place.revoke, name="invitation-revoke"),
    path("join/<str:token>/", accounts.invited, name="invited"),
    path("accounts/profile/", profiles.profile, name="profile"),
    path("accounts/picture/", profiles.picture, name="picture"),
    path("accounts/status/", profiles.status, name="status"),
    path("people/<str:who>/", profiles.card, name="person-card"),
    path("people/<int:pk>/face/<slug:version>.webp", profiles.face, {"size": faces.SMALL}, "face"),
    path(
        "people/<int:pk>/portrait/<slug:version>.webp",
        profiles.face,
        {"size": faces.LARGE},
        "portrait",
    ),
    path("me.css", reader.style, name="reader-style"),
    path("composer/<str:version>/", reader.composer_input, name="composer-input"),
    path("composer/<str:version>/lost/", reader.connection_lost, name="connection-lost"),
    path("composer/<str:version>/pasted/", reader.pasted, name="pasted"),
    path("composer/<str:version>/poll/", reader.poller, name="poller"),
    path("rooms/", directory.rooms, name="rooms"),
    path("rooms/new/", directory.make, name="room-new"),
    path("rooms/<str:slug>/", rooms.room, name="room"),
    path("rooms/<str:slug>/changes/", rooms.changes, name="changes"),
    path("rooms/<str:slug>/stream/", stream.stream, name="stream"),
    path("rooms/<str:slug>/typing/", rooms.typing, name="typing"),
    path("rooms/<str:slug>/draft/", messages.draft, name="draft"),
    path("rooms/<str:slug>/send/", messages.send, name="send"),
    path("rooms/<str:slug>/join/", settings.join, name="room-join"),
    path("rooms/<str:slug>/leave/", settings.leave, name="room-leave"),
    path("rooms/<str:slug>/settings/", settings.change, name="room-settings"),
    path("rooms/<str:slug>/archive/", settings.archive, name="room-archive"),
    path("rooms/<str:slug>/here/", rooms.here, name="here"),
    path("rooms/<str:slug>/members/", settings.members, name="members"),
    path("rooms/<str:slug>/members/remove/", settings.remove, name="member-remove"),
    path("rooms/<str:slug>/<int:number>/", rooms.message, name="message"),
    path("rooms/<str:slug>/<int:number>/edit/", messages.edit, name="message-edit"),
    path("rooms/<str:slug>/<int:number>/delete/", messages.delete, name="message-delete"),
]
