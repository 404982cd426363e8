"""The sequential denoising autoencoder: the next item from a decaying memory of the history.

Dimension key: I items, B sequences, N their items, H hidden units, D decays.
"""

from itertools import pairwise
from typing import Annotated

import torch
from annotated_types import Ge, Len, Lt
from pydantic import field_validator
from torch import Tensor, nn

from .activations import ACTIVATIONS, Activation
from .batch import Batch, drop
from .layers import Layer
from .memories import Chunks, powers, scale_of
from .model import Catalogue
from .network import Units
from .next_item import NextItemNetwork, NextItemOptions
from .padded import left_of


class SequentialDAEOptions(NextItemOptions):
    """Options of the sequential denoising autoencoder."""

    hidden_size: Units
    """Number of hidden units."""
    decays: Annotated[list[Annotated[float, Ge(0), Lt(1)]], Len(1, 10)]
    """γ of each memory, from short to long. An item that is l items before the last has the weight
    γ^l in it: 0 is the last item alone, 0.95 some twenty items."""
    input_dropout: Annotated[float, Ge(0), Lt(1)]
    """Probability of dropping an item from the memories. The last item alone is never dropped."""
    hidden_dropout: Annotated[float, Ge(0), Lt(1)]
    """Probability of dropping a hidden unit."""
    hidden_activation: Activation

    @field_validator("decays")
    @classmethod
    def _from_short_to_long(cls, decays: list[float]) -> list[float]:
        if any(left >= right for left, right in pairwise(decays)):
            raise ValueError(f"decays {decays} must rise: {sorted(set(decays))}")
        return decays


class SequentialDAE(NextItemNetwork):
    """ŷ = W' f(Σ_γ W_γ x_γ + b) + b', with x_γ = √(1 − γ) Σ_l γ^l e(item l places before the last).

    Each decay γ is a memory of the history with encoder weights of its own, as the windows of
    `sequential_ease` are.
    """

    options_class = SequentialDAEOptions
    options: SequentialDAEOptions

    def __init__(self, options: SequentialDAEOptions, catalogue: Catalogue) -> None:
        """Create weights of zeros; `start` initialises them."""
        super().__init__(options, catalogue)
        shape = catalogue.items, options.hidden_size
        self.encoders = nn.ParameterList(nn.Parameter(torch.zeros(shape)) for _ in options.decays)
        self.hidden_bias_H = nn.Parameter(torch.zeros(options.hidden_size))
        self.decoder_IH = nn.Parameter(torch.zeros(shape))

    @classmethod
    def layers(cls, options: SequentialDAEOptions, catalogue: Catalogue) -> list[Layer]:
        """Return the memories of a user's likes, the hidden layer and the scores of all items."""
        decays = ", ".join(f"{decay:g}" for decay in options.decays)
        return [
            Layer(f"likes of a user with decays {decays}", len(options.decays) * catalogue.items),
            Layer("hidden", options.hidden_size, options.hidden_activation),
            Layer("scores of items", catalogue.items),
        ]

    @property
    def output_IH(self) -> Tensor:
        """The decoder weights."""
        return self.decoder_IH

    def start_weights(self, generator: torch.Generator) -> None:
        """Initialise Glorot weights."""
        for weight in (*self.encoders, self.decoder_IH):
            nn.init.xavier_uniform_(weight, generator=generator)

    def before_items(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Batch]:
        """Return h before each item, and the items. A dropped item is in no memory but γ = 0."""
        thinned_N = drop(torch.ones_like(batch.value_N), self.options.input_dropout, generator)
        chunks = Chunks.of(batch._replace(value_N=thinned_N))
        hidden_NH = self._activate(chunks.memories(self.hidden_bias_H, self._encoders()))
        return drop(hidden_NH, self.options.hidden_dropout, generator), batch

    def after_all(self, batch: Batch) -> Tensor:
        """Return h after the last item of each sequence, shape (B, H)."""
        left_N, sum_BH = left_of(batch), self.hidden_bias_H.expand(len(batch.count_B), -1)
        for decay, encoder_IH in self._encoders():
            memory = batch._replace(value_N=scale_of(decay) * powers(decay, left_N))
            sum_BH = sum_BH + memory.only(memory.value_N > 0).times(encoder_IH)
        return self._activate(sum_BH)

    def _encoders(self) -> list[tuple[float, Tensor]]:
        return list(zip(self.options.decays, self.encoders, strict=True))

    def _activate(self, sum_H: Tensor) -> Tensor:
        return ACTIVATIONS[self.options.hidden_activation](sum_H)
