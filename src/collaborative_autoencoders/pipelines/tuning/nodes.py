"""The doors of tuning: a search, what can be said of it, and what it proposes."""

from datetime import datetime
from typing import Any

import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import Interactions
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.models.model import Catalogue

from .options import SearchSpaces, TuningOptions
from .proposing import write_proposal

Search = dict[str, Any]


def search_options(
    options: TrainingOptions,
    tuning: TuningOptions,
    search_spaces: SearchSpaces,
    running: RunningOptions,
    train_likes: csr_array,
    train_ratings: csr_array,
    validation_likes: csr_array,
    validation_ratings: csr_array,
    data_facts: dict[str, Any],
) -> Search:
    """Try points of the space, each fitted on train and judged on validation: all of the study.

    The test part is not asked for. Says why, where there is nothing to search: no space for this
    model, or no ratings for it to learn from.
    Raises ValueError where the search cannot begin, or where none of its trials came to an end.
    """
    from .reporting import describe
    from .searching import Search, search

    name = options.model.name
    space = search_spaces.of(tuning.space, name)
    left_out = why_left_out(name, tuning.space, space is None, data_facts)
    if left_out is not None or space is None:
        return {"model": name, "left_out": left_out}
    asked = Search(
        model=name,
        base=options,
        space=space,
        tuning=tuning,
        running=running,
        train=Interactions(train_ratings, train_likes),
        validation=Interactions(validation_ratings, validation_likes),
        catalogue=Catalogue(*(data_facts[field] for field in Catalogue._fields)),
        facts=data_facts,
    )
    return describe(asked, search(asked))


def why_left_out(model: str, space: str, has_none: bool, data_facts: dict[str, Any]) -> str | None:
    """Why nothing is searched of this model; None where there is something."""
    from collaborative_autoencoders.models import model_class

    if has_none:
        return f"search_spaces.{space} has no space for {model}"
    if model_class(model).learns_from == "ratings" and not data_facts["rated"]:
        return f"{model} learns from ratings, and the table has none"
    return None


def summarise_search(search: Search) -> dict[str, Any]:
    """`trials`: one row each; `best`: the options found; `search_metrics`: figures by name.

    The figures are the best validation, counts of trials, and the importance of each axis, a share
    of the variance of the metric (fANOVA, Hutter et al. 2014).
    """
    from .reporting import count_states, importances_of, table_of

    if search["left_out"]:
        return {"trials": pd.DataFrame(), "best": {}, "search_metrics": {}}
    importance = {f"importance.{name}": value for name, value in importances_of(search).items()}
    best = {f"best_validation_{search['metric']}": search["best"]["value"]}
    return {
        "trials": table_of(search),
        "best": search["best"]["params"],
        "search_metrics": best | count_states(search) | importance,
    }


def draw_search(search: Search) -> dict[str, Any]:
    """Three plotly figures: the best so far trial by trial, parallel coordinates, importances."""
    from . import reporting

    return {
        "search_history": reporting.draw_history(search),
        "parallel_coordinates": reporting.draw_parallel_coordinates(search),
        "importances": reporting.draw_importances(search),
    }


def propose_parameters(search: Search) -> str:
    """The model's block with what was found, as YAML that a folder of conf/ takes as it is."""
    if search["left_out"]:
        return f"# Nothing is proposed: {search['left_out']}.\n"
    return write_proposal(search, datetime.now())
