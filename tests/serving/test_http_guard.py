"""The guard in front of MLflow's server: what it refuses, and when it lets work stop."""

import asyncio
import io
import json
import sys
import time
from contextlib import suppress
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from collaborative_autoencoders.serving import http_guard
from collaborative_autoencoders.serving.http_guard import (
    Guard,
    Served,
    guard_mlflow_server,
    served,
)
from collaborative_autoencoders.serving.limits import MEGABYTE, Limits

BODY = json.dumps({"dataframe_records": [{"user_id": 1}]}).encode()
LONG = BODY + b" " * http_guard.SHORT_BYTES
WORK = [BODY[:-1] + b', "params": {"%s": 1}}' % name for name in (b"explain", b"diversify")]
"""Bodies that are not long, and whose answers are."""
JSON = (b"content-type", b"application/json")


class App:
    """An app that waits until it may end, and remembers what it was asked."""

    def __init__(self, status=200):
        self.status, self.bodies, self.gone = status, [], []
        self.may_end = asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.bodies.append((await receive())["body"])
        is_gone = served.get().is_gone
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await self.may_end.wait()
        self.gone.append(is_gone())
        await send({"type": "http.response.body", "body": b"done"})


class Client:
    """A client that sends parts of a body and may hang up."""

    def __init__(self, *parts, headers=(JSON,)):
        self.scope = {"type": "http", "path": "/invocations", "method": "POST", "headers": headers}
        self.sent, self.received = asyncio.Queue(), []
        for place, part in enumerate(parts, 1):
            more = place < len(parts)
            self.sent.put_nowait({"type": "http.request", "body": part, "more_body": more})

    def hang_up(self):
        self.sent.put_nowait({"type": "http.disconnect"})

    async def send(self, message):
        self.received.append(message)

    async def ask(self, app):
        await app(self.scope, self.sent.get, self.send)

    @property
    def status(self):
        return self.received[0]["status"] if self.received else None

    @property
    def message(self):
        return json.loads(self.received[1]["body"])["message"]


async def turns_of_the_loop():
    for _ in range(20):
        await asyncio.sleep(0)


def answered(*parts, headers=(JSON,), **limits):
    """The client after its request, and the app that was or was not asked."""

    async def ask():
        app, client = App(), Client(*parts, headers=headers)
        app.may_end.set()
        guard = Guard(app, Limits(**limits), timeout=5)
        await client.ask(guard)
        assert guard.bytes == 0
        return client, app

    return asyncio.run(ask())


def test_a_valid_request_reaches_the_app_as_it_was_sent():
    client, app = answered(BODY[:9], BODY[9:])
    assert app.bodies == [BODY]
    assert client.received[1]["body"] == b"done"


