"""The ranks of a fit as workers of Spark."""

from collections.abc import Callable

from pyspark.ml.torch.distributor import TorchDistributor

from .session import refuse_more_than_cores, session_of_run

CARDS = "spark.task.resource.gpu.amount"


def launch_on(ranks: int, device: str) -> Callable[[Callable[[str], None], str], None]:
    """Return what calls a function of one text in so many processes of workers, all at once.

    They have cards if the session has them for its tasks and `device` allows it. An error of one
    ends all, and is raised. Raises ValueError if there are fewer cores, RuntimeError without a
    session.
    """
    refuse_more_than_cores("running.ranks", ranks)
    has_cards = float(session_of_run().conf.get(CARDS, "0") or 0) >= 1

    def launch(function: Callable[[str], None], argument: str) -> None:
        workers = TorchDistributor(ranks, local_mode=False, use_gpu=has_cards and device != "cpu")
        workers.run(function, argument)

    return launch
