"""The nodes of tuning: search, summarise, draw, propose."""

from datetime import datetime
from typing import Any

import pandas as pd

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.tuning.options import Search, SearchSpaces, TuningOptions

SearchResult = dict[str, Any]
"""The dict that `tuning.results.result_of` returns, or a model and why it was `left_out`."""


def search_options(
    options: TrainingOptions,
    tuning: TuningOptions,
    search_spaces: SearchSpaces,
    running: RunningOptions,
    train: Interactions,
    validation: Interactions,
    data_facts: dict[str, Any],
) -> SearchResult:
    """Run the search of one model. Each trial is fitted on train and validated on validation.

    A model without options or a space, or without ratings to learn from, is left out with the
    reason.
    Raises ValueError if the search cannot start or if none of its trials is complete.
    """
    from collaborative_autoencoders.learning.fit_model import what_is_lacking
    from collaborative_autoencoders.models import model_class
    from collaborative_autoencoders.tuning.results import result_of
    from collaborative_autoencoders.tuning.search import run_search

    model = options.name
    catalogue = Catalogue.of(data_facts, "ratings")
    catalogue.check("ratings", train=train, validation=validation)
    space = search_spaces.of(tuning.space, model)
    if not type(options.model).model_fields:
        return not_searched(model, "it has no options")
    if space is None:
        return not_searched(model, f"search_spaces.{tuning.space} has no space for {model}")
    if lacking := what_is_lacking(model_class(model).learns_from, catalogue, train):
        return not_searched(model, lacking)
    search = Search(
        options=options,
        space=space,
        tuning=tuning,
        running=running,
        train=train,
        validation=validation,
        facts=data_facts,
    )
    return result_of(search, run_search(search))


def not_searched(model: str, reason: str) -> SearchResult:
    """Return the result for a model that is not searched."""
    return {"model": model, "left_out": reason}


def summarise_search(search: SearchResult) -> dict[str, Any]:
    """Return `trials`, one row per trial; `best`, the best options; and `search_metrics`.

    The metrics are the best value of the validation metric, the number of trials in each state, and
    the importance of each axis: its share of the variance of the validation metric (fANOVA, Hutter
    et al. 2014). A search of few trials has no importances.
    """
    from collaborative_autoencoders.tuning.figures import importances_of
    from collaborative_autoencoders.tuning.results import count_states, trials_table

    if search["left_out"]:
        return {"trials": pd.DataFrame(), "best": {}, "search_metrics": {}}
    importance = {f"importance.{name}": value for name, value in importances_of(search).items()}
    best = {f"best_validation_{search['metric']}": search["best"]["value"]}
    return {
        "trials": trials_table(search),
        "best": search["best"]["params"],
        "search_metrics": best | count_states(search) | importance,
    }


def draw_search(search: SearchResult) -> dict[str, Any]:
    """Return three plotly figures: progress of the search, parallel coordinates, importances."""
    from collaborative_autoencoders.tuning import figures

    return {
        "search_history": figures.draw_progress(search),
        "parallel_coordinates": figures.draw_parallel_coordinates(search),
        "importances": figures.draw_importances(search),
    }


def propose_parameters(search: SearchResult) -> str:
    """Return the model's block with the best options, as YAML for a folder of conf/."""
    from collaborative_autoencoders.tuning.results import write_proposal

    if search["left_out"]:
        return f"# Nothing is proposed: {search['left_out']}.\n"
    return write_proposal(search, datetime.now())
