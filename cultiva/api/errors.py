"""What the API says when it cannot do what was asked: always {"error": {code, message, field}}, never the inside."""

import difflib
import logging
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel, Field

from cultiva.lib.documents import DocumentError

log = logging.getLogger(__name__)

MAX_SHOWN = 80
NO_HEADERS: Mapping[str, str] = {}


class ErrorDetail(BaseModel):
    code: str = Field(description="For programs: does not change.")
    message: str = Field(description="For people: what is wrong, with the value, and the way out.")
    field: str | None = Field(description="The parameter or body field it is about.")


class Error(BaseModel):
    """The body of every answer that is not 2xx."""

    error: ErrorDetail


class ApiError(Exception):
    """An answer other than the one hoped for."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.field, self.headers = status, code, field, headers


def not_found(what: str) -> ApiError:
    return ApiError(404, "not_found", f"There is no {what} here.")


def invalid(field: str, value: Any, message: str, *, code: str = "invalid") -> ApiError:
    return ApiError(422, code, f"`{field}` is {shown(value)}: {message}", field=field)


def unknown_field(name: str, known: Iterable[str], *, kind: str) -> ApiError:
    """`kind`: query parameter or body field."""
    return ApiError(422, "unknown_field", unknown_words(name, known, kind=kind), field=name[:MAX_SHOWN])


def unknown_words(name: str, known: Iterable[str], *, kind: str) -> str:
    known = list(known)
    nearest = difflib.get_close_matches(name, known, n=1)
    way_out = f"Did you mean `{nearest[0]}`?" if nearest else f"Known: {', '.join(sorted(known)) or 'none'}."
    return f"There is no {kind} {shown(name)}. {way_out}"


def shown(value: Any) -> str:
    """A value as a message names it, never longer than a line."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def one_line(error: Exception) -> str:
    """A message of two lines, the way out second, as one; of a document, all that is wrong with it."""
    if isinstance(error, DocumentError) and len(error.errors) > 1:
        return " ".join(one_line(each) for each in error.errors)
    said, _, hint = str(error).partition("\nhint: ")
    return f"{said} {hint[:1].upper()}{hint[1:]}." if hint else said


def error_body(code: str, message: str, *, field: str | None = None) -> dict[str, Any]:
    """For an answer that is no error to us: what was done for it stays done."""
    return {"error": {"code": code, "message": message, "field": field}}


def error_response(error: ApiError) -> HttpResponse:
    body = orjson.dumps(error_body(error.code, str(error), field=error.field))
    return HttpResponse(body, status=error.status, content_type="application/json", headers=dict(error.headers))


def handle_errors(api: NinjaAPI) -> None:
    api.add_exception_handler(ApiError, _api_error)
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(ValidationError, _validation_error)
    api.add_exception_handler(Exception, server_error)


def _api_error(request: HttpRequest, error: Any) -> HttpResponse:
    return error_response(error)


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error, AuthenticationError):
        return error_response(
            ApiError(
                401,
                "unauthorized",
                "No valid API key. Send `Authorization: Bearer ck_…`; keys are made in Settings → API keys.",
                headers={"WWW-Authenticate": 'Bearer realm="cultiva"'},
            )
        )
    cause = error.__cause__  # what our parser raised; ninja wraps it
    return error_response(cause if isinstance(cause, ApiError) else ApiError(400, "bad_request", str(error)))


def _validation_error(request: HttpRequest, error: Any) -> HttpResponse:
    first = error.errors[0]
    source, *place = first["loc"]
    if source == "path":
        return error_response(ApiError(404, "not_found", "There is nothing at this address: an id is a whole number."))
    context = first.get("ctx", {})
    place = place[1:]  # the parameter of our function: `query` or `body`
    field = ".".join(str(part) for part in [*place, *([context["field"]] if "field" in context else [])])
    if first["type"] == "unknown_field":
        return error_response(ApiError(422, "unknown_field", first["msg"], field=field[:MAX_SHOWN]))
    if first["type"] == "missing":
        message = f"`{field}` is missing." if field else "The body is missing: send a JSON object."
        return error_response(ApiError(422, "missing", message, field=field or None))
    return error_response(invalid(field or "body", first.get("input"), f"{first['msg']}."))


def server_error(request: HttpRequest, error: Any) -> HttpResponse:
    reference = secrets.token_hex(6)
    log.error("event=api.failed reference=%s path=%s", reference, request.path[:200], exc_info=error)
    message = f"Something went wrong on our side; nothing was changed. Its record in the log: {reference}."
    return error_response(ApiError(500, "internal", message))
