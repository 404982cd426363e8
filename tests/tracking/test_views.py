"""Views of MLflow's page of runs."""

import json
from types import SimpleNamespace

import pytest

from collaborative_autoencoders.tracking import views


class Store:
    """One experiment; every parent but `childless` has runs below it."""

    def __init__(self):
        self.tags = {f"{views.VIEW}mine": json.dumps({"createdAt": 0})}

    def set_experiment_tag(self, _, key, value):
        self.tags[key] = value

    def delete_experiment_tag(self, _, key):
        del self.tags[key]

    def get_experiment(self, _):
        return SimpleNamespace(tags=dict(self.tags))

    def search_runs(self, _, filter_string, max_results):
        assert filter_string.endswith(" AND metrics.`rmse` > -1e308")
        return [] if "childless" in filter_string else ["a run"] * max_results


@pytest.fixture
def store(monkeypatch):
    made = Store()
    monkeypatch.setattr(views, "MlflowClient", lambda: made)
    clock = iter(range(1, 1000))
    monkeypatch.setattr(views.time, "time", lambda: next(clock))
    return made


def save(run_id):
    info = SimpleNamespace(run_id=run_id, run_name="base", experiment_id="1", start_time=0)
    return views.save_view(SimpleNamespace(info=info), ["rmse", "mae"], ascending=True)


def test_a_view_has_the_runs_below_the_parent_sorted_by_the_first_metric(store):
    key = save("abc")
    state = json.loads(json.loads(store.tags[f"{views.VIEW}{key}"])["state"])
    assert state["searchFilter"] == "tags.mlflow.parentRunId = 'abc'"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`rmse`", True)
    assert state["selectedColumns"] == ["metrics.`rmse`", "metrics.`mae`"]


def test_the_newest_views_stay_and_those_of_users(store):
    keys = [save(f"{number:08}") for number in range(views.KEPT + 2)]
    assert store.tags.keys() == {f"{views.VIEW}{key}" for key in [*keys[2:], "mine"]}


def test_a_run_without_runs_of_models_has_no_view(store):
    before = dict(store.tags)
    assert save("childless") is None
    assert store.tags == before
