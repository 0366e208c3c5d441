"""A pair of precomputed features goes through the whole workflow, and new rows through its model."""

from __future__ import annotations

import json
import re

import mudata
import numpy as np
import pandas as pd
import pytest
from checkout import copy_of_the_workflow

import sharedim
from sharedim.embedding.describe import describe_new_cells, summary_of
from sharedim.io.unpaired import read_cells

PAIRS = 560
CONFIG = """
dims: [1, 3]
seeds: 2
recipes: [cca, pca]
datasets:
  captions:
    cells: pair.npz
    annotations: labels.tsv
    test_pairs: 120
    feature_noise: [0, 0.1]
    repeated_noise: 0.1
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    checkout = copy_of_the_workflow(tmp_path_factory.mktemp("features") / "checkout")
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(PAIRS, 2))
    image = np.hstack([shared, rng.normal(size=(PAIRS, 2))]) @ rng.normal(size=(4, 9))
    np.savez(
        checkout.path / "pair.npz",
        image=(image + 0.2 * rng.normal(size=image.shape)).astype(np.float32),
        text=shared @ rng.normal(size=(2, 60)) + 0.2 * rng.normal(size=(PAIRS, 60)),
        truth=np.array(json.dumps({"shared_dimensions": 2})),
    )
    labels = pd.DataFrame({"kind": np.where(shared[:, 0] > 0, "cat", "dog")})
    labels.to_csv(checkout.path / "labels.tsv", sep="\t", index=False)
    (checkout.path / "features.yaml").write_text(CONFIG)
    done = checkout.snakemake(
        "--cores", "2", "--configfile", "features.yaml", "--config", "labels=[kind]"
    )
    assert done.code == 0, done.text
    return checkout.path / "results" / "captions"


def test_the_answer_is_about_the_pairs(finished):
    check = json.loads((finished / "check.json").read_text())
    answer = json.loads((finished / "answer.json").read_text())
    assert check["truth"] == {"shared_dimensions": 2}
    assert (check["kind"], check["split"]["test"]) == ("features", 120)
    assert answer["k_hat"]["low"] <= 2 <= answer["k_hat"]["high"]
    scores = pd.read_csv(finished / "scores.tsv", sep="\t")
    label = scores.query("metric == 'label_kind_rna_to_prot' and split == 'test' and dim == 3")
    # Two kinds of pairs, told by one of the shared coordinates.
    assert (label["value"] > 0.8).all()
    np.testing.assert_array_equal(
        np.load(finished / "features/rna.npy"), np.load(finished.parents[1] / "pair.npz")["image"]
    )


def test_the_report_and_its_pictures_name_the_modalities(finished):
    page = (finished / "report.html").read_text()
    assert "Top-0.5 % matching, image to text" in page
    assert not re.search(r"\bRNA\b|[Pp]rotein predicted", re.sub(r"data:[^\"]*", "", page))
    picture = (finished / "figures" / "saturation.svg").read_text()
    assert ">Top-0.5 % matching, image to text<" in picture
    assert "The simulation put 2 shared dimensions in." in page


def test_columns_of_the_second_modality_are_predicted(finished):
    table = pd.read_csv(finished / "prediction.tsv", sep="\t")
    assert table["protein"].nunique() == 50
    assert table.query("method == 'sharedim'")["correlation"].mean() > 0.5


def test_both_matrices_and_the_shared_space_are_in_one_object(finished):
    data = mudata.read_h5mu(finished / "embeddings.h5mu")
    pair = np.load(finished.parents[1] / "pair.npz")
    for modality, name in (("rna", "image"), ("prot", "text")):
        np.testing.assert_array_equal(data[modality].X, pair[name])
        assert np.isfinite(data[modality].obsm["X_shared"]).all()
    assert set(data.obs["kind"]) == {"cat", "dog"}
    assert "shared_kind" in data.obs


def test_new_rows_go_through_the_model(finished):
    model = sharedim.load(finished / "model.safetensors")
    image = np.load(finished.parents[1] / "pair.npz")["image"]
    np.save(finished / "new.npy", image[:30])
    found = model.embed(finished / "new.npy")
    described, _ = describe_new_cells(
        model,
        read_cells(
            finished / "new.npy",
            known=model.known_features,
            protein_transform=model.protein_transform,
        ),
    )
    assert summary_of(model, described)["sentence"] == (
        f"30 rows by image are in the shared space of captions (d = {model.dim}), of whose features 0 "
        "of the 9 features of image are missing; text is predicted."
    )
    data = mudata.read_h5mu(finished / "embeddings.h5mu")
    # The first modality had no noise.
    np.testing.assert_allclose(found.rna, data["rna"].obsm["X_shared"][:30], atol=1e-4)
    predicted = model.predict(found)
    assert predicted.mean.shape == (30, 50)
    assert model.predict(model.embed(data), "rna").mean.shape == (PAIRS, 9)
