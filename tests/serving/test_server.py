"""Requests over HTTP to `mlflow models serve`."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import projects
import pytest
import served
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lists import assert_same_lists, assert_well_formed, by_place, evaluated_lists, first_of_lists

from collaborative_autoencoders.serving.requests import Wanted

PACKAGE = "collaborative_autoencoders"
USERS = [f"user-{number:02d}" for number in range(60)]
FILMS = [f"film-{number:02d}" for number in range(40)]

KNOWN = {"user_id": "user-07"}
NEWER = {"user_id": "user-07", "history": ["film-02", "film-04"]}
RERATED = {"user_id": "user-08", "history": FILMS[:20], "ratings": [1, 5] * 10}
UNSEEN = {"user_id": "new-user", "history": ["film-01", "film-03"]}
RATED = {"user_id": None, "history": ["film-01", "film-02", "film-03"], "ratings": [5, 1.5, 4]}
UNKNOWN = {"user_id": "new-user", "history": ["film-99", "film-98"]}
EMPTY = {"user_id": None, "history": None, "ratings": None}
KINDS = {
    "known": KNOWN,
    "newer": NEWER,
    "rerated": RERATED,
    "unseen": UNSEEN,
    "rated": RATED,
    "unknown": UNKNOWN,
    "empty": EMPTY,
}


def predicted(model, rows, **params):
    """The answer of `predict` in this process."""
    return model.predict(pd.DataFrame(rows), params=params)


def unseen_items(champion, **row):
    """Every item that may be in the list of this row."""
    return predicted(champion, [row], n=len(FILMS))["item_id"].tolist()


# --- answers ---


def test_inference_predict_and_http_give_all_users_the_same_lists(
    server, champion, registered, tmp_path
):
    project = projects.copy_with_store(registered, tmp_path / "world")
    params = {"registration": {"enabled": True}, "inference": {"batch_size": 7}}
    projects.run(project, pipelines=["inference"], params=params)
    batch = pd.read_parquet(project / "data/07_model_output/recommendations.parquet")
    rows = [{"user_id": user} for user in batch["user_id"].drop_duplicates()]
    assert [row["user_id"] for row in rows] == USERS
    over_http, in_process = server.ask(rows).table, predicted(champion, rows)
    assert_same_lists(over_http, in_process)
    written = batch.assign(row=batch["user_id"].map(USERS.index), unknown_items=0)
    assert_same_lists(written, in_process)


def test_the_code_of_a_version_answers_where_the_package_is_not_installed(champion, tmp_path):
    version = champion._model_impl.context.artifacts["recommender"]
    folder = Path(version).parents[1]
    assert not (folder / "code" / PACKAGE / "pipelines").exists()
    asks = f"""
