"""The door for programs: who calls, within which scope and rate, in one transaction of their workspace.

@endpoint("GET", "/leads", scope="leads:read", summary="List leads", answers={200: Leads}, example=...)
def list_leads(request: ApiRequest, query: Query[LeadQuery]) -> Answer:
    return 200, {"data": [], "next_cursor": None}
"""

import hashlib
import inspect
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, cast

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header
from ninja import NinjaAPI
from ninja.errors import ValidationError, ValidationErrorContext
from ninja.parser import Parser
from ninja.security import HttpBearer
from pydantic import BaseModel

from cultiva import __version__
from cultiva.accounts.api_keys import ApiCaller, begin_once, keep_answer, note_use, use_api_key
from cultiva.api.errors import ApiError, Error, error_response, handle_errors, invalid, server_error, unknown_field
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope

Json = dict[str, Any]
Answer = tuple[int, Json]
FileAnswer = tuple[int, StreamingHttpResponse]

MAX_BODY_BYTES = 1_000_000
MAX_DEPTH = 20
WRITES = ("POST", "PATCH", "PUT", "DELETE")
DESCRIPTION = """Leads, what they did, and why they score what they score. See docs/reference/api.md.

Authenticate with `Authorization: Bearer ck_…`. Times are ISO 8601 in UTC. Lists come in pages: pass `next_cursor` back
as `cursor` until it is null. A POST, PATCH, PUT or DELETE with an `Idempotency-Key` has its effect once, however often
it is sent.
"""


class JsonBodies(Parser):
    """JSON, strictly: no NUL, no lone surrogate, no infinity, no depth without end."""

    def parse_body(self, request: HttpRequest) -> Json:
        sent = request.headers.get("Content-Encoding") or request.content_type or ""
        if sent != "application/json":
            message = f"The body is {sent!r}: send plain JSON with `Content-Type: application/json`."
            raise ApiError(415, "unsupported_media_type", message)
        try:
            found = orjson.loads(request.body)
        except orjson.JSONDecodeError as error:
            raise ApiError(400, "invalid_json", f"The body is not JSON: {error}.") from error
        if not isinstance(found, dict):
            raise ApiError(400, "invalid_json", "The body must be a JSON object.")
        refuse_unkeepable(found)
        return found

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> Json:
        for name, values in data.lists():
            if len(values) > 1:
                raise invalid(name, values, "it was given more than once. Give it once.")
            if "\x00" in name or "\x00" in values[0]:
                raise invalid(name.replace("\x00", ""), values[0], "it holds a NUL character. Leave it out.")
        return {name: values[0] for name, values in data.lists()}


def refuse_unkeepable(body: Json) -> None:
    """Raises ApiError for what JSON allows and the database does not."""
    level: list[Any] = [body]
    for _depth in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += [*value, *value.values()]
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and "\x00" in value:
                raise ApiError(422, "invalid", f"The text {value[:80]!r} holds a NUL character. Leave it out.")
        level = below
    if level:
        raise ApiError(422, "invalid", f"The body is nested more than {MAX_DEPTH} levels deep. Send it flatter.")


class Bearer(HttpBearer):
    """A key in the Authorization header, and nowhere else: no cookie, no query parameter."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiCaller | None:
        caller = use_api_key(token.strip(), real_now=datetime.now(UTC))
        at = clock.now()
        if caller is None or (caller.expires_at and caller.expires_at <= at):
            return None
        call = Call(caller, at)
        cast(ApiRequest, request).call = call
        if not caller.is_allowed:
            seconds = max(1, math.ceil(caller.seconds_to_wait))
            message = f"More than {caller.requests_per_minute} requests a minute. Come back in {seconds} s."
            raise ApiError(429, "too_many_requests", message, headers={"Retry-After": str(seconds)})
        if self.scope and not caller.may(self.scope):
            message = f"The key {caller.name!r} lacks the scope `{self.scope}`. Make a key that has it."
            raise ApiError(403, "missing_scope", message, field=self.scope)
        return caller


@dataclass(frozen=True)
class Call:
    """Who calls, and the product's present."""

    caller: ApiCaller
    at: datetime

    @property
    def workspace_id(self) -> int:
        return self.caller.workspace_id

    @property
    def limits(self) -> dict[str, str]:
        """Headers as in the IETF draft `RateLimit header fields for HTTP` (draft 07: three whole numbers)."""
        return {
            "RateLimit-Limit": str(self.caller.requests_per_minute),
            "RateLimit-Remaining": str(max(0, math.floor(self.caller.tokens))),
            "RateLimit-Reset": str(math.ceil(self.caller.seconds_to_full)),
        }


