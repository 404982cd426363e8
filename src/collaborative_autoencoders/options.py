"""The base of every component's options; each options class lives beside its component."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Values that YAML gives and a component reads: checked once, never changed, no key too many.

    Subclasses declare fields with constraints and without defaults: the values live in YAML only.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