@pytest.mark.parametrize("parts", [1, 3])
def test_a_body_that_passes_the_limit_is_refused_with_the_limit_and_its_name(parts):
    client, app = answered(*[b" " * (MEGABYTE // parts + 1)] * parts, max_body_mb=1)
    assert client.status == 413
    assert "the limit is 1 MB" in client.message
    assert "raise RECOMMENDER_MAX_BODY_MB" in client.message
    assert app.bodies == []


def test_a_client_that_waits_for_permission_does_not_send_a_body_that_is_too_large():
    announced = [JSON, (b"content-length", b"9999999"), (b"expect", b"100-continue")]
    client, _ = answered(headers=announced, max_body_mb=1)
    assert client.status == 413


def test_a_misspelt_param_is_refused_before_mlflow_drops_it():
    request = {"dataframe_records": [{"user_id": 1}], "params": {"exclude_sen": False}}
    client, app = answered(json.dumps(request).encode())
    assert client.status == 400
    assert "did you mean 'exclude_seen'?" in client.message
    assert app.bodies == []


def test_a_request_without_a_content_type_is_refused():
    client, _ = answered(BODY, headers=())
    assert client.status == 415


def parquet_of(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": [1] * 5}, "the request has 5 rows, and the limit is 4"),
        ({"user_id": [1], "histroy": [[1]]}, "did you mean 'history'"),
        ({"history": [[1] * (MEGABYTE + 1)]}, "1,048,577 values"),
    ],
)
def test_a_parquet_file_is_checked_before_it_is_read(columns, message):
    kind = (b"content-type", b"application/vnd.apache.parquet")
    client, app = answered(parquet_of(**columns), headers=[kind], max_rows=4, max_body_mb=1)
    assert client.status == 400
    assert message in client.message
    assert app.bodies == []


@pytest.mark.parametrize("body", [parquet_of(user_id=[1], history=[[1, 2]]), b"PAR1 no file"])
def test_other_parquet_is_left_to_mlflow(body):
    kind = (b"content-type", b"application/vnd.apache.parquet")
    assert answered(body, headers=[kind])[1].bodies == [body]


def test_a_body_that_does_not_arrive_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(http_guard, "SECONDS_TO_ARRIVE", 0.01)
    client, app = answered(headers=(JSON,))
    assert client.status == 408
    assert app.bodies == []


def test_bodies_that_wait_are_bounded_together():
    client, app = answered(b" " * MEGABYTE, max_waiting_mb=1)
    assert client.status == 503
    assert "RECOMMENDER_MAX_WAITING_MB" in client.message
    assert app.bodies == []


async def crowd(guard, clients):
    tasks = [asyncio.create_task(client.ask(guard)) for client in clients]
    await turns_of_the_loop()
    return tasks


def test_a_request_that_waits_is_dropped_with_its_client():
    async def ask():
        app, clients = App(), [Client(LONG) for _ in range(4)]
        tasks = await crowd(Guard(app, Limits(at_once=3), timeout=5), clients)
        assert len(app.bodies) == 2
        clients[2].hang_up()
        await turns_of_the_loop()
        app.may_end.set()
        await asyncio.gather(*tasks)
        return app, clients

    app, clients = asyncio.run(ask())
    assert len(app.bodies) == 3
    assert [client.status for client in clients] == [200, 200, None, 200]


@pytest.mark.parametrize("long", [LONG, *WORK])
@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_short_requests_have_one_turn_after_another_beside_long_ones(at_once, long):
    async def ask():
        app, clients = App(), [Client(BODY), Client(BODY), Client(long)]
        tasks = await crowd(Guard(app, Limits(at_once=at_once), timeout=5), clients)
        together = [*app.bodies]
        app.may_end.set()
        await asyncio.gather(*tasks)
        assert len(app.bodies) == 3
        return together

    assert asyncio.run(ask()) == [BODY, long][:at_once]


def test_a_request_that_waits_too_long_is_refused():
    async def ask():
        app, clients = App(), [Client(BODY) for _ in range(2)]
        tasks = await crowd(Guard(app, Limits(at_once=1), timeout=0.02), clients)
        await tasks[1]
        app.may_end.set()
        await tasks[0]
        return clients

    first, second = asyncio.run(ask())
    assert (first.status, second.status) == (200, 503)
    assert "waited" in second.message


def test_a_request_goes_to_its_endpoint_alone_and_all_else_to_the_app():
    asked = []

    async def endpoint(request):
        asked.append((await request.body(), served.get().limits.max_rows))
        return Response("an answer", 418, media_type="text/plain")

    async def ask():
        app, client, other = App(), Client(BODY), Client(BODY)
        app.may_end.set()
        invocations = http_guard.without_middleware(endpoint, 5)
        guard = Guard(app, Limits(max_rows=7), timeout=5, invocations=invocations)
        await client.ask(guard)
        assert app.bodies == []
        other.scope["path"] = "/ping"
        served.set(Served(Limits(), lambda: False))
        await other.ask(guard)
        assert app.bodies == [BODY]
        return client.received

    start, body = asyncio.run(ask())
    assert asked == [(BODY, 7)]
    assert (start["status"], body["body"]) == (418, b"an answer")
    assert (b"content-length", b"9") in start["headers"]


def test_an_endpoint_that_takes_too_long_is_answered_504_and_keeps_its_turn_until_it_ends():
    at_once, most = [], []

    def work(is_gone):
        at_once.append(None)
        most.append(len(at_once))
        while not is_gone():  # as a model asks before each batch
            time.sleep(0.001)
        time.sleep(0.05)
        at_once.pop()
        raise ValueError("for nobody")

    async def endpoint(request):
        await asyncio.to_thread(work, served.get().is_gone)

    async def ask():
        clients = [Client(BODY) for _ in range(3)]
        invocations = http_guard.without_middleware(endpoint, 0.01)
        guard = Guard(App(), Limits(), timeout=5, invocations=invocations)
        await asyncio.gather(*(client.ask(guard) for client in clients))
        assert guard.bytes == 0
        return [client.received for client in clients]

    for start, body in asyncio.run(ask()):
        assert (start["status"], body["body"]) == (504, http_guard.TOO_LONG.encode())
    assert most == [1, 1, 1]


@pytest.mark.parametrize(("status", "hangs_up"), [(200, True), (504, False)])
def test_a_model_learns_that_its_client_has_left_or_was_answered_504(status, hangs_up):
    async def ask():
        app, client = App(status), Client(BODY)
        (task,) = await crowd(Guard(app, Limits(), timeout=5), [client])
        if hangs_up:
            client.hang_up()
            await turns_of_the_loop()
        app.may_end.set()
        await task
        return app.gone

    assert asyncio.run(ask()) == [True]


def test_a_model_whose_client_waits_is_not_stopped():
    _, app = answered(BODY)
    assert app.gone == [False]


def test_other_paths_are_not_guarded():
    async def ask():
        app, client = App(), Client(b"")
        client.scope["path"] = "/ping"
        with suppress(LookupError):  # nothing is set for a request that is not guarded
            await client.ask(Guard(app, Limits(), timeout=5))
        return app.bodies

    assert asyncio.run(ask()) == [b""]


def test_the_server_gets_the_guarded_app_of_a_module_that_is_being_imported(monkeypatch):
    module = ModuleType("app")
    monkeypatch.setitem(sys.modules, http_guard.MLFLOW_APP, module)
    guard_mlflow_server(Limits(max_rows=3))
    exec("app = 'the app of MLflow'", vars(module))
    assert isinstance(module.app, Guard)
    assert (module.app.app, module.app.limits.max_rows) == ("the app of MLflow", 3)


def test_requests_to_the_model_go_to_the_endpoint_of_mlflow_s_app_past_its_middleware(monkeypatch):
    module = ModuleType("app")
    monkeypatch.setitem(sys.modules, http_guard.MLFLOW_APP, module)
    guard_mlflow_server(Limits())
    module.app_ = app = FastAPI()
    asked = []

    @app.middleware("http")
    async def slow(request, call_next):
        asked.append("middleware")
        return await call_next(request)

    @app.post("/invocations")
    async def answer(request: Request):
        asked.append("endpoint")
        return Response(await request.body())

    exec("app = app_", vars(module))
    client = Client(BODY)
    asyncio.run(client.ask(module.app))
    assert client.received[1]["body"] == BODY
    assert asked == ["endpoint"]


def test_a_process_without_mlflow_s_server_is_not_changed(monkeypatch):
    monkeypatch.delitem(sys.modules, http_guard.MLFLOW_APP, raising=False)
    guard_mlflow_server(Limits())
    assert http_guard.MLFLOW_APP not in sys.modules


def test_a_limit_is_read_from_its_environment_variable():
    assert Limits.of({"RECOMMENDER_MAX_ROWS": "7", "OTHER": "x"}) == Limits(max_rows=7)
    for text in ("", "0", "-1", "1.5", "many", "²"):
        with pytest.raises(ValueError, match="RECOMMENDER_AT_ONCE is .*: set it to a positive"):
            Limits.of({"RECOMMENDER_AT_ONCE": text})