import sys, pandas as pd
sys.path[:] = [place for place in sys.path if place != {str(projects.SOURCES)!r}]
sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in str(each).lower()]
import mlflow
model = mlflow.pyfunc.load_model({str(folder)!r})
print(model.predict(pd.DataFrame([{KNOWN!r}]), params={{"n": 3}})["item_id"].tolist())
print(sys.modules[{PACKAGE!r}].__file__)
"""
    process = subprocess.run(
        [sys.executable, "-c", asks],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    answer, place = process.stdout.splitlines()[-2:]
    assert answer == str(predicted(champion, [KNOWN], n=3)["item_id"].tolist())
    assert Path(place).is_relative_to(folder / "code")


def test_a_new_process_has_the_lists_that_were_evaluated(server, registered):
    evaluated = evaluated_lists(registered, "cdae")
    answer = server.ask([{"user_id": user} for user in evaluated]).table
    assert first_of_lists(answer, evaluated) == evaluated
    numbers = answer["item_id"].str.removeprefix("film-").astype(int).astype(str)
    assert answer["title"].str.split().str[-1].tolist() == numbers.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_row_has_the_answer_of_predict(server, champion, kind):
    answer = server.ask([KINDS[kind]])
    assert_well_formed(answer.lines)
    assert len(answer.lines) == 10
    assert_same_lists(answer.table, predicted(champion, [KINDS[kind]]))


def test_one_request_may_have_rows_of_all_kinds(server, champion):
    rows = [*KINDS.values()]
    answer = server.ask(rows, n=4).table
    assert_same_lists(answer, predicted(champion, rows, n=4))
    assert answer["user_id"].tolist()[::4] == [row["user_id"] for row in rows]
    sources = ["model"] * 5 + ["popularity"] * 2
    assert answer["source"].tolist()[::4] == sources
    assert answer["unknown_items"].tolist()[::4] == [0, 0, 0, 0, 0, 2, 0]


def test_one_line_per_row_has_the_lists_of_one_line_per_place(server):
    rows = [*KINDS.values()]
    whole = server.ask(rows, n=4, explain=1, one_line_per_row=True).lines
    assert [line["row"] for line in whole] == [*range(len(rows))]
    assert by_place(whole) == server.ask(rows, n=4, explain=1).lines
    unrated = server.ask([KNOWN], only_items=["film-99"], one_line_per_row=True).lines
    assert (unrated[0]["user_id"], unrated[0]["item_id"]) == (KNOWN["user_id"], [])


@pytest.mark.parametrize(
    "params",
    [
        {"n": 1},
        {"n": 1000},
        {"n": 5, "explain": 2},
        {"n": 5, "diversify": 0.5},
        {"diversify": 1},
        {"exclude_seen": False, "n": 40},
        {"exclude_items": ["film-00", "film-03", "film-99"], "n": 40},
        {"only_items": ["film-00", "film-03", "film-05", "film-99"]},
        {"only_items": ["film-00", "film-05"], "exclude_items": ["film-00"]},
        {"only_items": [], "exclude_items": []},
        {"n": None},
    ],
)
def test_every_param_has_the_effect_it_has_in_predict(server, champion, params):
    rows = [KNOWN, RATED, EMPTY]
    answer = server.ask(rows, **params)
    assert_well_formed(answer.lines, by_score="diversify" not in params)
    assert_same_lists(answer.table, predicted(champion, rows, **params))
    assert not set(answer.table["item_id"]) & set(params.get("exclude_items", []))
    assert set(answer.table["item_id"]) <= set(params.get("only_items") or FILMS)


@pytest.mark.parametrize(
    "request_",
    [
        {"dataframe_records": [KNOWN, RATED]},
        {
            "dataframe_split": {
                "columns": ["ratings", "user_id", "history"],
                "index": [7, 7],
                "data": [[None, "user-07", None], [RATED["ratings"], None, RATED["history"]]],
            }
        },
        {"inputs": [KNOWN, RATED]},
    ],
    ids=lambda request: next(iter(request)),
)
def test_the_forms_of_a_request_that_mlflow_reads_have_the_same_answer(server, champion, request_):
    answer = server.send(request_ | {"params": {"n": 3}})
    assert_same_lists(answer.table, predicted(champion, [KNOWN, RATED], n=3))


def test_a_request_without_rows_has_an_answer_without_lines(server):
    split = {"columns": ["user_id"], "data": []}
    assert server.send({"dataframe_split": split}).lines == []


@pytest.mark.parametrize("n", [10**9, 2**63, 10**30])
def test_with_a_huge_n_a_list_has_every_item_left(server, champion, n):
    seen = ["film-00", "film-05"]
    lines = server.ask([{"history": seen}], n=n).lines
    assert_well_formed(lines)
    assert {line["item_id"] for line in lines} == set(unseen_items(champion, history=seen))
    assert len(lines) == len(set(FILMS) - set(seen))


@pytest.mark.parametrize("user", ["user-07", None])
def test_a_history_of_ten_thousand_items_is_answered(server, user):
    unknown = [f"unknown-{number}" for number in range(9_000)]
    history = unknown[:5_000] + FILMS[:10] * 100 + unknown[5_000:]
    lines = server.ask([{"user_id": user, "history": history}], n=40).lines
    assert_well_formed(lines)
    assert {line["unknown_items"] for line in lines} == {9_000}
    assert {line["source"] for line in lines} == {"model"}
    assert not {line["item_id"] for line in lines} & set(FILMS[:10])


@pytest.mark.parametrize(
    ("row", "params", "message"),
    [
        ({"user_id": "user-07", "histroy": []}, {}, "unknown column 'histroy'"),
        ({"user_id": "user-07", "surprise": 1}, {}, "unknown column 'surprise'"),
        ({"user_id": "user-07"}, {"exclude_sen": False}, "did you mean 'exclude_seen'"),
        ({"user_id": "user-07"}, {"surprise": [{}]}, "unknown param 'surprise'"),
    ],
)
def test_an_unknown_param_or_column_is_refused(server, row, params, message):
    answer = server.ask([row], **params)
    assert answer.status == 400
    assert message in answer.message


def test_a_request_that_passes_a_limit_is_refused_with_the_limit_and_its_variable(server):
    rows = server.ask([KNOWN] * 10_001)
    assert rows.status == 400
    assert "10,001 rows, and the limit is 10,000" in rows.message
    assert "raise RECOMMENDER_MAX_ROWS" in rows.message
    body = server.post(b" " * (9 * 2**20))
    assert body.status == 413
    assert "the limit is 8 MB" in body.message


# --- integer ids ---


def test_integers_stay_integers_beside_a_null(numbered_server, numbered):
    rows = [
        {"user_id": 1007},
        {"user_id": None, "history": [10, 30, 7777]},
        {"user_id": float("nan")},
        {"user_id": 5},
    ]
    answer = numbered_server.ask(rows, n=2)
    assert [line["user_id"] for line in answer.lines] == [1007] * 2 + [None] * 4 + [5] * 2
    assert {type(line["user_id"]) for line in answer.lines} == {int, type(None)}
    assert {type(line["item_id"]) for line in answer.lines} == {int}
    assert [line["unknown_items"] for line in answer.lines] == [0, 0, 1, 1, 0, 0, 0, 0]
    expected = numbered.answer(pd.DataFrame(rows), Wanted(n=2))
    assert_same_lists(answer.table, expected)


@pytest.mark.parametrize("user", [0, -3, 2**53 + 1, 2**63 - 1, 2**64, 10**30])
def test_an_unknown_integer_id_is_returned_with_all_its_digits(numbered_server, user):
    answer = numbered_server.ask([{"user_id": user, "history": [0, 20]}], n=2)
    assert [line["user_id"] for line in answer.lines] == [user, user]


def test_params_with_integer_ids_include_and_exclude_items(numbered_server):
    answer = numbered_server.ask([EMPTY], only_items=[0, 10, 20, 7777], exclude_items=[10])
    assert {line["item_id"] for line in answer.lines} == {0, 20}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"user_id": "1007"}], "row 0: user_id has '1007', and ids must be integers"),
        ([{"user_id": 1007.5}], "row 0: user_id has 1007.5, and ids must be integers"),
        ([{"user_id": True}], "row 0: user_id has True"),
        ([{"user_id": 2**53 + 1}, {"user_id": None}], "may have lost its last digits"),
        ([{"history": ["10"]}], "row 0: history has '10'"),
    ],
)
def test_an_id_that_is_not_an_integer_is_refused(numbered_server, rows, message):
    answer = numbered_server.ask(rows)
    assert answer.status == 400
    assert message in answer.message


# --- requests that are refused ---


def records(*rows, **params):
    return {"dataframe_records": list(rows), "params": params}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ([KNOWN], "must be a JSON dictionary with exactly one of the input fields"),
        (records() | {"inputs": []}, "exactly one of the input fields"),
        ({"rows": [KNOWN]}, "unknown key 'rows'"),
        (records({"usr_id": "user-07"}), "unknown column 'usr_id'"),
        (records({"ratings": [5]}), "no column user_id and no column history"),
        (records(), "no column user_id and no column history"),
        (records("user-07"), "no column user_id and no column history"),
        ({"dataframe_records": KNOWN}, "must be a list of records"),
        ({"dataframe_split": {"columns": ["user_id"]}}, "must have 'data' field"),
        ({"dataframe_split": {"columns": ["user_id"], "data": [[1, 2]]}}, "1 columns passed"),
        (
            {"dataframe_split": {"columns": ["user_id"] * 2, "data": [["user-07", "user-08"]]}},
            "Length of values",
        ),
        (records(KNOWN, {"user_id": 7}), "row 1: user_id has 7, and ids must be strings"),
        (records({"user_id": ["user-07"]}), "row 0: user_id has ['user-07']"),
        (records({"user_id": {"user": "07"}}), "row 0: user_id has {'user': '07'}"),
        (records(KNOWN, {"history": "film-01"}), "row 1: history is 'film-01': send a list"),
        (records({"history": {"film-01": 5}}), "row 0: history is {'film-01': 5}: send a list"),
        (records({"history": ["film-01", 2]}), "row 0: history has 2, and ids must be strings"),
        (records({"history": ["film-01", None]}), "row 0: history has None"),
        (records({"history": ["a", ["b", ["c"]]]}), "row 0: history has ['b', ['c']]"),
        (records({"history": ["film-01"], "ratings": 5}), "row 0: ratings is 5: send a list"),
        (records({"history": ["film-01"], "ratings": ["5"]}), "row 0: ratings has '5'"),
        (records({"history": ["film-01"], "ratings": [float("nan")]}), "row 0: ratings has nan"),
        (records({"history": ["film-01"], "ratings": [float("inf")]}), "row 0: ratings has inf"),
        (records({"history": ["film-01"], "ratings": [6]}), "has 6: ratings must be from 1 to 5"),
        (records({"history": ["film-01"], "ratings": [4, 5]}), "row 0: 2 ratings for a history"),
        (records(KNOWN, n=0), "n is 0: send an integer of at least 1"),
        (records(KNOWN, n=-1), "n is -1: send an integer of at least 1"),
        (records(KNOWN, n=-(10**30)), "send an integer of at least 1"),
        (records(KNOWN, n="a"), "Failed to validate type and shape for 'n'"),
        (records(KNOWN, n=2.5), "Failed to validate type and shape for 'n'"),
        (records(KNOWN, n=True), "Failed to validate type and shape for 'n'"),
        (records(KNOWN, n=[3]), "Failed to validate type and shape for 'n'"),
        (records(KNOWN, diversify=1.5), "diversify is 1.5: send a number from 0 to 1"),
        (records(KNOWN, diversify="a"), "Failed to validate type and shape for 'diversify'"),
        (records(KNOWN, exclude_seen="no"), "type and shape for 'exclude_seen'"),
        (records(KNOWN, only_items="film-01"), "1D array with shape (-1,) for param 'only_items'"),
        (records(KNOWN, only_items=[1]), "type and shape for 'only_items'"),
        (records(KNOWN, only_items=[None]), "only_items has None"),
        (records(KNOWN, exclude_items={"film-01": 1}), "for param 'exclude_items'"),
        (records(KNOWN, exclude_items=[["film-01"]]), "for param 'exclude_items'"),
        (
            {"instances": [{"history": ["film-01"]}, {"history": ["film-01", "film-02"]}]},
            'send the same rows as {"dataframe_records": [...]}',
        ),
        # an error in MLflow itself, without details
        (records(KNOWN, only_items=[["a"], ["b", "c"]]), "unexpected error while evaluating"),
        ({"dataframe_records": [KNOWN], "params": [3]}, "Parameters must be a dictionary"),
    ],
)
def test_a_bad_request_has_status_400_and_a_message(server, request_, message):
    answer = server.send(request_)
    assert answer.status == 400
    assert message in answer.message


@pytest.mark.parametrize("body", [b"", b"what?", b'{"dataframe_records": [', b"\xff\xfe\x00"])
def test_a_body_that_is_not_json_has_status_400_and_a_message(server, body):
    answer = server.post(body)
    assert answer.status == 400
    assert "Ensure that input is a valid JSON formatted string" in answer.message


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "anything; a=b"])
def test_a_wrong_content_type_has_status_415_and_a_message(server, content_type):
    answer = server.post(json.dumps(records(KNOWN)).encode(), content_type)
    assert answer.status == 415
    assert answer.text


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b'{"dataframe_split": {"columns": [{"a": 1}], "data": [[1]]}}', served.JSON, "column {"),
        (b"[" * 300_000 + b"]" * 300_000, served.JSON, "more than 32 levels"),
        (b'{"inputs": [{"user_id": ' + b"7" * 5_000 + b"}]}", served.JSON, "4,300 digits"),
        (json.dumps(records(KNOWN)).encode(), None, "no header Content-Type"),
    ],
    ids=["a column named by a dictionary", "300,000 deep", "5,000 digits", "no content type"],
)
def test_what_mlflow_answers_with_status_500_is_refused_before(server, body, content_type, message):
    answer = server.post(body, content_type)
    assert answer.status in (400, 415)
    assert message in answer.message


# --- random requests ---

characters = st.characters()  # also unpaired surrogates
texts = st.text(characters, max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**400])
    | st.floats()
    | texts
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
films = st.sampled_from([*FILMS, "film-99"])
users = st.sampled_from([*USERS, "new-user", None])
rated_films = st.lists(st.tuples(films, st.integers(1, 5) | st.floats(1, 5)), max_size=6)
histories = rated_films.map(lambda pairs: {"history": [film for film, _ in pairs]})
rated = rated_films.map(
    lambda pairs: {"history": [*dict(pairs)], "ratings": [*dict(pairs).values()]}
)
good_rows = st.builds(
    lambda user, rest: user | rest,
    st.fixed_dictionaries({"user_id": users}),
    st.just({}) | histories | rated | st.just({"history": None, "ratings": None}),
)
columns = st.sampled_from(["user_id", "history", "ratings"])
bad_rows = st.builds(
    lambda row, bad: row | bad,
    good_rows,
    st.dictionaries(columns | texts, anything, min_size=1, max_size=2),
)
rows = st.one_of(
    st.lists(good_rows, min_size=1, max_size=4),
    st.lists(good_rows | bad_rows, min_size=1, max_size=3),
    st.lists(bad_rows | anything, max_size=3),
)
good_params = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 50),
        "explain": st.integers(0, 3),
        "diversify": st.floats(0, 1) | st.integers(0, 1),
        "exclude_seen": st.booleans(),
        "one_line_per_row": st.booleans(),
        "exclude_items": st.lists(films, max_size=4),
        "only_items": st.lists(films, max_size=4),
    },
)
bad_params = st.builds(
    lambda params, bad: params | bad,
    good_params,
    st.dictionaries(st.sampled_from(Wanted._fields) | texts, anything, min_size=1, max_size=2),
)
params = good_params | good_params | bad_params | anything
splits = st.fixed_dictionaries(
    {"data": st.lists(st.lists(anything | users | st.lists(films), max_size=3), max_size=4)},
    optional={"columns": st.lists(columns | scalars, max_size=3), "index": anything},
)
good_splits = st.lists(good_rows, min_size=1, max_size=4).map(
    lambda rows: json.loads(pd.DataFrame(rows).to_json(orient="split"))
)
chats = st.dictionaries(
    columns | st.sampled_from(["prompt", "input", "messages", "n"]) | texts, anything
)
envelopes = ["dataframe_records", "dataframe_split", "inputs", "instances"]


def requests_of(form, content):
    return st.fixed_dictionaries({form: content}, optional={"params": params})


requests = st.one_of(
    requests_of("dataframe_records", rows),
    requests_of("dataframe_split", good_splits | splits),
    requests_of("inputs", rows | bad_rows),
    requests_of("instances", rows | bad_rows),
    chats,
    st.dictionaries(st.sampled_from([*envelopes, "params"]) | texts, rows | anything, max_size=3),
    anything,
)
bodies = requests.map(lambda request: json.dumps(request).encode()) | st.binary(max_size=50)


def test_no_random_request_has_status_500_or_stops_the_server(server):
    expected = server.ask([*KINDS.values()]).lines

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bodies)
    def ask(body):
        answer = server.post(body)
        assert answer.status < 500
        if answer.status == 200:
            lines = answer.lines
            if lines and isinstance(lines[0]["rank"], list):
                assert [line["row"] for line in lines] == [*range(len(lines))]
                lines = by_place(lines)
            assert_well_formed(lines, by_score=b"diversify" not in body)
        else:
            assert answer.message

    ask()
    assert server.ask([*KINDS.values()]).lines == expected


# --- the server ---


def test_the_openapi_page_has_the_types_of_a_request_and_an_example_that_is_answered(server):
    page = json.loads(server.get("/openapi.json").text)["paths"]["/invocations"]["post"]
    body = page["requestBody"]["content"]["application/json"]["schema"]
    row = body["properties"]["dataframe_records"]["items"]["properties"]
    assert row["user_id"] == {"type": ["string", "null"]}
    assert row["history"] == {"type": ["array", "null"], "items": {"type": "string"}}
    lines = server.send(body["example"]).lines
    answer = page["responses"]["200"]["content"]["application/json"]["schema"]
    of_list, of_similar, *of_rows = answer["properties"]["predictions"]["items"]["anyOf"]
    assert [*of_list["properties"]] == [*lines[0]]
    similar = {"item_id": FILMS[0]}, {"task": "similar_items", "n": 2}
    assert [*of_similar["properties"]] == [*server.ask([similar[0]], **similar[1]).lines[0]]
    for schema, (asked, wanted) in zip(of_rows, [(KNOWN, {"explain": 1}), similar], strict=True):
        line = server.ask([asked], **wanted, one_line_per_row=True).lines[0]
        lists = {name for name, kind in schema["properties"].items() if kind["type"] == "array"}
        assert lists == {name for name, cell in line.items() if isinstance(cell, list)}
    described = [schema.get("description") for schema in of_rows]
    assert described == [
        "with `one_line_per_row`",
        "with task similar_items, with `one_line_per_row`",
    ]


def test_concurrent_clients_each_have_their_own_answer(server):
    def request_of(number):
        history = [FILMS[number % 40], FILMS[number * 7 % 40]]
        rows = [{"user_id": USERS[number % 60]}, {"history": history}, EMPTY][: 1 + number % 3]
        return records(*rows, n=1 + number % 11, exclude_items=[FILMS[number // 40]])

    requests = [request_of(number) for number in range(80)]
    assert len({json.dumps(one) for one in requests}) == 80
    alone = [server.send(one).table for one in requests]
    with ThreadPoolExecutor(8) as clients:
        together = [*clients.map(lambda one: server.send(one).table, requests)]
    for answer, expected in zip(together, alone, strict=True):
        assert_same_lists(answer, expected)


def test_the_server_runs_only_the_code_in_the_artifact(server):
    # it answers, although any other import of the package fails in its environment
    done = subprocess.run(
        [sys.executable, "-c", "import collaborative_autoencoders"],
        env=server.environment,
        cwd=server.log.parent,
        capture_output=True,
        text=True,
    )
    assert "this is not the code in the artifact" in done.stderr


def test_the_server_answers_only_on_the_loopback_address(server):
    others = [address for address in addresses_of_this_machine() if is_reached(address)]
    if not others:
        pytest.skip("this machine has no other address that its own processes reach")
    for address in others:
        with pytest.raises(ConnectionError):
            socket.create_connection((address, server.port), timeout=5).close()


def addresses_of_this_machine():
    """127.0.0.2, which Linux has too, and the address used for outgoing traffic, if any."""
    yield "127.0.0.2"
    with socket.socket(type=socket.SOCK_DGRAM) as outward:  # nothing is sent
        try:
            outward.connect(("192.0.2.1", 9))
        except OSError:
            return
        yield outward.getsockname()[0]


def is_reached(address):
    """Whether a listener on all addresses can be reached at this one."""
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        try:
            socket.create_connection((address, listener.getsockname()[1]), timeout=2).close()
        except OSError:
            return False
        return True


def test_a_server_that_does_not_start_shows_its_log(tmp_path):
    log = tmp_path / "server.log"
    failing = [sys.executable, "-c", "print('no such model'); raise SystemExit(1)"]
    with (
        log.open("wb") as written,
        subprocess.Popen(failing, stdout=written) as process,
        pytest.raises(AssertionError, match="no such model"),
    ):
        served.wait_until_it_answers(served.free_port(), process, log)
