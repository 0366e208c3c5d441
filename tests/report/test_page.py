"""The page says what the tables say, of every kind of dataset, and escapes what it is given."""

from __future__ import annotations

import gzip
import io
import json
import re
from base64 import b64decode
from dataclasses import replace
from html import unescape
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from made_up_results import (
    LABELS,
    made_up_embedding,
    made_up_features,
    made_up_records,
    made_up_results,
    made_up_scores,
    with_nothing_shared,
    written_and_read,
)

from sharedim.report.alt_text import alt_texts
from sharedim.report.attachments import PACKED_LIMIT, of_table
from sharedim.report.figures.registry import FIGURES
from sharedim.report.index import render_index
from sharedim.report.methods_text import LOSSES, REFERENCES, SIMILARITIES, methods_of
from sharedim.report.page import downloads, render_report
from sharedim.report.reservations import reasons_of, verdict
from sharedim.report.tables import score_tables, transferred_types
from sharedim.training.recipe_types import ContrastiveRecipe

SVGS = dict.fromkeys(FIGURES, b"<svg></svg>")


def render(results=None):
    results = results or made_up_results()
    records = made_up_records(results)
    return render_report(results, records, SVGS), results, records


def test_the_page_says_where_results_come_from():
    page, *_ = render()
    assert "seeds 0 to 4, 1.5 min in all, on a &lt;device&gt;" in page


