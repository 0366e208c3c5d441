"""The library that rules use: its files, where jobs find it, and hashes of what a rule depends on."""

import hashlib
import os
import shlex
import sys
from pathlib import Path

# Naming every file of the library makes Snakemake bring it along, also from a remote module. Jobs
# find it beside their scripts, installed or not.
LIBRARY = {
    file: Path(workflow.source_path(f"../scripts/sharedim/{file}"))
    for file in (
        "__init__.py",
        "alternatives.py",
        "annotation.py",
        "answer.py",
        "baselines.py",
        "canonical.py",
        "catalogue.py",
        "cca.py",
        "cell_figures.py",
        "cell_types.py",
        "certainty.py",
        "checkpoints.py",
        "checks.py",
        "chosen.py",
        "columns.py",
        "comparison.py",
        "conditional.py",
        "configuration.py",
        "course.py",
        "curve_figures.py",
        "dataset_index.py",
        "description.py",
        "devices.py",
        "digits.py",
        "dimension.py",
        "dimension_figures.py",
        "download.py",
        "downloads.py",
        "draws.py",
        "drifters.py",
        "droplets.py",
        "embedding.py",
        "encoders.py",
        "engine.py",
        "errors.py",
        "experiments/__init__.py",
        "experiments/capacity.py",
        "experiments/catalogue.py",
        "experiments/digit_labels.py",
        "experiments/drifting.py",
        "experiments/evidence.py",
        "experiments/gaussian_process.py",
        "experiments/gaussian_signs.py",
        "experiments/gaussian_theory.py",
        "experiments/nonlinear.py",
        "experiments/norms.py",
        "experiments/outcome.py",
        "experiments/page.py",
        "experiments/panels.py",
        "experiments/process_sampling.py",
        "experiments/real_pairs.py",
        "experiments/samples.py",
        "experiments/similarities.py",
        "experiments/synthetic.py",
        "experiments/temperature.py",
        "experiments/two_stages.py",
        "feature_files.py",
        "feature_notes.py",
        "feature_pairs.py",
        "features.py",
        "figure_style.py",
        "figures.py",
        "files.py",
        "final.py",
        "fine_tuning.py",
        "formats.py",
        "gaussian.py",
        "gaussian_pairs.py",
        "geometry.py",
        "given_features.py",
        "history.py",
        "holdout.py",
        "information.py",
        "inspection.py",
        "io.py",
        "lengths.py",
        "likelihood.py",
        "linear_models.py",
        "log.py",
        "losses.py",
        "methods.py",
        "modalities.py",
        "model.py",
        "model_output.py",
        "neighbours.py",
        "padding.py",
        "pages.py",
        "pair_figures.py",
        "pair_options.py",
        "pairs.py",
        "parallel.py",
        "passes.py",
        "prediction.py",
        "preprocess.py",
        "probes.py",
        "processes.py",
        "progress.py",
        "projection.py",
        "provenance.py",
        "quantities.py",
        "recipes.py",
        "reference.py",
        "refinement.py",
        "report.py",
        "report_tables.py",
        "representations.py",
        "results.py",
        "retrieval.py",
        "saturation.py",
        "scoring.py",
        "seurat.py",
        "shared.py",
        "shared_dimension.py",
        "shared_space.py",
        "simulate.py",
        "slots.py",
        "splits.py",
        "stacks.py",
        "tables.py",
        "templates/answer.html.j2",
        "templates/cells.html.j2",
        "templates/curves.html.j2",
        "templates/data.html.j2",
        "templates/experiment.html.j2",
        "templates/index.html.j2",
        "templates/macros.html.j2",
        "templates/page.css.j2",
        "templates/page.html.j2",
        "templates/page.js.j2",
        "templates/report.html.j2",
        "threads.py",
        "training.py",
        "training_figures.py",
        "transforms.py",
        "type_figures.py",
        "unpacking.py",
        "unpaired.py",
        "user_object.py",
        "variants.py",
        "words.py",
    )
}
BESIDE_SCRIPTS = str(LIBRARY["__init__.py"].parents[1])
sys.path.insert(0, BESIDE_SCRIPTS)

# Jobs inherit this, so that they run the library that is hashed here, not one installed elsewhere.
SEARCHED = [BESIDE_SCRIPTS, *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ.update(PYTHONPATH=os.pathsep.join(SEARCHED))

# Snakemake starts scripts with this interpreter and leaves it unquoted, which an environment under
# a path with a space does not survive.
if " " in sys.executable:
    sys.executable = shlex.quote(sys.executable)


def code_hash(*files):
    """Hash the library files a rule's outputs depend on.

    As a param the hash reruns a rule after a real change and never after a touch or a switch of
    branches, as the files themselves would as inputs.
    """
    digest = hashlib.sha256()
    for file in files:
        digest.update(LIBRARY[file].read_bytes())
    return digest.hexdigest()[:12]
