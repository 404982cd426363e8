"""The box of all models in Kedro-Viz."""

import pickle

import pytest
from kedro.framework.session import KedroSession

from collaborative_autoencoders.hooks import ProjectSession
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.pipelines.box import in_full, namespaces_of


def test_the_box_is_in_no_name_of_a_node_or_dataset():
    pipeline = register_pipelines()["__default__"]
    nodes = {node.name: node.namespace for node in pipeline.nodes}
    assert nodes["cdae.fit_model"] == "models.cdae"
    assert nodes["compare_models"] == "models"
    assert nodes["data_engineering.split_ratings"] == "data_engineering"
    named = {*nodes, *pipeline.datasets()}
    assert not {name for name in named if name.startswith(("models", "params:models"))}


def test_a_node_keeps_its_name_in_a_copy_with_tags_a_selection_and_a_worker():
    pipeline = register_pipelines()["__default__"]
    (fit,) = pipeline.filter(node_names=["cdae.fit_model"]).nodes
    for copy in (fit.tag("slow"), pickle.loads(pickle.dumps(fit))):
        assert (copy.name, copy.namespace) == ("cdae.fit_model", "models.cdae")


def test_a_model_is_found_in_the_box_and_outside():
    every = register_pipelines()
    boxed, flat = (namespaces_of(every[name].nodes) for name in ("training", "tuning"))
    assert in_full("cdae", boxed) == ["models.cdae"]
    assert in_full("cdae", flat) == ["cdae"]
    assert in_full("cdae", boxed | flat) == ["cdae", "models.cdae"]
    assert in_full("models.cdae", boxed) == ["models.cdae"]
    assert in_full("eese", boxed) == []


@pytest.mark.parametrize(
    ("pipelines", "typed", "full"),
    [
        (None, ["data_engineering", "ease"], ["data_engineering", "models.ease"]),
        (["tuning"], ["ease"], ["ease"]),
        (None, ["no such"], ["no such"]),
        (None, None, None),
    ],
)
def test_a_typed_namespace_is_the_model_in_the_pipelines_of_the_run(
    monkeypatch, pipelines, typed, full
):
    monkeypatch.setattr("collaborative_autoencoders.hooks.session.pipelines", register_pipelines())
    monkeypatch.setattr(KedroSession, "run", lambda self, **selection: selection)
    session = ProjectSession.__new__(ProjectSession)
    ran = session.run(pipeline_names=pipelines, namespaces=typed)
    assert ran["namespaces"] == full
