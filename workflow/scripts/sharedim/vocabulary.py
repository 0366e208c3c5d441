"""Vocabulary of texts and figures: words for the modalities of a dataset and for their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The words for one kind of data.

    Tables, files and scores keep ``rna`` for the first modality and ``prot`` for the second,
    whatever these words are.

    Attributes
    ----------
    first, second : str
        The modalities.
    pair : str
        What is known in both modalities.
    row : str
        What has a place of its own in each modality.
    target, targets : str
        One of what is predicted, and several.
    type : str
        What a label says of a pair.
    prediction : str
        The second modality predicted from the first, as a heading.
    """

    first: str
    second: str
    pair: str
    row: str
    target: str
    targets: str
    type: str
    prediction: str

    @property
    def pairs(self) -> str:
        """Several of them."""
        return f"{self.pair}s"

    @property
    def rows(self) -> str:
        """Several of them."""
        return f"{self.row}s"

    @property
    def types(self) -> str:
        """Several of them."""
        return f"{self.type}s"

    @property
    def both(self) -> str:
        """The modalities in a breath."""
        return f"{self.first} and {self.second}"

    @property
    def modalities(self) -> dict[str, str]:
        """The modalities by the names that tables have for them."""
        return {"rna": self.first, "prot": self.second}

    @property
    def directions(self) -> dict[str, str]:
        """From which modality to which, by the names that tables have for it."""
        return {
            "rna_to_prot": f"{self.first} to {self.second}",
            "prot_to_rna": f"{self.second} to {self.first}",
        }


FOR_CELLS = Words(
    first="RNA",
    second="protein",
    pair="cell",
    row="cell",
    target="protein",
    targets="proteins",
    type="cell type",
    prediction="Protein predicted from RNA",
)


def enumerated(names: Sequence[str]) -> str:
    """Return names as in a sentence: ``"a"``, ``"a and b"``, ``"a, b and c"``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def words_of(kind: str, modalities: Mapping[str, str]) -> Words:
    """Return the words for a dataset.

    Parameters
    ----------
    kind : str
        As in ``check.json``: ``"cells"``, or ``"features"``, whose modalities have names of their
        own.
    modalities : dict of str to str
        As in ``check.json``: what ``"rna"`` and ``"prot"`` are called.
    """
    if kind != "features":
        return FOR_CELLS
    first, second = modalities["rna"], modalities["prot"]
    return Words(
        first=first,
        second=second,
        pair="pair",
        row="row",
        target=f"feature of {second}",
        targets=f"features of {second}",
        type="type",
        # A name stays as it is, and so begins no heading.
        prediction=f"Prediction of {second} from {first}",
    )
