"""An ASGI app in front of MLflow's scoring server: limits, names, and clients that are gone.

MLflow 3.17's server reads a body of any size, answers requests in a pool of threads whose queue has
no end, and goes on with a request whose client has hung up or was answered with status 504.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from contextvars import ContextVar
from functools import partial
from http import HTTPStatus
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from .limits import MEGABYTE, Limits, passed, variable_of
from .names import check_json
from .parquet import check_parquet
from .requests import BadRequest, Wanted

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Endpoint = Callable[[Any], Awaitable[App]]
"""Returns the response to a request, which is an app itself."""

MLFLOW_APP = "mlflow.pyfunc.scoring_server.app"
PATH, JSON, PARQUET = "/invocations", "application/json", "application/vnd.apache.parquet"
BUSY, LATER = "the server is busy", "Send it again later"
TOO_LONG = "Request processing time exceeded limit"
"""MLflow's answer to a request that takes too long."""
SECONDS_TO_ARRIVE = 30.0
"""The time that a body may take."""
OVERHEAD_BYTES = 16_384
"""What a request takes beside its body."""
IN_A_THREAD_BYTES = 262_144
"""A larger body is checked in a thread, so that other requests do not wait."""
SHORT_BYTES = 2_048
"""Requests with at most this body, such as one user's, are answered one after another.

Python runs one thread at a time. Four such requests in four threads take a fifth more CPU time
than in turn, because each takes the interpreter from the others.
"""
LONG_PARAMS = (b'"explain"', b'"diversify"')
"""Params whose requests are not short, whatever their size: a row is scored once more per item of
its history, or compared item by item."""


class Served(NamedTuple):
    """What a model must know of the server that it answers for."""

    limits: Limits
    is_gone: Callable[[], bool]
    """Whether the client has hung up or has been answered that the request took too long."""


served: ContextVar[Served] = ContextVar("served")
"""Set in MLflow's thread that answers a request, and only there."""


class Refused(Exception):
    """Error for a request that is answered without MLflow: a status and a message."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        """Create the error; the code in the answer is the name of the status."""
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """Error for a client that has hung up: an answer would not be read."""


class Guard:
    """The app that checks a request before MLflow reads it, and notices clients that leave.

    At most `at_once` requests are in MLflow's threads, one of them a short one, which does not wait
    for long ones. The others wait as bytes, and a request that waits is dropped when its client
    hangs up.
    """

    def __init__(
        self,
        app: App,
        limits: Limits,
        timeout: float,
        offered: Collection[str] = Wanted._fields,
        invocations: App | None = None,
    ) -> None:
        """Create the guard of an app. A request waits at most `timeout` seconds for others.

        `offered` are the params that the version has. `invocations` answers the requests that are
        guarded; None means the app.
        """
        self.app, self.limits, self.timeout, self.offered = app, limits, timeout, offered
        self.invocations = invocations or app
        self.short_turn = asyncio.Semaphore(1)
        others = limits.at_once - 1
        self.long_turns = asyncio.Semaphore(others) if others else self.short_turn
        self.bytes = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        visit = Visit(self, scope, receive, send)
        try:
            await visit.answer()
        except Refused as refusal:
            await send_refusal(send, refusal)
        except Gone:
            pass
        finally:
            self.bytes -= visit.bytes


class Visit:
    """One request on its way through the guard."""

    def __init__(self, guard: Guard, scope: Message, receive: Receive, send: Send) -> None:
        """Create the visit; nothing is read yet."""
        self.guard, self.scope, self.receive, self.send = guard, scope, receive, send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.bytes = 0
        self.gone = threading.Event()

    async def answer(self) -> None:
        """Read, wait, check, and let MLflow answer. Raises Refused, or Gone without an answer."""
        body = await self._body()
        leaving = asyncio.create_task(self._leave())
        try:
            is_long = len(body) > SHORT_BYTES or any(param in body for param in LONG_PARAMS)
            turns = self.guard.long_turns if is_long else self.guard.short_turn
            await self._turn(turns, leaving)
            try:
                await self._check(body)
                served.set(Served(self.guard.limits, self.gone.is_set))
                await self.guard.invocations(self.scope, once(body, leaving), self._send)
            finally:
                turns.release()
        finally:
            leaving.cancel()

    def _fits(self, size: int) -> bool:
        """Count bytes until the visit ends; return whether those of all visits are in the limit."""
        self.bytes += size
        self.guard.bytes += size
        return self.guard.bytes <= self.guard.limits.max_waiting_mb * MEGABYTE

    async def _body(self) -> bytes:
        """Return the body. One that is refused is read to its end first, and not kept.

        Otherwise its client, which still sends, could not read the refusal.
        """
        limit, size, parts = self.guard.limits.max_body_mb * MEGABYTE, 0, []
        announced = int(self.headers.get(b"content-length", b"0"))
        waits_for_permission = b"expect" in self.headers
        fits = self._fits(OVERHEAD_BYTES)
        more = not (announced > limit and waits_for_permission)
        try:
            async with asyncio.timeout(SECONDS_TO_ARRIVE):
                while more:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    part, more = message.get("body", b""), message.get("more_body", False)
                    size += len(part)
                    if size <= limit and fits:
                        fits = self._fits(len(part))
                        parts.append(part)
        except TimeoutError:
            if size <= limit:
                raise Refused(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"the body did not arrive in {SECONDS_TO_ARRIVE:.0f} seconds",
                ) from None
        if max(size, announced) > limit:
            what = f"the body has {max(size, announced):,} bytes"
            message_ = passed(what, "max_body_mb", self.guard.limits, "send fewer rows at once")
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message_)
        if not fits:
            message_ = f"the requests that it holds would pass {variable_of('max_waiting_mb')}"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{BUSY}: {message_}. {LATER}")
        return b"".join(parts)

    async def _leave(self) -> None:
        """Return when the client has hung up or has its whole answer."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def _turn(self, turns: asyncio.Semaphore, leaving: "asyncio.Task[None]") -> None:
        """Wait for a turn. Raises Gone if the client leaves, and Refused after the timeout."""
        if not turns.locked():
            await turns.acquire()  # at once
            return
        turn = asyncio.create_task(turns.acquire())
        await asyncio.wait(
            {turn, leaving}, timeout=self.guard.timeout, return_when=asyncio.FIRST_COMPLETED
        )
        if turn.done():
            return
        turn.cancel()
        if leaving.done():
            raise Gone
        message = f"the request waited {self.guard.timeout:.0f} seconds for others"
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{BUSY}: {message}. {LATER}")

    async def _check(self, body: bytes) -> None:
        """Raise Refused if the content type is missing, or for what MLflow would not notice."""
        kind = self.headers.get(b"content-type")
        if kind is None:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"no header Content-Type: send {JSON}")
        checks: dict[str, Callable[[bytes], None]] = {
            JSON: partial(check_json, offered=self.guard.offered),
            PARQUET: partial(check_parquet, limits=self.guard.limits),
        }
        check = checks.get(kind.partition(b";")[0].strip().decode("latin-1"))
        try:
            if check is not None and len(body) > IN_A_THREAD_BYTES:
                await asyncio.to_thread(check, body)
            elif check is not None:
                check(body)
        except BadRequest as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None

    async def _send(self, message: Message) -> None:
        """Pass a message on. After MLflow's answer to a request that took too long, work stops."""
        if message.get("status") == HTTPStatus.GATEWAY_TIMEOUT:
            self.gone.set()
        await self.send(message)


