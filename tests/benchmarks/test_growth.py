"""The cost of a step grows like the ratings: bytes of the data step, operations of an epoch.

The tables are those of benchmarks/scale.py, which measures seconds at 2 to 32 million ratings.
"""

import math
import tracemalloc
from typing import Any, NamedTuple

import pandas as pd
import pytest
import torch
from model_options import parameters_of
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.growth import LARGEST_EXPONENT, exponent
from benchmarks.large_table import blocks
from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, USER
from collaborative_autoencoders.interactions import cleaning, core, ids, splitting
from collaborative_autoencoders.learning.fit import FitState, learn
from collaborative_autoencoders.learning.options import options_of_block
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import model_class

SIZES = (20_000, 60_000, 200_000)
NAMES = {"userId": USER, "movieId": ITEM, "rating": RATING, "timestamp": TIMESTAMP}
PARAMETERS = parameters_of("ml-32m")
PRODUCTS = {"mm": 0, "addmm": 1, "_sparse_sampled_addmm": 1, "sparse_sampled_addmm": 1}
"""Products by the place of their first factor."""

IN_EQUAL_BATCHES = [
    name
    for name in MODELS
    if MODELS[name].is_network and PARAMETERS[name]["fitting"].get("batch_size", "auto") == "auto"
]
"""Networks whose steps do not multiply with the users; those of sequences have small batches."""


class Made(NamedTuple):
    """The split of a table, and the largest number of bytes that each step held."""

    split: splitting.Split
    bytes_of: dict[str, int]


def made(ratings: int) -> Made:
    table = pd.concat([block.to_pandas() for block in blocks(ratings, seed=0)]).rename(
        columns=NAMES
    )
    bytes_of: dict[str, int] = {}

    def measured(name: str, function: Any, *arguments: Any) -> Any:
        tracemalloc.start()
        try:
            return function(*arguments)
        finally:
            bytes_of[name] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    cleaned = measured("clean", cleaning.clean_ratings, table, options(cleaning.CleaningOptions))
    kept = measured("core", core.keep_core, cleaned, options(core.CoreOptions))
    numbered = measured("ids", ids.index_ids, kept.core, kept.others)
    split = measured(
        "split",
        splitting.split_interactions,
        kept.core,
        numbered,
        options(splitting.SplitOptions),
        PARAMETERS["core"]["like_threshold"],
        ids.sizes_of(kept.core),
        kept.others,
    )
    return Made(split, bytes_of)


def options(kind: Any) -> Any:
    return kind.model_validate(PARAMETERS[kind.__name__.removesuffix("Options").lower()])


@pytest.fixture(scope="module")
def worlds() -> dict[int, Made]:
    return {size: made(size) for size in SIZES}


@pytest.mark.parametrize("step", ["clean", "core", "ids", "split"])
def test_the_memory_of_a_step_grows_no_faster_than_the_ratings(worlds: dict[int, Made], step: str):
    held = {world.split.train.ratings.nnz: float(world.bytes_of[step]) for world in worlds.values()}
    assert exponent(held) <= LARGEST_EXPONENT


class Operations(TorchDispatchMode):
    """Counts the multiplications of products, and the values that other operations write."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name == "_embedding_bag":
            weight, columns = args[:2]
            self.count += columns.numel() * weight.shape[1]
        elif name in PRODUCTS:
            first = args[PRODUCTS[name]]
            self.count += size_of(result) * first.shape[-1]
        else:
            results = result if isinstance(result, tuple | list) else [result]
            self.count += sum(size_of(each) for each in results)
        return result


def size_of(value: Any) -> int:
    if not isinstance(value, torch.Tensor):
        return 0
    return value._nnz() if value.layout == torch.sparse_csr else value.numel()


def operations_of_an_epoch(name: str, world: Made) -> int:
    block = PARAMETERS[name]
    width = {"hidden_sizes": [10]} if "hidden_sizes" in block["model"] else {"hidden_size": 10}
    given = options_of_block(name, block | {"model": block["model"] | width})
    view = model_class(name).learns_from
    train = world.split.train
    part_UI = train.seen_by(view).view(view)
    network: Any = model_class(name)(given.model, Catalogue(*part_UI.shape, 0.5, 5))
    assert given.fitting is not None
    generator = torch.Generator().manual_seed(0)
    with Operations() as operations:
        network.start(part_UI, generator)
        rows = Rows(network.rows(part_UI), network.device)
        next(learn(FitState.of(network, rows, given.fitting, generator), rows, given.fitting))
    return operations.count


@pytest.mark.parametrize("name", IN_EQUAL_BATCHES)
def test_the_operations_of_an_epoch_grow_no_faster_than_the_ratings(
    worlds: dict[int, Made], name: str
):
    counts = {
        world.split.train.ratings.nnz: float(operations_of_an_epoch(name, world))
        for world in worlds.values()
    }
    assert exponent(counts) <= LARGEST_EXPONENT


def test_the_operations_of_a_dense_product_are_its_multiplications():
    with Operations() as operations:
        torch.ones(3, 4) @ torch.ones(4, 5)
    assert operations.count == 3 * 4 + 4 * 5 + 3 * 4 * 5


def test_an_exponent_is_that_of_a_power():
    assert math.isclose(exponent({10: 7 * 10**1.5, 40: 7 * 40**1.5}), 1.5)
