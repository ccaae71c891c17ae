from django.urls import include, path

urlpatterns = [
    # First, as some of allauth's pages are ours.
    path("", include("rooms.urls")),
    path("accounts/", include("allauth.urls")),
]

handler400 = "rooms.views.errors.bad_request"
handler403 = "rooms.views.errors.forbidden"
handler404 = "rooms.views.errors.not_found"
handler500 = "rooms.views.errors.server_error"
