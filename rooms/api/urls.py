"""Every address of the API. None ends with a slash; who writes one all the same is led to the other."""

from django.urls import path, re_path

from . import files, messages, pages, reading, rooms, signing_in

urlpatterns = [
    path("api-token-auth/", signing_in.TokenForPassword.as_view(), name="api-token-auth"),
    path("api/", pages.reference, name="api"),
    path("api/openapi.json", pages.openapi, name="api-openapi"),
    path("api/token", signing_in.SignIn.as_view(), name="api-sign-in"),
    path("api/token/refresh", signing_in.Exchange.as_view(), name="api-exchange"),
    path("api/token/blacklist", signing_in.SignOut.as_view(), name="api-sign-out"),
    path("api/me", reading.Me.as_view(), name="api-me"),
    path("api/me/token", reading.MyToken.as_view(), name="api-my-token"),
    path("api/unread", reading.Unread.as_view(), name="api-unread"),
    path("api/search", reading.Search.as_view(), name="api-search"),
    path("api/rooms", rooms.Rooms.as_view(), name="api-rooms"),
    path("api/rooms/<str:slug>", rooms.OneRoom.as_view(), name="api-room"),
    path("api/rooms/<str:slug>/join", rooms.Join.as_view(), name="api-join"),
    path("api/rooms/<str:slug>/leave", rooms.Leave.as_view(), name="api-leave"),
    path("api/rooms/<str:slug>/members", rooms.Members.as_view(), name="api-members"),
    path("api/rooms/<str:slug>/online", rooms.Online.as_view(), name="api-online"),
    path("api/rooms/<str:slug>/read", reading.Read.as_view(), name="api-read"),
    path("api/rooms/<str:slug>/changes", messages.Changes.as_view(), name="api-changes"),
    path("api/rooms/<str:slug>/events", messages.Events.as_view(), name="api-events"),
    path("api/rooms/<str:slug>/messages", messages.Messages.as_view(), name="api-messages"),
    path(
        "api/rooms/<str:slug>/messages/<int:number>",
        messages.OneMessage.as_view(),
        name="api-message",
    ),
    path(
        "api/rooms/<str:slug>/messages/<int:number>/reactions/<str:emoji>",
        messages.Reactions.as_view(),
        name="api-reaction",
    ),
    path("api/rooms/<str:slug>/files", files.Files.as_view(), name="api-files"),
    path("api/rooms/<str:slug>/files/<int:pk>", files.OneFile.as_view(), name="api-file"),
    path(
        "api/rooms/<str:slug>/files/<int:pk>/thumbnail",
        files.Thumbnail.as_view(),
        name="api-thumbnail",
    ),
    re_path(r"^api/(?P<rest>.+)/$", pages.without_slash, name="api-without-slash"),
]
