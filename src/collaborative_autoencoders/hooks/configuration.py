"""What the configuration may say of the project it stands in, and keys that nobody reads."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import pandas as pd
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf


class ConfigurationHook:
    """Gives the configuration `${project_root:}` and `${outputs:}`; refuses unknown parameters."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Register the resolvers of this context.

        `project_root` is the project's folder, whatever the working directory; `outputs` the name
        of the environment, so that no environment writes over another's files.
        """
        root, outputs = context.project_path.as_posix(), context.env or "base"
        OmegaConf.register_resolver("project_root", lambda: root, replace=True)
        OmegaConf.register_resolver("outputs", lambda: outputs, replace=True)
        refuse_unknown(context.config_loader["parameters"])

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """MovieLens's titles are for MovieLens's ratings: other ratings start without titles.

        So one's own data need one catalog entry, `ratings`; an `items` entry brings the titles.
        """
        from ..datasets.movielens import MovieLensDataset

        ratings, items = (catalog.get(name) for name in ("ratings", "items"))
        if isinstance(items, MovieLensDataset) and not isinstance(ratings, MovieLensDataset):
            catalog["items"] = MemoryDataset(pd.DataFrame())


def refuse_unknown(parameters: dict[str, Any]) -> None:
    """Raises ValueError for a top-level key of the parameters that no pipeline reads.

    The keys below are each checked by the options class that reads them.
    """
    from ..pipeline_registry import register_pipelines

    known = keys_read_by(register_pipelines().values())
    for key in parameters:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"parameters: nobody reads the key {key!r}{hint} "
                f"(known: {', '.join(sorted(known))})"
            )


def keys_read_by(pipelines: Iterable[Pipeline]) -> set[str]:
    """The top-level parameter keys that these pipelines read."""
    inputs = {name for pipeline in pipelines for name in pipeline.inputs()}
    return {name[7:].split(".")[0] for name in inputs if name.startswith("params:")}
