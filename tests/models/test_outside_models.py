"""A model that lives outside the package is a class, a line of MODELS and a block of YAML.

The fourth place, for a model of the project, is its row in the README.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
import projects
import pytest
import torch
import tracked
import yaml
from annotated_types import Ge
from checkerboard import checkerboard, share_of_right_kind
from model_options import RUNNING, parameters_of
from torch import nn

from collaborative_autoencoders import pipeline_registry
from collaborative_autoencoders.config_loader import with_shared_fitting
from collaborative_autoencoders.evaluation.evaluate import evaluate
from collaborative_autoencoders.evaluation.known import count_owners
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.models import MODELS, losses
from collaborative_autoencoders.models.batch import Batch, Rows
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.network import Network, Penalised, numbers
from collaborative_autoencoders.models.registry import Entry
from collaborative_autoencoders.options import Options

WORLD = checkerboard()

# The first place: a class with its options


class OneLayerOptions(Options):
    penalty: Annotated[float, Ge(0)]


class OneLayer(Network):
    """ŷ = y W + b: every score is linear in the user's likes."""

    learns_from: ClassVar[View] = "likes"
    options_class = OneLayerOptions

    def __init__(self, options, catalogue):
        super().__init__(options, catalogue)
        self.weight_II = nn.Parameter(torch.zeros(catalogue.items, catalogue.items))
        self.bias_I = nn.Parameter(torch.zeros(catalogue.items))

    def rows(self, train_UI):
        return train_UI

    def start(self, train_UI, generator):
        nn.init.xavier_uniform_(self.weight_II, generator=generator)

    def loss(self, batch: Batch, generator):
        return losses.over_all_items(losses.square, self._output(batch), batch, 1)

    def penalties(self, n_rows) -> Iterator[Penalised]:
        yield Penalised([self.weight_II], self.options.penalty)
        yield Penalised([self.bias_I], 0.0)

    @torch.inference_mode()
    def score(self, histories_UI, users_U):
        return numbers(self._output(Rows(histories_UI, self.device).all()))

    def _output(self, batch: Batch):
        return batch.times(self.weight_II) + self.bias_I


class TogetherOptions(Options):
    damping: Annotated[float, Ge(0)]


class Together:
    """An item's score is how many users like it together with an item of the history."""

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = TogetherOptions
    reads_histories: ClassVar[bool] = True

    def __init__(self, options, catalogue):
        self.options, self.catalogue = options, catalogue
        self.pairs_II = np.zeros((catalogue.items, catalogue.items), dtype=np.float32)

    def fit(self, train_UI):
        pairs_II = (train_UI.T @ train_UI).toarray()
        likes_I = pairs_II.diagonal().copy()
        np.fill_diagonal(pairs_II, 0)
        self.pairs_II = (pairs_II / (likes_I + self.options.damping)).astype(np.float32)

    def score(self, histories_UI, users_U):
        return (histories_UI @ self.pairs_II).astype(np.float32)

    def state(self):
        return {"pairs_II": self.pairs_II}

    def load_state(self, state):
        self.pairs_II = state["pairs_II"]


# The second: a line of MODELS

LINES = {
    "one_layer": Entry(__name__, "OneLayer", "ranking", is_network=True),
    "together": Entry(__name__, "Together", "ranking"),
}

# The third: a block of YAML, in which a network states only what differs from the shared `fitting`

BLOCKS = """
one_layer:
  model:
    penalty: 0.01
  fitting:
    learning_rate: 0.02
    epochs: 12
    validation_metric: ndcg_at_5

together:
  model:
    damping: 5
"""


@pytest.fixture(autouse=True)
def lines(monkeypatch):
    for name, entry in LINES.items():
        monkeypatch.setitem(MODELS, name, entry)


def options_of(name) -> TrainingOptions:
    parameters = with_shared_fitting(parameters_of("test") | yaml.safe_load(BLOCKS))
    return TrainingOptions.of(name).model_validate(parameters[name])


