"""Ranks whose tasks Spark gives a card: `torchrun` starts them, each with its card.

The cards are not there. A script tells Spark of one on each of two workers, and ranks that ask for
it are given the CPU, so they exchange by Gloo. The rest is what a cluster with cards does.
"""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.spark

DISCOVERY = """#!/bin/sh
echo '{"name": "gpu", "addresses": ["0"]}'
"""

SCRIPT = """
import sys
from pathlib import Path

import numpy as np
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders import cluster
from collaborative_autoencoders.cluster.session import start_session
from collaborative_autoencoders.learning.checkpoints import FOLDER
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.on_ranks import OnRanks

folder = Path(sys.argv[1])
start_session({
    "spark.master": "local-cluster[2,1,1024]",
    "spark.executor.memory": "512m",
    "spark.ui.enabled": "false",
    "spark.worker.resource.gpu.amount": "1",
    "spark.worker.resource.gpu.discoveryScript": str(folder / "cards.sh"),
    "spark.executor.resource.gpu.amount": "1",
    "spark.task.resource.gpu.amount": "1",
})


def fit_on_cpu(files):
    import os
    from pathlib import Path

    import torch

    from collaborative_autoencoders.learning import running, shares

    def choose_device(wanted):
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "CUDA_VISIBLE_DEVICES")
        seen = " ".join([wanted, *(os.environ[name] for name in names)])
        (Path(files).parents[1] / f"rank_{os.environ['RANK']}").write_text(seen)
        return torch.device("cpu")

    running.choose_device = choose_device
    shares.fit_share(files)


device = cluster.device_of_ranks("auto")
assert cluster.device_of_ranks("cpu") == "cpu"
launch = cluster.launch_on(2, device)
ranks = OnRanks(
    lambda function, files: launch(fit_on_cpu, files),
    RUNNING.model_copy(update={"ranks": 2, "device": device}),
)
options, world = options_of("cdae", fitting__epochs=2), checkerboard()
FOLDER.set(folder / "fit")
losses = [
    [epoch.train_loss for epoch in fit_model(
        options, False, RUNNING, world.catalogue, **world.parts, ranks=each
    ).history]
    for each in (None, ranks)
]
assert np.allclose(*losses, rtol=2e-5), losses
"""


def test_ranks_of_tasks_with_cards_are_started_by_torchrun_each_with_its_card(tmp_path):
    script = tmp_path / "cards.sh"
    script.write_text(DISCOVERY)
    script.chmod(0o755)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    seen = [(tmp_path / f"rank_{rank}").read_text() for rank in range(2)]
    assert seen == ["cuda 0 0 2 0", "cuda 1 0 2 0"]
