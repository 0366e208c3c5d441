"""Results in the user's object: all of the user's there as before, ours beside it."""

from __future__ import annotations

import anndata
import cell_files
import matplotlib.pyplot as plt
import mudata
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from cell_files import counts
from places import shared_file
from scipy import sparse

from sharedim.embedding.annotate import Results, annotate
from sharedim.errors import InputError
from sharedim.io.user_object import open_object, write_object

CELLS = 60
SEED = 0


def rich(cells: int, features: int, prefix: str, start: int = 0) -> AnnData:
    """A modality with something in every slot, of every type of value."""
    data = counts(cells, features, prefix, start=start)
    rng = np.random.default_rng(start)
    data.obs["kind"] = pd.Categorical(
        rng.choice(["a", "b"], cells), categories=["b", "a", "unused"]
    )
    data.obs["score"] = rng.normal(size=cells)
    data.obs["whole"] = np.arange(cells, dtype=np.float32)
    data.obs["flag"] = rng.random(cells) < 0.5
    data.obs["perhaps"] = pd.array([True, None] * (cells // 2), dtype="boolean")
    data.obs["barcode"] = [f"AC{i}" for i in range(cells)]
    data.var["mean"] = rng.normal(size=features)
    data.layers["counts"] = data.X.copy()
    data.obsm["X_umap"] = rng.normal(size=(cells, 2))
    data.obsm["table"] = pd.DataFrame({"u": rng.normal(size=cells)}, index=data.obs_names)
    data.varm["loadings"] = rng.normal(size=(features, 3))
    data.obsp["connectivities"] = sparse.random(cells, cells, 0.1, format="csr", random_state=0)
    data.varp["pairs"] = sparse.eye(features, format="csr")
    data.uns["neighbors"] = {
        "params": {"n_neighbors": 15, "deep": {"er": np.arange(3)}},
        "none": None,
    }
    data.uns["kind_colors"] = np.array(["#112233", "#445566", "#778899"])
    data.raw = data
    data.X = np.log1p(data.X)
    return data


@pytest.fixture
def mosaic(tmp_path):
    """Cells with RNA, with protein and with both, a third modality, and names of the user's own."""
    parts = {"gex": rich(CELLS, 30, "g"), "ADT": rich(CELLS, 8, "p", 20), "atac": rich(40, 12, "a")}
    # A gene and a protein of one name.
    parts["ADT"].var_names = [*parts["ADT"].var_names[:7], "g1"]
    with mudata.set_options(pull_on_update=False):
        data = mudata.MuData(parts)
    rng = np.random.default_rng(9)
    data.obs["cell_type"] = pd.Categorical(rng.choice(["T", "B"], data.n_obs))
    data.obs["whole"] = np.arange(data.n_obs, dtype=np.float64)
    data.obs["flag"] = np.arange(data.n_obs) % 2 == 0
    data.var["known"] = np.arange(data.n_vars, dtype=np.float64)
    data.obsm["X_umap"] = rng.normal(size=(data.n_obs, 2))
    data.obsp["wnn"] = sparse.random(data.n_obs, data.n_obs, 0.1, format="csr", random_state=1)
    data.uns["wnn"] = {"params": {"n_neighbors": 20}, "note": "mine"}
    with mudata.set_options(pull_on_update=False):
        data.write_h5mu(tmp_path / "mosaic.h5mu")
    return tmp_path / "mosaic.h5mu"


def results_for(opened, **more) -> Results:
    rng = np.random.default_rng(3)

    def table(cells, columns=3):
        return pd.DataFrame(rng.normal(size=(len(cells), columns)), index=cells)

    # The first two cells of each modality have no representation.
    known = {kind: opened.data.mod[name].obs_names[2:CELLS] for kind, name in opened.names.items()}
    everyone = opened.data.obs_names[3:80]
    columns = pd.DataFrame(
        {
            "shared_trained_on": rng.random(len(everyone)) < 0.5,
            "shared_label": rng.choice(["T", "B"], len(everyone)),
            "shared_rank": np.arange(len(everyone)),
        },
        index=everyone,
    )
    return Results(
        representations={kind: table(cells) for kind, cells in known.items()},
        joint=table(everyone),
        columns=columns,
        modality_columns={
            kind: pd.DataFrame({"shared_confidence": np.linspace(0, 1, len(cells))}, index=cells)
            for kind, cells in known.items()
        },
        **{"provenance": {"version": "1", "d": 3}, **more},
    )


def assert_same(found, expected, where="", ours=frozenset()):
    """Compare two elements of any kind; names in ``ours`` may be found besides those expected."""
    if isinstance(expected, pd.DataFrame):
        assert set(found.columns) - set(expected.columns) <= ours, where
        pd.testing.assert_frame_equal(
            found[list(expected.columns)], expected, check_column_type=len(expected.columns) > 0
        )
    elif isinstance(expected, AnnData | mudata.MuData):
        for slot in (
            "obs",
            "var",
            "obsm",
            "varm",
            "obsp",
            "varp",
            "uns",
            "layers",
            "mod",
            "raw",
            "X",
        ):
            first, second = getattr(found, slot, None), getattr(expected, slot, None)
            assert (first is None) == (second is None), f"{where}/{slot}"
            if second is not None:
                assert_same(first, second, f"{where}/{slot}", ours)
        assert list(found.obs_names) == list(expected.obs_names)
    elif hasattr(expected, "keys"):
        assert set(expected) <= set(found) <= set(expected) | ours, where
        for key in expected:
            assert_same(found[key], expected[key], f"{where}/{key}", ours)
    elif sparse.issparse(expected):
        assert sparse.issparse(found), where
        assert (found != expected).nnz == 0, where
        assert found.dtype == expected.dtype, where
    elif hasattr(expected, "to_adata"):
        for slot in ("X", "var", "varm"):
            assert_same(getattr(found, slot), getattr(expected, slot), f"{where}/{slot}")
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected, err_msg=where)
        assert found.dtype == expected.dtype, where
    else:
        assert found == expected, where


OURS = frozenset(
    {
        "X_shared",
        "X_shared_umap",
        "shared",
        "shared_distances",
        "shared_connectivities",
        "sharedim",
        "shared_trained_on",
        "shared_label",
        "shared_rank",
        "shared_confidence",
        "shared_predicted_prot",
    }
)


def read_back(path):
    with mudata.set_options(pull_on_update=False):
        return mudata.read_h5mu(path)


def test_nothing_of_the_user_is_lost_or_renamed(mosaic, tmp_path):
    opened = open_object(mosaic)
    assert opened.names == {"rna": "gex", "prot": "ADT"}
    assert opened.notes == []
    assert annotate(opened, results_for(opened)).notes == []
    write_object(tmp_path / "result.h5mu", opened.data)
    before, after = (read_back(path) for path in (mosaic, tmp_path / "result.h5mu"))
    assert list(after.mod) == ["gex", "ADT", "atac"]
    assert_same(after, before, ours=OURS)
    assert set(after.mod["atac"].obsm) == set(before.mod["atac"].obsm)


def test_columns_keep_their_type_of_value(mosaic):
    """Reading, mudata turns whole numbers written as floats into integers; the file has floats."""
    assert read_back(mosaic).obs["whole"].dtype.kind == "i"
    data = open_object(mosaic).data
    assert data.obs["whole"].dtype == np.float64
    assert data.var["known"].dtype == np.float64
    assert data.obs["flag"].dtype == bool


def test_results_are_where_they_belong(mosaic, tmp_path):
    opened = open_object(mosaic)
    results = results_for(opened)
    annotate(opened, results)
    write_object(tmp_path / "result.h5mu", opened.data)
    data = read_back(tmp_path / "result.h5mu")
    for kind, name in opened.names.items():
        part = data.mod[name]
        values = part.obsm["X_shared"]
        assert np.isnan(values[:2]).all()
        expected = results.representations[kind].loc[part.obs_names[2:]].to_numpy(np.float32)
        np.testing.assert_array_equal(values[2:], expected)
        assert list(np.isnan(part.obsm["X_shared_umap"]).any(axis=1)) == [True] * 2 + [False] * 58
        assert part.obs["shared_confidence"].isna().sum() == 2
    cells = results.joint.index
    assert np.isnan(data.obsm["X_shared"][:3]).all()
    np.testing.assert_array_equal(
        data.obsm["X_shared"][3:], results.joint.loc[cells].to_numpy(np.float32)
    )
    for name, expected in results.columns.items():
        assert list(data.obs.loc[cells, name]) == list(expected)
        assert data.obs[name].iloc[:3].isna().all()
    assert data.obs["shared_label"].dtype == "category"
    assert data.obs["shared_trained_on"].dtype == "boolean"
    assert data.uns["sharedim"]["version"] == "1"
    assert data.uns["sharedim"]["d"] == 3


def test_the_graph_is_of_the_nearest_cells(mosaic):
    opened = open_object(mosaic)
    results = results_for(opened)
    annotate(opened, results)
    distances = opened.data.obsp["shared_distances"]
    assert distances[:3].nnz == distances[:, :3].nnz == 0
    points = results.joint.to_numpy()
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    for row, found in enumerate(distances[3:, 3:].toarray()):
        nearest = np.sort(apart[row])[1:15]
        np.testing.assert_allclose(np.sort(found[found > 0]), nearest, atol=1e-5)
    weights = opened.data.obsp["shared_connectivities"]
    assert abs(weights - weights.T).max() < 1e-6
    assert opened.data.uns["shared"]["params"]["n_neighbors"] == 15


def test_scanpy_and_muon_find_it(mosaic, tmp_path):
    muon = pytest.importorskip("muon", reason="muon is not installed")
    opened = open_object(mosaic)
    annotate(opened, results_for(opened))
    write_object(tmp_path / "result.h5mu", opened.data)
    data = muon.read_h5mu(tmp_path / "result.h5mu")
    assert "shared_label" in data.obs
    for part in (data.mod["gex"], data.mod["ADT"]):
        for color in ("kind", "shared_confidence"):
            axes = sc.pl.embedding(part, basis="X_shared_umap", color=color, show=False)
            drawn = np.asarray(axes.collections[0].get_offsets())
            assert len(drawn) == CELLS
    for color in ("cell_type", "shared_label", "gex:g2"):
        muon.pl.embedding(data, basis="X_shared_umap", color=color, show=False)
    plt.close("all")
    # What consumers of a graph look it up by.
    graph = sc.Neighbors(data, neighbors_key="shared")
    assert (graph.connectivities != data.obsp["shared_connectivities"]).nnz == 0
    known = data[data.obs["shared_label"].notna().to_numpy()].copy()
    bare = AnnData(obs=known.obs, obsm=dict(known.obsm), obsp=dict(known.obsp), uns=dict(known.uns))
    sc.tl.umap(bare, neighbors_key="shared", maxiter=5, key_added="again")
    assert np.isfinite(bare.obsm["again"]).all()
    sc.tl.diffmap(bare, neighbors_key="shared", n_comps=4)
    assert np.isfinite(bare.obsm["X_diffmap"]).all()


def test_twice_gives_the_same_and_nothing_of_the_first_is_left(mosaic, tmp_path):
    opened = open_object(mosaic)
    predicted = {"rna": {"shared_predicted_prot": predicted_for(opened)}}
    annotate(opened, results_for(opened, predicted=predicted))
    write_object(tmp_path / "first.h5mu", opened.data)
    again = open_object(tmp_path / "first.h5mu")
    assert "shared_predicted_prot" in again.data.mod["gex"].obsm
    assert annotate(again, results_for(again)).notes == []
    fresh = open_object(mosaic)
    annotate(fresh, results_for(fresh))
    assert "shared_predicted_prot" not in again.data.mod["gex"].obsm
    write_object(tmp_path / "second.h5mu", again.data)
    write_object(tmp_path / "fresh.h5mu", fresh.data)
    assert_same(*(read_back(tmp_path / f"{name}.h5mu") for name in ("second", "fresh")))


def predicted_for(opened) -> pd.DataFrame:
    cells = opened.data.mod["gex"].obs_names[:10]
    return pd.DataFrame(np.ones((10, 2)), index=cells, columns=["CD4", "CD45R/B220"])


def test_predicted_values_have_the_names_of_their_features(mosaic, tmp_path):
    opened = open_object(mosaic)
    predicted = {"rna": {"shared_predicted_prot": predicted_for(opened)}}
    [note] = annotate(opened, results_for(opened, predicted=predicted)).notes
    assert "a '/' is written as '|'" in note
    write_object(tmp_path / "result.h5mu", opened.data)
    table = read_back(tmp_path / "result.h5mu").mod["gex"].obsm["shared_predicted_prot"]
    assert list(table.columns) == ["CD4", "CD45R|B220"]
    assert table["CD4"].notna().sum() == 10


def test_names_the_user_has_stay_the_users(mosaic, tmp_path):
    theirs = open_object(mosaic).data
    taken = np.ones((CELLS, 2))
    theirs.mod["gex"].obsm["X_shared"] = taken
    theirs.mod["gex"].obs["shared_confidence"] = "mine"
    theirs.obs["shared_label"] = "mine"
    theirs.obsp["shared_distances"] = theirs.obsp["wnn"].copy()
    theirs.uns["sharedim"] = "a word"
    write_object(tmp_path / "theirs.h5mu", theirs)
    opened = open_object(tmp_path / "theirs.h5mu")
    notes = annotate(opened, results_for(opened)).notes
    write_object(tmp_path / "result.h5mu", opened.data)
    data = read_back(tmp_path / "result.h5mu")
    assert_same(
        data,
        read_back(tmp_path / "theirs.h5mu"),
        ours=OURS | {f"{o}_2" for o in OURS} | {"shared_2_distances", "shared_2_connectivities"},
    )
    assert data.mod["gex"].obsm["X_shared_2"].shape == (CELLS, 3)
    assert data.mod["ADT"].obsm["X_shared"].shape == (CELLS, 3)
    assert data.uns["shared_2"]["distances_key"] == "shared_2_distances"
    assert data.uns["sharedim_2"]["version"] == "1"
    assert (
        "Modality 'gex' has obsm 'X_shared' of its own, which stays; ours is 'X_shared_2'." in notes
    )
    # Ours are found again by the record, however they are called.
    again = open_object(tmp_path / "result.h5mu")
    annotate(again, results_for(again))
    assert set(again.data.mod["gex"].obsm) == set(data.mod["gex"].obsm)
    assert set(again.data.obs) == set(data.obs)
    assert set(again.data.uns) == set(data.uns)


def test_a_run_is_repeatable(mosaic):
    first, second = (open_object(mosaic) for _ in range(2))
    for opened in (first, second):
        annotate(opened, results_for(opened))
    for one, other in ((first.data, second.data), (first.data["gex"], second.data["gex"])):
        np.testing.assert_array_equal(one.obsm["X_shared_umap"], other.obsm["X_shared_umap"])


@pytest.mark.parametrize("kind", ["rna", "prot"])
def test_an_object_of_one_modality(tmp_path, kind):
    name = {"rna": "gex", "prot": "ADT"}[kind]
    with mudata.set_options(pull_on_update=False):
        mudata.MuData({name: rich(CELLS, 9, "x")}).write_h5mu(tmp_path / "one.h5mu")
    opened = open_object(tmp_path / "one.h5mu")
    assert opened.names == {kind: name}
    annotate(opened, results_for(opened))
    write_object(tmp_path / "result.h5mu", opened.data)
    assert np.isfinite(read_back(tmp_path / "result.h5mu")[name].obsm["X_shared_umap"][2:]).all()
    other = {"rna": "prot", "prot": "rna"}[kind]
    with pytest.raises(ValueError, match=f"results of '{other}', but the object has {kind}"):
        annotate(opened, Results({other: pd.DataFrame()}, pd.DataFrame()))


@pytest.mark.parametrize("cells", [1, 3, 4, 10])
def test_few_cells(tmp_path, cells):
    with mudata.set_options(pull_on_update=False):
        data = mudata.MuData({"rna": counts(cells, 9, "g"), "prot": counts(cells, 5, "p")})
        data.write_h5mu(tmp_path / "few.h5mu")
    opened = open_object(tmp_path / "few.h5mu")
    joint = pd.DataFrame(np.eye(cells, 3), index=opened.data.obs_names)
    annotate(opened, Results({"rna": joint, "prot": joint}, joint))
    assert np.isfinite(opened.data.obsm["X_shared_umap"]).all() == (cells >= 4)
    write_object(tmp_path / "result.h5mu", opened.data)
    assert read_back(tmp_path / "result.h5mu").obsp["shared_distances"].shape == (cells, cells)


def test_cells_that_the_object_does_not_have(mosaic):
    opened = open_object(mosaic)
    joint = pd.DataFrame(np.ones((1, 2)), index=["stranger"])
    with pytest.raises(ValueError, match=r"1 cells with results .*'stranger'.* not in the object"):
        annotate(opened, Results({}, joint))


def test_a_h5ad_file_divided_by_type_keeps_everything(tmp_path):
    whole = rich(CELLS, 30, "f")
    types = np.array(["Gene Expression"] * 20 + ["Antibody Capture"] * 8 + ["Hashtags"] * 2)
    whole.raw = None
    whole.var["feature_types"] = pd.Categorical(types)
    scaled = whole.X
    whole.X = whole.layers["counts"].copy()
    whole.raw = whole
    whole.X = scaled
    whole.write_h5ad(tmp_path / "cells.h5ad")
    opened = open_object(tmp_path / "cells.h5ad")
    assert opened.names == {"rna": "rna", "prot": "prot"}
    assert list(opened.data.mod) == ["rna", "prot", "Hashtags"]
    original = anndata.read_h5ad(tmp_path / "cells.h5ad")
    for name, kind in zip(opened.data.mod, dict.fromkeys(types), strict=True):
        part, mine = opened.data.mod[name], types == kind
        for slot in ("obs", "obsm", "obsp", "uns"):
            assert_same(getattr(part, slot), getattr(original, slot), slot)
        assert_same(part.X, original.X[:, mine])
        assert_same(part.layers["counts"], original.layers["counts"][:, mine])
        assert_same(part.varm["loadings"], original.varm["loadings"][mine])
        assert list(part.var["mean"]) == list(original.var["mean"][mine])
        assert_same(part.raw.X, original.raw.X[:, mine])
    assert_same(opened.data.obs, original.obs)
    annotate(opened, results_for(opened))
    write_object(tmp_path / "result.h5mu", opened.data)
    assert_same(read_back(tmp_path / "result.h5mu")["prot"].obsp, original.obsp)


ALL = cell_files.WITH_COLUMNS | cell_files.WITHOUT_COLUMNS


@pytest.mark.parametrize("form", ALL)
def test_every_format(tmp_path, form):
    rna, prot = counts(CELLS, 30, "g"), counts(CELLS, 8, "p", seed=1)
    prot.var_names = [*prot.var_names[:7], "g1"]
    obs = pd.DataFrame({"cell_type": pd.Categorical(["A", "B", "C"] * 20)}, index=rna.obs_names)
    opened = open_object(ALL[form](tmp_path, rna, prot, obs))
    expected = (
        {"rna": "RNA", "prot": "ADT"} if form == "Seurat rda" else {"rna": "rna", "prot": "prot"}
    )
    assert opened.names == expected
    annotate(opened, results_for(opened))
    write_object(tmp_path / "result.h5mu", opened.data)
    data = read_back(tmp_path / "result.h5mu")
    for kind, original in (("rna", rna), ("prot", prot)):
        part = data.mod[opened.names[kind]][original.obs_names]
        assert list(part.var_names) == list(original.var_names)
        values = part.layers.get("counts", part.X)
        values = values.toarray() if sparse.issparse(values) else values
        np.testing.assert_array_equal(values, original.X.toarray())
        assert np.isfinite(part.obsm["X_shared"]).all(axis=1).sum() == CELLS - 2
    if form in cell_files.WITH_COLUMNS:
        assert list(data.obs["cell_type"].loc[obs.index]) == list(obs["cell_type"])


def test_gene_identifiers_of_10x_are_kept(tmp_path):
    rna, prot = counts(CELLS, 30, "g"), counts(CELLS, 8, "p", seed=1)
    for write in (cell_files.write_10x_h5, cell_files.write_10x_folder):
        data = open_object(write(tmp_path, rna, prot, pd.DataFrame(index=rna.obs_names))).data
        assert list(data["rna"].var["gene_ids"]) == list(rna.var_names)


def test_a_pair_of_different_cells(tmp_path):
    parts = {"rna": rich(CELLS, 30, "g"), "prot": rich(CELLS, 8, "p", 20)}
    paths = [tmp_path / f"{name}.h5ad" for name in parts]
    for path, part in zip(paths, parts.values(), strict=True):
        part.write_h5ad(path)
    opened = open_object([str(path) for path in paths])
    annotate(opened, results_for(opened))
    write_object(tmp_path / "result.h5mu", opened.data)
    data = read_back(tmp_path / "result.h5mu")
    assert data.n_obs == 80
    for path, name in zip(paths, parts, strict=True):
        assert_same(data.mod[name], anndata.read_h5ad(path), ours=OURS)
    assert data.obs["flag"].notna().all()


def test_a_file_that_cannot_be_read_whole_is_named(mosaic):
    import h5py

    with h5py.File(mosaic, "a") as file:
        del file["mod/atac/X/indptr"]
    with pytest.raises(
        InputError, match=r"mosaic.h5mu: cannot be read whole .*write the file again"
    ):
        open_object(mosaic)


def test_a_real_mosaic(tmp_path):
    path = shared_file("data/pbmc_hao2021_midas_mosaic.h5mu")
    opened = open_object(path)
    annotate(opened, results_for(opened))
    write_object(tmp_path / "result.h5mu", opened.data)
    assert_same(open_object(tmp_path / "result.h5mu").data, open_object(path).data, ours=OURS)