def once(body: bytes, leaving: "asyncio.Task[None]") -> Receive:
    """Return the `receive` of an app: the body, and later that the client has left."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.wait({leaving})
        return {"type": "http.disconnect"}

    return receive


def without_middleware(endpoint: Endpoint, timeout: float) -> App:
    """Return the app of one endpoint, which answers with status 504 after so many seconds.

    It returns when the endpoint has ended: a thread that goes on after the answer keeps its turn.
    FastAPI's way to it, with MLflow's middleware for this timeout, is a fifth of the CPU time of a
    request of one user.
    """
    from starlette.requests import Request
    from starlette.responses import Response

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        answering = asyncio.ensure_future(endpoint(Request(scope, receive)))
        try:
            await asyncio.wait({answering}, timeout=timeout)
            if answering.done():
                await answering.result()(scope, receive, send)
                return
            too_long = Response(TOO_LONG, HTTPStatus.GATEWAY_TIMEOUT, media_type=JSON)
            await too_long(scope, receive, send)
            await asyncio.wait({answering})
            answering.exception()  # nothing is left to answer
        finally:
            answering.cancel()

    return app


async def send_refusal(send: Send, refusal: Refused) -> None:
    """Send a refusal in the form of MLflow's errors."""
    content = {"error_code": refusal.status.name, "message": str(refusal)}
    headers = [(b"content-type", JSON.encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


class GuardedModule(ModuleType):
    """MLflow's module of the app, which gives the server the guarded app."""

    limits: Limits
    operation: Mapping[str, Any]
    offered: Collection[str]

    @property
    def app(self) -> Guard:
        """The app of MLflow behind a guard, with the model's types on its OpenAPI page."""
        from mlflow.environment_variables import MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT

        app, timeout = vars(self)["app"], float(MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.get())
        invocations = None
        for route in getattr(app, "routes", ()):
            if route.path == PATH:
                route.openapi_extra = dict(self.operation)
                invocations = without_middleware(route.endpoint, timeout)
        return Guard(app, self.limits, timeout, self.offered, invocations)


def guard_mlflow_server(
    limits: Limits,
    operation: Mapping[str, Any] = MappingProxyType({}),
    offered: Collection[str] = Wanted._fields,
) -> None:
    """Guard the app that MLflow's server is about to make; do nothing in any other process.

    `operation` is what the server's OpenAPI page says of a request to the model, and `offered` are
    the params in the signature of the version.
    The server imports a module of MLflow, which loads the model and then makes the app `app`. A
    model has no other place in which it can add to the server that it is loaded by.
    """
    module = sys.modules.get(MLFLOW_APP)
    if module is not None and "app" not in vars(module):
        module.__class__ = GuardedModule
        vars(module).update(limits=limits, operation=operation, offered=offered)
