"""Variants of recipes: the name of a recipe, and the fields that differ from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from types import NoneType
from typing import Any, Required, TypedDict, get_args, get_origin, get_type_hints

from sharedim.errors import InputError, did_you_mean
from sharedim.training.recipe_types import Recipe, as_record
from sharedim.training.recipes import RECIPES


class RecipeSettings(TypedDict, total=False):
    """What a configuration says of recipes."""

    recipes: Required[list[str]]
    variants: Mapping[str, Mapping[str, object]] | None


def with_variants(variants: Mapping[str, Mapping[str, object]]) -> dict[str, Recipe]:
    """Return all recipes by name: the built-in ones and variants of them.

    Parameters
    ----------
    variants : dict of str to dict
        For each name the recipe it is a variant ``of``, built in or named before, and the fields
        of `ContrastiveRecipe` or `LinearRecipe` that differ.

    Raises
    ------
    InputError
        If a name is taken, or a recipe or a field does not exist, or a value does not fit.
    """
    recipes = dict(RECIPES)
    for name, own in variants.items():
        where = f"configuration: variants.{name}"
        if name in RECIPES:
            raise InputError(f"{where}: a built-in recipe has this name; choose another")
        of = str(own["of"])
        if of not in recipes:
            raise InputError(
                f"{where}: of: {_unknown(of, recipes)}a variant is of one that is built "
                f"in or stands before it: {', '.join(recipes)}"
            )
        given = {field: value for field, value in own.items() if field != "of"}
        recipes[name] = _varied(recipes[of], name, given, where)
    return recipes


def recipes_of(config: RecipeSettings) -> dict[str, dict[str, object]]:
    """Return the recipes to compare, by name, as `sharedim.training.recipe_types.as_record` gives them.

    Raises
    ------
    InputError
        If one is neither built in nor a variant, or a variant is not well defined.
    """
    known = with_variants(config.get("variants") or {})
    for name in config["recipes"]:
        if name not in known:
            raise InputError(
                f"configuration: recipes: {_unknown(name, known)}recipes are "
                f"{', '.join(known)}; others can be made with variants"
            )
    return {name: as_record(known[name]) for name in config["recipes"]}


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"'{name}' is not known; {did_you_mean(name, known)}"


def _varied(recipe: Recipe, name: str, given: dict[str, Any], where: str) -> Recipe:
    hints = get_type_hints(type(recipe))
    known = [field.name for field in fields(recipe) if field.name not in ("name", "method")]
    for field, value in list(given.items()):
        if field not in known:
            raise InputError(
                f"{where}: {_unknown(field, known)}fields of {recipe.name} are {', '.join(known)}"
            )
        given[field] = value = _number(value, hints[field])
        if not _fits(value, hints[field]):
            raise InputError(
                f"{where}: {field}: {value!r} does not fit; expected is {_in_words(hints[field])}"
            )
    try:
        return replace(recipe, name=name, **given)
    except ValueError as error:
        raise InputError(f"configuration: {error}") from None


def _number(value: object, hint: object) -> object:
    """Return what means a number as one: YAML takes 1e-3 for text, as it has no dot."""
    if float in _choices(hint) and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _choices(hint: object) -> tuple[object, ...]:
    """Return the types and values that a field may have."""
    return get_args(hint) if get_origin(hint) is not None else (hint,)


def _fits(value: object, hint: object) -> bool:
    if isinstance(value, bool):
        return bool in _choices(hint)
    kinds = tuple(choice for choice in _choices(hint) if isinstance(choice, type))
    # A whole number is a number.
    return value in _choices(hint) or isinstance(
        value, (*kinds, *([int] if float in kinds else []))
    )


def _in_words(hint: object) -> str:
    words: dict[object, str] = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        NoneType: "null",
    }
    return " or ".join(words.get(choice, str(choice)) for choice in _choices(hint))
