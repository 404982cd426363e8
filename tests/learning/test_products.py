"""What computes matrix products is measured, chosen, named and refused."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import pytest
import torch
from model_options import RUNNING

from collaborative_autoencoders.learning import products
from collaborative_autoencoders.learning.products import Measured, measure
from collaborative_autoencoders.learning.running import running_on

HAS_ONEDNN = torch.backends.mkldnn.is_available()
needs_onednn = pytest.mark.skipif(not HAS_ONEDNN, reason="this torch has no oneDNN")


@pytest.fixture(autouse=True)
def as_before():
    """A library stays set for the process, so each test puts back the one before."""
    before = products.library_in_use()
    yield
    products.use(before)


@pytest.fixture
def processor(monkeypatch):
    """A processor of which these facts are measured."""

    def measures(speed, error):
        measured = Measured(speed, error)
        monkeypatch.setattr(products, "measured_here", lambda: measured)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)

    return measures


def begin(wanted):
    with running_on(RUNNING.model_copy(update={"matrix_products": wanted})):
        return products.library_in_use()


@pytest.mark.parametrize(
    ("speed", "error", "taken"),
    [
        (2.0, 7e-7, "onednn"),
        (1.1, 7e-7, "torch"),  # repeated measurements differ by as much
        (8.0, 2e-3, "torch"),  # as with bfloat16
        (3.0, 2e-4, "torch"),  # as with TF32
        (2.0, float("nan"), "torch"),
    ],
)
def test_onednn_is_taken_where_it_is_faster_in_float32(processor, speed, error, taken):
    processor(speed, error)
    assert begin("auto") == taken


def test_a_library_can_be_named(processor):
    processor(0.5, 7e-7)
    assert begin("onednn") == "onednn"
    processor(9.0, 7e-7)
    assert begin("torch") == "torch"


def test_onednn_that_rounds_is_refused(processor):
    processor(8.0, 2e-3)
    with pytest.raises(ValueError, match=r"running\.matrix_products: onednn.*bfloat16.*0\.002"):
        begin("onednn")


def test_onednn_is_refused_where_torch_lacks_it(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(ValueError, match="built without oneDNN; set it to auto or torch"):
        begin("onednn")
    assert begin("auto") == "torch"


def test_factors_that_are_rounded_to_bfloat16_are_seen():
    def rounded(left, right):
        return (left.bfloat16().float()) @ (right.bfloat16().float())

    measured = measure({"torch": torch.matmul, "onednn": rounded})
    assert measured.rounds
    assert measured.library == "torch"


def test_products_in_float32_are_not_taken_for_rounded_ones():
    assert not measure({"torch": torch.matmul, "onednn": torch.matmul}).rounds


def test_the_faster_library_is_found():
    def slow(left, right):
        return (left.double() @ right.double()).float()

    assert measure({"torch": slow, "onednn": torch.matmul}).library == "onednn"
    assert measure({"torch": torch.matmul, "onednn": slow}).speed < 1


@pytest.mark.parametrize("slow", ["torch", "onednn"])
def test_a_clock_that_sees_no_time_says_nothing_of_the_speed(monkeypatch, slow):
    """The clock of Windows has ticks of 16 ms."""
    ways = {"torch": torch.matmul, "onednn": torch.mm}
    monkeypatch.setattr(products, "seconds_of", lambda way, *given: 0.016 * (way is ways[slow]))
    measured = measure(ways)
    assert (measured.library, measured.speed) == ("torch", 1)


@needs_onednn
def test_onednn_computes_where_it_is_said_to(capfd):
    """torch's `ieee` does not ask oneDNN, so a change of torch may make this setting an empty one.

    oneDNN says what it computes.
    """
    with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
        products.by("torch")(torch.ones(64, 64), torch.ones(64, 64))
        assert "matmul" not in capfd.readouterr().out
        products.by("onednn")(torch.ones(64, 64), torch.ones(64, 64))
    does_compute = "exec,cpu,matmul" in capfd.readouterr().out
    assert products.measured_here().is_asked == does_compute
    assert does_compute or not torch.cpu._is_avx512_supported()


def test_a_library_that_is_not_asked_is_not_taken_and_refused_by_name(processor, monkeypatch):
    processor(2.0, 7e-7)
    measured = Measured(2.0, 7e-7, is_asked=False)
    monkeypatch.setattr(products, "measured_here", lambda: measured)
    assert begin("auto") == "torch"
    with pytest.raises(ValueError, match="onednn, but on this processor torch does not ask it"):
        begin("onednn")
    products.go_on_with("onednn")
    assert products.library_in_use() == "torch"


def test_a_library_with_the_bits_of_the_other_was_not_asked():
    def exactly(left, right):
        return (left.double() @ right.double()).float()

    assert not measure({"torch": torch.matmul, "onednn": torch.matmul}).is_asked
    assert measure({"torch": torch.matmul, "onednn": exactly}).is_asked


@needs_onednn
def test_what_was_measured_is_logged_once_and_leaves_threads_and_library(caplog):
    products.measured_once.cache_clear()
    torch.set_num_threads(2)
    products.use("torch")
    with caplog.at_level(logging.DEBUG, products.logger.name):
        first = products.measured_here()
        assert products.measured_here() is first
    assert [record.getMessage() for record in caplog.records] == [
        f"matrix products by {first.library}: {first}"
    ]
    level = {"torch": logging.DEBUG, "onednn": logging.INFO}[first.library]
    assert caplog.records[0].levelno == level
    assert (torch.get_num_threads(), products.library_in_use()) == (2, "torch")


@needs_onednn
def test_threads_that_begin_at_once_wait_for_one_measurement(monkeypatch):
    """One that measured while another fits would change the library in the middle of its fit."""
    products.measured_once.cache_clear()
    measured, begun = [], Barrier(4)

    def slowly(ways):
        measured.append(ways)
        sleep(0.05)
        return Measured(0.5, 0.0)

    def begin_with_others():
        begun.wait()
        return begin("auto")

    monkeypatch.setattr(products, "measure", slowly)
    with ThreadPoolExecutor(4) as pool:
        taken = [each.result() for each in [pool.submit(begin_with_others) for _ in range(4)]]
    assert (len(measured), set(taken)) == (1, {"torch"})
    products.measured_once.cache_clear()


def test_a_fit_goes_on_with_the_library_that_began_it(processor):
    processor(0.5, 7e-7)
    begin("auto")
    products.go_on_with("onednn")
    assert products.library_in_use() == "onednn"
    products.go_on_with("torch")
    assert products.library_in_use() == "torch"
    products.go_on_with(None)  # an older checkpoint
    assert products.library_in_use() == "torch"


def test_a_fit_that_moved_to_a_processor_that_rounds_goes_on_in_float32(processor):
    processor(8.0, 2e-3)
    begin("auto")
    products.go_on_with("onednn")
    assert products.library_in_use() == "torch"
