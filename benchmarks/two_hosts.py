"""Run on a Spark cluster whose two workers are on hosts of their own, and pull the cable of one.

    sudo python benchmarks/two_hosts.py [--epochs 6]

The hosts are network namespaces of this machine (Linux, `iproute2`), each with an address and a
host name; a bridge joins them to the driver, and all see one folder, as machines with a shared
drive do. MLflow is a server on the driver's host. First a run with `running.ranks=2` is compared
with one on one machine: every metric of popularity, the bias model, ItemKNN and CDAE on MovieLens
100K must be the same to the last digit. Then, in a long fit, the link of one host is cut, and the
run must end with an error that names a lost rank and the epoch to go on from; the same command with
`--only-missing-outputs` must go on after that epoch. It ends with 1 if one of them is not so.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import pyspark
from run_overhead import ROOT, our_project

DRIVER, MASTER_PORT, PAGE_PORT, SERVER_PORT = "10.77.0.1", 7077, 8085, 5055
HOSTS = {"worker-one": "10.77.0.11", "worker-two": "10.77.0.12"}
BRIDGE = "spark-bridge"
MODELS = ("popularity", "bias", "itemknn", "cdae")
ALIKE = ["running.threads=1", "cleaning.rating_scale.lowest=1"]
TO_START, TO_NOTICE = 120, 400  # seconds; Spark gives up a silent worker after 120
CATALOG = """
ratings:
  type: pandas.ParquetDataset
  filepath: data/01_raw/ratings/one.parquet
"""


def link_of(host: str) -> str:
    """Return the driver's end of the cable of a host."""
    return f"to-{host}"


@contextmanager
def hosts() -> Iterator[None]:
    """Create the hosts, and remove them at the end."""
    do("ip", "link", "add", BRIDGE, "type", "bridge")
    try:
        do("ip", "addr", "add", f"{DRIVER}/24", "dev", BRIDGE)
        do("ip", "link", "set", BRIDGE, "up")
        names = "".join(f"{address} {host}\n" for host, address in HOSTS.items())
        for host, address in HOSTS.items():
            of_host = Path("/etc/netns") / host
            of_host.mkdir(parents=True, exist_ok=True)
            (of_host / "hosts").write_text(f"127.0.0.1 localhost\n{DRIVER} driver\n{names}")
            do("ip", "netns", "add", host)
            do("ip", "link", "add", link_of(host), "type", "veth", "peer", "eth0", "netns", host)
            do("ip", "link", "set", link_of(host), "master", BRIDGE, "up")
            do("ip", "-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            do("ip", "-n", host, "link", "set", "eth0", "up")
            do("ip", "-n", host, "link", "set", "lo", "up")
        yield
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], check=False)
            (Path("/etc/netns") / host / "hosts").unlink(missing_ok=True)
            (Path("/etc/netns") / host).rmdir()
        do("ip", "link", "del", BRIDGE)


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Start a master and MLflow's server here, and a worker on each host."""
    home = Path(pyspark.__file__).parent
    spark = [str(home / "bin" / "spark-class")]
    deploy = "org.apache.spark.deploy"
    server = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1"]
    server += ["--artifacts-destination", str(folder / "artifacts"), "--allowed-hosts", "*"]
    here = ["--host", DRIVER, "--port"]
    commands = [
        [
            *spark,
            f"{deploy}.master.Master",
            *here,
            str(MASTER_PORT),
            "--webui-port",
            str(PAGE_PORT),
        ],
        [sys.executable, "-m", "mlflow", "server", *here, str(SERVER_PORT), *server],
    ]
    for host, address in HOSTS.items():
        worker = [*spark, f"{deploy}.worker.Worker", f"spark://{DRIVER}:{MASTER_PORT}"]
        options = ["--host", address, "--cores", "1", "--memory", "2g"]
        named = ["unshare", "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh"]
        commands.append(["ip", "netns", "exec", host, *named, *worker, *options])
    environment = os.environ | {"SPARK_HOME": str(home), "SPARK_WORKER_DIR": str(folder / "work")}
    started = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"{number}.log").open("w") as log:
                started.append(
                    subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
                )
        deadline = time.monotonic() + TO_START
        while not is_ready():
            if time.monotonic() > deadline:
                raise SystemExit("the cluster or MLflow's server does not start")
            time.sleep(1)
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait()


def is_ready() -> bool:
    """Return whether MLflow's server answers, and the master knows both workers."""
    with suppress(OSError):
        with urlopen(f"http://{DRIVER}:{SERVER_PORT}/health", timeout=5):
            pass
        with urlopen(f"http://{DRIVER}:{PAGE_PORT}/json/", timeout=5) as page:
            return len(json.load(page)["workers"]) == len(HOSTS)
    return False


