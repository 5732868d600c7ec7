"""Reading what a browser posts, with hard limits and before Django would read it."""

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import MultiValueDict

from cultiva.lib.uploads import MOST_MB

MAX_BODY_BYTES = 256 * 1024
MAX_UPLOAD_BYTES = 25 * 1024 * 1024  # with files; each file has its own limit, so that the answers beside it are kept
MAX_FIELDS = 100
MAX_VALUE_BYTES = 10 * 1024


class BadBody(Exception):
    """The body cannot be taken; `status` is the answer's code."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Fields(MultiValueDict[str, str]):
    """{name: values}; of a name that comes again, the first value is the one."""

    def __getitem__(self, key: str) -> str:
        return str(self.getlist(key)[0]) if key in self else super().__getitem__(key)  # type: ignore[return-value]


@dataclass(frozen=True)
class Posted:
    fields: Fields
    files: "MultiValueDict[str, UploadedFile[bytes]]" = field(default_factory=MultiValueDict)


class KeepUpTo(TemporaryFileUploadHandler):
    """Files beyond the largest that any form takes are counted, not kept: their field says so, the others are whole."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) <= MOST_MB * 1024 * 1024:
            super().receive_data_chunk(raw_data, start)


def read_posted(request: HttpRequest) -> Posted:
    """The fields and files of a posted form. Raises BadBody. All text must be UTF-8, where Django would put
    replacement characters."""
    is_multipart = request.content_type == "multipart/form-data"
    raw = read_raw(request, MAX_UPLOAD_BYTES if is_multipart else MAX_BODY_BYTES)
    try:
        if is_multipart:
            pairs, files = _multipart(request, raw)
        else:
            pairs, files = _urlencoded(raw), MultiValueDict()
    except RequestDataTooBig as error:
        raise BadBody(413) from error
    except (ValueError, MultiPartParserError, SuspiciousOperation) as error:  # broken UTF-8 is a ValueError
        raise BadBody(400) from error
    return Posted(_checked(pairs), files)


def read_raw(request: HttpRequest, most: int) -> bytes:
    """The body as it came, which signatures are of. Raises BadBody where it is longer than `most` bytes."""
    raw = request.read(most + 1)
    if len(raw) > most:
        raise BadBody(413)
    return raw


def read_json(request: HttpRequest) -> dict[str, Any]:
    """The object that was posted. Raises BadBody."""
    raw = read_raw(request, MAX_BODY_BYTES)
    try:
        found = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise BadBody(400) from error
    if not isinstance(found, dict):
        raise BadBody(400)
    return found


def fields_of(values: Any) -> Fields:
    """Values from JSON as a browser would post them: a ticked box is `on`, one left clear is not there."""
    if not isinstance(values, dict) or len(values) > MAX_FIELDS:
        raise BadBody(400)
    pairs = []
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, bool):
                pairs += [(name, "on")] if each else []
            elif isinstance(each, (str, int, float)):
                pairs.append((name, str(each)))
            elif each is not None:
                raise BadBody(400)
    return _checked(pairs)


def _checked(pairs: list[tuple[str, str]]) -> Fields:
    if len(pairs) > MAX_FIELDS:
        raise BadBody(400)
    fields = Fields()
    for name, value in pairs:
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:  # half a surrogate pair, which JSON can write
            raise BadBody(400) from error
        if "\x00" in name or "\x00" in value or size > MAX_VALUE_BYTES:
            raise BadBody(400)
        fields.appendlist(name, value)
    return fields


def _urlencoded(raw: bytes) -> list[tuple[str, str]]:
    return parse_qsl(raw.decode(), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS)


def _multipart(
    request: HttpRequest, raw: bytes
) -> "tuple[list[tuple[str, str]], MultiValueDict[str, UploadedFile[bytes]]]":
    """Read as Latin-1, which loses no byte, and then as what it must be: Django would mend broken UTF-8."""
    meta = request.META | {"CONTENT_LENGTH": str(len(raw))}
    handlers = [KeepUpTo(request)]
    posted, sent = MultiPartParser(meta, BytesIO(raw), handlers, "latin-1").parse()
    files: MultiValueDict[str, UploadedFile[bytes]] = MultiValueDict()
    for name, several in sent.lists():
        for file in several:
            file.name = str(file.name).encode("latin-1", "replace").decode("utf-8", "replace")
            files.appendlist(_utf8(name), file)
    return [(_utf8(name), _utf8(value)) for name, values in posted.lists() for value in values], files


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode()
