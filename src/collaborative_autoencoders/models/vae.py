"""VAE: CDAE whose hidden layer is a random code (Kingma & Welling 2014; Liang et al. 2018).

Dimension key: U users, I items, B users of a batch, H hidden units.
"""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from . import losses
from .batch import Batch, Rows, noise_like, thin_out
from .cdae import CDAE, CDAEOptions
from .layers import Layer
from .model import Catalogue
from .network import Penalised, numbers

FIRST_LOG_VARIANCE = -2.0
"""Every unit of every code has a standard deviation of e^−1 = 0.37 before the fit."""


class VAEOptions(CDAEOptions):
    """Options of the VAE: those of CDAE, and the weight of the divergence."""

    kl_weight: Annotated[float, Ge(0)]
    """β: weight of KL(N(μ, σ²) ‖ N(0, 1)) of a user's code in the mean loss per user."""
    kl_warmup: Annotated[float, Ge(0), Le(1)]
    """Share of the steps of the fit during which the weight rises linearly from 0 to β."""


class VAE(CDAE):
    """VAE: ŷ = f(W'ᵀ h(μ + σ ε) + b'), μ = Wᵀ ỹ + V_u + b, log σ² = W₂ᵀ ỹ + b₂, ε ~ N(0, 1).

    The loss is CDAE's + β · KL(N(μ, σ²) ‖ N(0, 1)). Scores are those of the mean code, ε = 0.
    Departs from Liang et al. 2018: the encoder is one layer with CDAE's user node, the activation h
    follows the noise, and the loss is a choice (theirs is `multinomial`).
    """

    options_class = VAEOptions
    options: VAEOptions

    def __init__(self, options: VAEOptions, catalogue: Catalogue) -> None:
        """Create weights of zeros; `start` initialises those of CDAE."""
        super().__init__(options, catalogue)
        self.spread_IH = nn.Parameter(torch.zeros(catalogue.items, options.hidden_size))
        self.spread_bias_H = nn.Parameter(torch.full((options.hidden_size,), FIRST_LOG_VARIANCE))

    @classmethod
    def layers(cls, options: CDAEOptions, catalogue: Catalogue) -> list[Layer]:
        """Return the layers of CDAE, whose hidden layer is a random code."""
        likes, hidden, scores = super().layers(options, catalogue)
        return [likes, hidden._replace(shows=f"{hidden.shows}, a random code"), scores]

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return CDAE's loss for a random code, plus the weighted divergence of the codes."""
        corrupted = thin_out(self._input(batch), self.options.corruption, generator)
        mean_BH = self._code(corrupted, self._fitted_nodes(batch.rows_B))
        log_variance_BH = self._log_variance(corrupted)
        hidden_BH = self._activate(drawn(mean_BH, log_variance_BH, generator, batch.own_B))
        divergence = losses.divergence_from_normal(mean_BH, log_variance_BH)
        return self._reconstruction_loss(hidden_BH, batch) + self.kl_weight * divergence

    @torch.inference_mode()
    def draw(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], generator: torch.Generator
    ) -> NDArray[np.float32]:
        """Return the scores of one random code of each user, shape (U, I); see `score`."""
        rows = self._input(Rows(histories_UI, self.device).all())
        mean_BH = self._code(rows, self._user_nodes(users_U))
        hidden_BH = self._activate(drawn(mean_BH, self._log_variance(rows), generator))
        return numbers(self._decode(hidden_BH))

    @property
    def kl_weight(self) -> float:
        """The weight of the divergence at this step of the fit."""
        warmup = self.options.kl_warmup
        return self.options.kl_weight * (min(1.0, self.done / warmup) if warmup else 1.0)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Yield the penalties of CDAE. The divergence alone holds W₂ and b₂."""
        yield from super().penalties(n_rows)
        yield Penalised([self.spread_IH, self.spread_bias_H], 0.0)

    def _log_variance(self, rows: Batch) -> Tensor:
        return rows.times(self.spread_IH) + self.spread_bias_H


def drawn(
    mean_BH: Tensor,
    log_variance_BH: Tensor,
    generator: torch.Generator,
    own_B: Tensor | None = None,
) -> Tensor:
    """Return μ + σ ε with ε ~ N(0, 1). `own_B`: see `noise_like`."""
    noise_BH = noise_like(mean_BH, torch.randn, generator, own_B)
    return mean_BH + (log_variance_BH / 2).exp() * noise_BH
