"""Addresses of the API. Programs call them with a key; no cookie is set or read."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, include, path, re_path

from cultiva.api import (  # noqa: F401  (they add theirs)
    attributes,
    bulk,
    campaigns,
    companies,
    consents,
    documents,
    events,
    leads,
    magnets,
    merging,
    models,
    personas,
    privacy,
    rehearsals,
    scores,
    segments,
    whoami,
)
from cultiva.api.door import api, door
from cultiva.api.errors import not_found


def nothing_here(request: HttpRequest) -> HttpResponse:
    raise not_found(f"address {request.path[:100]}")


patterns, _app, namespace = api.urls
for pattern in patterns:
    assert isinstance(pattern, URLPattern)
    pattern.callback = door(pattern.callback)

urlpatterns = [
    path("v1/", include((patterns, namespace))),
    re_path("", door(nothing_here)),
]
