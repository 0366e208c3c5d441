"""Built-in recipes by name."""

from __future__ import annotations

from dataclasses import replace

from sharedim.training.recipe_types import ContrastiveRecipe, LinearRecipe, Recipe

PAPER = ContrastiveRecipe(name="paper", normaliser_cells=None)
# Hardly to be told from `paper` in its scores, at a fraction of the work.
PAPER_SAMPLED = ContrastiveRecipe(name="paper_sampled")
# What each choice gains is tabled in docs/recipes.md.
TUNED = ContrastiveRecipe(
    name="tuned",
    hidden_layers=1,
    linear_skip=True,
    start="cca",
    input_noise=True,
    dropout=0.3,
    similarity="cosine",
    initial_temperature=None,
    batch_size=256,
    reshuffle=True,
    steps=4000,
    optimiser="adamw",
    learning_rate=3e-3,
    weight_decay=1e-2,
    warmup_steps=20,
    averaged_steps=300,
    patience=300,
    validation_share=0.15,
)
# The null: whatever this finds is chance.
PERMUTED = replace(TUNED, name="permuted", shuffle_pairs=True)
CCA = LinearRecipe(name="cca", method="cca")
PCA = LinearRecipe(name="pca", method="pca")

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (TUNED, PAPER, PAPER_SAMPLED, PERMUTED, CCA, PCA)
}
