"""A website of somebody else: another origin than the product, under a strict policy, with the tracking script."""

import io
import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NONCE = "r4nd0m"
STUB = (
    "window.cultiva=window.cultiva||[];for(const verb of['page','track','identify','consent','reset'])"
    "cultiva[verb]=cultiva[verb]||((...values)=>cultiva.push([verb,...values]))"
)


class Site:
    """`origin` is where it answers. `attributes` go on the script's tag, `early` runs before the script is there."""

    def __init__(self, product_url: str, write_key: str) -> None:
        self.product_url, self.write_key = product_url, write_key
        self.attributes = self.early = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://localhost:{self.server.server_port}"

    @property
    def policy(self) -> str:
        return (
            f"default-src 'none'; script-src 'nonce-{NONCE}'; connect-src {self.product_url}; form-action 'self';"
            " media-src 'self'; img-src data:; frame-src https://www.youtube.com; base-uri 'none';"
            " require-trusted-types-for 'script'"
        )

    def page(self, path: str) -> str:
        return f"""<!doctype html><html lang="en"><head><title>Riego {path}</title><link rel="icon" href="data:,">
            <script nonce="{NONCE}">{STUB};{self.early}</script>
            <script async src="{self.product_url}/t.js" data-key="{self.write_key}" nonce="{NONCE}" {self.attributes}>
            </script></head><body><h1>Riego</h1>
            <a id="out" href="https://partner.example/tienda?mc_eid=77&a=1#top"><b>Partner</b></a>
            <a id="file" href="/files/Guia%20de%20riego.PDF">Guide</a> <a id="in" href="/precios">Prices</a>
            <form id="quote" name="presupuesto" action="/gracias?x=1" method="get">
              <input name="id" aria-label="Id" value="not me">
              <input name="secret" aria-label="Secret" value="never sent"><button>Send</button></form>
            <button id="play" type="button">Play</button><video id="tour" src="/tour.wav" preload="auto"></video>
            <iframe id="tube" title="Tour" src="https://www.youtube.com/embed/abc123?enablejsapi=1"></iframe>
            <script nonce="{NONCE}">play.onclick = () => tour.play()</script></body></html>"""

    def _handler(site) -> type[BaseHTTPRequestHandler]:  # noqa: N805  (self is the request's)
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/tour.wav":
                    self.answer(tour(), "audio/wav")
                elif path.startswith("/files/"):
                    self.answer(b"%PDF-1.4", "application/pdf")
                else:
                    self.answer(site.page(path).encode(), "text/html; charset=utf-8")

            def answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                headers = {"Content-Type": kind, "Content-Length": len(body), "Content-Security-Policy": site.policy}
                for name, value in headers.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *values: Any) -> None:
                pass

        return Handler


def tour() -> bytes:
    """Two seconds of silence, which a <video> plays as well."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 16_000)
    return file.getvalue()


# What YouTube's player says to the page around it when it is asked.
YOUTUBE = """<!doctype html><script>addEventListener('message', ({ data, source }) => {
  const say = (event, info) => source.postMessage(JSON.stringify({ event, info, channel: 'widget' }), '*')
  if (JSON.parse(data).event != 'listening') return
  say('initialDelivery', { currentTime: 0, duration: 80 })
  say('infoDelivery', { currentTime: 21 })
  say('infoDelivery', { currentTime: 79.9, playerState: 0 })
})</script>"""


@contextmanager
def site_of(product_url: str, write_key: str) -> Iterator[Site]:
    site = Site(product_url, write_key)
    threading.Thread(target=site.server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        site.server.shutdown()


def events_in(bodies: list[str]) -> list[dict[str, Any]]:
    return [event for body in bodies for event in json.loads(body)["batch"]]
