"""The nearest items are those of a dense matrix of similarities, sorted completely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from model_options import options_of
from scipy.sparse import csr_array

from collaborative_autoencoders.models import nearest
from collaborative_autoencoders.models.itemknn import ItemKNN
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.nearest import nearest_items

likes = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 9)),
    elements=st.sampled_from([0.0, 0.0, 1.0]),
)


def similarities(dense_UI, shrinkage, weight_U):
    """The similarity of all pairs of items, (I, I)."""
    common_II = dense_UI.T @ (weight_U[:, None] * dense_UI)
    norm_I = np.sqrt(np.diag(common_II))
    similar_II = common_II / np.maximum(norm_I[:, None] * norm_I + shrinkage, 1e-12)
    np.fill_diagonal(similar_II, 0)
    return similar_II


def by_full_sort(dense_UI, k, shrinkage):
    """The similarities to keep, (I, I): a stable sort of each row leaves ties to the lower item."""
    similar_II = similarities(dense_UI, shrinkage, np.ones(len(dense_UI)))
    kept_II = np.zeros_like(similar_II)
    for item, similar_I in enumerate(similar_II):
        best_K = np.argsort(-similar_I, kind="stable")[:k]
        kept_II[best_K, item] = similar_I[best_K]
    return kept_II


@given(likes, st.integers(1, 10), st.sampled_from([0, 2.5]), st.sampled_from([1, 8, 2**20]))
def test_itemknn_has_the_neighbours_of_a_full_sort_also_with_ties(dense_UI, k, shrinkage, pairs):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nearest, "PAIRS_AT_ONCE", pairs)
        options = {"model__neighbours": k, "model__shrinkage": shrinkage, "model__user_exponent": 0}
        model = ItemKNN(
            options_of("itemknn", **options).model, Catalogue(*dense_UI.shape, None, None)
        )
        model.fit(csr_array(dense_UI))
    wanted_II = by_full_sort(dense_UI, k, shrinkage).astype(np.float32)
    assert np.array_equal(model.similarity_II.toarray(), wanted_II)
    assert model.similarity_II.nnz == np.count_nonzero(wanted_II)


@given(likes, st.sampled_from([0.5, 1.0]), st.sampled_from([0, 2.5]))
def test_itemknn_weighs_users_by_their_number_of_likes(dense_UI, exponent, shrinkage):
    options = {"model__shrinkage": shrinkage, "model__user_exponent": exponent}
    model = ItemKNN(options_of("itemknn", **options).model, Catalogue(*dense_UI.shape, None, None))
    model.fit(csr_array(dense_UI))
    likes_UI = dense_UI[dense_UI.any(axis=1)]  # users without likes are not in the mean
    n_U = likes_UI.sum(axis=1, dtype=np.float64)
    weight_U = (n_U.mean() / n_U) ** exponent if len(n_U) else n_U
    wanted_II = similarities(likes_UI, shrinkage, weight_U)
    np.testing.assert_allclose(model.similarity_II.toarray(), wanted_II, rtol=1e-6, atol=1e-12)


def test_an_exponent_whose_weights_no_float_holds_is_refused():
    """With 1000, the weight of a user with few likes was inf, and no item had a neighbour."""
    with pytest.raises(ValueError, match="less than or equal to 10"):
        options_of("itemknn", model__user_exponent=1000)
    few_and_many = np.tri(50, 2**10, 2**10 - 50, dtype=np.float32)
    few_and_many[:2] = 0
    few_and_many[:2, 0] = few_and_many[0, 1] = 1
    options = options_of("itemknn", model__user_exponent=10).model
    model = ItemKNN(options, Catalogue(*few_and_many.shape, None, None))
    model.fit(csr_array(few_and_many))
    assert np.isfinite(model.similarity_II.data).all()
    assert model.similarity_II[1, 0] > 0


def test_the_nearest_items_are_in_their_order_and_a_tie_goes_to_the_lower():
    """Items 1, 2 and 3 have one user in common with item 0; item 4 has both; item 5 has none."""
    dense_UI = np.array([[1, 1, 1, 0, 1, 0], [1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1]])
    rows = csr_array(dense_UI.astype(np.float64))
    found = nearest_items(rows.tocsc(), rows, 3, lambda product_C, item, items_C: product_C)
    (first, *_, last) = found
    assert first.items_K.tolist() == [1, 2, 4]
    assert first.similarity_K.tolist() == [1, 1, 2]
    assert len(last.items_K) == 0


@given(likes, st.data())
def test_some_items_have_the_nearest_that_they_have_among_all(dense_UI, data):
    rows, items = csr_array(dense_UI), list(range(dense_UI.shape[1]))
    some = np.array(data.draw(st.lists(st.sampled_from(items), unique=True)), dtype=np.intp)
    arguments = rows.tocsc(), rows, 2, lambda product_C, item, items_C: product_C
    whole, found = list(nearest_items(*arguments)), list(nearest_items(*arguments, some))
    assert len(found) == len(some)
    for item, (items_K, similarity_K) in zip(some, found, strict=True):
        assert np.array_equal(items_K, whole[item].items_K)
        assert np.array_equal(similarity_K, whole[item].similarity_K)


def test_a_block_has_as_many_items_as_its_pairs_allow_and_at_least_one():
    """An item with all three users has 4 + 1 + 1 pairs, but there are only four other items."""
    rows = csr_array(np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]], dtype=np.float32))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nearest, "PAIRS_AT_ONCE", 8)
        assert list(nearest.blocks_of(rows.tocsc(), rows)) == [(0, 2), (2, 4)]
        patched.setattr(nearest, "PAIRS_AT_ONCE", 3)
        assert list(nearest.blocks_of(rows.tocsc(), rows)) == [(0, 1), (1, 2), (2, 3), (3, 4)]