def test_the_page_needs_nothing_from_outside():
    page, *_ = render()
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)""", page)
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_the_page_shows_the_numbers_of_the_tables():
    page, results, records = render()
    held_out = results.scores.query(
        "recipe == 'cca' and split == 'test' and metric == 'match_top0.5pct_rna_to_prot'"
    )
    for _, values in held_out.groupby("dim")["value"]:
        assert f"{values.mean():.3f} ± {values.std():.3f}" in page
    row = records.saturation.query(
        "recipe == 'cca' and split == 'test' and metric == 'id_mle_rna'"
    ).iloc[0]
    assert f"<td>{row['plateau']:.3f}</td><td>{row['d_saturation']:g}</td>" in page
    assert "Use at least d = 4" in page


def test_text_from_outside_is_escaped():
    page, *_ = render(made_up_results(warnings=["<script>alert(1)</script>"]))
    assert "Shared dimensions of &lt;cells&gt;" in page
    assert "cells &amp; more.h5mu" in page
    assert page.count("<script>") == 1
    assert "<c>" not in page


def test_figures_have_alternative_texts():
    page, results, _ = render()
    told = [unescape(text) for text in re.findall(r'<img [^>]*alt="([^"]*)"', page)]
    assert sorted(told) == sorted(alt_texts(results).values())
    texts = alt_texts(results)
    scores = results.scores.query("metric == 'match_top0.5pct_rna_to_prot' and split == 'test'")
    best = scores.query("recipe == 'cca' and dim == 4")["value"].mean()
    assert f"to {best:.3f} at d = 4, its best" in texts["saturation"]
    assert "true pairs have a mean of 0.50, false pairs of -0.15" in texts["pairs"]
    assert "60 of RNA and 60 of protein cells" in texts["embedding"]
    assert "CD" not in texts["confusion"]
    assert "sharedim is at least as good as ridge for 3 of 3" in texts["prediction"]
    assert "a temperature of 0.7 at d = 1" in texts["training"]


def test_a_file_without_labels_is_said():
    page, *_ = render(made_up_results(labels=[]))
    assert (
        "No cell types were named or recognised in the file, so there is no label transfer" in page
    )
    assert "No cell types are known, so there is no label transfer." in page
    assert "Label transfer" not in page


def test_closed_forms_alone_have_no_training():
    page, *_ = render(made_up_results(recipes=("cca",)))
    assert "Only closed-form baselines were fitted" in page
    assert "The number of shared dimensions could not be estimated" in page


def test_where_nothing_is_shared_each_section_says_why(tmp_path):
    page, *_ = render(written_and_read(with_nothing_shared(made_up_results()), tmp_path))
    assert "There is no answer in these data".lower() in page.lower()
    for sentence in (
        "no model was chosen whose pairs could be compared",
        "no model was chosen to transfer labels with",
        "no cells were embedded",
        "no protein was predicted from RNA",
    ):
        assert f"Nothing shared was found, so that {sentence}." in page


def test_the_truth_of_a_simulation_is_shown():
    page, *_ = render(made_up_results(truth={"shared_dimensions": 3}))
    assert "<strong>3</strong> shared in truth, as simulated" in page


def test_a_simulation_that_does_not_know_what_is_shared():
    page, *_ = render(made_up_results(truth={"noise": 0.5}))
    assert "shared in truth" not in page
    assert "The simulation put" not in page


def words_in(page):
    """Return all that a page says, read aloud or printed, without the names of files."""
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    spoken = re.findall(r'(?:alt|aria-label)="([^"]*)"', page)
    printed = re.sub(r"<[^>]+>", " ", re.sub(r"<a [^>]*download=.*?</a>|<code.*?</code>", "", page))
    return unescape(" ".join([printed, *spoken])).replace("<cells>", "")


OF_CELLS = re.compile(r"\b(RNA|proteins?|cells?|genes?|prot)\b", re.IGNORECASE)
# What files and settings are called stays; the page says so.
KEPT = re.compile(r"Files, columns, scores and settings call [^.]*\.|normaliser cells|steps of \w+")


@pytest.mark.parametrize(
    "options",
    [
        {"recipes": ("paper", "tuned", "cca", "permuted")},
        {"labels": []},
        {"recipes": ("cca",), "seeds": 2},
        {"truth": {"shared_dimensions": 3}},
    ],
    ids=lambda options: " ".join(options),
)
@pytest.mark.parametrize("change", [lambda results: results, with_nothing_shared])
def test_a_page_of_features_speaks_of_its_own_modalities(options, change):
    page, *_ = render(change(made_up_features(**options)))
    text = words_in(page)
    rest = KEPT.sub("", text)
    assert not OF_CELLS.findall(rest), [
        rest[max(0, found.start() - 60) : found.end() + 30] for found in OF_CELLS.finditer(rest)
    ]
    for told in (
        "Top-0.5 % matching, image to text", "matching (image to text) falls short", "held-out pairs",
        "The shared dimensions of image and text were analysed", "Prediction of text from image",
    ):  # fmt: skip
        assert told in text
    # What still has to be translated is said where the files are.
    assert "call image <code>rna</code> and text <code>prot</code>" in page


def test_a_page_of_cells_speaks_of_rna_and_protein():
    text = words_in(render(made_up_results(recipes=("paper", "cca", "permuted")))[0])
    for told in (
        "Top-0.5 % matching, RNA to protein", "matching (RNA to protein) falls short",
        "held-out cells", "The shared dimensions of RNA and surface protein were analysed",
        "Protein from RNA", "Protein predicted from RNA", "On cells it never saw", "Cell types",
        "Cells in the shared space", "2,000 genes and 25 proteins", "Every protein: the numbers",
        "the surer a cell is found again", "Protein was predicted from the RNA of held-out cells",
        "RNA on the left and protein on the right", "a column each for RNA and protein",
        "correlations that are significant on held-out cells",
    ):  # fmt: skip
        assert told in text, told
    assert "Files, columns" not in text
    assert not re.search(r"\brows? of one modality|features? of protein", text)


def test_names_of_modalities_are_escaped():
    page, *_ = render(made_up_features("<image>", "text & more"))
    assert "The shared dimensions of &lt;image&gt; and text &amp; more were analysed" in page
    assert "<image>" not in page


def test_one_sided_losses_name_the_modalities():
    preprocessing = made_up_records(made_up_results()).preprocessing
    variants = {"variants": {"one_sided": {"of": "paper", "loss": "prot_to_rna"}}}
    for results, told in (
        (made_up_results(recipes=("one_sided",)), "loss of RNA given protein"),
        (made_up_features(recipes=("one_sided",)), "loss of image given text"),
    ):
        assert told in " ".join(methods_of(results, preprocessing, variants).paragraphs)


def test_reasons_follow_the_answer():
    results = made_up_results(recipes=("paper", "cca", "permuted"))
    records = made_up_records(results)
    reasons = reasons_of(results, records.saturation)
    against = [reason.text for reason in reasons if not reason.supports]
    assert set(results.answer["warnings"]) <= set(against)
    assert verdict(reasons, results) == f"Supported, with {len(against)} reservations"
    null = "Trained on permuted pairs, the same method matches no better than guessing"
    # The made-up null rises like the others, so that the warning stands in its place.
    assert not any(null in reason.text for reason in reasons)
    assert any(text.startswith("The null is above chance") for text in against)
    flat = results.scores["recipe"] == "permuted"
    results.scores.loc[flat, "value"] = results.scores.loc[flat, "chance"]
    calm = reasons_of(results, made_up_records(results).saturation)
    assert any(null in reason.text and reason.supports for reason in calm)


@pytest.mark.parametrize(
    ("temperature", "warned"),
    [
        (lambda epoch: 1 + epoch / 10, True),
        (lambda epoch: 1 - epoch / 10, False),
        # A temperature that is not learned has no course.
        (lambda epoch: 0.1 + 0 * epoch, False),
    ],
)
def test_a_temperature_that_does_not_fall_is_warned_of(temperature, warned):
    results = made_up_results()
    history = results.history
    history = history.assign(temperature=temperature(history["epoch"]))
    results = replace(results, history=history)
    reasons = reasons_of(results, made_up_records(results).saturation)
    named = [r for r in reasons if r.text.startswith("The temperature of paper does not fall")]
    assert len(named) == warned
    assert not any(reason.supports for reason in named)


def test_without_anything_against_it_an_answer_is_well_supported():
    assert verdict([], made_up_results()) == "Well supported"


def test_types_that_match_badly_are_named():
    results = made_up_results()
    rare = (results.confusions["type"] == "b") & (results.confusions["given"] == "b")
    results.confusions.loc[rare, "cells"] = 0.5
    types = transferred_types(results)
    worst = types.iloc[0]
    assert (worst["type"], worst["taken_for"]) == ("b", "a")
    assert worst["recall"] == pytest.approx(0.5 / 3.5)
    cells = results.embedding.query("modality == 'rna' and part == 'validation'")
    expected = cells.loc[cells["celltype.l2"] == "b", "match_share"].median()
    row = types.query("type == 'b' and direction == 'RNA to protein'")["place"].item()
    assert row == pytest.approx(expected)
    page, *_ = render(results)
    assert "<strong>b</strong>. The shared space does not tell them from others." in page
    assert f"<td>{100 * expected:.1f} %</td>" in page


def read_back(found, name):
    uri = next(file.uri for file in found if file.name == name)
    return b64decode(uri.split(",", 1)[1])


def test_every_table_can_be_saved_from_the_page():
    page, results, records = render()
    found = downloads(results, records)
    for name, table in (
        ("scores.tsv", results.scores),
        ("similarities.tsv", results.similarities),
        ("prediction.tsv", results.prediction),
    ):
        back = pd.read_csv(
            io.BytesIO(read_back(found, name)), sep="\t", dtype=table.dtypes.to_dict()
        )
        pd.testing.assert_frame_equal(back, table.reset_index(drop=True), rtol=1e-7)
    assert json.loads(read_back(found, "answer.json")) == results.answer
    assert page.count('download="&lt;cells&gt;.') == len(found)


def test_long_tables_are_packed_and_longer_ones_named_where_they_lie(monkeypatch):
    long = pd.DataFrame({"value": np.random.default_rng(0).normal(size=50_000)})
    packed = of_table("history.tsv", long, "")
    assert packed.name == "history.tsv.gz"
    text = gzip.decompress(b64decode(packed.uri.split(",", 1)[1])).decode()
    assert len(text.splitlines()) == 50_001
    assert packed.size < PACKED_LIMIT
    monkeypatch.setattr("sharedim.report.attachments.PLAIN_LIMIT", 100)
    monkeypatch.setattr("sharedim.report.attachments.PACKED_LIMIT", 200)
    page, results, records = render()
    names = {file.name: file.uri for file in downloads(results, records)}
    assert names["scores.tsv.gz"] is None
    assert "too large for a page, it lies beside it" in page
    # The curves that are drawn come along in place of the whole history.
    assert "history_means.tsv.gz" in names


def test_thirty_thousand_cells_fit_into_the_page():
    results = made_up_results()
    large = replace(results, embedding=made_up_embedding(cells=30_000))
    found = {file.name: file for file in downloads(large, made_up_records(results))}
    assert found["embedding.tsv.gz"].uri is not None
    # With less than 3 MB of figures (the embedding is rasterised) this is far below 15 MB.
    assert sum(len(file.uri) for file in found.values() if file.uri) < 9e6


def test_the_methods_text_says_what_was_done_and_cites_it():
    results = made_up_results(recipes=("paper", "cca", "permuted"))
    preprocessing = made_up_records(results).preprocessing
    text = methods_of(results, preprocessing, {"refine": True})
    whole = " ".join(text.paragraphs)
    for told in (
        "3,000 cells with 2,000 genes and 25 proteins", "d = 1, 2, 4 were fitted with 3 random seeds",
        "1,240 were held out", "steps of rna", "3 hidden layers of 50 units", "400 epochs",
        "trained in the same way on permuted pairs", "The grid was refined", "celltype.l1, celltype.l2",
    ):  # fmt: skip
        assert told in whole
    assert text.references == [full for key, full in REFERENCES.items() if key in whole]
    assert any("Hotelling" in reference for reference in text.references)
    assert not any("Harmony" in reference for reference in text.references)
    options = preprocessing["options"] | {"harmony": True, "protein_transform": "dsb"}
    other = methods_of(results, preprocessing | {"options": options}, {})
    assert any("Harmony" in reference for reference in other.references)
    assert any("Denoising".lower() in reference for reference in other.references)
    alone = methods_of(made_up_results(recipes=("pca",)), preprocessing, {})
    assert not any("Radford" in reference for reference in alone.references)


def test_the_methods_text_has_words_for_every_similarity_and_loss():
    choices = get_type_hints(ContrastiveRecipe)
    assert set(SIMILARITIES) == set(get_args(choices["similarity"]))
    assert set(LOSSES) == set(get_args(choices["loss"]))


def test_a_failed_model_is_never_a_number():
    results = made_up_results(labels=[])
    scores = results.scores
    scores.loc[(scores["recipe"] == "paper") & (scores["dim"] == 4), "value"] = np.nan
    matching = score_tables(results)[0]
    last = matching["rows"][-1]
    assert last[0] == 4
    assert last[1:3] == ["failed", "failed"]
    assert "nan" not in str(matching["rows"])
    page, *_ = render(results)
    assert not re.search(r">nan\b", page)


def test_one_failed_model_among_several_is_marked():
    results = made_up_results(labels=[])
    scores = results.scores
    broken = (scores["recipe"] == "paper") & (scores["dim"] == 4) & (scores["seed"] == 1)
    scores.loc[broken, "value"] = np.nan
    assert score_tables(results)[0]["rows"][-1][1].endswith("(1 failed)")


def test_a_dimension_that_one_recipe_lacks_is_a_dash():
    results = made_up_results(labels=LABELS[:1])
    scores = made_up_scores(LABELS[:1])
    results = replace(results, scores=scores[(scores["recipe"] == "cca") | (scores["dim"] < 4)])
    assert score_tables(results)[0]["rows"][-1][1:3] == ["–", "–"]


def test_the_index_has_a_row_for_every_dataset():
    known, unknown = made_up_results(), with_nothing_shared(made_up_results(warnings=["one"]))
    page = render_index([known.answer, unknown.answer], [known.check, unknown.check])
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page)
    assert len(rows) == 2
    assert 'href="%3Ccells%3E/report.html">&lt;cells&gt;</a>' in rows[0]
    d = known.answer["recommended_d"]
    assert f"<td>{d['value']}</td><td>{d['low']} to {d['high']}</td>" in rows[0]
    assert "<td>3,000</td>" in rows[0]
    assert "<td>–</td><td>–</td><td>–</td><td>–</td>" in rows[1]
    assert "nothing shared was found" in rows[1]
    assert "How many dimensions RNA and protein share in each dataset" in page
    assert '<th scope="col">cells</th>' in page
    assert "modalities</th>" not in page
    assert not re.search(r"""(src|href)\s*=\s*["']https?:""", page)


def test_the_index_names_the_modalities_of_features():
    cells, features = made_up_results(), made_up_features()
    alike = render_index([features.answer] * 2, [features.check] * 2)
    assert "How many dimensions image and text share in each dataset" in alike
    assert '<th scope="col">pairs</th>' in alike
    assert not OF_CELLS.search(words_in(alike))
    mixed = render_index([cells.answer, features.answer], [cells.check, features.check])
    assert "How many dimensions the two modalities share" in mixed
    assert '<th scope="col">cells or pairs</th>' in mixed
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", mixed)
    for row, modalities in zip(rows, ("RNA and protein", "image and text"), strict=True):
        assert f'<td class="name">{modalities}</td>' in row
