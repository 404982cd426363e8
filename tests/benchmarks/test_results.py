"""The benchmark of published results: its plan, its means by hand, and a complete small run."""

import logging
import pickle
import re
import sys
from concurrent.futures import Future
from contextlib import chdir

import pandas as pd
import projects
import pytest
import tracked
from model_options import parameters_of as committed_parameters
from omegaconf import OmegaConf
from pydantic import ValidationError
from scipy.special import stdtrit

from benchmarks.results import __main__ as command
from benchmarks.results.means import mean_of, reached
from benchmarks.results.page import digits, signed, span
from benchmarks.results.plan import PLAN as COMMITTED
from benchmarks.results.plan import TUNING_SEED, Row, Target, jobs_of, read_plan
from benchmarks.results.running import parameters_of
from collaborative_autoencoders import pipeline_registry
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.pipeline_registry import from_data_to_leaderboard

PLAN = """
test:
  title: The fabricated world
  pipeline: ranking
  measures: [ndcg_at_10]
  validation_metric: ndcg_at_5
  source: nowhere
  models:
    - name: CDAE
      model: cdae
      published: {ndcg_at_10: ".4999"}
      targets: [{measure: ndcg_at_10, beside: Popularity, at_least: 0.001}]
    - {name: Popularity, model: popularity}
  variants:
    - {name: DAE, model: cdae, changes: {model: {user_node: false}}}
  ablation:
    - {name: as committed, model: cdae}
    - {name: no corruption, model: cdae, changes: {model: {corruption: 0}}}
"""


def test_the_interval_is_students_t():
    mean = mean_of(pd.Series([1.0, 2.0, 3.0]))
    reach = stdtrit(2, 0.975) * 1 / 3**0.5
    assert mean == pytest.approx((2, 2 - reach, 2 + reach))


def test_one_seed_has_no_interval():
    mean = mean_of(pd.Series([0.5]))
    assert mean == (0.5, 0.5, 0.5)
    assert span(mean) == ".5000"


FIGURES = pd.DataFrame(
    {
        "row": ["a", "a", "b", "b"],
        "split_seed": [1, 2, 2, 1],
        "rmse": [0.5, 0.7, 0.4, 0.3],
    }
)


@pytest.mark.parametrize(
    ("target", "mean", "met"),
    [
        ({"at_most": 0.6}, (0.5 + 0.7) / 2, True),
        ({"at_most": 0.59}, (0.5 + 0.7) / 2, False),
        ({"beside": "b", "at_least": 0.249}, ((0.5 - 0.3) + (0.7 - 0.4)) / 2, True),
        ({"beside": "b", "at_least": 0.26}, 0.25, False),
        ({"beside": "b", "at_least": 0.249, "interval_above_zero": True}, 0.25, False),
    ],
)
def test_a_target_is_compared_with_the_mean_over_seeds(target, mean, met):
    found, is_met = reached(FIGURES, "a", Target(measure="rmse", **target))
    assert found.mean == pytest.approx(mean)
    assert is_met == met


def test_a_row_without_runs_is_an_error_that_names_it():
    with pytest.raises(KeyError, match="c has no rmse"):
        reached(FIGURES, "c", Target(measure="rmse"))


def test_numbers_have_four_digits_and_no_zero_before_the_point():
    assert [digits(value) for value in (0.82764, 1.5, 0)] == [".8276", "1.5000", ".0000"]
    assert digits(-0.0019) == "−.0019"  # the minus of `signed`, also at the ends of an interval
    assert [signed(value) for value in (0.00312, -0.00312)] == ["+.0031", "−.0031"]


def test_the_seed_of_the_tuning_is_only_validated_and_every_run_has_its_own_files():
    jobs = list(jobs_of(read_plan(), [1, 2, 3, 4, 5]))
    assert len({job.name for job in jobs}) == len(jobs)
    assert {job.split_seed for job in jobs if job.validation_metric is None} == {1, 2, 3, 4, 5}
    assert {job.split_seed for job in jobs if job.validation_metric} <= {TUNING_SEED}


@pytest.mark.parametrize("name", ["plan.yml", "variational.yml"])
def test_every_row_of_a_plan_has_valid_options(name):
    """Each row's block of parameters is merged as for a run, and validated."""
    plan = read_plan(COMMITTED.with_name(name))
    committed = {protocol: committed_parameters(protocol) for protocol in plan}
    for job in jobs_of(plan, [1]):
        given = parameters_of(job, threads=1)
        for row in [job.row] if job.row else plan[job.protocol].models:
            block = OmegaConf.merge(committed[job.protocol][row.model], given.get(row.model, {}))
            TrainingOptions.of(row.model).model_validate(OmegaConf.to_container(block))


def test_a_protocol_without_models_runs_its_variants_alone():
    plan = read_plan(COMMITTED.with_name("variational.yml"))
    jobs = jobs_of({"recbole": plan["recbole"]}, [1])
    assert {job.row is None for job in jobs} == {False}


