"""The base class of all options. Each options class is defined beside its component."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Validated, immutable options of one component. Unknown keys are errors.

    Subclasses declare fields with constraints but without defaults: values are set in YAML only.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
