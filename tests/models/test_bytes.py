"""A stored model whose header or tensors claim something else is refused.

The files here are consistent: a forger has computed their checksum again.
"""

import io
import json

import fits
import numpy as np
import pytest
from checkerboard import checkerboard
from hypothesis import given, settings
from hypothesis import strategies as st
from model_options import RUNNING, options_of
from safetensors.numpy import load, save

from collaborative_autoencoders.checksum import PLACEHOLDER, with_checksum
from collaborative_autoencoders.datasets.fitted_model import FittedModelDataset
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models import bytes as module
from collaborative_autoencoders.models.bytes import about_model, model_from_bytes, model_to_bytes
from collaborative_autoencoders.serving.stored import mapped

WORLD = checkerboard(12, 9)


@pytest.fixture(scope="module")
def stored():
    """The bytes of models that were fitted for an epoch."""
    names = {"cdae": {"fitting__epochs": 1}, "ease": {}, "itemknn": {}, "popularity": {}}
    found = {
        name: fit_model(options_of(name, **changes), True, RUNNING, WORLD.catalogue, **WORLD.parts)
        for name, changes in names.items()
    }
    stack = model_to_bytes(fits.fit("stack", WORLD, fitting__epochs=1))
    return {name: model_to_bytes(fit.fitted) for name, fit in found.items()} | {"stack": stack}


def forged(content, about=(), tensors=()):
    """The file with other metadata and tensors, and the right checksum."""
    header, state = about_model(content) | {"checksum": PLACEHOLDER}, load(content)
    return with_checksum(
        io.BytesIO(save(state | dict(tensors), {"about": json.dumps(header | dict(about))}))
    )


def test_a_file_that_is_forged_without_a_change_is_valid(stored):
    assert forged(stored["cdae"]) == stored["cdae"]


HUGE = {"users": 2**31 - 1, "items": 2**31 - 1, "lowest_rating": 1.0, "highest_rating": 5.0}


@pytest.mark.parametrize(
    ("name", "about", "reason"),
    [
        ("cdae", {"members": 10**7}, "10000000 members have"),
        ("cdae", {"members": 0}, "members"),
        ("cdae", {"members": True}, "members"),
        ("cdae", {"catalogue": HUGE}, "the options make it"),
        ("cdae", {"catalogue": HUGE | {"users": 2**60}}, "catalogue.users"),
        ("popularity", {"catalogue": HUGE}, "likes_I"),
        ("ease", {"catalogue": HUGE | {"items": 7}}, "weight_II"),
        ("itemknn", {"catalogue": HUGE | {"items": 7}}, "no sparse matrix"),
        ("cdae", {"model": "mf"}, "model"),
        ("cdae", {"model": "nothing"}, "unknown model"),
        ("cdae", {"options": {}}, "hidden_size"),
        ("cdae", {"options": []}, "options"),
        ("cdae", {"left_out": "too small"}, "neither a fitted model nor one that was left out"),
        ("cdae", {"refitted": 1}, "refitted"),
        ("cdae", {"parts": None}, "parts"),
        ("cdae", {"format": 3}, "format"),
        ("cdae", {"more": 3}, "more"),
        ("cdae", {"members": {}}, r"cdae has the members \[\]"),
        ("stack", {"members": 2}, "stack is a stack, and its members have no names"),
        ("stack", {"members": {}}, r"stack has the members \[\], not \['cdae', 'ease'\]"),
        ("stack", {"options": {}}, "weights"),
    ],
)
def test_a_header_that_lies_is_refused_with_the_reason(stored, name, about, reason):
    with pytest.raises(ValueError, match=reason):
        model_from_bytes(forged(stored[name], about))


def test_other_sizes_in_the_options_are_not_those_of_the_tensors(stored):
    options = about_model(stored["cdae"])["options"] | {"hidden_size": 1_000_000}
    with pytest.raises(ValueError, match=r"the options make it torch.float32 \(9, 1000000\)"):
        model_from_bytes(forged(stored["cdae"], {"options": options}))


@pytest.mark.parametrize("name", ["other", "ease.other", "cdae.other"])
def test_a_stack_has_no_other_tensors_than_its_members(stored, name):
    more = {name: np.zeros(1, dtype=np.float32)}
    with pytest.raises(ValueError, match=rf"its tensors \[.*'{name.rpartition('.')[2]}'"):
        model_from_bytes(forged(stored["stack"], tensors=more))


