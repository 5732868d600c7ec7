"""The web process: Django, and the collector below /v1/ unless it has a port of its own."""

import os
import warnings
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cultiva.settings")
# Static files are small and read whole; whitenoise has no asynchronous iterator to offer.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
django = get_asgi_application()

from cultiva.public.collector import collector  # noqa: E402  (needs Django's registry)

HAS_COLLECTOR = settings.CONFIG.collector_port is None


async def application(scope: Any, receive: Any, send: Any) -> None:
    if HAS_COLLECTOR and scope["type"] == "http" and scope["path"].startswith("/v1/"):
        await collector(scope, receive, send)
    else:
        await django(scope, receive, send)
