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
        "cli.py",
        "configuration.py",
        "datasets/__init__.py",
        "datasets/builtin.py",
        "datasets/catalogue.py",
        "datasets/cite_seq.py",
        "datasets/digits.py",
        "datasets/download.py",
        "datasets/drifters.py",
        "datasets/gaussian.py",
        "datasets/simulated_options.py",
        "datasets/simulated_pairs.py",
        "embedding/__init__.py",
        "embedding/annotate.py",
        "embedding/describe.py",
        "embedding/final_model.py",
        "embedding/held_out.py",
        "embedding/model.py",
        "embedding/model_output.py",
        "embedding/prediction.py",
        "embedding/reference.py",
        "embedding/soft_matching.py",
        "embedding/umap.py",
        "errors.py",
        "evaluation/__init__.py",
        "evaluation/alignment.py",
        "evaluation/history_table.py",
        "evaluation/intrinsic_dimension.py",
        "evaluation/k_hat.py",
        "evaluation/label_transfer.py",
        "evaluation/mutual_information.py",
        "evaluation/nearest_neighbours.py",
        "evaluation/probes.py",
        "evaluation/ranking.py",
        "evaluation/recommendation.py",
        "evaluation/representations.py",
        "evaluation/retrieval.py",
        "evaluation/saturation.py",
        "evaluation/scoring.py",
        "evaluation/shared_directions.py",
        "io/__init__.py",
        "io/empty_droplets.py",
        "io/modalities.py",
        "io/obs.py",
        "io/paired.py",
        "io/precomputed_files.py",
        "io/precomputed_pairs.py",
        "io/protein_values.py",
        "io/readers.py",
        "io/seurat.py",
        "io/unpaired.py",
        "io/user_object.py",
        "io/validation.py",
        "jobs/__init__.py",
        "jobs/checkpoints.py",
        "jobs/files.py",
        "jobs/job_log.py",
        "jobs/locks.py",
        "jobs/progress.py",
        "jobs/provenance.py",
        "jobs/tables.py",
        "preprocessing/__init__.py",
        "preprocessing/holdout.py",
        "preprocessing/options.py",
        "preprocessing/pipeline.py",
        "preprocessing/precomputed.py",
        "preprocessing/projection.py",
        "preprocessing/protein_transforms.py",
        "preprocessing/summary.py",
        "report/__init__.py",
        "report/alt_text.py",
        "report/attachments.py",
        "report/figures/__init__.py",
        "report/figures/confusion.py",
        "report/figures/curves.py",
        "report/figures/dimension.py",
        "report/figures/embedding.py",
        "report/figures/pairs.py",
        "report/figures/prediction.py",
        "report/figures/registry.py",
        "report/figures/style.py",
        "report/figures/training.py",
        "report/html.py",
        "report/index.py",
        "report/methods_text.py",
        "report/page.py",
        "report/reservations.py",
        "report/results.py",
        "report/tables.py",
        "report/templates/answer.html.j2",
        "report/templates/cells.html.j2",
        "report/templates/curves.html.j2",
        "report/templates/data.html.j2",
        "report/templates/index.html.j2",
        "report/templates/macros.html.j2",
        "report/templates/page.css.j2",
        "report/templates/page.html.j2",
        "report/templates/page.js.j2",
        "report/templates/report.html.j2",
        "training/__init__.py",
        "training/backprop.py",
        "training/baselines.py",
        "training/cca.py",
        "training/devices.py",
        "training/encoders.py",
        "training/engine.py",
        "training/foscttm.py",
        "training/history.py",
        "training/initialisation.py",
        "training/loop.py",
        "training/losses.py",
        "training/mle_dimension.py",
        "training/monitoring.py",
        "training/recipes.py",
        "training/sampling.py",
        "training/similarity.py",
        "training/splits.py",
        "training/stack_size.py",
        "training/state.py",
        "training/variants.py",
        "version.py",
        "vocabulary.py",
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
