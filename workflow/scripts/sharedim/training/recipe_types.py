"""Types of recipes: every choice that decides what a trained model is, in one frozen object each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

# Fields that have to be, where they are given.
POSITIVE = (
    "hidden_width",
    "normaliser_cells",
    "initial_temperature",
    "batch_size",
    "epochs",
    "steps",
    "learning_rate",
    "averaged_steps",
    "patience",
)


@dataclass(frozen=True, kw_only=True)
class ContrastiveRecipe:
    """How a pair of encoders is trained with a contrastive loss.

    The defaults are the paper's CITE-seq recipe (arXiv 2505.12473, Section 4.2 and Appendix G), but
    for `normaliser_cells`.

    Attributes
    ----------
    name : str
        Name in paths, tables and plots.
    hidden_width : int
        Width of every hidden layer; also the largest output dimension that makes sense.
    hidden_layers : int
        Hidden layers with ReLU before the linear output layer; 0 makes the encoders linear.
    linear_skip : bool
        Add a linear map of the input to the output.
    start : str
        ``"random"``, or ``"cca"``: the linear part (the skip, or the only layer) starts as
        `sharedim.training.cca.confirmed_cca` of the training cells and the rest of the output at 0.
    input_noise : bool
        Add noise to the features of each batch, with the variance of that CCA's ridge: to a linear
        encoder the same as the ridge, and as much of a restraint to the rest.
    dropout : float
        Share of hidden values set to 0 in each step, rounded to 1/256; the rest are scaled up. The
        mean norms are those of the whole encoder.
    similarity : str
        ``"inner_product"``, each side divided by its mean norm over the normaliser cells;
        ``"cosine"``; ``"euclidean"``, half of minus the squared distance of sides divided by
        their mean norms; ``"unnormalised"`` and ``"unnormalised_euclidean"``, the same two of
        what the encoders give, as the theory of Gaussian pairs has them (arXiv 2505.24134).
    normaliser_cells : int or None
        Cells drawn afresh in each step to estimate the mean norms without bias; None takes all
        normaliser cells in every step, as the paper does.
    loss : str
        ``"two_sided"`` (CLIP's), ``"rna_to_prot"``, ``"prot_to_rna"`` or ``"joint"``; see
        `sharedim.training.losses.infonce`.
    learn_temperature : bool
        Whether s of the temperature ``exp(multiplier * s) + floor`` is learned.
    initial_temperature : float or None
        The temperature at the start, but for the floor. None takes the one at which the untrained
        model has the least held-out loss.
    temperature_multiplier, temperature_floor : float
        Of the temperature.
    batch_size : int
        Cells a step; fewer when there are fewer training cells.
    reshuffle : bool
        Draw a new order of the training cells for each epoch rather than keep one.
    epochs : int
        Passes over the training cells, the incomplete last batch dropped.
    steps : int or None
        Length of training in steps, instead of epochs.
    optimiser : str
        ``"adam"``, with the weight decay as L2 in the gradient, or ``"adamw"``, decoupled.
    learning_rate, weight_decay : float
        Of the optimiser, for every parameter.
    schedule : str
        ``"constant"``, or ``"cosine"``: the learning rate falls to 0 at the end of training.
    warmup_steps : int
        Steps over which the learning rate rises linearly to its value.
    averaged_steps : int or None
        Keep, and look at, an exponential average of the weights with this time constant, updated
        after each epoch; None keeps the weights themselves.
    patience : int or None
        Stop a model when its FOSCTTM on the normaliser cells, whose pairs it is never trained on,
        has not improved for so many steps, and keep the weights of the best epoch. None trains to
        the end and keeps the last.
    validation_share : float or None
        Share of the cells that are not tested that take the normaliser cells' part, as
        `sharedim.training.splits.split_cells` says; None divides them as the paper does.
    shuffle_pairs : bool
        Train on wrong partners: the null, under which nothing is shared.
    """

    name: str
    hidden_width: int = 50
    hidden_layers: int = 3
    linear_skip: bool = False
    start: Literal["random", "cca"] = "random"
    input_noise: bool = False
    dropout: float = 0.0
    similarity: Literal[
        "inner_product", "cosine", "euclidean", "unnormalised", "unnormalised_euclidean"
    ] = "inner_product"
    normaliser_cells: int | None = 512
    loss: Literal["two_sided", "rna_to_prot", "prot_to_rna", "joint"] = "two_sided"
    learn_temperature: bool = True
    initial_temperature: float | None = 1.0
    temperature_multiplier: float = 2.0
    temperature_floor: float = 1e-4
    batch_size: int = 256
    reshuffle: bool = False
    epochs: int = 400
    steps: int | None = None
    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = 0
    averaged_steps: int | None = None
    patience: int | None = None
    validation_share: float | None = None
    shuffle_pairs: bool = False

    def __post_init__(self) -> None:
        """Refuse choices that contradict each other."""
        if self.start == "cca" and not (self.linear_skip or self.hidden_layers == 0):
            raise ValueError(
                f"recipe {self.name}: start='cca' needs a linear part; set linear_skip=True or "
                "hidden_layers=0"
            )
        if self.input_noise and self.start != "cca":
            raise ValueError(f"recipe {self.name}: input_noise takes its size from start='cca'")
        if self.initial_temperature is None and not self.learn_temperature:
            raise ValueError(
                f"recipe {self.name}: initial_temperature=None is found, not given; it needs "
                "learn_temperature=True"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                f"recipe {self.name}: dropout={self.dropout}, but it is a share below 1"
            )
        for field in POSITIVE:
            value = getattr(self, field)
            if value is not None and value <= 0:
                raise ValueError(f"recipe {self.name}: {field}={value}, but it has to be above 0")
        _refuse_share(self.name, self.validation_share)

    def cells_a_step(self, train_cells: int) -> int:
        """Return the size of a batch where there are so many training cells."""
        return min(self.batch_size, train_cells)

    def steps_an_epoch(self, train_cells: int) -> int:
        """Return how many whole batches so many training cells make."""
        return train_cells // self.cells_a_step(train_cells)


@dataclass(frozen=True, kw_only=True)
class LinearRecipe:
    """A linear baseline in closed form; see `sharedim.training.baselines`.

    Its ridge and its similarity are chosen for each model by the validation cells.

    Attributes
    ----------
    name : str
        Name in paths, tables and plots.
    method : str
        ``"cca"``, or ``"pca"``: each modality's principal components, with a linear map.
    validation_share : float
        As in `ContrastiveRecipe`.
    """

    name: str
    method: Literal["cca", "pca"]
    validation_share: float = 0.15

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        _refuse_share(self.name, self.validation_share)


def _refuse_share(name: str, share: float | None) -> None:
    if share is not None and not 0 < share < 1:
        raise ValueError(
            f"recipe {name}: validation_share={share}, but it is a share between 0 and 1"
        )


Recipe = ContrastiveRecipe | LinearRecipe


def as_record(recipe: Recipe) -> dict[str, object]:
    """Return a recipe as plain values for file headers, checkpoint keys and the report."""
    return asdict(recipe)


def from_record(record: Mapping[str, object]) -> Recipe:
    """Return the recipe that `as_record` gave."""
    made: Callable[..., Recipe] = LinearRecipe if "method" in record else ContrastiveRecipe
    return made(**record)
