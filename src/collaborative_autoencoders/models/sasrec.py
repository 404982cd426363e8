"""SASRec, self-attentive sequential recommendation (Kang & McAuley, ICDM 2018).

Dimension key: I items, J items and the start of a sequence, B sequences, N their items, T items of
the longest, L items that are read at most, H hidden units, Q the units of query, key and value.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Self, cast

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le, Lt
from pydantic import model_validator
from torch import Tensor, nn

from .batch import Batch, drop
from .layers import Layer
from .model import Catalogue
from .network import Units
from .next_item import NextItemNetwork, NextItemOptions
from .padded import Piece, by_length, left_of, newest, offset_of, pieces_of, take, with_start

ROWS_AT_ONCE = 256
"""Histories that are read at a time. 256 of 200 items with 64 units have 13 MB in each layer."""

Dropped = Callable[[Tensor], Tensor]
"""Drops units in the fit, and returns its argument otherwise."""


class SASRecOptions(NextItemOptions):
    """Options of SASRec."""

    hidden_size: Units
    """Size of the embeddings, a multiple of `heads`."""
    blocks: Annotated[int, Gt(0), Le(100)]
    """Number of blocks, each of attention and a feed-forward network."""
    heads: Annotated[int, Gt(0), Le(1000)]
    """Number of heads of the attention."""
    longest: Annotated[int, Gt(0), Le(100_000)]
    """Number of items that are read. The oldest items of a longer history are not."""
    dropout: Annotated[float, Ge(0), Lt(1)]
    """Probability of dropping a unit of the embeddings, of a hidden layer or of its output."""

    @model_validator(mode="after")
    def _heads_divide_the_units(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}: set one "
                "that is"
            )
        return self


class Block(nn.Module):
    """x + A(norm(x)), then x + W₂ relu(W₁ norm(x) + b₁), at every item of a sequence.

    A is attention with several heads, in which an item reads itself and those before it.
    Departs from the paper: the input of each part is normalised, not its output, and the attention
    weights are not dropped.
    """

    def __init__(self, hidden: int, heads: int) -> None:
        """Create weights of zeros."""
        super().__init__()
        self.heads = heads
        self.attention_norm, self.forward_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.attention_in = nn.Parameter(torch.zeros(3 * hidden, hidden))
        self.attention_out = nn.Parameter(torch.zeros(hidden, hidden))
        self.forward_in = nn.Parameter(torch.zeros(hidden, hidden))
        self.forward_bias_H = nn.Parameter(torch.zeros(hidden))
        self.forward_out = nn.Parameter(torch.zeros(hidden, hidden))

    def forward(self, x_NH: Tensor, pieces: list[Piece], dropped: Dropped) -> Tensor:
        """Return the output at every item, shape (N, H). `dropped` drops units in the fit."""
        x_NH = x_NH + dropped(self.attend(self.attention_norm(x_NH), pieces))
        inner_NH = F.linear(self.forward_norm(x_NH), self.forward_in, self.forward_bias_H)
        return x_NH + dropped(F.linear(dropped(inner_NH.relu()), self.forward_out))

    def attend(self, x_NH: Tensor, pieces: list[Piece]) -> Tensor:
        """Return what each item reads from its sequence, shape (N, H)."""
        parts_NQ = F.linear(x_NH, self.attention_in)
        read_NH = torch.cat([self._attend_in(piece, parts_NQ) for piece in pieces])
        return F.linear(read_NH, self.attention_out)

    def _attend_in(self, piece: Piece, parts_NQ: Tensor) -> Tensor:
        padded_BTQ = piece.padded(parts_NQ)
        n_rows, longest, width = padded_BTQ.shape
        by_head = (n_rows, longest, 3, self.heads, width // (3 * self.heads))
        query, key, value = padded_BTQ.view(by_head).permute(2, 0, 3, 1, 4)
        # padding is at the end, so no item reads it
        read = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return piece.flat(read.transpose(1, 2).reshape(n_rows, longest, width // 3))


class SASRec(NextItemNetwork):
    """SASRec: ŷ = E h + b', where h is a causal transformer of the items before a place.

    The item embeddings E are those of the input. A sequence starts with a token of its own, so an
    empty history has scores too. Departs from the paper: the loss is the cross-entropy, of all
    items or of a sample, not that of one negative per place.
    """

    options_class = SASRecOptions
    options: SASRecOptions

    def __init__(self, options: SASRecOptions, catalogue: Catalogue) -> None:
        """Create weights of zeros; `start` initialises them."""
        super().__init__(options, catalogue)
        hidden = options.hidden_size
        self.item_IH = nn.Parameter(torch.zeros(catalogue.items, hidden))
        self.start_1H = nn.Parameter(torch.zeros(1, hidden))
        self.place_LH = nn.Parameter(torch.zeros(options.longest, hidden))
        self.blocks = nn.ModuleList(Block(hidden, options.heads) for _ in range(options.blocks))
        self.norm = nn.LayerNorm(hidden)

    @classmethod
    def layers(cls, options: SASRecOptions, catalogue: Catalogue) -> list[Layer]:
        """Return the last items of a user, the blocks and the scores of all items."""
        return [
            Layer(f"last {options.longest} likes of a user, in order", catalogue.items),
            Layer("embedding of item and place", options.hidden_size),
            *(
                Layer(f"attention and feed-forward, block {number}", options.hidden_size, "relu")
                for number in range(1, options.blocks + 1)
            ),
            Layer("scores of items", catalogue.items),
        ]

    @property
    def output_IH(self) -> Tensor:
        """The item embeddings."""
        return self.item_IH

    def start_weights(self, generator: torch.Generator) -> None:
        """Initialise Glorot weights, and embeddings near 0, so that scores start at the bias."""
        for weight in self.blocks.parameters():
            if weight.dim() == 2:
                nn.init.xavier_uniform_(weight, generator=generator)
        for embedding in (self.item_IH, self.start_1H, self.place_LH):
            nn.init.normal_(embedding, std=0.02, generator=generator)

    def before_items(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Batch]:
        """Return h before each of the newest items, and these items, from short to long."""
        sequences, _ = by_length(batch)
        tokens = newest(with_start(sequences, self.catalogue.items), self.options.longest + 1)
        dropped = partial(drop, probability=self.options.dropout, generator=generator)
        hidden_NH = self._read(tokens.only(left_of(tokens) > 0), dropped)
        return hidden_NH, tokens.only(offset_of(tokens) > 0)

    def after_all(self, batch: Batch) -> Tensor:
        """Return h after the last item of each sequence, shape (B, H), some sequences at a time."""
        sequences, order_B = by_length(with_start(batch, self.catalogue.items))
        tokens = newest(sequences, self.options.longest)
        hidden_BH = torch.empty(len(order_B), self.options.hidden_size, device=self.device)
        for rows in torch.arange(len(order_B), device=self.device).split(ROWS_AT_ONCE):
            some = take(tokens, rows)
            hidden_BH[order_B[rows]] = self._read(some, lambda x: x)[left_of(some) == 0]
        return hidden_BH

    def _read(self, tokens: Batch, dropped: Dropped) -> Tensor:
        embedding_JH = torch.cat([self.item_IH, self.start_1H])
        embedded_NH = F.embedding(tokens.column_N, embedding_JH) * self.options.hidden_size**0.5
        x_NH = dropped(embedded_NH + F.embedding(offset_of(tokens), self.place_LH))
        pieces = pieces_of(tokens)
        for block in self.blocks:
            x_NH = block(x_NH, pieces, dropped)
        return cast(Tensor, self.norm(x_NH))
