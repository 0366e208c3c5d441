"""A saved model on the cells it knows and on new ones: embedding, matches, labels, prediction."""

from __future__ import annotations

from dataclasses import replace

import mudata
import numpy as np
import pytest
from final_model import QUICK, fitted_block, written_model
from scipy.spatial.distance import cdist

import sharedim
from sharedim.datasets.cite_seq import simulate_cite_seq
from sharedim.embedding.final_model import nothing_to_use
from sharedim.embedding.prediction import correlations
from sharedim.errors import InputError
from sharedim.jobs.checkpoints import ModelBlock, write_block
from sharedim.preprocessing.pipeline import FeatureOptions
from sharedim.preprocessing.protein_transforms import transform_proteins
from sharedim.training.recipes import PAPER, RECIPES
from sharedim.training.similarity import unit_length


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One draw of a tissue in two files: the reference, and new cells."""
    folder = tmp_path_factory.mktemp("model")
    cells = simulate_cite_seq(cells=1200, genes=150, proteins=10, shared_dimensions=2, seed=1)
    reference, new = folder / "reference.h5mu", folder / "new.h5mu"
    cells[:900].copy().write_h5mu(reference)
    cells[900:].copy().write_h5mu(new)
    return reference, new


@pytest.fixture(scope="module")
def model(files):
    return sharedim.load(written_model(files[0], files[0].with_name("model.safetensors")))


@pytest.fixture(scope="module")
def embedded(model, files):
    return model.embed(files[1])


def test_the_cells_of_the_reference_get_their_own_representations(model, files):
    found = model.embed(files[0])
    for name, table in found.modalities.items():
        assert list(table.index) == list(model.reference.index)
        np.testing.assert_allclose(table, model.block.tensors[f"reference.{name}"], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found.rna, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        found.joint, (found.rna.to_numpy() + found.prot.to_numpy()) / 2, atol=1e-6
    )


def test_parts_are_those_that_trained_and_that_validated(model):
    parts = model.reference["part"].value_counts()
    assert parts.to_dict() == {"train": 765, "validation": 135}


def test_new_cells_find_cells_like_them(model, embedded, files):
    new = mudata.read_h5mu(files[1])
    types = model.transfer(embedded)
    truth = new.obs["celltype.l1"].astype(str)
    right = (types["celltype.l1"] == truth).mean()
    guessing = (truth.value_counts(normalize=True) ** 2).sum()
    # Types overlap; one standard error is 0.03.
    assert right > guessing + 0.15
    assert types["celltype.l1_probability"].between(0, 1).all()


def test_matches_are_reference_cells_the_best_first(model, embedded):
    matches = model.match(embedded, best=3)
    assert len(matches) == 2 * 300 * 3
    assert set(matches["match"]) <= set(model.reference.index)
    one = matches[(matches["cell"] == "cell00900") & (matches["modality"] == "rna")]
    assert one["place"].tolist() == [1, 2, 3]
    assert one["probability"].is_monotonic_decreasing
    f = embedded.rna.loc["cell00900"].to_numpy()
    similar = model.block.tensors["reference.prot"] @ f
    assert one["match"].tolist() == model.reference.index[np.argsort(-similar)[:3]].tolist()


def test_protein_is_predicted_from_rna_with_an_interval_that_holds(model, embedded, files):
    measured = mudata.read_h5mu(files[1])["prot"]
    values = transform_proteins(measured.X.toarray(), "clr_per_cell")
    predicted = model.predict(embedded)
    assert list(predicted.mean.columns) == list(measured.var_names)
    assert np.mean(correlations(values, predicted.mean.to_numpy())) > 0.4
    inside = (values >= predicted.low) & (values <= predicted.high)
    # 300 cells of ten proteins, factors from 135.
    assert 0.84 < inside.to_numpy().mean() < 0.96


def test_genes_are_predicted_from_protein_alone(model, files):
    new = mudata.read_h5mu(files[1])
    predicted = model.predict(mudata.MuData({"prot": new["prot"]}), "rna")
    depth = np.asarray(new["rna"].X.sum(axis=1))
    values = np.log1p(new["rna"].X.toarray() / depth * 1e4)
    quality = correlations(values, predicted.mean[new["rna"].var_names].to_numpy())
    assert np.mean(quality) > 0.1


def test_one_modality_gives_the_same_as_both(model, embedded, files):
    new = mudata.read_h5mu(files[1])
    alone = model.embed(mudata.MuData({"rna": new["rna"]}))
    assert alone.prot is None
    np.testing.assert_allclose(alone.rna, embedded.rna, atol=1e-6)
    np.testing.assert_allclose(alone.joint, alone.rna)


def test_one_matrix_is_told_by_its_features(model, embedded, files):
    new = mudata.read_h5mu(files[1])
    found = model.embed(new["prot"])
    assert found.rna is None
    np.testing.assert_allclose(found.prot, embedded.prot, atol=1e-6)


def test_a_cell_without_counts_has_no_representation(model, files):
    new = mudata.read_h5mu(files[1])
    rna = new["rna"].copy()
    counts = rna.X.toarray()
    counts[4] = 0
    rna.X = counts
    found = model.embed(mudata.MuData({"rna": rna}))
    assert found.rna.isna().all(axis=1).sum() == found.rna.iloc[4].isna().all() == 1
    assert "cell00904" not in model.match(found)["cell"].to_numpy()
    assert "cell00904" not in model.predict(found).mean.index


def test_what_cannot_be_predicted_is_said(model, files):
    new = mudata.read_h5mu(files[1])
    with pytest.raises(InputError, match="prot is predicted from rna, and the cells have none"):
        model.predict(mudata.MuData({"prot": new["prot"]}))
    with pytest.raises(InputError, match="modality 'atac' cannot be predicted"):
        model.predict(new, "atac")


def test_cells_of_another_panel_are_refused(model, files):
    new = mudata.read_h5mu(files[1])
    other = new["prot"].copy()
    other.var_names = [f"CD{number}" for number in range(other.n_vars)]
    with pytest.raises(InputError, match="10 of the 10 proteins that the model uses are missing"):
        model.embed(mudata.MuData({"prot": other}))


@pytest.mark.parametrize(
    "recipe",
    [RECIPES["cca"], replace(PAPER, epochs=5, learning_rate=1e-3)],
    ids=lambda recipe: recipe.name,
)
def test_every_kind_of_recipe_makes_a_model(files, tmp_path, recipe):
    path = written_model(files[0], tmp_path / "model.safetensors", recipe=recipe)
    model = sharedim.load(path)
    found = model.embed(files[1])
    assert model.temperature > 0
    if not model.cosine:
        assert not np.allclose(found.rna, unit_length(found.rna.to_numpy()))
    assert np.isfinite(model.predict(found).mean.to_numpy()).all()


def test_a_model_of_distances_matches_the_nearest(files, tmp_path):
    recipe = replace(PAPER, epochs=5, learning_rate=1e-3, similarity="euclidean")
    path = written_model(files[0], tmp_path / "model.safetensors", recipe=recipe)
    model = sharedim.load(path)
    found = model.embed(files[1])
    # Columns that only make inner products of distances are no dimensions.
    assert found.rna.shape[1] == model.dim == 4
    distances = cdist(found.rna, model.block.tensors["reference.prot"])
    matches = model.match(found, best=1).query("modality == 'rna'")["match"]
    assert matches.tolist() == model.reference.index[distances.argmin(axis=1)].tolist()
    assert np.isfinite(model.predict(found).mean.to_numpy()).all()


def test_proteins_transformed_before_are_taken_as_they_are(files, tmp_path):
    new = mudata.read_h5mu(files[0])
    for file in ("reference.h5mu", "new.h5mu"):
        cells = mudata.read_h5mu(files[0].with_name(file))
        cells["prot"].X = transform_proteins(cells["prot"].X.toarray(), "clr_per_cell")
        cells.write_h5mu(tmp_path / file)
    options = FeatureOptions(protein_transform="none")
    path = written_model(
        tmp_path / "reference.h5mu",
        tmp_path / "m.safetensors",
        recipe=RECIPES["cca"],
        options=options,
    )
    found = sharedim.load(path).embed(tmp_path / "new.h5mu")
    assert found.prot.notna().all(axis=None)
    with pytest.raises(InputError, match="whole numbers only"):
        sharedim.load(path).embed(new)


def test_a_model_corrected_by_harmony_takes_no_other_cells(files, tmp_path):
    options = FeatureOptions(harmony=True)
    cells = mudata.read_h5mu(files[0])
    cells.obs["batch"] = np.where(np.arange(900) % 2, "one", "two")
    cells.write_h5mu(tmp_path / "batches.h5mu")
    model = sharedim.embedding.model.Model(
        fitted_block(tmp_path / "batches.h5mu", recipe=RECIPES["cca"], options=options)
    )
    with pytest.raises(InputError, match="Harmony"):
        model.embed(files[1])


def test_files_that_hold_no_model_are_refused(files, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        sharedim.load(tmp_path / "model.safetensors")
    (tmp_path / "text").write_text("no model")
    with pytest.raises(InputError, match="no model of this program"):
        sharedim.load(tmp_path / "text")
    write_block(tmp_path / "grid", ModelBlock({"a": np.zeros(1)}, {"dim": 3}))
    with pytest.raises(InputError, match="one of the grid"):
        sharedim.load(tmp_path / "grid")
    write_block(tmp_path / "nothing", nothing_to_use("noise"))
    with pytest.raises(InputError, match="nothing shared was found in noise"):
        sharedim.load(tmp_path / "nothing")


def test_importing_the_package_imports_nothing_heavy():
    import subprocess
    import sys

    code = "import sharedim, sys; sharedim.load; print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "torch" not in loaded.stdout
    assert "numpy" not in loaded.stdout


def test_recipes_differ_in_nothing_but_what_a_test_shortens():
    assert replace(QUICK, steps=RECIPES["tuned"].steps) == RECIPES["tuned"]
