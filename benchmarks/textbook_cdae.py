"""CDAE as a good tutorial would write it: DataLoader, dense rows, nn.Linear, autograd, Adam.

It is the reference of `learning.py`, and gives our validation curve if it uses our random draws. It
has the plain square loss over all items, tanh and a user node only.

Dimension key: U users, I items, B users of a batch, H hidden units, N likes.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from collaborative_autoencoders.learning.fit import FitState, make_scheduler, one_epoch
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.models.batch import Rows, drop
from collaborative_autoencoders.models.cdae import CDAE
from collaborative_autoencoders.models.model import Catalogue


class DenseRows(Dataset):
    """Each user's index with the user's likes as a dense row."""

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
        """Copy the weights of a network of ours, so that both start from the same point."""
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
        """Return a score per item, shape (B, I)."""
        input_BI = self.dropout(self.scale * F.normalize(x_BI))
        return self.decoder(torch.tanh(self.encoder(input_BI) + self.user(user_B)))

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return scores as the project's models do, so that one validation serves both."""
        self.eval()
        x_UI = torch.from_numpy(histories_UI.toarray())
        return self(x_UI, torch.from_numpy(users_U)).numpy()


class SameBatches(Sampler[list[int]]):
    """The batches of users that our loop visits, drawn from the same generator."""

    def __init__(self, n_users: int, n_batches: int, generator: torch.Generator) -> None:
        self.n_users, self.n_batches, self.generator = n_users, n_batches, generator

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.randperm(self.n_users, generator=self.generator)
        return (users.tolist() for users in order.tensor_split(self.n_batches))


class SameDropout(nn.Module):
    """Drops the same likes as our loop, drawn from the same generator. Drops none in scoring."""

    def __init__(self, probability: float, generator: torch.Generator) -> None:
        super().__init__()
        self.probability, self.generator = probability, generator

    def forward(self, x_BI: Tensor) -> Tensor:
        """Return the rows with the drawn likes set to 0 and the others scaled up."""
        if not self.training:
            return x_BI
        x_BI[x_BI > 0] = drop(x_BI[x_BI > 0], self.probability, self.generator)
        return x_BI


def adam(network: Textbook, options: TrainingOptions) -> torch.optim.Adam:
    """Return Adam as a tutorial makes it, with our penalties and our highest learning rate."""
    weights = {
        network.encoder.weight: options.model.encoder_penalty,
        network.user.weight: options.model.user_penalty,
        network.decoder.weight: options.model.decoder_penalty,
        network.encoder.bias: 0.0,
        network.decoder.bias: 0.0,
    }
    return torch.optim.Adam(
        [{"params": [weight], "weight_decay": penalty} for weight, penalty in weights.items()],
        lr=options.fitting.learning_rate,
    )


def textbook_epoch(
    network: Textbook,
    loader: DataLoader,
    optimizer: torch.optim.Adam,
    scheduler: LRScheduler,
) -> None:
    """Take a step on every batch."""
    network.train()
    for user_B, x_BI in loader:
        loss = F.mse_loss(network(x_BI, user_B), x_BI, reduction="sum") / 2 / len(x_BI)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


class Way(NamedTuple):
    """One implementation: a function that runs an epoch, given its number, and its network."""

    epoch: Callable[[int], Any]
    network: Any


def started(options: TrainingOptions, likes_UI: csr_array) -> tuple[CDAE, torch.Generator]:
    """Return a network of ours before its first step, and the generator after its start."""
    network = CDAE(options.model, Catalogue(*likes_UI.shape, None, None))
    generator = torch.Generator().manual_seed(options.fitting.seed)
    network.start(likes_UI, generator)
    return network, generator


def ours(options: TrainingOptions, likes_UI: csr_array) -> Way:
    """Return the loop of the project."""
    network, generator = started(options, likes_UI)
    rows = Rows(network.rows(likes_UI), torch.device("cpu"))
    state = FitState.of(network, rows, options.fitting, generator)

    def epoch(number: int) -> None:
        one_epoch(state, rows, options.fitting)

    return Way(epoch, network)


def textbook(options: TrainingOptions, likes_UI: csr_array, same_draws: bool) -> Way:
    """Return the textbook's loop from the same start; `same_draws`: with our order and noise."""
    like, generator = started(options, likes_UI)
    corruption, batch_size = options.model.corruption, options.fitting.batch_size
    rows = DenseRows(likes_UI)
    if same_draws:
        dropout: nn.Module = SameDropout(corruption, generator)
        n_batches = options.fitting.n_batches(len(rows))
        batches = SameBatches(len(rows), n_batches, generator)
        loader = DataLoader(rows, batch_sampler=batches)
    else:
        dropout, loader = nn.Dropout(corruption), DataLoader(rows, batch_size, shuffle=True)
    network = Textbook(like, dropout)
    optimizer = adam(network, options)
    scheduler = make_scheduler(optimizer, options.fitting.n_batches(len(rows)), options.fitting)

    def epoch(number: int) -> None:
        textbook_epoch(network, loader, optimizer, scheduler)

    return Way(epoch, network)
