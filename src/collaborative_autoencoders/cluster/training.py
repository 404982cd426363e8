"""The ranks of a fit as workers of Spark."""

from collections.abc import Callable
from typing import Any

from pyspark.ml.torch.distributor import TorchDistributor

from .session import refuse_more_than_cores, session_of_run

CARDS = "spark.task.resource.gpu.amount"


class ByProcessors(TorchDistributor):
    """Distributes ranks without cards: each is the one process that its task starts.

    Spark has set what `torchrun` would: the address, the number of the rank and how many there are.
    `torchrun` and what watches it would wait for the rank in a quarter of a GB. With cards, a task
    may have several, and `torchrun` starts a rank for each.
    """

    def run(self, train_object: Callable[..., Any] | str, *args: Any) -> Any:
        """Run what is given on every rank, and return what it returns on the first."""

        def start(options: dict[str, Any], script: str) -> None:
            # unpickled by the task, which need not import this package
            import sys

            from pyspark.ml.torch.distributor import TorchDistributor

            TorchDistributor._execute_command(
                [sys.executable, script], log_streaming_client=options["log_streaming_client"]
            )

        return self._run(train_object, start, *args)


def device_of_ranks(device: str) -> str:
    """Return the device of all ranks: cards if the session has them for its tasks, else CPUs.

    `device` is `running.device`, which may exclude cards. Raises RuntimeError without a session.
    """
    has_cards = float(session_of_run().conf.get(CARDS, "0") or 0) >= 1
    return "cuda" if has_cards and device != "cpu" else "cpu"


def launch_on(ranks: int, device: str) -> Callable[[Callable[[str], None], str], None]:
    """Return what calls a function of one text in so many processes of workers, all at once.

    `device` is what `device_of_ranks` returns. An error of one ends all, and is raised. Raises
    ValueError if there are not the cores for them, RuntimeError without a session.
    """
    refuse_more_than_cores("running.ranks", ranks)
    by_cards = device == "cuda"

    def launch(function: Callable[[str], None], argument: str) -> None:
        distributor = TorchDistributor if by_cards else ByProcessors
        distributor(ranks, local_mode=False, use_gpu=by_cards).run(function, argument)

    return launch