class ApiRequest(HttpRequest):
    """A request that the door let in."""

    call: Call


class Api(NinjaAPI):
    """Ninja with what it leaves out: scopes in the document, values in its errors."""

    document: Json | None = None

    def get_openapi_schema(self, **given: Any) -> Any:
        """Made once: anybody may ask for it."""
        if self.document is None:
            made: Json = super().get_openapi_schema(**given)
            for operation in (each for methods in made["paths"].values() for each in methods.values()):
                scope = operation.pop("x-scope")
                operation["security"] = [{"Bearer": [scope] if scope else []}]
            made["components"]["securitySchemes"]["Bearer"]["description"] = "An API key, `ck_…`, with its scopes."
            self.document = made
        return self.document

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        return ValidationError(
            [
                {**error, "loc": (context.model.__ninja_param_source__, *error["loc"])}
                for context in error_contexts
                for error in context.pydantic_validation_error.errors(include_url=False)
            ]
        )


api = Api(
    title="Cultiva",
    version=__version__,
    description=DESCRIPTION,
    urls_namespace="api",
    docs_url=None,
    parser=JsonBodies(),
    servers=[{"url": settings.PUBLIC_URL}],
)
handle_errors(api)


def endpoint(
    method: str,
    path: str,
    *,
    scope: str,
    summary: str,
    answers: Mapping[int, type[BaseModel] | None],
    example: Json | None,
    body_example: Json | None = None,
    tag: str,
) -> Callable[[Callable[..., Answer | FileAnswer]], Callable[..., HttpResponse]]:
    """One operation: documented, authenticated, in one transaction of the caller's workspace.

    `answers` without a model, and no example: the answer is a file.
    """

    def decorate(view: Callable[..., Answer | FileAnswer]) -> Callable[..., HttpResponse]:
        known = set(_query_names(view))

        @wraps(view)
        def run(request: ApiRequest, **values: Any) -> HttpResponse:
            for name in request.GET:
                if name not in known:
                    raise unknown_field(name, known, kind="query parameter")
            with translation.override(accepted_language(request)), workspace_scope(request.call.workspace_id):
                note_use(request.call.caller, at=request.call.at)
                if method in WRITES:
                    return _once(request, lambda: cast(Answer, view(request, **values)))
                return _response(*view(request, **values))

        statuses = [401, 403, 422, 429, 500, *([404] if "{" in path else [])]
        statuses += [400, 409, 413, 415] if method in WRITES else []
        extra: Json = {
            "x-scope": scope or None,
            "responses": {
                status: {"content": {"application/json": {"example": example}} if model else FILE}
                for status, model in answers.items()
            },
        }  # fmt: skip
        if method in WRITES:
            extra["parameters"] = [IDEMPOTENCY_PARAMETER]
        if body_example is not None:
            extra["requestBody"] = {"content": {"application/json": {"example": body_example}}}
        api.api_operation(
            [method],
            path,
            auth=Bearer(scope),
            response={**answers, frozenset(statuses): Error},
            operation_id=view.__name__,
            summary=summary,
            tags=[tag],
            openapi_extra=extra,
        )(run)
        return run

    return decorate


def accepted_language(request: HttpRequest) -> str:
    """The first language of Accept-Language that we speak, else English. Django's own look-up would read a cookie."""
    accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    return next((code[:2] for code, _weight in accepted if code[:2] in ("es", "en")), "en")


FILE = {"application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}}
IDEMPOTENCY_PARAMETER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key with the same request has its effect once; the answer comes again, with the header"
    " `Idempotent-Replay: true`. Kept for two days.",
}


