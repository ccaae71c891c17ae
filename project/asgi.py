"""What the server runs: Django for HTTP, Channels for the sockets."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

# Loads the apps, so it has to come before the imports of anything that uses a model.
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from channels.sessions import CookieMiddleware  # noqa: E402

from project.handler import Handler  # noqa: E402
from rooms.live.handshake import BearerOrOrigin  # noqa: E402
from rooms.routing import websocket_urlpatterns  # noqa: E402

sockets = URLRouter(websocket_urlpatterns)

application = ProtocolTypeRouter(
    {
        "http": Handler(),
        "websocket": BearerOrOrigin(
            AllowedHostsOriginValidator(CookieMiddleware(sockets)), without_origin=sockets
        ),
    }
)
