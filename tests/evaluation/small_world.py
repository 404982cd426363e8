"""Small worlds to evaluate models in, and models whose answers are known.

The first has four users and five items, for what is computed by hand. The other has 30 users and
120 items, for lists of 100 and for models that differ.
"""

import numpy as np
from model_options import RUNNING
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.evaluate import evaluate
from collaborative_autoencoders.evaluation.known import count_owners, histories_for
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.pipelines.evaluation.nodes import (
    average_scores,
    compare_models,
    evaluate_model,
)

RAW_OPTIONS = {
    "k": [1, 2],
    "primary_metric": "ndcg_at_2",
    "test_users": None,
    "batch_size": 2,
    "bootstrap_resamples": 50,
    "seed": 0,
    "engine": "one_machine",
}


def options_with(**changes):
    return EvaluationOptions.model_validate(RAW_OPTIONS | changes)


OPTIONS = options_with()


def matrix(*rows):
    """Users x items from rows as written, where 0 is not observed."""
    return csr_array(np.array(rows, dtype=np.float32))


def part(*rows):
    """The same as a part, in which a rating of 4 or 5 is a like."""
    return Interactions.of(matrix(*rows), 4)


TRAIN = part([5, 2, 0, 0, 0], [4, 0, 0, 0, 0], [0, 5, 0, 0, 0], [5, 0, 0, 0, 0])
VALIDATION = part([0, 0, 4, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0])
TEST = part([0, 0, 0, 5, 0], [0, 5, 0, 0, 2], [4, 0, 0, 0, 0], [0, 0, 0, 0, 1])


class LowerFirst:
    """Scores the lower item higher, and keeps the histories it was given."""

    learns_from = "likes"
    catalogue = Catalogue(4, 5, 1, 5)

    def __init__(self):
        self.histories = []

    def score(self, histories_UI, users_U):
        self.histories.append(histories_UI.toarray())
        return np.tile(-np.arange(histories_UI.shape[1], dtype=np.float32), (len(users_U), 1))


class AlwaysThree(LowerFirst):
    """The same, and predicts 3 for every rating."""

    learns_from = "ratings"

    def predict(self, histories_UI, users_U):
        self.histories.append(histories_UI.toarray())
        return np.full(histories_UI.shape, 3, dtype=np.float32)


def evaluated(model, users=None, test=TEST, options=OPTIONS):
    """The evaluation of a model that was fitted on TRAIN."""
    known = histories_for(Fitted("model", model), train=TRAIN, validation=VALIDATION)
    return evaluate(model, known, test, count_owners(TRAIN), options, users)


def _large_world():
    random = np.random.default_rng(0)
    truth_UI = random.normal(3, 1, size=(30, 120))
    rating_UI = np.rint(np.clip(truth_UI, 1, 5))
    part_UI = random.choice(4, size=truth_UI.shape, p=[0.7, 0.1, 0.05, 0.15])
    return truth_UI, *(part(*np.where(part_UI == place, rating_UI, 0)) for place in (1, 2, 3))


TRUTH_UI, LARGE_TRAIN, LARGE_VALIDATION, LARGE_TEST = _large_world()


class Noisy:
    """Scores items by their true value with noise; the less noise, the better the model."""

    learns_from = "likes"
    catalogue = Catalogue(30, 120, 1, 5)

    def __init__(self, noise):
        random = np.random.default_rng(1)
        self.scores_UI = (TRUTH_UI + noise * random.normal(size=TRUTH_UI.shape)).astype(np.float32)

    def score(self, histories_UI, users_U):
        return self.scores_UI[users_U]


class NoisyRatings(Noisy):
    """The same, and predicts them as ratings."""

    def predict(self, histories_UI, users_U):
        return np.clip(self.scores_UI[users_U], 1, 5)


def all_results(models, options):
    """What the nodes of evaluation make of these models in the large world, by catalog name.

    A model that is a string is left out, and the string is the reason.
    """
    parts = {"train": LARGE_TRAIN, "validation": LARGE_VALIDATION}
    results = {}
    for name, model in models.items():
        left_out = model if isinstance(model, str) else None
        fitted = Fitted(name, None if left_out else model, left_out, parts=fingerprint(**parts))
        made = evaluate_model(fitted, **parts, test=LARGE_TEST, evaluation=options, running=RUNNING)
        facts = {"fit_seconds": 1.5, "left_out": left_out}
        scores, ranked = made["user_scores"], made["ranked_items"]
        results[f"{name}.user_scores"], results[f"{name}.fit_facts"] = scores, facts
        results[f"{name}.metrics"] = average_scores(
            scores, ranked, LARGE_TRAIN, LARGE_TEST, facts, options
        )
    return results | compare_models(options, **results)
