"""Change every stored file and every parameter, and see that no figure changes without a word.

    python -m benchmarks.attacks.values [--seed 1]

A run on the artificial data set of conf/test is made in a temporary folder. Each of its files, and
of the files of two registered models, is then changed in many ways, and the nodes that read it run
again. Parameters are validated as a run validates them. An attempt has 20 seconds and 3 GiB.

- refused: an error that names the file, the model or the key
- harmless: the nodes make what they made before, or the parameter is taken as it is written
- refused, unnamed: an error that names none of them
- unbounded: out of time or memory
- changed: another result without an error; must not occur

The exit status is 1 if an attempt was unbounded or changed a result.
"""

import argparse
import logging
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import mutations, parameters, texts
from .bounded import CHANGED, NAMELESS, REFUSED, UNBOUNDED, WRONG, Tally, outcome
from .finished import Finished, answers, replaced

PARTS = ("train", "validation", "test")
MODELS = ("cdae", "ease", "itemknn", "bias", "autorec", "popularity")
IDS = ("user_ids", "item_ids", "item_titles")
SCORES = ("cdae.ranked_items", "cdae.user_scores", "mf.predicted_ratings", "mf.user_scores")
RATINGS = ("clean_ratings", "core_ratings")
JSON = ("data_facts", "cdae.metrics", "cdae.fit_facts", "cdae.history", "cdae.breakdown")
MORE_JSON = ("cdae.registration", "mf.group_metrics")
CSV = ("leaderboard", "differences", "registered_models")


def main() -> int:
    """Run all attacks and print the table; return the exit status."""
    seed = _arguments().seed
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    tally, started = Tally(), time.monotonic()
    with TemporaryDirectory() as folder:
        world = Finished(Path(folder) / "project")
        made = time.monotonic()
        attack_files(world, tally, seed)
        attack_registered(world, tally, seed)
        attack_parameters(world, tally)
        attack_through_a_run(world, tally)
    print("\n".join(tally.table()))
    tried = sum(sum(counts.values()) for counts in tally.counts.values())
    print(
        f"\n{tried} attempts in {time.monotonic() - made:.0f} s, after a run of "
        f"{made - started:.0f} s: {tally.total(REFUSED)} refused by name, "
        f"{tally.total(NAMELESS)} without, {tally.total(UNBOUNDED)} unbounded, "
        f"{tally.total(CHANGED)} changed a result without a word"
    )
    print("\n".join(sorted(set(tally.notes))))
    return int(bool(tally.total(*WRONG)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def files(world: Finished, seed: int) -> Iterator[tuple[str, mutations.Mutation]]:
    """Yield an entry of the catalog and a mutation of its file."""
    content = {
        name: world.file_of(name).read_bytes()
        for name in (*PARTS, *IDS, *SCORES, *RATINGS, *JSON, *MORE_JSON, *CSV, "lookup")
    } | {f"{model}.fitted": world.file_of(f"{model}.fitted").read_bytes() for model in MODELS}
    for name in content:
        if not name.endswith(tuple(JSON + MORE_JSON + CSV)):  # one digit of a text could be another
            yield from ((name, each) for each in mutations.any_bytes(content[name], seed))
    for name in PARTS:
        yield from ((name, each) for each in mutations.npz(content[name]))
    yield "test", ("another part's file", content["train"])
    for model in MODELS:
        name, other = f"{model}.fitted", content[f"{MODELS[MODELS.index(model) - 1]}.fitted"]
        yield from ((name, each) for each in mutations.safetensors(content[name], other))
    for name in (*IDS, *SCORES, *RATINGS):
        yield from ((name, each) for each in mutations.parquet(content[name]))
    yield from (("lookup", each) for each in mutations.archive(content["lookup"]))
    for name in (*JSON, *MORE_JSON):
        yield from ((name, each) for each in texts.json_that_cannot_be(content[name], seed))
    for name in CSV:
        yield from ((name, each) for each in texts.csv_that_cannot_be(content[name]))


def attack_files(world: Finished, tally: Tally, seed: int) -> None:
    """Change each file and run the nodes that read it."""
    for name, (kind, content) in files(world, seed):
        file = world.file_of(name)
        attempt = world.attempt(name)
        with replaced(file, content):
            names = (str(file), name, *name.split("."))
            found = outcome(attempt, names)
            if found[0] == CHANGED:  # `kedro run` also reads the record of the file's content
                found = outcome(partial(through_a_run, world, name), names)
            tally.add(kind, name, found)


def through_a_run(world: Finished, name: str) -> bool:
    """Run the nodes that read an entry; return False, as an unrefused run changes figures."""
    world.run(node_names=[node.name for node in world.readers(name)])
    return False


def attack_registered(world: Finished, tally: Tally, seed: int) -> None:
    """Change each file of two registered models, and mix the files of both."""
    with TemporaryDirectory() as both:
        folders = {model: Path(both) / model for model in ("cdae", "ease")}
        for model, folder in folders.items():
            folder.mkdir()
            world.recommender(model).save(folder)
        folder, other = folders.values()
        right = answers(folder)
        for file in sorted(folder.iterdir()):
            changes = list(mutations.any_bytes(file.read_bytes(), seed))
            changes.append(("another model's file", (other / file.name).read_bytes()))
            if file.suffix == ".npz":
                changes.append(("an archive that inflates", mutations.bomb("data.npy")))
            for kind, content in changes:
                with replaced(file, content):
                    found = outcome(lambda: answers(folder) == right, (str(file), folder.name))
                    tally.add(f"registered: {kind}", file.name, found)


def attack_parameters(world: Finished, tally: Tally) -> None:
    """Change each parameter; then fit with parameters that are valid and too large or too small."""
    check = parameters.Parameters()
    raw = world.parameters()
    for kind, key, changed, value in parameters.mutated(raw):
        names = (key, key.rpartition(".")[0] or key, key.partition(".")[2] or key)
        attempt = partial(check.taken_as_written, changed, key, value)
        tally.add(kind, f"{key}={value!r}", outcome(attempt, names))
    for model, changes in parameters.FITS:
        found = outcome(parameters.fit(world, model, changes), (model, "fitting.", "model."))
        tally.add("a fit with an extreme option", f"{model} {changes}", found)


def attack_through_a_run(world: Finished, tally: Tally) -> None:
    """Change texts to values that could be, and run the nodes that read them with `kedro run`.

    Only the record of the files that a run wrote can find these.
    """
    data = world.folder / "data"
    shutil.copytree(data, world.folder / "before")
    for name, change in texts.COULD_BE_OTHERWISE.items():
        file, nodes = world.file_of(name), [node.name for node in world.readers(name)]
        outputs = [output for node in world.readers(name) for output in node.outputs]
        before = {output: world.loaded(output) for output in outputs}
        attempt = partial(run_gives, world, nodes, before)
        with replaced(file, change(file.read_bytes())):
            found = outcome(attempt, (str(file), file.name, name))
        tally.add("a text that could be another", name, found)
        shutil.rmtree(data)
        shutil.copytree(world.folder / "before", data)


def run_gives(world: Finished, nodes: list[str], results: dict[str, Any]) -> bool:
    """Run the nodes, and return whether their outputs are these results."""
    world.run(node_names=nodes)
    return {output: world.loaded(output) for output in results} == results


if __name__ == "__main__":
    sys.exit(main())
