"""Every address of a socket."""

from django.urls import path

from .live.consumers import RoomConsumer

websocket_urlpatterns = [
    path("ws/rooms/<str:slug>/", RoomConsumer.as_asgi()),
]