def _query_names(view: Callable[..., Any]) -> list[str]:
    """The names of the query parameters: those of the model annotated as `query`."""
    parameter = inspect.signature(view).parameters.get("query")
    model = parameter.annotation.__args__[0] if parameter and hasattr(parameter.annotation, "__args__") else None
    return list(model.model_fields) if model else []


def _once(request: ApiRequest, work: Callable[[], Answer]) -> HttpResponse:
    """Do the work, or answer as before where this Idempotency-Key has done it already."""
    name = request.headers.get("Idempotency-Key")
    if name is None:
        return _response(*work())
    if not 1 <= len(name) <= 255 or not name.isascii() or not name.isprintable():
        raise invalid("Idempotency-Key", name, "it must be 1 to 255 printable ASCII characters, for example a UUID.")
    asked = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    digest = hashlib.sha256(asked).hexdigest()
    kept = begin_once(caller=request.call.caller, idempotency_key=name, request_hash=digest, at=request.call.at)
    if kept is None:
        response = _response(*work())
        body = response.content.decode()
        keep_answer(caller=request.call.caller, idempotency_key=name, status=response.status_code, body=body)
        return response
    if not kept.is_same:
        message = "it was used for another request. Use a new one for each request."
        raise invalid("Idempotency-Key", name, message, code="idempotency_key_reused")
    headers = {"Idempotent-Replay": "true"}
    return HttpResponse(kept.body, status=kept.status, content_type="application/json", headers=headers)


def _response(status: int, body: Json | StreamingHttpResponse) -> HttpResponse:
    if isinstance(body, StreamingHttpResponse):
        return cast(HttpResponse, body)
    return HttpResponse(encode(body), status=status, content_type="application/json")


def encode(body: Json) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # a whole number of more than 64 bits, which jsonb keeps
        return orjson.dumps(_within_64_bits(body))


def _within_64_bits(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _within_64_bits(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_within_64_bits(each) for each in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def door(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Round every view of the API: the body read within its limit, and JSON whatever happens."""

    def pass_door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            request._body = _read_body(request)
            response = view(request, *args, **kwargs)
        except ApiError as error:
            response = error_response(error)
        except Exception as error:
            response = server_error(request, error)
        if response.status_code == 405:
            allowed = ", ".join(sorted(response.headers.get("Allow", "").split(", ")))
            message = f"{request.method} is not possible here. Possible: {allowed}."
            response = error_response(ApiError(405, "method_not_allowed", message, headers={"Allow": allowed}))
        call: Call | None = getattr(request, "call", None)
        for name, value in (call.limits if call else {}).items():
            response.headers[name] = value
        response.headers["Cache-Control"] = "no-store"
        return response

    pass_door.csrf_exempt = True  # type: ignore[attr-defined]  # no cookie is read, so there is nothing to forge
    return pass_door


def _read_body(request: HttpRequest) -> bytes:
    """Read here, because Django would refuse above the smaller limit of forms."""
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise ApiError(413, "too_large", f"A body may hold {MAX_BODY_BYTES} bytes. Send less at a time.")
    return body


def make_cursor(*parts: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def read_cursor(cursor: str | None, *readers: Callable[[Any], Any]) -> list[Any] | None:
    """The parts of a cursor, each read anew; None for the first page. Raises ApiError for one that we did not make."""
    if not cursor:
        return None
    try:
        parts = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [read(part) for read, part in zip(readers, parts, strict=True)]
    except (ValueError, TypeError, OverflowError) as error:
        raise bad_cursor(cursor) from error


def bad_cursor(cursor: str) -> ApiError:
    return invalid("cursor", cursor, "no page begins there. Start again without a cursor.")


def an_id(part: Any) -> int:
    if type(part) is not int or not 0 < part < 2**63:
        raise ValueError(part)
    return part


def an_instant(part: Any) -> datetime:
    found = datetime.fromisoformat(part)
    if found.tzinfo is None or not 1 < found.year < 9999:
        raise ValueError(part)
    return found


def paged(rows: list[Json], limit: int, cursor_of: Callable[[Json], str]) -> Json:
    """A page out of at most `limit` + 1 rows."""
    return {"data": rows[:limit], "next_cursor": cursor_of(rows[limit - 1]) if len(rows) > limit else None}
