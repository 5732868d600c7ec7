"""A proxy in front of the product that answers some requests as overloaded servers and bad networks do."""

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What becomes of each POST in turn. `lost`: taken and stored, but the answer never arrives.
ALLOWED = "authorization, content-type, x-retry-count"
COURSE = ("429", "lost", "503", "pass", "lost", "pass", "dropped", "pass")


@contextmanager
def faulty_proxy(port: int) -> Iterator[tuple[str, Counter[str]]]:
    """(its address, what it did how often)."""
    course, done, turn = itertools.cycle(COURSE), Counter[str](), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with turn:
                what = next(course)
                done[what] += 1
            if what in ("429", "503"):
                self.answer(int(what), b'{"code":"later","message":"Later."}', {"Retry-After": "1"})
            elif what == "dropped":
                self.hang_up()
            else:
                status, content = self.forward(body)
                if what == "lost":
                    self.hang_up()
                else:
                    self.answer(status, content, {})

        def do_OPTIONS(self) -> None:
            """A browser's question before it sends."""
            self.answer(200, b"", {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": ALLOWED})

        def forward(self, body: bytes) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

        def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            pages = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "retry-after"}
            for name, value in {**pages, **headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def hang_up(self) -> None:
            self.close_connection = True
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", done
    finally:
        server.shutdown()
        server.server_close()
