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


rule all:
    default_target: True
    input:
        ["<results>/index.html"] if len(DATASETS) > 1 else [],
        collect("<results>/{dataset}/report.html", dataset=DATASETS),
        collect("<results>/{dataset}/answer.json", dataset=DATASETS),
        collect("<results>/{dataset}/saturation.tsv", dataset=DATASETS),
        collect("<results>/{dataset}/scores.tsv", dataset=DATASETS),
        collect("<results>/{dataset}/provenance.json", dataset=DATASETS),
        collect("<results>/{dataset}/prediction.tsv", dataset=DATASETS),
        collect("<results>/{dataset}/model.safetensors", dataset=DATASETS),
        collect("<results>/{dataset}/embeddings.h5mu", dataset=DATASETS),


# After Snakemake's own last words, where a person looks.
onsuccess:
    for dataset in DATASETS:
        page = Path(results_folder(), dataset, "report.html")
        if page.exists():
            print(f"The report of {dataset}: {page}")


onerror:
    print(
        "Which job failed, and why: it says so above in a sentence, and at the end of its log. A job that "
        "ended without a word may have been short of memory.\n"
        "What to do next: put it right and give the same command again; what is finished is kept."
    )
