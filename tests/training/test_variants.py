"""Recipes of a person's own: variants of those that are built in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sharedim.errors import InputError
from sharedim.training.recipe_types import as_record, from_record
from sharedim.training.recipes import CCA, PAPER, RECIPES, TUNED
from sharedim.training.variants import recipes_of, with_variants


def test_a_variant_differs_from_its_recipe_in_what_is_said_alone():
    own = {"of": "paper", "epochs": 60, "similarity": "cosine", "normaliser_cells": None}
    short = with_variants({"short": own})["short"]
    assert short == replace(PAPER, name="short", epochs=60, similarity="cosine")


def test_a_variant_of_a_variant_and_of_a_closed_form():
    recipes = with_variants(
        {
            "narrow": {"of": "tuned", "hidden_width": 20},
            "narrow_null": {"of": "narrow", "shuffle_pairs": True},
            "more_validation": {"of": "cca", "validation_share": 0.3},
        }
    )
    narrow = replace(TUNED, name="narrow_null", hidden_width=20, shuffle_pairs=True)
    assert recipes["narrow_null"] == narrow
    assert recipes["more_validation"] == replace(CCA, name="more_validation", validation_share=0.3)


def test_a_number_without_a_dot_is_a_number():
    # YAML 1.1 takes 1e-3 for text.
    assert (
        with_variants({"fast": {"of": "paper", "learning_rate": "1e-3"}})["fast"].learning_rate
        == 1e-3
    )


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_survives_its_record(recipe):
    assert from_record(as_record(recipe)) == recipe


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ({"a": {"of": "papr"}}, "variants.a: of: 'papr' is not known; did you mean 'paper'"),
        ({"a": {"of": "paper", "epoch": 3}}, "'epoch' is not known; did you mean 'epochs'"),
        ({"a": {"of": "paper", "name": "b"}}, "'name' is not known"),
        ({"a": {"of": "paper", "epochs": "many"}}, "epochs: 'many' does not fit; .* whole number"),
        ({"a": {"of": "paper", "epochs": 1.5}}, "epochs: 1.5 does not fit"),
        ({"a": {"of": "paper", "epochs": 0}}, "epochs=0, but it has to be above 0"),
        ({"a": {"of": "paper", "reshuffle": 1}}, "reshuffle: 1 does not fit; .* true or false"),
        ({"a": {"of": "paper", "similarity": "cos"}}, "inner_product or cosine"),
        ({"a": {"of": "paper", "validation_share": 1.0}}, "a share between 0 and 1"),
        ({"a": {"of": "cca", "epochs": 3}}, "fields of cca are validation_share"),
        ({"cca": {"of": "paper"}}, "a built-in recipe has this name"),
        ({"a": {"of": "paper", "start": "cca"}}, "needs a linear part"),
    ],
)
def test_a_variant_that_cannot_be_is_refused_in_a_sentence(variants, said):
    with pytest.raises(InputError, match=said) as error:
        with_variants(variants)
    assert str(error.value).startswith("configuration: ")


def test_a_recipe_that_is_not_known_is_refused():
    with pytest.raises(InputError, match="'tunde' is not known; did you mean 'tuned'"):
        recipes_of({"recipes": ["tunde"]})


def test_only_the_recipes_asked_for_are_given():
    config = {"recipes": ["b", "cca"], "variants": {"a": {"of": "paper"}, "b": {"of": "a"}}}
    assert list(recipes_of(config)) == ["b", "cca"]
    assert recipes_of(config)["cca"] == as_record(CCA)
