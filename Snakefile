"""How many dimensions do two modalities share, and which embedding dimension should I use?"""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.19")


# A configuration in the working directory comes before the one shipped with the workflow.
CONFIGURATION = "config/config.yaml"
if not Path(CONFIGURATION).exists():
    CONFIGURATION = workflow.source_path(CONFIGURATION)


configfile: CONFIGURATION


include: "workflow/rules/library.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/new_cells.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/experiment.smk"


rule all:
    default_target: True
    input:
        EXPERIMENT_PAGES,
        ["<results>/index.html"] if len(REPORTED) > 1 else [],
        collect("<results>/{dataset}/report.html", dataset=REPORTED),
        collect("<results>/{dataset}/answer.json", dataset=REPORTED),
        collect("<results>/{dataset}/saturation.tsv", dataset=REPORTED),
        collect("<results>/{dataset}/scores.tsv", dataset=REPORTED),
        collect("<results>/{dataset}/provenance.json", dataset=REPORTED),
        collect("<results>/{dataset}/prediction.tsv", dataset=REPORTED),
        collect("<results>/{dataset}/model.safetensors", dataset=REPORTED),
        collect("<results>/{dataset}/embeddings.h5mu", dataset=REPORTED),


# After Snakemake's own last words, where a person looks.
onsuccess:
    for dataset in REPORTED:
        page = Path(results_folder(), dataset, "report.html")
        if page.exists():
            print(f"The report of {dataset}: {page}")
    for path in EXPERIMENT_PAGES:
        print(f"The experiment: {path.replace('<results>', results_folder())}")


onerror:
    print(
        "Which job failed, and why: it says so above in a sentence, and at the end of its log. A job that "
        "ended without a word may have been short of memory.\n"
        "What to do next: put it right and give the same command again; what is finished is kept."
    )
