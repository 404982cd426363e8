"""Scores of items without ratings, by ridge regression from their features.

A linear model scores an item by the product of its vector v and the user's u: EASE by a column of B
and the history, a network by a row of its decoder and the user's hidden units. The vector of a
new item with features f is the ridge regression of the vectors of the known items on theirs,

    v̂(f) = v̄ + Vᵀ W (f − f̄),   W = C (Cᵀ C + λI)⁻¹,   C = F − f̄,

where f̄ and v̄ are means over the known items, and V has their vectors as rows. The product of v̂
with u needs no vectors, because u · v_i is the score s_i of a known item:

    ŝ(f) = s̄ + s W (f − f̄).

So one regression serves every model with scores. Maps from features to a model's vectors are of
Gantner et al. 2010 (Learning Attribute-to-Feature Mappings for Cold-Start Recommendations, ICDM).
Departs from the paper: the map is ridge regression.

Dimension key: U users, K known items, N new items, F features.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

Floats = NDArray[np.float64]


class FeatureRidge(NamedTuple):
    """A ridge regression of the known items' scores on their features."""

    weight_KF: Floats
    """W, by which the scores of the known items give the coefficients of a user."""

    mean_F: Floats
    """f̄, the share of the known items that have each feature."""

    @classmethod
    def of(cls, features_KF: csr_array, penalty: float) -> Self:
        """Return the regression on these features with the penalty λ > 0."""
        mean_F = np.asarray(features_KF.mean(axis=0)).ravel()
        centred_KF = features_KF.toarray() - mean_F
        gram_FF = centred_KF.T @ centred_KF
        gram_FF[np.diag_indices_from(gram_FF)] += penalty
        return cls(cho_solve(cho_factor(gram_FF), centred_KF.T).T, mean_F)

    def score(self, scores_UK: NDArray[np.floating], features_NF: csr_array) -> NDArray[np.float32]:
        """Return the scores of new items, shape (U, N), from those of the known ones."""
        coefficient_UF = scores_UK @ self.weight_KF
        start_U = scores_UK.mean(axis=1, dtype=np.float64) - coefficient_UF @ self.mean_F
        scores_UN: NDArray[np.float32] = (features_NF @ coefficient_UF.T).T + start_U[:, None]
        return scores_UN.astype(np.float32)


class FeaturePopularity(NamedTuple):
    """The popularity of features, a baseline: what is popular of the kind that a user likes."""

    features_KF: csr_array
    """The features of the known items."""

    popularity_F: Floats
    """Mean number of likes of the known items that have the feature."""

    share_F: Floats
    """Share of all likes that are of items with the feature."""

    @classmethod
    def of(cls, features_KF: csr_array, likes_K: NDArray[np.integer]) -> Self:
        """Return the popularity of each feature, given the likes of the known items."""
        likes_F = likes_K @ features_KF
        items_F = np.asarray(features_KF.sum(axis=0)).ravel()
        return cls(
            features_KF, likes_F / np.maximum(items_F, 1), likes_F / max(int(likes_K.sum()), 1)
        )

    def score(
        self, likes_UK: csr_array, features_NF: csr_array, exponent: float
    ) -> NDArray[np.float32]:
        """Return Σ_f (share of the user's likes with f) · (popularity of f)^exponent, shape (U, N).

        The sum is over the features of the item. A user without likes has the shares of all users.
        """
        count_U = np.diff(likes_UK.indptr)
        share_UF = (likes_UK @ self.features_KF).toarray() / np.maximum(count_U, 1)[:, None]
        share_UF[count_U == 0] = self.share_F
        scores_UN: NDArray[np.float32] = (
            features_NF @ (share_UF * self.popularity_F**exponent).T
        ).T
        return scores_UN.astype(np.float32)
