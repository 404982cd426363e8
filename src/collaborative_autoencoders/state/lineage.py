"""Whether stored datasets are what the present parameters, inputs and code would make."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from enum import Enum
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from .content import Content, Stored, digest_of
from .record import Record, parameters_of, read_record


class Step(NamedTuple):
    """A node: the names of what it reads and writes."""

    name: str
    kind: str
    """Name of its function, which nodes of several models share."""
    parameters: tuple[str, ...]
    """Dotted names of the parameters it reads."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Kind(Enum):
    """Why a dataset is not what would be made now."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    OTHER_PARAMETERS = "other parameters"
    OTHER_INPUTS = "other inputs"
    OTHER_CODE = "other code"


DIFFERENT = (Kind.CHANGED, Kind.OTHER_PARAMETERS, Kind.OTHER_INPUTS)
"""Why what was made from a dataset is not valid either, whatever else is wrong with it."""


class Problem(NamedTuple):
    """A dataset that is not what its step would make now, and why."""

    dataset: str
    step: Step
    kind: Kind
    reason: str
    was: Mapping[str, Any] = {}
    """The parameters that differ, with the values that it was made with."""

    def __str__(self) -> str:
        """Return the dataset and the reason."""
        return f"{self.dataset}: {self.reason}"


class Lineage:
    """The stored datasets, the steps that make them, and the present parameters and code."""

    def __init__(
        self,
        steps: Iterable[Step],
        stored: Callable[[str], Stored | None],
        raw: Callable[[str, Content | None], Content | None],
        parameters: dict[str, Any],
        code: str,
        of_run: Iterable[Step] = (),
    ) -> None:
        """Create it. `stored` returns the place of a dataset, `raw` the content of one that no
        step makes, given the content it had when it was read last.

        A dataset may be made by a step of each of several pipelines, from other inputs. It is that
        of `of_run`, the steps of the pipelines that run, or else the one that has made it.
        """
        self._steps: dict[str, list[Step]] = {}
        for step in dict.fromkeys(steps):
            for name in step.outputs:
                self._steps.setdefault(name, []).append(step)
        self._names = {step.name for found in self._steps.values() for step in found}
        self._of_run = {name: step for step in of_run for name in step.outputs}
        self._stored, self._raw = stored, raw
        self._parameters, self.code = parameters, code

    def is_made(self, name: str) -> bool:
        """Return whether a step makes this dataset."""
        return name in self._steps

    def step_of(self, name: str) -> Step | None:
        """Return the step that makes this dataset; None if no step does."""
        steps = self._steps.get(name)
        if steps is None or name in self._of_run:
            return self._of_run.get(name)
        record = read_record(self._stored(name)) if len(steps) > 1 else None
        for step in sorted(steps, key=lambda step: len(step.inputs)):
            if record and record.step == step.name and record.inputs.keys() <= set(step.inputs):
                return step
        return steps[0]

    def upstream(self, names: Iterable[str]) -> Iterator[str]:
        """Yield these datasets and all that they are made from, each once."""
        waiting, seen = list(names), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                yield name
                step = self.step_of(name)
                waiting.extend(step.inputs if step else ())

    def problems(self, names: Iterable[str], events: Set[str] = frozenset()) -> list[Problem]:
        """Return the first causes why these datasets, or what they were made from, are not valid.

        A cause is reported once, and not again for what was made from it. What a step of a kind in
        `events` has written stays valid as it was written: it says what was done, such as a
        registration.
        """
        return _distinct(self.problems_of_each(names, events).values())

    def problems_of_each(
        self, names: Iterable[str], events: Set[str] = frozenset()
    ) -> dict[str, list[Problem]]:
        """Return the first causes for each of these datasets. Each file is looked at once."""
        found: dict[str, list[Problem]] = {}
        for name in names:
            self._find(name, found, events)
        return {name: found[name] for name in names}

    def _find(self, name: str, found: dict[str, list[Problem]], events: Set[str]) -> list[Problem]:
        """Return the causes for a dataset, and keep them in `found`."""
        if name not in found:
            step = self.step_of(name)
            found[name] = []
            if step is not None and step.kind in events:
                own_problems = self._own_problems(name, step, explained=True)
                found[name] = [each for each in own_problems if each.kind is Kind.CHANGED]
            elif step is not None:
                before = _distinct(self._find(each, found, events) for each in step.inputs)
                explained = any(problem.kind in DIFFERENT for problem in before)
                own = islice(self._own_problems(name, step, explained), 1)
                found[name] = [*before, *own]
        return found[name]

    def _own_problems(self, name: str, step: Step, explained: bool) -> Iterator[Problem]:
        """Yield why this dataset is not valid; other inputs only if they have no own problem."""
        problem = partial(Problem, name, step)
        stored = self._stored(name)
        record = read_record(stored)
        content = None if stored is None else stored.content(record.content if record else None)
        if record is None:
            if content is None:
                yield problem(Kind.MISSING, "is missing")
            else:
                yield problem(Kind.UNKNOWN, "has no record of what made it")
            return
        if stored and content is not None and not content.same_as(record.content):
            yield problem(Kind.CHANGED, f"{stored.path} has changed since {record.step} wrote it")
        was = self._changed_parameters(record, step)
        if was:
            yield problem(Kind.OTHER_PARAMETERS, self._differences(was, step), was)
        others = [] if explained else self._changed_inputs(record, step)
        if record.step != step.name and record.step in self._names:
            yield problem(Kind.OTHER_INPUTS, f"was made by {record.step}")
        elif others:
            yield problem(Kind.OTHER_INPUTS, f"was made from another {', '.join(others)}")
        if record.code != self.code:
            yield problem(Kind.OTHER_CODE, "was made by another version of the code")
        if content is None:
            yield problem(Kind.MISSING, "is missing")

    def _changed_parameters(self, record: Record, step: Step) -> dict[str, Any]:
        now = parameters_of(step.parameters, self._parameters)
        names = sorted(record.parameters.keys() | now.keys())
        return {
            name: record.parameters.get(name)
            for name in names
            if record.parameters.get(name) != now.get(name)
        }

    def _differences(self, was: Mapping[str, Any], step: Step) -> str:
        now = parameters_of(step.parameters, self._parameters)
        return ", ".join(f"{name} was {old}, is {now.get(name)}" for name, old in was.items())

    def _changed_inputs(self, record: Record, step: Step) -> list[str]:
        """Return the inputs whose content was another, and those that the step does not read."""
        return [
            name
            for name in step.inputs
            if (now := self.content(name, record.inputs.get(name))) is not None
            and not now.same_as(record.inputs.get(name))
        ] + sorted(record.inputs.keys() - set(step.inputs))

    def content(self, name: str, known: Content | None = None) -> Content | None:
        """Return the content of a dataset; of a deleted one, that which it had."""
        if not self.is_made(name):
            return self._raw(name, known)
        stored = self._stored(name)
        if stored is None:
            return None
        record = read_record(stored)
        of_record = None if record is None else record.content
        return stored.content(of_record) or of_record

    def codes(self, names: Iterable[str]) -> dict[str, set[str]]:
        """Return the versions of the code that made these datasets and what they were made from.

        The keys are the kinds of steps.
        """
        found: dict[str, set[str]] = {}
        for name in self.upstream(names):
            step = self.step_of(name)
            record = None if step is None else read_record(self._stored(name))
            if step is not None and record is not None:
                found.setdefault(step.kind, set()).add(record.code)
        return found

    def fingerprint(self, step: Step) -> str | None:
        """Return a digest of what this step would work with now: parameters, inputs and code.

        None if an input is in no file, so that its content is not known.
        """
        made = self.record(step, Content("", 0, 0))
        if made.inputs.keys() != set(step.inputs):
            return None
        inputs = {name: (each.digest, each.entry) for name, each in made.inputs.items()}
        return digest_of([made.step, made.code, made.parameters, inputs])

    def record(
        self, step: Step, content: Content, read: Mapping[str, Content | None] | None = None
    ) -> Record:
        """Return the record of a file that this step has written now.

        `read` holds the content of inputs as it was when the step read them. An input that was in
        no file then may have been downloaded since, and has the content that it has now.
        """
        known = {name: found for name, found in (read or {}).items() if found and found.is_known}
        inputs = {name: known.get(name) or self.content(name) for name in step.inputs}
        return Record(
            step=step.name,
            code=self.code,
            parameters=parameters_of(step.parameters, self._parameters),
            inputs={name: found for name, found in inputs.items() if found is not None},
            content=content,
        )


def _distinct(found: Iterable[Iterable[Problem]]) -> list[Problem]:
    return list({problem.dataset: problem for each in found for problem in each}.values())
