"""Run every protocol of plan.yml with split seeds 1 to 5 and write docs/results.md.

    make benchmark
    python -m benchmarks.results --protocols d2l --seeds 1 2    # only a part
    python -m benchmarks.results --continue RUN_ID              # continue after an interruption
    python -m benchmarks.results --continue RUN_ID --page-only  # only write the page again

Every row is a complete `kedro run` with its own files and MLflow runs, which are tagged with
protocol, split seed and row. The page is written from these MLflow runs, and logged in an MLflow
run of its own with the means and their intervals. By default two runs are executed at a time with
one thread each: on two cores that is faster than one run with two threads.
"""

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from time import perf_counter

from .plan import PLAN, TUNING_SEED, Job, jobs_of, read_plan

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "results.md"
TITLE = "Published results, and ours"


def main() -> None:
    """Run the jobs that have not finished, then write the page."""
    asked = arguments()
    plan = read_plan(asked.plan)
    plan = {name: plan[name] for name in asked.protocols or plan}
    os.environ |= {"OMP_NUM_THREADS": str(asked.threads), "DO_NOT_TRACK": "true"}
    os.environ |= {"OPENBLAS_NUM_THREADS": str(asked.threads)}
    from . import publishing  # imports MLflow, after the threads are set

    publishing.open_store(asked.project)
    benchmark = publishing.open_run(asked.go_on, asked)
    if not asked.page_only:
        done = publishing.finished_jobs(benchmark)
        run_all(
            [job for job in jobs_of(plan, asked.seeds) if job.name not in done], benchmark, asked
        )
    publishing.publish(benchmark, plan, asked)
    print(f"{asked.page} is written; the MLflow run is {benchmark}")


def run_all(jobs: list[Job], benchmark: str, asked: argparse.Namespace) -> None:
    """Run the jobs, `--jobs` at a time.

    Raises SystemExit at the first job that fails. Finished jobs are kept.
    """
    started = perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.jobs, mp_context=context) as pool:
        from .running import run_job

        running = {
            pool.submit(run_job, asked.project, benchmark, asked.threads, job): job for job in jobs
        }
        for number, finished in enumerate(as_completed(running), start=1):
            job = running[finished]
            if finished.exception() is not None:
                pool.shutdown(cancel_futures=True)
                raise SystemExit(
                    f"{job.name}: {finished.exception()}\n"
                    f"Fix it and continue: python -m benchmarks.results --continue {benchmark}"
                )
            minutes = (perf_counter() - started) / 60
            print(f"{number:3d} of {len(jobs)}  {minutes:5.1f} min  {job.name}", flush=True)


def arguments() -> argparse.Namespace:
    """Return the command-line arguments.

    The tuning seed is refused, because the test part of that split must not be evaluated.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results")
    parser.add_argument("--protocols", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5], metavar="SEED")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="threads per run")
    parser.add_argument("--continue", dest="go_on", metavar="RUN_ID", help="of the benchmark")
    parser.add_argument("--page-only", action="store_true", help="run nothing")
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--title", default=TITLE, help="of the page")
    parser.add_argument("--project", type=Path, default=ROOT)
    asked = parser.parse_args()
    if TUNING_SEED in asked.seeds:
        parser.error(f"split seed {TUNING_SEED} is the one that the options were chosen on")
    return asked


if __name__ == "__main__":
    sys.exit(main())
