"""Reading what event senders post: packed or not, whatever it calls itself, and never more than fits."""

import base64
import binascii
import json
import re
import zlib
from functools import lru_cache
from typing import Any

import orjson

Json = dict[str, Any]

MAX_BODY_BYTES = 500 * 1024  # Segment's limit for a batch, as it travels
MAX_DISCARDED_BYTES = 32 * 1024 * 1024  # read and forgotten: who still sends does not hear an answer
MAX_INFLATED_BYTES = 10 * 1024 * 1024  # 2,500 events of 4 KB
MAX_VALUES = 1_000_000  # what takes little room in JSON takes much in memory
GZIP = b"\x1f\x8b"
PRUNED_DEPTH = 200  # deeper than any event may be (messages.MAX_DEPTH), and no trouble to a parser
TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class BadBody(Exception):
    """The request cannot be taken: the answer's status, its code for machines, its sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


TOO_LARGE = BadBody(413, "too_large", "A batch may hold 500 KB as sent, and 10 MB once unpacked.")


async def read_body(receive: Any) -> bytes:
    """The whole body; raises BadBody beyond the limit, or where the sender hangs up."""
    message = await receive()
    body: bytes = message.get("body", b"")
    size = len(body)
    while message.get("more_body", False) and size <= MAX_DISCARDED_BYTES:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY_BYTES:
            body += part
    if message["type"] == "http.disconnect":
        raise BadBody(400, "disconnected", "The sender hung up.")
    if size > MAX_BODY_BYTES:
        raise TOO_LARGE
    return body


def parse(body: bytes) -> Json:
    """The JSON object of a body, unpacked first where it is gzip; raises BadBody."""
    if body.startswith(GZIP):  # some senders do not say so
        body = inflate(body)
    if len(body) > MAX_VALUES and body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_VALUES:
        raise TOO_LARGE
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = parse_leniently(body)
    if not isinstance(found, dict):
        raise BadBody(400, "invalid_json", "The body must be a JSON object.")
    return found


def inflate(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = unpacker.decompress(body, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise BadBody(400, "invalid_json", "The body is not whole gzip.") from error
    if len(found) > MAX_INFLATED_BYTES:
        raise TOO_LARGE
    if not unpacker.eof:
        raise BadBody(400, "invalid_json", "The body is not whole gzip.")
    return found


def parse_leniently(body: bytes) -> Any:
    """What JSON allows and the fast parser does not: half surrogate pairs, and any depth.

    The event that holds such a thing is faulty; the others beside it are not.
    """
    try:
        return json.loads(prune(body).decode(), parse_constant=refuse_constant, parse_int=read_number)
    except (ValueError, RecursionError) as error:
        raise BadBody(400, "invalid_json", "The body is not JSON.") from error


def prune(body: bytes) -> bytes:
    """The same JSON with `null` for what lies deeper than PRUNED_DEPTH."""
    kept, depth, place, cut_at = [], 0, 0, -1
    for found in TOKENS.finditer(body):
        token = found[0]
        if token in b"[{":
            depth += 1
            if depth == PRUNED_DEPTH:
                cut_at = found.start()
        elif token in b"]}":
            if depth == PRUNED_DEPTH and cut_at >= 0:
                kept += [body[place:cut_at], b"null"]
                place, cut_at = found.end(), -1
            depth -= 1
    return b"".join([*kept, body[place:]])


def refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")  # Python would take NaN and Infinity


def read_number(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


def write_key_of(authorization: bytes, body: Json | None) -> str:
    """The key by Basic (with or without its colon), in the body, or by Bearer; empty where there is none."""
    scheme, value = split_authorization(authorization)
    if scheme == "basic" and value:
        return value
    written = body.get("writeKey") if body else None
    if isinstance(written, str) and written:
        return written
    return value if scheme == "bearer" else ""


@lru_cache(maxsize=4096)
def split_authorization(header: bytes) -> tuple[str, str]:
    scheme, _, value = header.decode("latin-1").strip().partition(" ")
    if scheme.lower() != "basic":
        return scheme.lower(), value.strip()
    try:
        return "basic", base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return "basic", ""
