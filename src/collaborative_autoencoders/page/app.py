"""The app of the page: its files, and what they ask. It answers the loopback address only."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le, MaxLen
from mlflow.exceptions import MlflowException
from pydantic import Strict
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collaborative_autoencoders.options import Options, read_options
from collaborative_autoencoders.serving.description import about_model

from .catalogue import Catalogue
from .champions import Champion, Champions, NotThere, no_champions
from .leaderboard import leaderboard_of

LOOPBACK = "127.0.0.1"
STATIC = Path(__file__).with_name("static")
JSON = "application/json"
HEADERS = {
    # a title that is read as HTML by mistake could still not run, load or send anything
    b"content-security-policy": b"default-src 'self'; img-src data:; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-cache",
}


class Asked(Options):
    """What the page asks a champion."""

    model: str
    user: Annotated[str, MaxLen(500)] | None
    """The id of a user, as it was typed."""
    picks: Annotated[list[str], MaxLen(500)]
    """The ids of items that the person likes, the newest last."""
    n: Annotated[int, Ge(1), Le(100)]
    explain: Annotated[int, Ge(0), Le(10)]
    diversify: Annotated[float, Ge(0), Le(1)]


class AskedSimilar(Options):
    """An item whose similar items the page asks for."""

    model: str
    item: Annotated[str, MaxLen(500)]
    """The id of the item, as a text."""
    n: Annotated[int, Strict(False), Ge(1), Le(100)]


def make_app(champions: Champions) -> Starlette:
    """Return the app. A request for another host than the loopback address gets status 400.

    So another site cannot reach it by a name that it lets point here (DNS rebinding).
    """

    def listed(request: Request) -> Response:
        found = champions.all()
        message = None if found else no_champions()
        return JSONResponse(
            {"champions": [_on_the_page(each) for each in found], "message": message}
        )

    def titles(request: Request) -> Response:
        return JSONResponse(catalogue().titles(request.query_params.get("typed", "")))

    def ratings(request: Request) -> Response:
        return JSONResponse(catalogue().rated_by(request.query_params.get("user", "")))

    def catalogue() -> Catalogue:
        return champions.catalogue(champions.shown_first())

    def similar(request: Request) -> Response:
        try:
            asked = read_options(AskedSimilar, dict(request.query_params))
        except ValueError as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        return JSONResponse(champions.similar(champions.named(asked.model), asked.item, asked.n))

    def leaderboard(request: Request) -> Response:
        return JSONResponse(leaderboard_of(each for each in champions.all() if not each.problem))

    async def recommend(request: Request) -> Response:
        if request.headers.get("content-type") != JSON:  # which a page of another site cannot send
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {JSON}")
        try:
            asked = read_options(Asked, await request.json())
        except (ValueError, RecursionError) as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        return await run_in_threadpool(answer, asked)

    def answer(asked: Asked) -> Response:
        champion = champions.named(asked.model)
        params = {"n": asked.n, "explain": asked.explain, "diversify": asked.diversify}
        return JSONResponse(champions.answer(champion, asked.user, asked.picks, params))

    return Starlette(
        routes=[
            Route("/champions", listed),
            Route("/titles", titles),
            Route("/ratings", ratings),
            Route("/similar", similar),
            Route("/leaderboard", leaderboard),
            Route("/recommend", recommend, methods=["POST"]),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        middleware=[
            Middleware(WithHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"]),
        ],
        exception_handlers={
            NotThere: refused(HTTPStatus.NOT_FOUND),
            MlflowException: refused(HTTPStatus.BAD_REQUEST),
        },
    )


class WithHeaders:
    """An app whose every answer has the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        """Put the headers in front of this app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS.items()]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def refused(status: HTTPStatus) -> Callable[[Request, Exception], Response]:
    """Return the handler that answers an error with its message."""

    def handler(request: Request, error: Exception) -> Response:
        message = error.message if isinstance(error, MlflowException) else str(error)
        return refusal(status, message)

    return handler


def refusal(status: HTTPStatus, message: str) -> Response:
    """Return an answer that the page shows in the place of a list."""
    return JSONResponse({"message": message}, status)


def _on_the_page(champion: Champion) -> dict[str, Any]:
    data = champion.data
    sizes = f"{data['items']:,} items, {data['users']:,} users" if data else ""
    return {
        "name": champion.name,
        "version": champion.version,
        "about": about_model(champion.name),
        "data": " · ".join(filter(None, (data.get("data_set"), sizes))),
        "figure": ", ".join(filter(None, [" ".join(champion.figure or ()), champion.sample])),
        "explains": "explain" in champion.params,
        "diversifies": "diversify" in champion.params,
        "problem": champion.problem,
    }
