"""A model's options, checked by the class of whichever model `name` names."""

from typing import Any, Self

from pydantic import ModelWrapValidatorHandler, model_validator

from collaborative_autoencoders.options import Options

from .registry import model_class


class ModelOptions(Options):
    """What a model is. Validating this base class gives the options class of the named model."""

    name: str
    """The model's line in `MODELS`."""

    @model_validator(mode="wrap")
    @classmethod
    def _of_the_named_model(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if cls is not ModelOptions or not isinstance(raw, dict):
            return handler(raw)
        if "name" not in raw:
            raise ValueError("model.name is missing: it says which line of MODELS this is")
        options_class: type[Self] = model_class(raw["name"]).options_class
        return options_class.model_validate(raw)
