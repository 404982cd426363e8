"""A fit on workers of Spark is that of one machine."""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of
from projects import new_project, run
from pyspark import cloudpickle

from collaborative_autoencoders import cluster
from collaborative_autoencoders.learning.checkpoints import FOLDER
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.on_ranks import OnRanks
from collaborative_autoencoders.processes import is_abandoned

pytestmark = pytest.mark.spark

FIT = "cdae.fit_model"
HISTORY = "data/08_reporting/test/cdae/history.json"


def curves(project):
    history = json.loads((project / HISTORY).read_text())
    return {name: [point["value"] for point in points] for name, points in history.items()}


@pytest.mark.usefixtures("spark")
def test_a_run_with_two_ranks_has_the_curves_of_one(tmp_path):
    project = new_project(tmp_path / "project")
    run(project, "test", ["ranking"], to_nodes=[FIT])
    one = curves(project)
    shutil.copy(project / "conf/spark/spark.yml", project / "conf/test")
    run(project, "test", ["training"], node_names=[FIT], params={"running": {"ranks": 2}})
    two = curves(project)
    for name in ("train_loss", "learning_rate", "validation_ndcg_at_5"):
        assert two[name] == pytest.approx(one[name], rel=1e-4)
    facts = json.loads((project / "data/06_models/test/cdae.fit_facts.json").read_text())
    assert len(facts["rank_memory_gb"]) == 2
    assert not list((project / "data/06_models/test").glob(".*.fit")), "shares were left"


def test_a_worker_that_is_killed_is_named(spark, tmp_path):
    def fit_and_die(folder):
        import os
        import signal

        from collaborative_autoencoders.learning import group, shares

        keep = group.SharedPhase.keep

        def keep_and_die(phase, state, is_over):
            keep(phase, state, is_over)
            if len(state.history) == 2 and phase.ranks.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)

        group.SharedPhase.keep = keep_and_die
        shares.fit_share(folder)

    world, running = (
        checkerboard(),
        RUNNING.model_copy(update={"ranks": 2, "checkpoint_seconds": 0}),
    )
    launch = cluster.launch_on(2, "cpu")
    ranks = OnRanks(lambda function, folder: launch(fit_and_die, folder), running)
    token = FOLDER.set(tmp_path / "fit")
    try:
        with pytest.raises(RuntimeError, match="cdae: rank 1 of 2 was lost.* have kept epoch 2 in"):
            fit_model(
                options_of("cdae"), True, running, world.catalogue, **world.parts, ranks=ranks
            )
    finally:
        FOLDER.reset(token)


@pytest.mark.usefixtures("spark")
def test_what_waits_for_a_rank_imports_no_models(tmp_path):
    """A process of a worker unpickles what its rank is to do, and calls it in another process."""
    given = []

    def launch(function, folder):
        given.append(cloudpickle.dumps(function))
        cluster.launch_on(1, "cpu")(function, folder)

    token = FOLDER.set(tmp_path / "fit")
    running = RUNNING.model_copy(update={"ranks": 1})
    world = checkerboard()
    try:
        fit_model(
            options_of("cdae", fitting__epochs=1),
            *(False, running, world.catalogue),
            **world.parts,
            ranks=OnRanks(launch, running),
        )
    finally:
        FOLDER.reset(token)
    script = (
        "import pickle, sys; pickle.load(sys.stdin.buffer); "
        "print([name for name in sys.modules if name.startswith(('torch', 'collab'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], input=given[0], capture_output=True)
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()


@pytest.mark.usefixtures("spark")
def test_more_ranks_than_cores_are_refused():
    with pytest.raises(ValueError, match="running.ranks: 3 run at once, .* has cores for 2 tasks"):
        cluster.launch_on(3, "cpu")


def test_a_rank_is_the_one_process_of_its_task_and_ends_with_it(spark, tmp_path):
    def wait(folder):
        import time
        from pathlib import Path

        from collaborative_autoencoders.processes import end_with_parent, this_process

        end_with_parent()
        parent = Path(f"/proc/{os.getppid()}/cmdline").read_text()
        (Path(folder) / "rank").write_text(f"{this_process()} {parent}")
        time.sleep(600)

    with ThreadPoolExecutor() as threads:
        launched = threads.submit(cluster.launch_on(1, "cpu"), wait, str(tmp_path))
        assert soon((tmp_path / "rank").exists)
        identity, command = (tmp_path / "rank").read_text().split(" ", 1)
        assert "pyspark.daemon" in command
        assert not is_abandoned(identity)
        spark.sparkContext.cancelAllJobs()
        assert "cancelled" in str(launched.exception(60))
    assert soon(lambda: is_abandoned(identity))


def soon(is_so):
    """Return whether something is so within a minute."""
    until = time.monotonic() + 60
    while not is_so() and time.monotonic() < until:
        time.sleep(0.1)
    return is_so()
