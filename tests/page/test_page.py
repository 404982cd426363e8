"""The page of `kedro try` over HTTP: what it finds, what it asks the champions, what it refuses."""

import json
import re
import socket
from dataclasses import replace

import mlflow
import pandas as pd
import projects
import pytest
import served
import uvicorn
from checkerboard import checkerboard
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from tried import BIG, EVIL, Page

from collaborative_autoencoders.cli import cli
from collaborative_autoencoders.page import champions
from collaborative_autoencoders.page.app import STATIC, make_app
from collaborative_autoencoders.page.champions import Champions, NotThere
from collaborative_autoencoders.serving.description import figure_rows
from collaborative_autoencoders.serving.requests import Wanted

EVEN = [BIG + item for item in (4, 6, 8)]
PICKS = [str(item) for item in EVEN]
MATRIX = {"Matrix, The (1999)", "Matrix Reloaded, The (2003)"}


def titles_of(page, typed):
    return [each["title"] for each in page.json(f"/titles?typed={typed}")]


def predicted(row, **params):
    """The answer of the champion that MLflow loads, as a server would."""
    table = pd.DataFrame([row], dtype=object)
    return mlflow.pyfunc.load_model("models:/ease@champion").predict(table, params=params)


def test_a_title_is_found_by_its_words_in_any_order_case_and_accent(page):
    assert {*titles_of(page, "THE%20matrix")} == MATRIX
    assert titles_of(page, "amelie") == ["Amélie (2001)"]
    assert titles_of(page, "reloaded%20amelie") == titles_of(page, "%20") == []


def test_an_item_is_found_by_its_id_before_titles_that_have_the_digits(page):
    assert titles_of(page, str(BIG + 3)) == ["Number 3"]
    assert titles_of(page, "number%201")[0].startswith("Number 1")
    assert page.json(f"/titles?typed={BIG + 4}") == [
        {"item_id": str(BIG + 4), "title": "Matrix, The (1999)"}
    ]


def test_picks_are_answered_by_the_pyfunc_of_the_champion(page):
    answer = page.list(picks=PICKS, n=4, explain=2)
    expected = predicted({"user_id": None, "history": EVEN}, n=4, explain=2)
    assert [int(line["item_id"]) for line in answer] == expected["item_id"].tolist()
    assert [line["score"] for line in answer] == expected["score"].tolist()
    titles = [[reason["title"] for reason in line["reasons"]] for line in answer]
    assert titles == [[reason["title"] for reason in line] for line in expected["reasons"]]
    assert all(titles) and {line["source"] for line in answer} == {"model"}


def test_a_known_user_has_ratings_and_the_same_list_as_on_a_server(page):
    known = checkerboard().known.ratings[[3]]
    found = page.json("/ratings?user=3")
    assert (found["known"], found["n_ratings"]) == (True, known.nnz)
    ratings = [each["rating"] for each in found["ratings"]]
    assert ratings == sorted(known.data.tolist(), reverse=True)
    answer = [int(line["item_id"]) for line in page.list(user="3")]
    assert answer == predicted({"user_id": 3}, n=5)["item_id"].tolist()
    assert not {*answer} & {int(each["item_id"]) for each in found["ratings"]}


def test_similar_titles_are_those_of_the_pyfunc(page):
    answer = page.json(f"/similar?model=ease&item={PICKS[0]}&n=3")
    expected = predicted({"item_id": EVEN[0]}, task="similar_items", n=3)
    assert [int(line["item_id"]) for line in answer] == expected["similar_item_id"].tolist()
    assert [line["title"] for line in answer] == expected["similar_title"].tolist()
    assert [line["score"] for line in answer] == expected["similarity"].tolist()


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("model=ease&item=12345&n=3", 400, "row 0: item_id"),
        ("model=cdae&item=1&n=3", 404, "cdae has no champion in the registry"),
        (f"model=ease&item={BIG}&n=0", 400, "n: Input should be greater than or equal to 1"),
        ("model=ease&n=3", 400, "item: "),
    ],
)
def test_similar_titles_that_cannot_be_are_refused_with_the_reason(page, query, status, message):
    answer = page.get(f"/similar?{query}")
    assert answer.status == status
    assert answer.message.startswith(message)


