from django.conf import settings
from django.urls import include, path

from rooms.admin import operators

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("", include("rooms.urls")),
]
if settings.ADMIN_PATH:
    urlpatterns.insert(0, path(settings.ADMIN_PATH, operators.urls))

handler400 = "rooms.views.errors.bad_request"
handler403 = "rooms.views.errors.forbidden"
handler404 = "rooms.views.errors.not_found"
handler500 = "rooms.views.errors.server_error"
