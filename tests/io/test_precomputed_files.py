"""Pairs of precomputed features: every way to give them, and every way in which they can be wrong."""

from __future__ import annotations

import json

import mudata
import numpy as np
import pandas as pd
import pytest

from sharedim.errors import InputError
from sharedim.io.paired import cell_table, read_paired_cells
from sharedim.io.readers import format_of, open_cells
from sharedim.io.unpaired import read_cells
from sharedim.io.user_object import open_object, write_object
from sharedim.preprocessing.summary import describe

PAIRS = 520
RNG = np.random.default_rng(0)
IMAGE = RNG.normal(size=(PAIRS, 6)).astype(np.float32)
TEXT = RNG.normal(size=(PAIRS, 4))
LABELS = np.array(["cat", "dog"] * (PAIRS // 2))
NAMES = [f"p{place}" for place in range(PAIRS)]


def npz(folder, **arrays):
    np.savez(folder / "pair.npz", **arrays)
    return folder / "pair.npz"


def npys(folder, first=IMAGE, second=TEXT):
    paths = folder / "image.npy", folder / "text.npy"
    for path, values in zip(paths, (first, second), strict=True):
        np.save(path, values)
    return [str(path) for path in paths]


def table(values, *, names=None, **columns):
    frame = pd.DataFrame(values, columns=[f"f{place}" for place in range(values.shape[1])])
    frame = frame.assign(**columns)
    return frame if names is None else frame.set_axis(pd.Index(names, name="name"))


def parquets(folder, first=None, second=None):
    paths = folder / "image.parquet", folder / "text.parquet"
    (table(IMAGE) if first is None else first).to_parquet(paths[0])
    (table(TEXT) if second is None else second).to_parquet(paths[1])
    return [str(path) for path in paths]


WAYS = {
    "npz": lambda folder: npz(folder, image=IMAGE, text=TEXT),
    "npy": npys,
    "parquet": parquets,
    "both": lambda folder: [npys(folder)[0], parquets(folder)[1]],
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_pairs(tmp_path, way):
    cells = read_paired_cells(WAYS[way](tmp_path))
    np.testing.assert_array_equal(cells.rna.X, IMAGE)
    np.testing.assert_array_equal(cells.prot.X, TEXT)
    assert cells.prot.X.dtype == np.float64
    assert list(cells.rna.obs_names) == [f"pair{place:06d}" for place in range(PAIRS)]
    assert (cells.kind, cells.words) == ("features", {"rna": "image", "prot": "text"})
    found = describe(cells, "d")
    assert (found["kind"], found["modalities"]) == ("features", cells.words)
    assert found["summary"].startswith("520 pairs of image (6 features) and text (4 features); ")
    assert found["warnings"][:-1] == []
    assert list(cell_table(cells, np.arange(60))) == ["cell", "batch", "held_out"]


def test_what_generators_write(tmp_path):
    truth = {"shared_dimensions": 3, "noise": 0.5}
    path = npz(
        tmp_path, latents=np.zeros((PAIRS, 3)), second=TEXT, first=IMAGE, label=LABELS,
        batch=np.arange(PAIRS) % 2, cells=np.array(NAMES), truth=np.array(json.dumps(truth)),
    )  # fmt: skip
    cells = read_paired_cells(path)
    np.testing.assert_array_equal(cells.rna.X, IMAGE)
    assert cells.words == {"rna": "first", "prot": "second"}
    assert cells.truth == truth
    assert list(cells.rna.obs_names) == NAMES
    assert cells.labels["label"].tolist() == LABELS.tolist()
    assert set(cells.batch) == {"0", "1"}


@pytest.mark.parametrize("truth", ["no json", "[1]", '{"seed": "a"}', '{"a": true}'])
def test_what_is_no_truth_of_numbers_is_none(tmp_path, truth):
    path = npz(tmp_path, first=IMAGE, second=TEXT, truth=np.array(truth))
    assert read_paired_cells(path).truth is None


def test_modalities_of_usual_names_go_to_their_place(tmp_path):
    path = npz(tmp_path, adt=TEXT, rna=IMAGE)
    assert read_paired_cells(path).words == {"rna": "rna", "prot": "adt"}
    path = npz(tmp_path, a=TEXT, b=IMAGE)
    assert read_paired_cells(path, rna_modality="B").words == {"rna": "b", "prot": "a"}
    with pytest.raises(InputError, match=r"no modality named 'c' \(protein_modality\); found a, b"):
        read_paired_cells(path, protein_modality="c")


def test_one_column_and_whole_numbers_are_features_too(tmp_path):
    cells = read_paired_cells(npz(tmp_path, image=IMAGE, text=np.arange(PAIRS)[:, None] % 10))
    assert cells.prot.shape == (PAIRS, 1)
    assert cells.prot.X.dtype == np.float64


def test_columns_of_parquet_that_are_no_features(tmp_path):
    first = table(IMAGE, kind=pd.Categorical(LABELS), label=np.arange(PAIRS) % 5)
    cells = read_paired_cells(parquets(tmp_path, first), labels=["kind", "label"])
    assert list(cells.rna.var_names) == [f"f{place}" for place in range(6)]
    assert list(cells.labels) == ["kind", "label"]


def test_rows_of_parquet_are_matched_by_name_where_both_have_names(tmp_path):
    turned = table(TEXT[::-1], names=NAMES[::-1]).iloc[10:]
    cells = read_paired_cells(parquets(tmp_path, table(IMAGE, names=NAMES), turned))
    np.testing.assert_array_equal(cells.rna.X, IMAGE[:-10])
    np.testing.assert_array_equal(cells.prot.X, TEXT[:-10])
    assert list(cells.prot.obs_names) == NAMES[:-10]
    assert cells.notes == [
        "510 names are in both modalities (520 in image, 510 in text); only these are used."
    ]
    by_place = read_paired_cells(parquets(tmp_path, table(IMAGE, names=NAMES), table(TEXT[::-1])))
    np.testing.assert_array_equal(by_place.prot.X, TEXT[::-1])
    assert list(by_place.prot.obs_names) == NAMES


@pytest.mark.parametrize("ending", [".tsv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("by_name", [False, True])
def test_annotations_by_place_or_by_name(tmp_path, ending, by_name):
    path = tmp_path / f"labels{ending}"
    labels = pd.DataFrame({"species": LABELS, "site": np.arange(PAIRS) % 3})
    if by_name:
        labels = labels.set_axis(pd.Index(NAMES, name="name")).iloc[::-1].reset_index()
    if ending == ".parquet":
        labels.to_parquet(path)
    else:
        labels.to_csv(path, sep="\t" if ending == ".tsv" else ",", index=False)
    pair = npz(tmp_path, image=IMAGE, text=TEXT, names=np.array(NAMES))
    cells = read_paired_cells(pair, labels=["species"], batch="site", annotations=str(path))
    assert cells.labels["species"].tolist() == LABELS.tolist()
    assert cells.batch.tolist() == [str(place % 3) for place in range(PAIRS)]


def test_annotations_that_name_some_pairs_leave_the_others_unknown(tmp_path):
    pd.DataFrame({"n": NAMES[:100], "label": LABELS[:100]}).to_csv(tmp_path / "l.csv", index=False)
    pair = npz(tmp_path, image=IMAGE, text=TEXT, names=np.array(NAMES))
    cells = read_paired_cells(pair, annotations=tmp_path / "l.csv")
    assert describe(cells, "d")["labels"]["label"]["unknown"] == PAIRS - 100


def nan(values):
    spoilt = values.copy()
    spoilt[3, 1] = np.nan
    return spoilt


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])
    return path


OBJECTS = np.array([None] * PAIRS)
SPOILT = {
    "three matrices": (
        lambda folder: npz(folder, a=IMAGE, b=TEXT, c=TEXT, label=LABELS),
        r"3 2-D arrays of numbers, where two are needed, .* \(found a \(520 x 6\), b \(520 x 4\), c",
    ),
    "no matrix": (lambda f: npz(f, label=LABELS), r"no 2-D arrays of numbers, .*label \(520\)"),
    "one matrix": (lambda f: npz(f, a=IMAGE), "one matrix of features, where pairs are needed"),
    "one file": (lambda f: npys(f)[:1], "image.npy: one matrix of features, where pairs are"),
    "a vector": (
        lambda f: npz(f, first=IMAGE, second=TEXT[:, 0]),
        r"the array second \(520\) of float64 is no matrix of features",
    ),
    "three axes": (lambda f: npys(f, IMAGE[None]), r"the array image \(1 x 520 x 6\) of float32"),
    "objects": (
        lambda f: npz(f, first=IMAGE, second=TEXT, label=OBJECTS),
        "the array label holds Python objects, .*dtype=str",
    ),
    "objects in npy": (lambda f: npys(f, OBJECTS), "the array image holds Python objects"),
    "text": (lambda f: npys(f, LABELS[:, None]), "of str.* is no matrix of features"),
    "cut npz": (lambda f: cut(npz(f, a=IMAGE, b=TEXT)), "the .npz file is cut short or damaged"),
    "cut npy": (
        lambda f: [str(cut(f / "image.npy")) if npys(f) else "", str(f / "text.npy")],
        "image.npy: the file is cut short or damaged",
    ),
    "cut parquet": (
        lambda f: [str(cut(f / "image.parquet")) if parquets(f) else "", str(f / "text.parquet")],
        "image.parquet: the file is cut short or damaged",
    ),
    "rows differ": (
        lambda f: npz(f, image=IMAGE, text=TEXT[1:]), "520 rows of image and 519 rows of text; a row"
    ),
    "no names in common": (
        lambda f: parquets(f, table(IMAGE, names=NAMES), table(TEXT, names=range(3, PAIRS + 3))),
        r"no row of image has the name of a row of text \(p0, p1",
    ),
    "names repeat": (
        lambda f: npz(f, a=IMAGE, b=TEXT, pair=np.array(["x", *NAMES[:-2], "x"])),
        "1 names of pairs repeat \\(such as 'x'\\)",
    ),
    "no numbers in parquet": (
        lambda f: parquets(f, pd.DataFrame({"vector": list(IMAGE)})),
        r"no column of numbers \(found vector\)",
    ),
    "few": (lambda f: npz(f, a=IMAGE[:499], b=TEXT[:499]), "only 499 pairs; at least 500 are"),
    "not finite": (
        lambda f: npz(f, a=IMAGE, b=nan(TEXT)), r"b holds NaN or infinite values in 1 of 520 rows \(such as row 3\)"
    ),
    "constant": (
        lambda f: npz(f, a=IMAGE, b=np.ones((PAIRS, 2))), "b has the same values in every pair"
    ),
    "npz in a pair": (
        lambda f: [str(npz(f, a=IMAGE)), npys(f)[1]], "a pair of features is two files, .npy or"
    ),
    "the same twice": (lambda f: npys(f)[:1] * 2, "a pair of features is two files"),
}  # fmt: skip


@pytest.mark.parametrize("way", SPOILT)
def test_what_cannot_be_used_is_refused_in_a_sentence(tmp_path, way):
    make, sentence = SPOILT[way]
    with pytest.raises(InputError, match=sentence) as refused:
        read_paired_cells(make(tmp_path))
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("l.tsv", "label\na\nb\n", "2 rows for 520 pairs, and its first column 'label' holds no names"),
        ("l.tsv", "n\tlabel\npair000000\ta\npair000000\tb\n", "more than one row is about 'pair000000'"),
        ("l.xls", "", "annotations are a .tsv, .csv or .parquet file"),
        ("l.parquet", "no", "cannot be read as a table"),
        ("l.csv", "", "cannot be read as a table"),
    ],
)  # fmt: skip
def test_annotations_that_cannot_be_used(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_paired_cells(npys(tmp_path), annotations=tmp_path / name)


def test_annotations_are_not_for_cells(small_file):
    with pytest.raises(InputError, match="annotations are for precomputed features"):
        read_paired_cells(small_file, annotations="labels.tsv")


def test_the_format_is_told_by_the_content(tmp_path):
    path = npz(tmp_path, a=IMAGE, b=TEXT).rename(tmp_path / "pair.h5mu")
    assert format_of(path) == "npz"
    assert list(open_cells(path).modalities) == ["a", "b"]


def test_one_matrix_is_known_by_its_columns_or_by_name(tmp_path):
    known = {"rna": pd.Index(range(6)), "prot": pd.Index(range(4))}
    found = read_cells(npys(tmp_path)[1], known=known)
    assert found.rna is None
    np.testing.assert_array_equal(found.prot.X, TEXT)
    assert not found.empty["prot"].any()
    alike = {"rna": known["rna"], "prot": known["rna"]}
    image = str(tmp_path / "image.npy")
    with pytest.raises(InputError, match=r"one matrix of 6 columns, .* have 6 and 6; name it with"):
        read_cells(image, known=alike)
    assert read_cells(image, known=alike, protein_modality="image").rna is None


def test_an_object_of_both_matrices_and_all_columns(tmp_path):
    path = npz(tmp_path, image=IMAGE, text=TEXT, label=LABELS)
    pd.DataFrame({"more": LABELS}).to_csv(tmp_path / "l.tsv", sep="\t", index=False)
    opened = open_object(path, annotations=tmp_path / "l.tsv")
    write_object(tmp_path / "object.h5mu", opened.data)
    data = mudata.read_h5mu(tmp_path / "object.h5mu")
    np.testing.assert_array_equal(data["rna"].X, IMAGE)
    np.testing.assert_array_equal(data["prot"].X, TEXT)
    assert data.obs["label"].tolist() == data.obs["more"].tolist() == LABELS.tolist()