def outcome_of(name):
    return fit_model(options_of(name), True, RUNNING, WORLD.catalogue, **WORLD.parts)


def test_only_a_network_gets_the_values_of_the_shared_block():
    shared = parameters_of("test")["fitting"]
    own = yaml.safe_load(BLOCKS)["one_layer"]["fitting"]
    assert options_of("one_layer").fitting.model_dump() == shared | own
    assert options_of("together").fitting is None


@pytest.mark.parametrize("name", LINES)
def test_it_is_fitted_saved_and_loaded(name):
    fitted = outcome_of(name).fitted
    loaded = model_from_bytes(model_to_bytes(fitted))
    assert type(loaded.model).__name__ == LINES[name].class_name
    assert loaded._replace(model=None) == fitted._replace(model=None)
    assert loaded.model.options == fitted.model.options
    history, users = WORLD.known.likes, np.arange(WORLD.catalogue.users)
    assert np.array_equal(loaded.model.score(history, users), fitted.model.score(history, users))
    assert share_of_right_kind(loaded.model, WORLD) > 0.95


def test_a_state_that_lies_in_memory_column_by_column_is_saved_too():
    fitted = outcome_of("together").fitted
    wanted = np.asfortranarray(fitted.model.pairs_II)
    fitted.model.pairs_II = wanted
    assert np.array_equal(model_from_bytes(model_to_bytes(fitted)).model.pairs_II, wanted)


def test_the_network_stops_by_its_own_metric():
    outcome = outcome_of("one_layer")
    validations = [epoch.validation for epoch in outcome.history]
    assert outcome.best_epoch == 1 + int(np.argmax(validations))
    assert max(validations) > validations[0]


@pytest.mark.parametrize("name", LINES)
def test_it_is_evaluated_like_any_other(name):
    options = EvaluationOptions.model_validate(parameters_of("test")["evaluation"])
    model = outcome_of(name).fitted.model
    known, owners = WORLD.known_to(model), count_owners(WORLD.train)
    evaluation = evaluate(model, known, WORLD.test, owners, options)
    assert evaluation.ranked_items["user_index"].nunique() == WORLD.catalogue.users
    assert evaluation.predicted_ratings.empty  # it has no `predict`
    assert evaluation.user_scores["ndcg_at_5"].mean() > 0.4  # in a random order about 0.2


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """A project after `kedro run --env test` on these two models alone."""
    registered = pipeline_registry.register_pipelines
    only_these = {"outside": pipeline_registry.from_data_to_leaderboard(LINES)}
    monkeypatch.setattr(pipeline_registry, "register_pipelines", lambda: registered() | only_these)
    project = projects.new_project(tmp_path / "project")
    (project / "conf/test/parameters_outside.yml").write_text(BLOCKS)
    projects.run(project, pipelines=["outside"])
    return project


@pytest.mark.slow
def test_a_run_fits_it_and_puts_it_on_the_leaderboard(ran):
    reports = ran / "data/08_reporting/test"
    board = pd.read_csv(reports / "leaderboard.csv").set_index("model")
    assert set(board.index) == set(LINES)
    assert board["ndcg_at_10"].between(0.5, 1).all()
    models = (ran / "data/06_models/test").glob("*.safetensors")
    assert {file.stem.removesuffix(".on_train") for file in models} == set(LINES)
    _, runs = tracked.last_run(ran)
    assert set(runs) == set(LINES)
    assert runs["one_layer"].data.params["fitting.batch_size"] == "16"  # of the shared block
    assert "fitting.batch_size" not in runs["together"].data.params


def test_every_pipeline_has_it():
    pipelines = pipeline_registry.register_pipelines()
    for name in ("__default__", "ranking", "training", "evaluation", "unseen_users", "tuning"):
        assert set(LINES) <= namespaces_of(pipelines[name]), name
    assert not set(LINES) & namespaces_of(pipelines["rating"])


def namespaces_of(pipeline) -> set[str]:
    return {node.name.split(".")[0] for node in pipeline.nodes if node.namespace}
