"""What computes the matrix products of torch on a CPU: the library that torch takes, or oneDNN.

torch takes MKL, if it was built with it. On some processors, mostly AMD's, MKL's products in
float32 have half the speed of oneDNN's, and on others oneDNN's are the slower ones. Both round to
float32, but add up in another order, so the last digits of a fit depend on which it was.

Dimension key: B rows of a batch, I items, H hidden units.
"""

import logging
from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from time import thread_time
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .options import Library, Products

logger = logging.getLogger(__name__)

SETTING: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
"""Where torch is asked for a library. Its types lack it."""

PRECISION: Mapping[Library, str] = {"torch": "none", "onednn": "bf16"}
"""Values of `torch.backends.mkldnn.matmul.fp32_precision`. torch asks oneDNN for a product of
float32 only if oneDNN may round the factors to bfloat16 (with `ieee` it takes its own library as
with `none`), and on x86 only if there is AVX-512 (both seen with 2.13). oneDNN does not round them
where the processor has no instructions for bfloat16, and only there this project lets it compute.
"""

BATCH, ITEMS, HIDDEN = 256, 4_096, 200
"""Sizes of the products that are timed."""

ROUNDS = 5
"""How often each product is computed; the fastest counts."""

QUICKER = 1.25
"""How many times as fast oneDNN must be. Repeated measurements differ by less."""

FLOAT32 = 5e-6
"""Largest error of a product in float32, as a share of its largest value. Factors that are rounded
to bfloat16 make some 2e-3, to TF32 2e-4; the sums of float32 up to 1e-6."""

MEASURING = Lock()
"""Held while the library of the whole process is changed for the measurement."""

Multiply = Callable[[Tensor, Tensor], Tensor]


class Measured(NamedTuple):
    """What oneDNN's products are on this processor, against those of torch's own library."""

    speed: float
    """How many times as fast they are, by the CPU time of one thread."""
    error: float
    """Their largest difference from float64, as a share of the largest value."""
    is_asked: bool = True
    """Whether torch asks oneDNN at all. If not, every bit is that of torch's own library."""

    @property
    def rounds(self) -> bool:
        """Whether oneDNN rounds to less than float32."""
        return not self.error <= FLOAT32

    @property
    def library(self) -> Library:
        """The library to take."""
        is_better = self.is_asked and self.speed >= QUICKER and not self.rounds
        return "onednn" if is_better else "torch"

    def __str__(self) -> str:
        """Say what was measured, in words."""
        if not self.is_asked:
            return "torch does not ask oneDNN"
        return (
            f"oneDNN takes {1 / self.speed:.2f} of the time of torch's own library, its largest "
            f"error is {self.error:.1g}"
        )


def compute_products_by(wanted: Products) -> None:
    """Let the library of `running.matrix_products` compute from now on, also in other threads.

    `auto` measures both, once in a process. Raises ValueError for `onednn` where it does not
    compute, or rounds.
    """
    if wanted == "onednn" and (reason := why_not_onednn()):
        raise ValueError(f"running.matrix_products: onednn, but {reason}; set it to auto or torch")
    use(library_for(wanted))


def library_for(wanted: Products) -> Library:
    """Return the library that the option names."""
    if wanted != "auto":
        return wanted
    return measured_here().library if torch.backends.mkldnn.is_available() else "torch"


def why_not_onednn() -> str | None:
    """Return why oneDNN cannot compute products here, or None if it can."""
    if not torch.backends.mkldnn.is_available():
        return "this torch was built without oneDNN"
    if not measured_here().is_asked:
        return "on this processor torch does not ask it, and computes with its own library"
    if measured_here().rounds:
        return f"on this processor it rounds to bfloat16 ({measured_here()})"
    return None


def use(library: Library) -> None:
    """Let this library compute the products from now on."""
    SETTING.fp32_precision = PRECISION[library]


def go_on_with(library: Library | None) -> None:
    """Let the library compute with which a fit was begun, if it can here; None: not known."""
    if library == "torch" or (library == "onednn" and why_not_onednn() is None):
        use(library)


def library_in_use() -> Library:
    """Return the library that computes the products now."""
    precision = SETTING.fp32_precision
    return "onednn" if precision == PRECISION["onednn"] else "torch"


def measured_here() -> Measured:
    """Return what oneDNN's products are on this processor, which takes some .2 seconds once.

    While it is measured, other threads that are to begin a fit wait.
    """
    with MEASURING:
        return measured_once()


@cache
def measured_once() -> Measured:
    """Measure both libraries with one thread."""
    threads, before = torch.get_num_threads(), library_in_use()
    torch.set_num_threads(1)  # the CPU time of one is the same however many programs run
    try:
        measured = measure({library: by(library) for library in PRECISION})
    finally:
        torch.set_num_threads(threads)
        use(before)
    # that all is as usual is no news
    level = logging.INFO if measured.library == "onednn" else logging.DEBUG
    logger.log(level, "matrix products by %s: %s", measured.library, measured)
    return measured


def by(library: Library) -> Multiply:
    """Return a function that multiplies two matrices by this library."""

    def multiply(left: Tensor, right: Tensor) -> Tensor:
        use(library)
        return left @ right

    return multiply


def measure(ways: Mapping[Library, Multiply]) -> Measured:
    """Compare two ways to multiply, on the three products of a step of a decoder.

    They are the scores, the gradient of the weights, and the gradient of the hidden units.
    """
    generator = torch.Generator().manual_seed(0)
    hidden_BH = torch.randn(BATCH, HIDDEN, generator=generator)
    weight_IH = torch.randn(ITEMS, HIDDEN, generator=generator)
    slope_BI = torch.randn(BATCH, ITEMS, generator=generator)
    products = [(hidden_BH, weight_IH.T), (slope_BI.T, hidden_BH), (slope_BI, weight_IH)]
    seconds, error, is_asked = dict.fromkeys(ways, 0.0), 0.0, False
    for left, right in products:
        exact = left[:BATCH].double() @ right.double()
        found = ways["onednn"](left, right)[:BATCH]
        error = max(error, float((found - exact).abs().max() / exact.abs().max()))
        is_asked |= not torch.equal(found, ways["torch"](left, right)[:BATCH])
        times: dict[Library, list[float]] = {library: [] for library in ways}
        for _ in range(ROUNDS):  # in turn, so that a change of the clock meets both
            for library, multiply in ways.items():
                times[library].append(seconds_of(multiply, left, right))
        for library in ways:
            seconds[library] += min(times[library])
    # a coarse clock, such as that of Windows, may see no time at all: nothing is known then
    speed = seconds["torch"] / seconds["onednn"] if all(seconds.values()) else 1.0
    return Measured(speed, error, is_asked)


def seconds_of(multiply: Multiply, left: Tensor, right: Tensor) -> float:
    """Return the CPU seconds that this thread takes for a product."""
    start = thread_time()
    multiply(left, right)
    return thread_time() - start
