"""How a version was fitted is read from its MLflow run, if the store has it."""

from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, RESOURCE_DOES_NOT_EXIST

from collaborative_autoencoders.serving import model_versions
from collaborative_autoencoders.serving.fit_seeds import differ_only_in_seed, fits_like


@pytest.fixture
def store(monkeypatch):
    """A store whose versions have a run that it does not return."""

    def get_run(run_id):
        raise MlflowException(f"no run {run_id}", error_code=found.code)

    version = SimpleNamespace(run_id="1" * 32, tags={})
    found = SimpleNamespace(get_model_version=lambda name, number: version, get_run=get_run)
    monkeypatch.setattr(model_versions, "client", lambda: found)
    return found


def test_a_version_whose_run_is_gone_is_a_fit_of_its_own(store):
    store.code = RESOURCE_DOES_NOT_EXIST
    assert fits_like("cdae", 1, 2) == [1]
    assert not differ_only_in_seed("cdae", 1, 2)


def test_a_store_that_does_not_answer_does_not_say_that_two_versions_differ(store):
    store.code = INTERNAL_ERROR
    with pytest.raises(MlflowException, match="no run 1111"):
        differ_only_in_seed("cdae", 1, 2)