def test_a_version_without_similar_items_says_how_to_register_it(tracking, loaded):
    ease = loaded.named("ease")
    older = replace(ease, params=ease.params - {"task"})
    with pytest.raises(NotThere, match="does not offer similar items: .*registration.models=ease"):
        loaded.similar(older, PICKS[0], 3)


def test_a_user_that_nobody_knows_is_said_to_be_unknown(page):
    assert page.json("/ratings?user=12345") == {"known": False, "n_ratings": 0, "ratings": []}
    assert {line["source"] for line in page.list(user="12345")} == {"popularity"}


def test_what_the_model_refuses_is_answered_in_its_words(page):
    refused = page.recommend(user="ann")
    assert (refused.status, refused.message) == (
        400,
        "row 0: user_id has 'ann', and ids must be integers",
    )


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({"model": "cdae"}, 404, "cdae has no champion in the registry"),
        ({"model": "mf"}, 404, "mf was fitted on Another board, and this page shows The checker"),
        ({"n": 0}, 400, "n: Input should be greater than or equal to 1"),
        ({"picks": ["1"] * 501}, 400, "picks: "),
        ({"content_type": "text/plain"}, 415, "send application/json"),
    ],
)
def test_a_request_that_is_not_valid_is_refused_with_the_reason(page, asked, status, message):
    answer = page.recommend(**asked)
    assert answer.status == status
    assert answer.message.startswith(message)


def test_champions_are_listed_with_what_their_versions_offer(page):
    first, second, other = page.json("/champions")["champions"]
    assert (first["name"], first["figure"], first["problem"]) == ("ease", "NDCG@10 0.400", None)
    assert first["data"] == "The checkerboard · 30 items, 40 users"
    assert [first["explains"], first["diversifies"]] == [
        param in Wanted._fields for param in ("explain", "diversify")
    ]
    assert second["name"] == "itemknn"  # whose NDCG is lower
    assert "`kedro try mf` shows its data" in other["problem"]


def test_without_a_name_the_best_champion_comes_first_and_its_data_are_shown(tracking):
    problems = {each.name: each.problem for each in Champions().all()}
    assert [*problems] == ["mf", "ease", "itemknn"]
    assert [name for name, problem in problems.items() if problem] == ["ease", "itemknn"]


def test_a_figure_of_a_sample_is_no_reason_to_come_first(tracking, monkeypatch):
    ease, itemknn, _ = Champions("ease").all()
    better = ease.metrics | {"ndcg_at_10": 0.9, "users_sampled": 20.0, "users_held_out": 293.0}
    without = replace(itemknn, name="popularity", metrics={})
    of_name = {
        "popularity": without,
        "ease": replace(ease, metrics=better),
        "itemknn": itemknn,
    }
    monkeypatch.setattr(champions, "with_champion", lambda: list(of_name))
    monkeypatch.setattr(champions, "_described", of_name.get)
    first, second, last = Champions().all()
    assert (first.name, first.sample) == ("itemknn", "")
    assert last.name == "popularity"  # which has no figure
    assert second.sample == "a sample of 20 of 293 users"
    assert ("users, a sample", "20 of 293", "") in figure_rows(second.metrics)


def test_a_version_is_not_asked_for_params_that_its_signature_lacks(tracking, loaded):
    ease = loaded.named("ease")
    older = replace(ease, params=ease.params - {"explain"})
    asked = None, PICKS, {"n": 3, "explain": 1}
    assert all(line["reasons"] for line in loaded.answer(ease, *asked))
    assert [line["reasons"] for line in loaded.answer(older, *asked)] == [[], [], []]


