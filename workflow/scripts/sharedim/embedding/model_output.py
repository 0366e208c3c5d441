"""Output of a saved model: embeddings, and predictions of a modality that was not measured."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Embedding:
    """Cells in the shared space.

    Attributes
    ----------
    rna, prot : DataFrame or None
        One row per cell, by its name, and one column per dimension; missing for cells without any
        count. None where the modality was not measured. Of unit length where the model compares by
        cosine.
    missing : dict of str to list of str
        By modality, the genes or proteins that the model uses and the cells do not have.
    """

    rna: pd.DataFrame | None
    prot: pd.DataFrame | None
    missing: dict[str, list[str]]

    @property
    def modalities(self) -> dict[str, pd.DataFrame]:
        """Those that were measured, by name."""
        both = {"rna": self.rna, "prot": self.prot}
        return {name: table for name, table in both.items() if table is not None}

    @property
    def joint(self) -> pd.DataFrame:
        """One row per cell: the mean of its modalities, or the one that it has."""
        stacked = pd.concat([table.dropna() for table in self.modalities.values()])
        mean = stacked.groupby(level=0, sort=False).mean()
        everyone = pd.concat(self.modalities.values()).index.unique()
        return mean.reindex(everyone)


@dataclass(frozen=True)
class Prediction:
    """A modality predicted for cells in which it was not measured.

    Attributes
    ----------
    mean, low, high : DataFrame
        One row per cell and one column per protein or gene: the conditional mean and the ends of the
        interval that holds 90 % of the values of cells that were not trained on. Proteins are in
        units of the transform that the model was made with, genes log-normalised and as far as the
        principal components of RNA hold them.
    """

    mean: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
