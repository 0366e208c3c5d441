"""Recipes: every choice that decides what a trained model is, in one frozen object each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ContrastiveRecipe:
    """How a pair of encoders is trained with the CLIP loss.

    The defaults are the paper's CITE-seq recipe (arXiv 2505.12473, Section 4.2 and Appendix G).

    Attributes
    ----------
    name : str
        Name in paths, tables and plots.
    hidden_width : int
        Width of every hidden layer; also the largest output dimension that makes sense.
    hidden_layers : int
        Hidden layers with ReLU before the linear output layer.
    batch_size : int
        Cells a step; fewer when there are fewer training cells.
    epochs : int
        Passes over the training cells, in a fixed order, the incomplete last batch dropped.
    learning_rate, weight_decay : float
        Adam, with the decay as L2 in the gradient (not decoupled).
    temperature_multiplier, temperature_floor : float
        The temperature is ``exp(multiplier * s) + floor`` with a learned s that starts at 0.
    similarity : str
        ``"inner_product"``, each side divided by its mean norm over the normaliser cells.
    """

    name: str
    hidden_width: int = 50
    hidden_layers: int = 3
    batch_size: int = 256
    epochs: int = 400
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    temperature_multiplier: float = 2.0
    temperature_floor: float = 1e-4
    similarity: Literal["inner_product"] = "inner_product"


@dataclass(frozen=True, kw_only=True)
class CCARecipe:
    """Canonical correlation analysis in closed form, the linear baseline.

    Attributes
    ----------
    name : str
        Name in paths, tables and plots.
    ridges : tuple of float
        Candidates for the ridge, as a share of each modality's mean variance; the one that
        matches best on the normaliser cells is kept. Test cells are never seen.
    similarity : str
        ``"cosine"`` of the correlation-weighted variates: on held-out cells it matches better
        than their inner product, in which cells far from the mean attract all others.
    """

    name: str
    ridges: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
    similarity: Literal["cosine"] = "cosine"


PAPER = ContrastiveRecipe(name="paper")
CCA = CCARecipe(name="cca")

RECIPES: dict[str, ContrastiveRecipe | CCARecipe] = {"paper": PAPER, "cca": CCA}


def as_record(recipe: ContrastiveRecipe | CCARecipe) -> dict:
    """Return a recipe as plain values for file headers, checkpoint keys and the report."""
    return asdict(recipe)