def test_a_row_of_an_unknown_model_is_refused():
    with pytest.raises(ValidationError, match="unknown model 'cdea'"):
        Row(name="x", model="cdea")


WHERE = ["--plan", "plan.yml", "--page", "results.md", "--project", "."]


class PoolInThisProcess:
    """A pool without processes, which would each import torch and MLflow. Jobs are pickled."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        logging.disable(logging.NOTSET)  # a job disables the log of its process

    def submit(self, function, *arguments):
        future = Future()
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        future.set_result(function(*arguments))
        return future


def type_command(project, *arguments):
    """Do what `python -m benchmarks.results` does, in this process."""
    with pytest.MonkeyPatch.context() as patch, chdir(project):
        for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(threads, "1")  # restored afterwards
        patch.setattr(command, "ProcessPoolExecutor", PoolInThisProcess)
        patch.setattr(sys, "argv", ["results", *WHERE, *arguments])
        command.main()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The page and the project of a small plan."""
    project = projects.new_project(tmp_path_factory.mktemp("benchmark") / "world")
    (project / "plan.yml").write_text(PLAN, encoding="utf-8")
    parameters = project / "conf/test/parameters_training.yml"
    quick = parameters.read_text(encoding="utf-8").replace("epochs: 15", "epochs: 2")
    parameters.write_text(quick, encoding="utf-8")
    registered = pipeline_registry.register_pipelines
    two_models = {"ranking": from_data_to_leaderboard(["cdae", "popularity"])}
    with pytest.MonkeyPatch.context() as patch, projects.empty_store(project):
        patch.setattr(pipeline_registry, "register_pipelines", lambda: registered() | two_models)
        type_command(project, "--seeds", "1", "2", "--jobs", "1")
    return project, (project / "results.md").read_text(encoding="utf-8")


def benchmark_of(project):
    return next(run for run in tracked.all_runs(project) if run.info.run_name == "benchmark")


@pytest.mark.slow
def test_the_page_has_the_published_value_and_the_mean_of_our_runs(published):
    project, page = published
    rows = re.search(r"\| CDAE \| \.4999 \| \*\*(\.\d{4})\*\* ± \.\d{4} \|", page)
    children = [run for run in tracked.all_runs(project) if run.data.tags.get("row") == "CDAE"]
    runs = [run.data.metrics["ndcg_at_10"] for run in children if tracked.PARENT in run.data.tags]
    assert len(runs) == 2
    assert rows.group(1) == digits(sum(runs) / 2)


@pytest.mark.slow
def test_the_page_has_variants_targets_and_the_ablation(published):
    _, page = published
    assert "- *DAE*: `cdae` with `model.user_node: false`" in page
    assert re.search(r"\| CDAE − Popularity \| NDCG@10 \| ≥ \.0010 \| .* \| (yes|no) \|", page)
    assert re.search(r"\| as committed \| NDCG@5 \| \.\d{4} \| \+\.0000 \|", page)
    assert "`model.corruption: 0`" in page


@pytest.mark.slow
def test_the_page_is_an_mlflow_run_with_its_means_and_figures(published):
    project, page = published
    run = benchmark_of(project)
    assert run.info.status == "FINISHED"
    assert tracked.artifact(run, "results.md") == page
    mean, low, high = (
        run.data.metrics[f"test.cdae.ndcg_at_10{end}"] for end in ("", "_low", "_high")
    )
    assert low < mean < high
    figures = pd.read_csv(tracked.artifacts(run) / "figures.csv")
    cdae = figures[(figures["row"] == "CDAE") & ~figures["ablation"]]
    assert mean == pytest.approx(cdae["ndcg_at_10"].mean())


@pytest.mark.slow
def test_every_run_is_tagged_and_has_its_own_files(published):
    project, _ = published
    parents = [run for run in tracked.parents(project) if "job" in run.data.tags]
    assert {run.data.tags["protocol"] for run in parents} == {"test"}
    jobs = {run.data.tags["job"] for run in parents}
    assert jobs == {
        *(f"test/split-{seed}{row}" for seed in (1, 2) for row in ("", "/dae")),
        *(f"test/split-42/{row}" for row in ("as-committed", "no-corruption")),
    }
    assert all(list((project / "data/06_models" / job).glob("*.safetensors")) for job in jobs)


@pytest.mark.slow
def test_a_benchmark_that_is_continued_runs_nothing_twice(published):
    project, page = published
    before = len(tracked.all_runs(project))
    (project / "results.md").unlink()
    type_command(project, "--seeds", "1", "2", "--continue", benchmark_of(project).info.run_id)
    assert len(tracked.all_runs(project)) == before
    assert (project / "results.md").read_text(encoding="utf-8") == page


def test_the_seed_of_the_tuning_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        type_command(tmp_path, "--seeds", str(TUNING_SEED))
    assert "chosen on" in capsys.readouterr().err
