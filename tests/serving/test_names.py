"""Unknown names in the JSON of a request are refused with the closest known name."""

import json

import pytest

from collaborative_autoencoders.serving.names import MAX_DEPTH, check_json
from collaborative_autoencoders.serving.requests import BadRequest

ROW = {"user_id": 1, "history": [1, 2], "ratings": [5, 4]}


def check(request):
    check_json(json.dumps(request).encode())


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"dataframe_records": [ROW], "params": {"exclude_sen": True}}, "param 'exclude_sen'"),
        ({"dataframe_records": [ROW], "params": {"N": 3}}, "param 'N'"),
        ({"dataframe_records": [ROW, {"histroy": [1]}]}, "column 'histroy'"),
        ({"dataframe_split": {"columns": ["user"], "data": [[1]]}}, "column 'user'"),
        ({"dataframe_split": {"columns": [["a"]], "data": [[1]]}}, r"column \['a'\]"),
        ({"inputs": {"user_id": [1], "rating": [[5]]}}, "column 'rating'"),
        ({"instances": [ROW | {"title": "A"}]}, "column 'title'"),
        ({"dataframe_records": [ROW], "parms": {"n": 3}}, "key 'parms'"),
        ({"prompt": "film"}, "key 'prompt'"),
    ],
)
def test_an_unknown_name_is_refused_with_what_it_names(request_, message):
    with pytest.raises(BadRequest, match=f"unknown {message} "):
        check(request_)


@pytest.mark.parametrize("other", [{"history": [3]}, ROW | {"item_id": 1}, {}, 5])
def test_rows_of_instances_with_other_columns_are_refused(other):
    """MLflow would give the history of a later row to an earlier one."""
    with pytest.raises(BadRequest, match="row 3 of instances has other columns than row 1"):
        check({"instances": [ROW, dict(reversed(ROW.items())), other]})


@pytest.mark.parametrize(
    ("column", "first", "other"),
    [
        ("history", [1, 2], [3]),
        ("history", [1, 2], None),
        ("history", None, [3]),
        ("history", [1], []),
        ("history", [1], 3),
        ("ratings", [5, 4], None),
    ],
)
def test_instances_with_lists_of_different_lengths_are_refused(column, first, other):
    """MLflow would refuse them with an error of NumPy about an inhomogeneous shape."""
    rows = [ROW | {column: cell} for cell in (first, first, other)]
    with pytest.raises(
        BadRequest, match=f"row 3 of instances has another length of {column}"
    ) as refused:
        check({"instances": rows})
    assert 'send the same rows as {"dataframe_records": [...]}' in str(refused.value)
    check({"dataframe_records": rows})


@pytest.mark.parametrize("other", [{"history": [3]}, {"history": [3], "user_id": None}])
def test_the_form_that_a_refusal_of_instances_names_is_accepted(other):
    rows = [{"user_id": 1}, other]
    with pytest.raises(BadRequest, match="dataframe_records") as refused:
        check({"instances": rows})
    assert "null" not in str(refused.value)
    check({"dataframe_records": rows})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("exclude_sen", "exclude_seen"),
        ("exclude_item", "exclude_items"),
        ("only_item", "only_items"),
    ],
)
def test_the_closest_param_is_proposed(name, meant):
    with pytest.raises(BadRequest, match=f"did you mean '{meant}'"):
        check({"dataframe_records": [ROW], "params": {name: 1}})


def test_a_param_that_the_version_does_not_have_yet_is_refused():
    body = json.dumps({"dataframe_records": [ROW], "params": {"n": 3, "diversify": 0.5}}).encode()

    with pytest.raises(BadRequest, match="registered before the param diversify existed"):
        check_json(body, offered=["n", "explain"])


@pytest.mark.parametrize(
    "request_",
    [
        {"dataframe_records": [ROW, {"user_id": None}], "params": {"n": 3, "only_items": [1]}},
        {"dataframe_split": {"columns": [*ROW], "data": [[*ROW.values()]], "index": [0]}},
        {"inputs": {"user_id": [1]}, "params": None},
        {"inputs": {"user_id": [1, 2], "history": [[1], [2, 3]]}},
        {"instances": [ROW, ROW | {"user_id": None, "history": [3, 4]}]},
        # not valid, and answered by MLflow
        {"dataframe_records": {"user_id": 1}, "params": [3]},
        {"dataframe_records": ["a", None]},
        {"dataframe_split": {"columns": "user_id"}},
        [ROW],
        "text",
    ],
)
def test_known_names_and_what_mlflow_refuses_pass(request_):
    check(request_)


def test_json_that_is_nested_too_deeply_is_refused():
    check_json(b'{"dataframe_records": [{"history": ' + b"[" * 28 + b"]" * 28 + b"}]}")
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(BadRequest, match="more than 32 levels"):
            check_json(b"[" * depth + b"]" * depth)


def test_an_integer_with_too_many_digits_is_refused():
    with pytest.raises(BadRequest, match="integer of more than 4,300 digits"):
        check_json(b"[" + b"7" * 5_000 + b"]")


def test_json_that_is_not_valid_is_left_to_mlflow():
    for body in (b"", b"{", b"\xff\xfe", b"NaN"):
        check_json(body)
