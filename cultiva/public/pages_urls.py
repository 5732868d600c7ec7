"""Addresses on the host of landing pages: the pages, and what their forms and links lead to."""

from django.urls import include, path

from cultiva.public import landing_pages

pages = [
    path("robots.txt", landing_pages.robots, name="robots"),
    path("p/~preview/<str:token>", landing_pages.preview, name="preview"),
    path("p/<slug:workspace>/~pictures/<str:name>", landing_pages.picture, name="picture"),
    path("p/<slug:workspace>/sitemap.xml", landing_pages.sitemap, name="sitemap"),
    path("p/<slug:workspace>/<path:path>", landing_pages.landing_page, name="page"),
]

urlpatterns = [
    path("", include("cultiva.public.urls")),
    path("", include((pages, "landing"))),
]

handler404 = "cultiva.public.pages_host.not_found"
