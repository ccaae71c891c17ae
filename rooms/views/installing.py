"""What a browser needs to install Roomful as an app: no service worker, only this description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

if TYPE_CHECKING:
    from rooms.models import Place

KEPT = 3600  # seconds; a new name of the place may take as long to reach an app
PAPER = (
    "#fdfdfc"  # `--paper` of tokens.css, as base.html has it: this knows neither CSS nor dark mode
)
ICONS = [
    ("icons/192.png", "192x192", "any"),
    ("icons/512.png", "512x512", "any"),
    ("icons/maskable-192.png", "192x192", "maskable"),
    ("icons/maskable-512.png", "512x512", "maskable"),
]


@require_GET
def manifest(request: HttpRequest) -> JsonResponse:
    """The app's name, icons and beginning. Browsers ask for it without a session."""
    place: Place | None = getattr(request, "place", None)
    name = place.name if place else "Roomful"
    response = JsonResponse(
        {
            "id": "/",
            "name": name,
            "short_name": name,
            "lang": get_language(),
            "start_url": reverse("home"),
            "scope": "/",
            "display": "standalone",
            "theme_color": PAPER,
            "background_color": PAPER,
            "icons": [
                {"src": static(file), "sizes": sizes, "type": "image/png", "purpose": purpose}
                for file, sizes, purpose in ICONS
            ],
            "shortcuts": _shortcuts(),
        },
        content_type="application/manifest+json",
    )
    patch_cache_control(response, public=True, max_age=KEPT)
    return response


def _shortcuts() -> list[dict[str, Any]]:
    return [
        {"name": _("Rooms"), "url": reverse("rooms")},
        {"name": _("Make a room"), "url": reverse("room-new")},
        {"name": _("Your profile"), "url": reverse("profile")},
    ]
