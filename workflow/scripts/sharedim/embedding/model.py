"""Saved model: it embeds cells, matches them with its reference, and predicts the other modality."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError

from sharedim.embedding.model_output import Embedding, Prediction
from sharedim.embedding.prediction import predict
from sharedim.embedding.reference import KIND, OTHER, reference_values
from sharedim.embedding.soft_matching import Answers, ask
from sharedim.errors import InputError
from sharedim.evaluation.representations import representations, similarity_of
from sharedim.jobs.checkpoints import ModelBlock, read_block, read_making
from sharedim.preprocessing.projection import Projection, match_features, projections_from
from sharedim.training.devices import choose_device
from sharedim.training.similarity import as_inner_products, at_length

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

    from sharedim.io.unpaired import AnyCells

MODALITIES = tuple(OTHER)
# Share of the features used that new cells may lack.
MISSING_FEATURES = 0.2


@dataclass(frozen=True)
class Model:
    """Encoders with the preprocessing they need and the reference cells they were trained on.

    Made by `load`.

    Attributes
    ----------
    block : ModelBlock
        Encoders, preprocessing and reference, as `sharedim.embedding.final_model.assemble` puts them
        together.
    """

    block: ModelBlock

    @property
    def dataset(self) -> str:
        """Name of the data it was trained on."""
        return self.block.header["dataset"]

    @property
    def dim(self) -> int:
        """Output dimension d."""
        return self.block.header["dim"]

    @property
    def temperature(self) -> float:
        """The temperature that divides similarities."""
        return float(self.block.tensors["temperature"][0])

    @property
    def similarity(self) -> str:
        """What representations are compared by, as `sharedim.training.recipes` names it."""
        return similarity_of(self.block, 0)

    @property
    def cosine(self) -> bool:
        """Whether representations are compared by cosine."""
        return self.similarity == "cosine"

    @property
    def protein_transform(self) -> str:
        """What is done to protein counts."""
        return self.projections["prot"].transform

    @property
    def known_features(self) -> dict[str, pd.Index]:
        """Names of all genes and proteins of the data it was trained on, by modality."""
        return {name: pd.Index(projection.names) for name, projection in self.projections.items()}

    @property
    def batch_corrected(self) -> bool:
        """Whether Harmony corrected the features for the batch."""
        return any(projection.batch_corrected for projection in self.projections.values())

    @cached_property
    def projections(self) -> dict[str, Projection]:
        """The preprocessing of both modalities."""
        return projections_from(self.block.tensors, self.block.header)

    @cached_property
    def reference(self) -> pd.DataFrame:
        """The reference cells: by name, with ``part`` (``train`` or ``validation``) and labels."""
        table = pd.DataFrame(index=pd.Index(self.block.header["cells"], name="cell"))
        validation = self.block.tensors["reference.validation"].astype(bool)
        table["part"] = np.where(validation, "validation", "train")
        for column, names in self.block.header["labels"].items():
            codes = self.block.tensors[f"reference.label.{column}"]
            table[column] = pd.Categorical.from_codes(codes.tolist(), pd.Index(names))
        return table

    def embed(
        self,
        cells: str | Path | MuData | AnnData | AnyCells,
        *,
        missing_features: float = MISSING_FEATURES,
    ) -> Embedding:
        """Take cells through the saved preprocessing and encoders.

        Genes and proteins are matched by name; missing ones count as average.

        Parameters
        ----------
        cells : path-like, MuData, AnnData or AnyCells
            Raw counts of RNA, of protein or of both: a file of any format that the workflow reads,
            an object as `mudata.read_h5mu` or `anndata.read_h5ad` gives it, or what
            `sharedim.io.unpaired.read_cells` read.
        missing_features : float
            Largest fraction of the genes, or of the proteins, that may be missing.

        Returns
        -------
        Embedding

        Raises
        ------
        InputError
            If the file cannot be used, too many features are missing, or Harmony corrected the
            model's features for the batch, which it cannot do for other cells.
        """
        if self.batch_corrected:
            raise InputError(
                f"the features of {self.dataset} were corrected for the batch by Harmony, which has no "
                "correction for other cells; make a model with harmony=false"
            )
        cells = self._read(cells)
        tables: dict[str, pd.DataFrame | None] = dict.fromkeys(MODALITIES)
        missing = {}
        for modality in MODALITIES:
            data = getattr(cells, modality)
            if data is not None:
                projection = self.projections[modality]
                matched = match_features(
                    projection,
                    data.X,
                    data.var_names,
                    modality=modality,
                    where=cells.where,
                    limit=missing_features,
                )
                missing[modality] = matched.missing
                found = self._encode(modality, projection.project(matched))
                found[cells.empty[modality]] = np.nan
                tables[modality] = self.as_table(found, data.obs_names)
        return Embedding(**tables, missing=missing)

    def match(
        self, cells: str | Path | MuData | AnnData | AnyCells | Embedding, *, best: int = 5
    ) -> pd.DataFrame:
        """Find the reference cells whose other modality fits each cell best.

        Parameters
        ----------
        cells : path-like, MuData, AnnData, AnyCells or Embedding
            As `embed` takes or gives them.
        best : int
            How many matches of each cell.

        Returns
        -------
        DataFrame
            Long: ``cell``, the ``modality`` that was asked with, ``place`` (1 is the best),
            ``match`` (the reference cell) and its ``probability`` among all reference cells.
        """
        return self.matches_from(self.answers(self._embedded(cells), best=best))

    def transfer(self, cells: str | Path | MuData | AnnData | AnyCells | Embedding) -> pd.DataFrame:
        """Give cells the types of the reference cells whose other modality fits them.

        Parameters
        ----------
        cells : path-like, MuData, AnnData, AnyCells or Embedding
            As `embed` takes or gives them.

        Returns
        -------
        DataFrame
            One row per cell. For each label column of the reference the most probable type, and as
            ``<column>_probability`` how probable it is: the mean over the modalities of the cell.
        """
        return self.labels_from(self.answers(self._embedded(cells)))

    def predict(
        self, cells: str | Path | MuData | AnnData | AnyCells | Embedding, modality: str = "prot"
    ) -> Prediction:
        """Predict one modality of cells from the other.

        Parameters
        ----------
        cells : path-like, MuData, AnnData, AnyCells or Embedding
            As `embed` takes or gives them.
        modality : str
            ``"prot"`` predicts proteins from RNA, ``"rna"`` genes from protein.

        Returns
        -------
        Prediction

        Raises
        ------
        InputError
            If the cells do not have the modality to predict from.
        """
        if modality not in MODALITIES:
            raise InputError(f"modality '{modality}' cannot be predicted; it is 'rna' or 'prot'")
        known = OTHER[modality]
        table = self._embedded(cells).modalities.get(known)
        if table is None:
            raise InputError(
                f"{modality} is predicted from {known}, and the cells have none; give cells with it"
            )
        table = table.dropna()
        means, deviations = self._moments(modality, table.to_numpy())
        reach = self.block.tensors[f"interval.{modality}"] * deviations
        features = self.projections[modality].predicted_features
        return Prediction(
            *(pd.DataFrame(v, table.index, features) for v in (means, means - reach, means + reach))
        )

    def answers(
        self, embedding: Embedding, *, best: int = 1, itself: bool = False
    ) -> dict[str, tuple[pd.Index, Answers]]:
        """Ask the reference about cells, with each modality they have.

        Parameters
        ----------
        embedding : Embedding
            Of the cells.
        best : int
            How many matches of each cell.
        itself : bool
            Whether the cells are the reference's own, so that one has no say about itself. Names
            are compared only then: barcodes of different experiments may agree.

        Returns
        -------
        dict of str to (Index, Answers)
            By modality: the cells that have a representation, and what is said of them.
        """
        levels = [
            self.block.tensors[f"reference.label.{column}"]
            for column in self.block.header["labels"]
        ]
        names = pd.Index(self.block.header["cells"])
        found = {}
        for modality, table in embedding.modalities.items():
            table = table.dropna()
            queries, candidates = self._compared(modality, table.to_numpy())
            own = names.get_indexer(table.index) if itself else None
            found[modality] = (
                table.index,
                ask(
                    queries,
                    candidates,
                    self.temperature,
                    best=best,
                    levels=levels,
                    own=own,
                    device=choose_device(),
                ),
            )
        return found

    def matches_from(self, found: dict[str, tuple[pd.Index, Answers]]) -> pd.DataFrame:
        """Return matches from `answers`, as `match` gives them."""
        names = np.array(self.block.header["cells"], dtype=object)
        tables = []
        for modality, (index, answers) in found.items():
            places = answers.matches.shape[1]
            tables.append(
                pd.DataFrame(
                    {
                        "cell": np.repeat(index.to_numpy(), places),
                        "modality": modality,
                        "place": np.tile(np.arange(1, places + 1), len(index)),
                        "match": names[answers.matches.ravel()],
                        "probability": answers.probabilities.ravel(),
                    }
                )
            )
        return pd.concat(tables, ignore_index=True)

    def labels_from(self, found: dict[str, tuple[pd.Index, Answers]]) -> pd.DataFrame:
        """Return labels and their probabilities from `answers`, as `transfer` gives them."""
        columns = {}
        for level, (column, names) in enumerate(self.block.header["labels"].items()):
            votes = pd.concat(
                [pd.DataFrame(a.votes[level], index, names) for index, a in found.values()]
            )
            votes = votes.groupby(level=0, sort=False).mean()
            columns[column] = votes.idxmax(axis=1)
            columns[f"{column}_probability"] = votes.max(axis=1)
        index = pd.concat([index.to_series() for index, _ in found.values()]).index.unique()
        return pd.DataFrame(columns, index=index)

    def _moments(
        self, modality: str, queries: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return conditional mean and deviation of each feature of a modality."""
        queries, candidates = self._compared(OTHER[modality], queries)
        parts = [
            predict(queries, candidates, self.temperature, values)
            for values in reference_values(self.block, self.projections, modality)
        ]
        means, deviations = zip(*parts, strict=True)
        return np.concatenate(means, axis=1), np.concatenate(deviations, axis=1)

    def _encode(self, modality: str, components: NDArray[np.floating]) -> NDArray[np.floating]:
        encoded = representations(self.block, 0, modality, components)
        return at_length(encoded, self.similarity)

    def _compared(
        self, modality: str, queries: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return cells of a modality, and the reference's in the other, as `ask` compares them."""
        candidates = self.block.tensors[f"reference.{OTHER[modality]}"]
        return as_inner_products(queries, candidates, self.similarity)

    def as_table(self, found: NDArray[np.floating], cells: pd.Index) -> pd.DataFrame:
        """Return representations as a table of cells and shared dimensions."""
        return pd.DataFrame(found, cells, [f"shared_{place}" for place in range(1, self.dim + 1)])

    def _embedded(self, cells: str | Path | MuData | AnnData | AnyCells | Embedding) -> Embedding:
        return cells if isinstance(cells, Embedding) else self.embed(cells)

    def _read(self, cells: str | Path | MuData | AnnData | AnyCells) -> AnyCells:
        # Reading files takes seconds to import; what was read already needs none of it.
        from anndata import AnnData
        from mudata import MuData

        from sharedim.io.modalities import in_memory
        from sharedim.io.unpaired import AnyCells, read_cells

        if isinstance(cells, AnyCells):
            return cells
        if isinstance(cells, MuData | AnnData):
            cells = in_memory(cells)
        return read_cells(
            cells, protein_transform=self.protein_transform, known=self.known_features
        )


def is_there(path: str | Path) -> bool:
    """Tell whether a model file holds a model: not where nothing shared was found."""
    header, _ = read_making(path)
    return header.get("status") == "ok"


def load(path: str | Path) -> Model:
    """Load the model of a dataset.

    Parameters
    ----------
    path : path-like
        ``results/<dataset>/model.safetensors``.

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If the file is missing, is no such model, or holds none because nothing shared was found.
    """
    try:
        block = read_block(path)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; the workflow writes a model to results/<dataset>/model.safetensors"
        ) from None
    except (SafetensorError, KeyError):
        raise InputError(
            f"{path}: no model of this program; give results/<dataset>/model.safetensors"
        ) from None
    if block.header.get("kind") != KIND:
        raise InputError(
            f"{path}: not a model to use but one of the grid; give results/<dataset>/model.safetensors"
        )
    if block.header["status"] != "ok":
        raise InputError(
            f"{path}: holds no model, since nothing shared was found in {block.header['dataset']}"
        )
    return Model(block)
