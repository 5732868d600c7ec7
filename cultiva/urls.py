"""The doors that Django opens: visitors, programs, staff. The collector is beside them (asgi)."""

from django.urls import include, path

urlpatterns = [
    path("", include("cultiva.public.urls")),
    path("api/", include("cultiva.api.urls")),
    path("", include("cultiva.web.urls")),
]

handler400 = "cultiva.web.errors.bad_request"
handler403 = "cultiva.web.errors.forbidden"
handler404 = "cultiva.web.errors.not_found"
handler500 = "cultiva.web.errors.server_error"