def test_a_version_whose_files_are_gone_is_listed_with_the_way_out(tracking, monkeypatch):
    def gone(uri):
        raise OSError("no such file")

    monkeypatch.setattr(mlflow.models.Model, "load", gone)
    (first, *_) = Champions("ease").all()
    assert "ease version 1 cannot be loaded" in first.problem and "roll_back.ease" in first.problem


def test_a_title_that_is_markup_stays_a_text(page):
    """It is JSON, the script makes only texts of it, and no script in the page would run."""
    assert titles_of(page, "script") == [EVIL]
    assert page.headers("/titles?typed=script")["content-type"] == served.JSON
    for path in ("/", "/try.js", "/titles?typed=script"):
        headers = page.headers(path)
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    script = (STATIC / "try.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|srcdoc|eval", script)
    assert not re.search(r"\son\w+=|<script>", (STATIC / "index.html").read_text(encoding="utf-8"))


def test_the_page_loads_nothing_from_elsewhere(page):
    assert page.get("/").text.startswith("<!doctype html>")
    for file in STATIC.iterdir():
        assert not re.search(r"(?:https?:)?//\w", file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize("path", ["/", "/champions", "/titles?typed=a"])
def test_another_host_than_the_loopback_address_is_refused(page, path):
    assert page.get(path, "evil.example").status == page.get(path, "127.0.0.1.nip.io").status == 400
    assert page.get(path, "localhost:5003").status == 200


def test_the_leaderboard_is_that_of_the_run_with_the_best_of_each_column(page):
    assert page.json("/leaderboard") == {
        "run": "a good run",
        "headings": ["model", "NDCG@10", "RMSE"],
        "rows": [
            ["ease", ["0.4000", True], ["–", False]],
            ["mf", ["0.2500", False], ["0.8750", True]],
        ],
    }


@pytest.fixture
def kedro_try(tmp_path, monkeypatch):
    """`kedro try` in a project without champions: the app it would run, and what it prints."""
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    project = bootstrap_project(projects.new_project(tmp_path / "project"))
    before = mlflow.get_tracking_uri()

    def kedro_try(*arguments):
        runs = []
        monkeypatch.setattr(uvicorn, "run", lambda app, **options: runs.append((app, options)))
        done = CliRunner().invoke(cli, ["try", *arguments], obj=project, catch_exceptions=False)
        return runs, done.output

    with projects.empty_store(tmp_path / "project"):
        yield kedro_try
    mlflow.set_tracking_uri(before)


def test_without_a_champion_the_page_says_what_makes_one(kedro_try):
    ((app, options),), output = kedro_try("--port", "5999")
    assert (options["host"], options["port"]) == ("127.0.0.1", 5999)
    assert "http://127.0.0.1:5999" in output
    with served.running(app) as port:
        page = Page(port)
        found = page.json("/champions")
        assert found["champions"] == [] and "run `kedro run`" in found["message"]
        assert json.loads(page.get("/titles?typed=a").text) == {"message": found["message"]}
        assert "run `kedro run`" in page.json("/leaderboard")["message"]


def test_kedro_try_refuses_a_model_without_a_champion_and_a_taken_port(kedro_try):
    assert kedro_try("nobody")[1].startswith("Error: unknown model 'nobody': known are popularity")
    command = "kedro run --only-missing-outputs --params registration.models=ease"
    assert command in kedro_try("ease", "-p", str(served.free_port()))[1]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"is taken. Choose another: --port {port + 1}" in kedro_try("-p", str(port))[1]


def test_two_requests_at_once_load_a_champion_once(tracking, monkeypatch):
    loads = []
    path = "collaborative_autoencoders.page.champions.load_pyfunc"
    load = Champions("ease").catalogue.__globals__["load_pyfunc"]
    monkeypatch.setattr(path, lambda *key: loads.append(key) or load(*key))
    with served.running(make_app(Champions("ease"))) as port:
        Page(port).json("/titles?typed=a")
        Page(port).list(picks=PICKS)
    assert loads == [("ease", 1)]