def main() -> None:
    """Compare, cut and go on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        project = prepared(folder)
        with hosts(), cluster(folder):
            differ = compared(project, given.epochs)
            print(f"metrics that differ from one machine: {differ or 'none'}", flush=True)
            print(f"a host without its cable: {cut_and_continued(project)}", flush=True)
    sys.exit(1 if differ else 0)


def prepared(folder: Path) -> Path:
    """Return a project with MovieLens 100K as a table, for one machine and for the cluster."""
    from collaborative_autoencoders.datasets.movielens import MovieLensDataset

    project = our_project(folder / "project")
    raw = project / "data" / "01_raw" / "ratings"
    raw.mkdir(parents=True, exist_ok=True)
    path = (ROOT / "data" / "01_raw").as_posix()
    table = MovieLensDataset(name="ml-100k", path=path, table="ratings").load()
    table.attrs = {}
    table.to_parquet(raw / "one.parquet")
    (project / "conf" / "one").mkdir()
    (project / "conf" / "one" / "catalog.yml").write_text(CATALOG)
    properties = project / "conf" / "spark" / "spark.yml"
    of_cluster = {
        "spark.driver.host": DRIVER,
        "spark.driver.bindAddress": DRIVER,
        "spark.executor.memory": "700m",
        "spark.executorEnv.PYTHONPATH": ROOT / "src",
    }
    lines = [f"{name}: {value}\n" for name, value in of_cluster.items()]
    master = properties.read_text().replace("local[*]", f"spark://{DRIVER}:{MASTER_PORT}")
    properties.write_text(master + "".join(lines))
    return project


def compared(project: Path, epochs: int) -> list[str]:
    """Run here and on the cluster; return the names of the metrics that differ."""
    what = ["--namespaces", ",".join(["data_engineering", *MODELS])]
    params = [*ALIKE, f"cdae.fitting.epochs={epochs}"]
    for env, more in (("one", []), ("spark", ["running.ranks=2"])):
        started = time.perf_counter()
        ended = kedro(project, env, what, [*params, *more], project / f"{env}.log").wait()
        print(f"{env}: {time.perf_counter() - started:.0f} s, ended with {ended}", flush=True)
        if ended:
            raise SystemExit((project / f"{env}.log").read_text())
    differ, n_metrics = [], 0
    for model in MODELS:
        one, other = (
            json.loads((project / f"data/08_reporting/{env}/{model}/metrics.json").read_text())
            for env in ("one", "spark")
        )
        names = (one.keys() | other.keys()) - {"fit_seconds"}
        n_metrics += len(names)
        differ += [f"{model}.{name}" for name in names if one.get(name) != other.get(name)]
    print(f"{n_metrics} metrics compared", flush=True)
    return differ


def cut_and_continued(project: Path) -> str:
    """Cut a host off in a fit, and go on with it; return what was seen.

    Ends with the log of the run if it was not so.
    """
    nodes = ["--nodes", "cdae.fit_model"]
    long = [*ALIKE, "running.ranks=2", "cdae.fitting.epochs=3000", "cdae.fitting.patience=3000"]
    long.append("running.checkpoint_seconds=2")
    log, again = project / "cut.log", project / "again.log"
    link = link_of("worker-two")
    fit = kedro(project, "spark", nodes, long, log)
    if not seen_in(log, "Started distributed training"):
        fit.kill()
        raise SystemExit(log.read_text())
    deadline = time.monotonic() + TO_START
    while len([*project.glob("data/06_models/spark/.*.fit/*.rank_*_of_2.safetensors")]) < 2:
        if time.monotonic() > deadline:
            fit.kill()
            raise SystemExit(log.read_text())
        time.sleep(1)
    do("ip", "link", "set", link, "down")
    started = time.perf_counter()
    try:
        fit.wait(TO_NOTICE)
    finally:
        fit.kill()
        do("ip", "link", "set", link, "up")
    seconds = time.perf_counter() - started
    said = re.search(r"RuntimeError: (cdae: rank [\d or]+ of 2 was lost\..*)", log.read_text())
    epoch = re.search(r"have kept epoch (\d+)", said[1]) if said else None
    if said is None or epoch is None:
        raise SystemExit(log.read_text())
    fit = kedro(project, "spark", [*nodes, "--only-missing-outputs"], long, again)
    seen = f"goes on after epoch {epoch[1]} of 3000"
    goes_on = seen_in(again, seen)
    fit.kill()
    fit.wait()
    if not goes_on:
        raise SystemExit(again.read_text())
    return f"{said[1]} ({seconds:.0f} s after the cut; then: {seen})"


def seen_in(log: Path, text: str) -> bool:
    """Wait for a text in a log; return whether it came."""
    deadline = time.monotonic() + TO_START
    while text not in log.read_text():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def kedro(
    project: Path, env: str, what: list[str], params: list[str], log: Path
) -> "subprocess.Popen[bytes]":
    """Start `kedro run`, with MLflow's server."""
    command = [sys.executable, "-m", "kedro", "run", "--env", env, *what]
    command += ["--params", ",".join(params)]
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"http://{DRIVER}:{SERVER_PORT}",
        "PYTHONPATH": str(ROOT / "src"),
        "OMP_NUM_THREADS": "1",
    }
    with log.open("w") as written:
        return subprocess.Popen(
            command, cwd=project, env=environment, stdout=written, stderr=subprocess.STDOUT
        )


def do(*command: str) -> None:
    """Run a command of the system."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
