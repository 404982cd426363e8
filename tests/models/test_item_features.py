"""Scores of new items by the features of known ones."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from collaborative_autoencoders.models.item_features import FeaturePopularity, FeatureRidge

RANDOM = np.random.default_rng(0)
KNOWN_KF = csr_array(RANDOM.integers(0, 2, (30, 4)).astype(float))
NEW_NF = csr_array(np.array([[1.0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1]]))


def test_scores_that_follow_the_features_are_found_again():
    liking_UF = RANDOM.normal(size=(5, 4))
    scores_UK = liking_UF @ KNOWN_KF.toarray().T + 3
    found = FeatureRidge.of(KNOWN_KF, 1e-9).score(scores_UK, NEW_NF)
    np.testing.assert_allclose(found, liking_UF @ NEW_NF.toarray().T + 3, atol=1e-5)


def test_they_are_the_scores_of_vectors_that_the_features_predict():
    vectors_KD, users_UD = RANDOM.normal(size=(30, 6)), RANDOM.normal(size=(5, 6))
    found = FeatureRidge.of(KNOWN_KF, 2).score(users_UD @ vectors_KD.T, NEW_NF)
    known_KF, mean_F = KNOWN_KF.toarray(), KNOWN_KF.toarray().mean(axis=0)
    centred_KF = known_KF - mean_F
    by_hand_FD = np.linalg.solve(
        centred_KF.T @ centred_KF + 2 * np.eye(4), centred_KF.T @ vectors_KD
    )
    new_ND = vectors_KD.mean(axis=0) + (NEW_NF.toarray() - mean_F) @ by_hand_FD
    np.testing.assert_allclose(found, users_UD @ new_ND.T, atol=1e-5)


@pytest.mark.parametrize("features_KF", [KNOWN_KF, csr_array((30, 4))])
def test_an_item_of_which_the_features_say_nothing_has_the_mean_score(features_KF):
    scores_UK = RANDOM.normal(size=(5, 30))
    found = FeatureRidge.of(features_KF, 1e12).score(scores_UK, NEW_NF)
    np.testing.assert_allclose(found, np.tile(scores_UK.mean(axis=1)[:, None], 3), atol=1e-5)


def test_popularity_is_summed_over_the_features_that_a_user_likes():
    features_KF = csr_array(np.array([[1.0, 0], [1, 1], [0, 1]]))
    popularity = FeaturePopularity.of(features_KF, np.array([4, 2, 0]))
    likes_UK = csr_array(np.array([[1.0, 1, 0], [0, 0, 0]]))
    # (4 + 2) / 2 likes per item of the first feature, (2 + 0) / 2 of the second
    both, second = 2 / 2 * 3 + 1 / 2 * 1, 1 / 2 * 1
    # of all six likes, all are of the first feature and two of the second
    of_all, second_of_all = 6 / 6 * 3 + 2 / 6 * 1, 2 / 6 * 1
    new_NF = csr_array(np.array([[1.0, 1], [0, 1]]))
    found = popularity.score(likes_UK, new_NF, 1)
    np.testing.assert_allclose(found, [[both, second], [of_all, second_of_all]], rtol=1e-6)
