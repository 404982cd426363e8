"""The MLflow pyfunc, logged as a model from code: MLflow runs this file to get the model."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, set_model
from mlflow.protos.databricks_pb2 import CANCELLED
from mlflow.pyfunc import PythonModel, PythonModelContext

from collaborative_autoencoders.serving.answers import lines_of, table_of
from collaborative_autoencoders.serving.http_guard import Served, guard_mlflow_server, served
from collaborative_autoencoders.serving.limits import IN_PROCESS, Limits
from collaborative_autoencoders.serving.recommender import Recommender, Stopped
from collaborative_autoencoders.serving.request_schema import operation
from collaborative_autoencoders.serving.requests import SIMILAR_ITEMS, BadRequest, wanted_of
from collaborative_autoencoders.serving.similar import similar_columns

IN_PYTHON = Served(IN_PROCESS, lambda: False)


class RecommenderModel(PythonModel):
    """Pyfunc that takes rows of `user_id`, `history` and `ratings` and returns ranked items.

    With the param `task: similar_items` it takes rows of `item_id` and returns similar items.
    """

    recommender: Recommender

    def load_context(self, context: PythonModelContext) -> None:
        """Load the recommender from the artifacts, and guard the server, if there is one."""
        limits, folder = Limits.of(os.environ), Path(context.artifacts["recommender"])
        self.recommender = Recommender.load(folder)
        offered = params_of(folder.parents[1])
        guard_mlflow_server(limits, operation(self.recommender, offered), offered)

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame | list[dict[str, Any]]:
        """Return one line per row and place, or per row.

        See `Recommender.columns` and `similar_columns`. A server gets no table.

        Raises MlflowException, which a server returns as status 400, if the request is not valid.
        """
        server = served.get(IN_PYTHON)
        try:
            wanted = wanted_of(params or {}, self.recommender.item_ids)
            answer = similar_columns if wanted.task == SIMILAR_ITEMS else Recommender.columns
            columns = answer(self.recommender, model_input, wanted, *server)
        except BadRequest as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        except Stopped as reason:
            raise MlflowException(str(reason), error_code=CANCELLED) from None
        return table_of(columns) if server is IN_PYTHON else lines_of(columns)


def params_of(version: Path) -> list[str]:
    """Return the params in the signature of a version in a folder: MLflow ignores all others."""
    signature = Model.load(version).signature
    params = None if signature is None else signature.params
    return [] if params is None else [param.name for param in params.params]


set_model(RecommenderModel())
