"""Reading what a browser posts, with hard limits and before Django would read it."""

from io import BytesIO
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError

MAX_BODY_BYTES = 256 * 1024
MAX_FIELDS = 100
MAX_VALUE_BYTES = 10 * 1024


class BadBody(Exception):
    """The body cannot be taken; `status` is the answer's code."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def read_fields(request: HttpRequest) -> dict[str, str]:
    """{name: value} of a posted form, the first value of each name. Raises BadBody.

    Files are passed over. The whole body must be UTF-8, where Django would put replacement characters.
    """
    raw = request.read(MAX_BODY_BYTES + 1)
    if len(raw) > MAX_BODY_BYTES:
        raise BadBody(413)
    try:
        pairs = _multipart(request, raw) if request.content_type == "multipart/form-data" else _urlencoded(raw)
    except (ValueError, MultiPartParserError, SuspiciousOperation) as error:  # broken UTF-8 is a ValueError
        raise BadBody(400) from error
    if len(pairs) > MAX_FIELDS:
        raise BadBody(400)
    fields: dict[str, str] = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value or len(value.encode()) > MAX_VALUE_BYTES:
            raise BadBody(400)
        fields.setdefault(name, value)
    return fields


def _urlencoded(raw: bytes) -> list[tuple[str, str]]:
    return parse_qsl(raw.decode(), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS)


def _multipart(request: HttpRequest, raw: bytes) -> list[tuple[str, str]]:
    raw.decode()
    meta = request.META | {"CONTENT_LENGTH": str(len(raw))}
    posted: QueryDict = MultiPartParser(meta, BytesIO(raw), [], "utf-8").parse()[0]
    return [(name, value) for name, values in posted.lists() for value in values]
