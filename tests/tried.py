"""The page of `kedro try` in the tests: models on the checkerboard, a store of them, a client."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import served
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.registration import register

FACTS = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0, "ratings": 800}
NAMED = FACTS | {"data_set": "The checkerboard", "checksum": "1" * 64, "users": 40, "items": 30}
EVIL = "<script>alert(1)</script> & Sons"
TITLES = {0: EVIL, 2: "Amélie (2001)", 4: "Matrix, The (1999)", 6: "Matrix Reloaded, The (2003)"}
BIG = 2**60  # ids that JavaScript's numbers cannot hold
BOARD = """\
model,ndcg_at_10,rmse,ndcg_at_20,left_out
ease,0.4,,0.5,
mf,0.25,0.875,0.3,
big,,,,too big
"""


def recommender_of(name: str, **facts: Any) -> Recommender:
    """A model on the checkerboard: users 0, 1, …, items 2^60, 2^60 + 1, …"""
    world = checkerboard()
    options = options_of(name)
    fitted = fit_model(options, True, RUNNING, world.catalogue, **world.parts).fitted
    users = pd.DataFrame({"user_id": np.arange(world.catalogue.users)})
    titles = [TITLES.get(item, f"Number {item}") for item in range(world.catalogue.items)]
    items = pd.DataFrame({"item_id": BIG + np.arange(world.catalogue.items), "title": titles})
    return Recommender.of(
        fitted, Lookup(users, items, NAMED | facts, 4), world.known_to(fitted.model)
    )


@dataclass(frozen=True)
class Page:
    """A client of the page at this port."""

    port: int

    def get(self, path: str, host: str | None = None) -> served.Answer:
        """Get a path, under another name of the host if one is given."""
        return self._send("GET", path, None, {} if host is None else {"Host": host})

    def json(self, path: str) -> Any:
        """Get a path and return its JSON."""
        answer = self.get(path)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)

    def recommend(self, content_type: str = served.JSON, **asked: Any) -> served.Answer:
        """Ask a champion as the page does."""
        usual = {"model": "ease", "user": None, "picks": [], "n": 5, "explain": 0, "diversify": 0}
        return self._send(
            "POST", "/recommend", json.dumps(usual | asked), {"Content-Type": content_type}
        )

    def list(self, **asked: Any) -> list[dict[str, Any]]:
        """Return the lines of the answer."""
        answer = self.recommend(**asked)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)

    def headers(self, path: str) -> dict[str, str]:
        """Return the headers of an answer, in lower case."""
        connection = HTTPConnection(served.LOOPBACK, self.port, timeout=served.TO_ANSWER)
        connection.request("GET", path)
        found = {name.lower(): value for name, value in connection.getresponse().getheaders()}
        connection.close()
        return found

    def _send(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> served.Answer:
        return served.request(self.port, method, path, (body or "").encode(), headers)


def fill_store(folder: Path) -> None:
    """Register champions in the store of MLflow: EASE and item-KNN, and MF on other data."""
    experiment = mlflow.create_experiment("champions", (folder / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment, run_name="a good run"):
        mlflow.log_text(BOARD, "leaderboard.csv")
        for name, ndcg in (("itemknn", 0.3), ("ease", 0.4)):
            with mlflow.start_run(experiment_id=experiment, nested=True):
                register(recommender_of(name), {"ndcg_at_10": ndcg, "ndcg_at_50": 0.9})
    with mlflow.start_run(experiment_id=experiment):
        other = {"data_set": "Another board", "checksum": "2" * 64}
        register(recommender_of("mf", **other), {"ndcg_at_10": 0.5})
        mlflow.MlflowClient().create_registered_model("of somebody else")
