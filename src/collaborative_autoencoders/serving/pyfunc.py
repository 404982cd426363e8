"""The MLflow pyfunc, as a model from code: MLflow runs this file and takes what it sets."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from collaborative_autoencoders.columns import USER
from collaborative_autoencoders.serving.recommender import Recommender


class RecommenderModel(PythonModel):
    """Answers a table of `user_id` with ranked items; `params: {n: 10}` is the length of a list."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the recommender that lies beside this code."""
        self.recommender = Recommender.load(Path(context.artifacts["recommender"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """A row per user and place: user_id, rank, item_id, title, score."""
        return self.recommender.recommend(model_input[USER], int((params or {}).get("n", 10)))


set_model(RecommenderModel())
