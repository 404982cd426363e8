"""A recommender goes into the MLflow registry."""

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from collaborative_autoencoders.columns import USER

from .recommender import Recommender

PACKAGE = Path(__file__).parents[1]
REQUIREMENTS = (
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "torch",
)
"""What answering imports; said, since finding it out takes MLflow seconds."""


def register(recommender: Recommender, name: str, metrics: dict[str, float]) -> dict[str, Any]:
    """Log the recommender in the active run, register it under `name`, make it the champion.

    Returns name, version and address of what was registered.
    """
    import mlflow

    example = recommender.users[[USER]].head(2)
    answer = recommender.recommend(example[USER], 10)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "recommender"
        folder.mkdir()
        recommender.save(folder)
        logged = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(PACKAGE / "serving" / "pyfunc.py"),
            artifacts={"recommender": str(folder)},
            code_paths=[str(PACKAGE)],
            signature=mlflow.models.infer_signature(example, answer, params={"n": 10}),
            input_example=(example, {"n": 10}),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
            metadata={"metrics": metrics},
            registered_model_name=name,
        )
    number = logged.registered_model_version
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", number)
    return {"name": name, "version": int(number), "uri": f"models:/{name}@champion"}