def in_another_type(values):
    return values.astype(np.float64)


def with_nan(values):
    return np.where(np.arange(values.size).reshape(values.shape) == 1, np.nan, values)


@pytest.mark.parametrize(
    ("name", "tensor", "change", "reason"),
    [
        ("cdae", "encoder_IH", in_another_type, "float64"),
        ("ease", "weight_II", in_another_type, "float64"),
        ("cdae", "encoder_IH", np.transpose, "encoder_IH is torch.float32"),
        ("popularity", "likes_I", lambda values: values[1:], "likes_I"),
        ("cdae", "output_bias_I", with_nan, "output_bias_I holds a value that is not a finite"),
        ("itemknn", "data", lambda values: values * np.float32(np.inf), "data holds a value"),
        ("itemknn", "indices", lambda values: values[::-1].copy(), "unsorted"),
        ("itemknn", "indptr", lambda values: values[::-1].copy(), "no sparse matrix"),
    ],
)
def test_tensors_that_are_not_those_of_the_options_are_refused(
    stored, name, tensor, change, reason
):
    changed = np.ascontiguousarray(change(load(stored[name])[tensor]))
    with pytest.raises(ValueError, match=reason):
        model_from_bytes(forged(stored[name], tensors={tensor: changed}))


def test_a_tensor_more_is_refused(stored):
    with pytest.raises(ValueError, match="more"):
        model_from_bytes(forged(stored["ease"], tensors={"more": np.zeros(2, np.float32)}))


@pytest.mark.parametrize("name", ["cdae", "ease"])
def test_any_changed_bit_of_the_file_is_noticed(stored, name):
    whole = stored[name]
    for place in range(0, len(whole), len(whole) // 40):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(ValueError):
            model_from_bytes(bytes(changed))


def test_a_file_of_an_older_version_is_to_be_fitted_again(stored):
    old = about_model(stored["ease"]) | {"checksum": "of the tensors only"}
    with pytest.raises(ValueError, match="another version of this project.*Fit the model again"):
        model_from_bytes(save(load(stored["ease"]), {"about": json.dumps(old)}))
    assert module.FORMAT == 2


def test_the_file_of_another_model_is_refused_by_name(stored, tmp_path):
    (tmp_path / "cdae.safetensors").write_bytes(stored["ease"])
    dataset = FittedModelDataset(filepath=str(tmp_path / "cdae.safetensors"), model="cdae")
    with pytest.raises(Exception, match=r"cdae\.safetensors .* the model 'ease', not 'cdae'"):
        dataset.load()


# a file that is mapped

FAR = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [%d, %d]}}' % (10**30, 10**30 + 4)


def mapped_file(folder, content):
    """The content as a mapped file."""
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return mapped(path)


@pytest.mark.parametrize("name", ["cdae", "ease", "itemknn", "popularity", "stack"])
def test_the_weights_of_a_mapped_file_stay_in_it_and_are_the_same(stored, tmp_path, name):
    content = mapped_file(tmp_path, stored[name])
    model = model_from_bytes(content)
    assert model_to_bytes(model) == model_to_bytes(model_from_bytes(stored[name]))
    everywhere = np.frombuffer(content, np.uint8)
    for tensor, values in model.model.state().items():
        assert np.shares_memory(values, everywhere), tensor


def test_what_is_written_into_mapped_weights_does_not_reach_the_file(stored, tmp_path):
    model = model_from_bytes(mapped_file(tmp_path, stored["cdae"]))
    for values in model.model.state().values():
        values[...] = 0
    assert (tmp_path / "model.safetensors").read_bytes() == stored["cdae"]


@pytest.mark.parametrize("content", [b"[]", b"null", b'{"a": 1}', b'{"a": {}}', b"{", b"\xff", FAR])
def test_a_mapped_file_that_is_no_model_is_refused(tmp_path, content):
    whole = len(content).to_bytes(8, "little") + content + b"0" * 64
    with pytest.raises(ValueError, match=r"not a complete model|no checksum"):
        model_from_bytes(mapped_file(tmp_path, whole))


@settings(deadline=None)
@given(data=st.data())
def test_a_mapped_file_with_a_changed_byte_is_refused(stored, tmp_path_factory, data):
    content = bytearray(stored["ease"])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match=r"not a complete model|no checksum"):
        model_from_bytes(mapped_file(tmp_path_factory.mktemp("mapped"), bytes(content)))
