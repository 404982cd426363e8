"""CDAE as a good tutorial writes it: DataLoader, dense rows, nn.Linear, autograd, Adam.

What `learning.py` measures against; with our draws it must give our curve. Only the plain square
loss over all items, tanh and a user node are written here.

Dimension key: U users, I items, B users of a batch, H hidden units, N likes.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from collaborative_autoencoders.learning.fit import one_epoch, set_learning_rate
from collaborative_autoencoders.learning.optimizers import make_optimizer
from collaborative_autoencoders.learning.options import FittingOptions, TrainingOptions
from collaborative_autoencoders.models.batch import Rows, drop
from collaborative_autoencoders.models.cdae import CDAE, CDAEOptions
from collaborative_autoencoders.models.model import Catalogue


class DenseRows(Dataset):
    """A user and the user's likes as a dense row."""

    def __init__(self, likes_UI: csr_array) -> None:
        self.likes_UI = likes_UI

    def __len__(self) -> int:
        return self.likes_UI.shape[0]

    def __getitem__(self, user: int) -> tuple[int, Tensor]:
        return user, torch.from_numpy(self.likes_UI[[user]].toarray()[0])


class Textbook(nn.Module):
    """The network: equations 9 and 10 of the paper, with the input scaled to a fixed length."""

    learns_from: ClassVar = "likes"

    def __init__(self, like: CDAE, dropout: nn.Module) -> None:
        """With the weights of a network of ours, so that both start at the same place."""
        super().__init__()
        n_items, hidden = like.encoder_IH.shape
        self.scale = like.options.input_scale
        self.dropout = dropout
        self.encoder = nn.Linear(n_items, hidden)
        self.user = nn.Embedding(len(like.user_UH), hidden)
        self.decoder = nn.Linear(hidden, n_items)
        with torch.no_grad():
            self.encoder.weight.copy_(like.encoder_IH.T)
            self.encoder.bias.copy_(like.hidden_bias_H)
            self.user.weight.copy_(like.user_UH)
            self.decoder.weight.copy_(like.decoder_HI.T)
            self.decoder.bias.copy_(like.output_bias_I)

    def forward(self, x_BI: Tensor, user_B: Tensor) -> Tensor:
        """A score per item."""
        input_BI = self.dropout(self.scale * F.normalize(x_BI))
        return self.decoder(torch.tanh(self.encoder(input_BI) + self.user(user_B)))

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """As the project's models do it, so that one judge serves both."""
        self.eval()
        x_UI = torch.from_numpy(histories_UI.toarray())
        return self(x_UI, torch.from_numpy(users_U)).numpy()


class SameOrder(Sampler[int]):
    """The order in which our loop visits the users, drawn from the same generator."""

    def __init__(self, n_users: int, generator: torch.Generator) -> None:
        self.n_users, self.generator = n_users, generator

    def __len__(self) -> int:
        return self.n_users

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self.n_users, generator=self.generator).tolist())


class SameDropout(nn.Module):
    """Drops the likes that our loop drops, drawn from the same generator; nothing in scoring."""

    def __init__(self, probability: float, generator: torch.Generator) -> None:
        super().__init__()
        self.probability, self.generator = probability, generator

    def forward(self, x_BI: Tensor) -> Tensor:
        """The rows with what was drawn set to 0, the rest scaled up."""
        if not self.training:
            return x_BI
        x_BI[x_BI > 0] = drop(x_BI[x_BI > 0], self.probability, self.generator)
        return x_BI


def adam(network: Textbook, options: CDAEOptions) -> torch.optim.Adam:
    """Adam as a tutorial makes it, with the penalties of our options."""
    weights = {
        network.encoder.weight: options.encoder_penalty,
        network.user.weight: options.user_penalty,
        network.decoder.weight: options.decoder_penalty,
        network.encoder.bias: 0.0,
        network.decoder.bias: 0.0,
    }
    return torch.optim.Adam(
        [{"params": [weight], "weight_decay": penalty} for weight, penalty in weights.items()]
    )


def textbook_epoch(
    network: Textbook,
    loader: DataLoader,
    optimizer: torch.optim.Adam,
    schedule: Callable[[float], object],
) -> None:
    """A step on every batch; `schedule` is told which share of the epoch is done."""
    network.train()
    for step, (user_B, x_BI) in enumerate(loader):
        schedule((step + 0.5) / len(loader))
        loss = F.mse_loss(network(x_BI, user_B), x_BI, reduction="sum") / 2 / len(x_BI)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


class Way(NamedTuple):
    """One way of learning: an epoch by its number, and the network that it moves."""

    epoch: Callable[[int], Any]
    network: Any


def started(options: TrainingOptions, likes_UI: csr_array) -> tuple[CDAE, torch.Generator]:
    """A network of ours before its first step, and the generator as the start has left it."""
    network = CDAE(options.model, Catalogue(*likes_UI.shape, None, None))
    generator = torch.Generator().manual_seed(options.fitting.seed)
    network.start(likes_UI, generator)
    return network, generator


def ours(options: TrainingOptions, likes_UI: csr_array) -> Way:
    """The project's loop."""
    network, generator = started(options, likes_UI)
    rows = Rows(network.rows(likes_UI), torch.device("cpu"))
    optimizer = make_optimizer(network, len(rows.observed()), options.fitting)

    def epoch(number: int) -> None:
        one_epoch(network, rows, optimizer, options.fitting, generator, number)

    return Way(epoch, network)


def textbook(options: TrainingOptions, likes_UI: csr_array, same_draws: bool) -> Way:
    """The textbook's loop from the same start; with `same_draws` in our order, with our noise."""
    like, generator = started(options, likes_UI)
    corruption, batch_size = options.model.corruption, options.fitting.batch_size
    rows = DenseRows(likes_UI)
    if same_draws:
        dropout: nn.Module = SameDropout(corruption, generator)
        loader = DataLoader(rows, batch_size, sampler=SameOrder(len(rows), generator))
    else:
        dropout, loader = nn.Dropout(corruption), DataLoader(rows, batch_size, shuffle=True)
    network = Textbook(like, dropout)
    optimizer = adam(network, options.model)

    def epoch(number: int) -> None:
        schedule = partial(_set_rate, optimizer, options.fitting, number)
        textbook_epoch(network, loader, optimizer, schedule)

    return Way(epoch, network)


def _set_rate(
    optimizer: torch.optim.Optimizer, fitting: FittingOptions, number: int, share_done: float
) -> None:
    set_learning_rate(optimizer, fitting, number - 1 + share_done)
