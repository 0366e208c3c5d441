"""Experiments: what was expected of some datasets beside what was found.

Takes the tables, features and models of every dataset; makes `experiments/<name>/<size>/`.
"""


rule write_experiment:
    input:
        scores=of_every_dataset("scores.tsv"),
        saturation=of_every_dataset("saturation.tsv"),
        history=of_every_dataset("history.tsv"),
        answer=of_every_dataset("answer.json"),
        check=of_every_dataset("check.json"),
        rna=of_every_dataset("features/rna.npy"),
        prot=of_every_dataset("features/prot.npy"),
        test_cells=of_every_dataset("features/test_cells.npy"),
        cells=of_every_dataset("features/cells.tsv.gz"),
        models=collect(
            "<results>/{dataset}/models/{recipe}/dim{dim}/seeds{seeds}.safetensors",
            dataset=sharedim.DATASETS,
            recipe=sharedim.RECIPES,
            dim=sharedim.config["dims"],
            seeds=sharedim.SEED_BLOCKS,
        ),
        training_times=(
            of_every_dataset("training_times.tsv")
            if EXPERIMENT == "two_stages"
            else []
        ),
        fine_tuning=(
            of_every_dataset("fine_tuning.tsv") if EXPERIMENT == "digit_labels" else []
        ),
    output:
        findings="<results>/experiments/{experiment}/{size}/findings.tsv",
        numbers="<results>/experiments/{experiment}/{size}/numbers.tsv",
        svg="<results>/experiments/{experiment}/{size}/picture.svg",
        png=report(
            "<results>/experiments/{experiment}/{size}/picture.png",
            caption="../report/experiment.rst",
            category="experiments",
            subcategory="figures",
        ),
        page=report(
            "<results>/experiments/{experiment}/{size}/index.html",
            caption="../report/experiment.rst",
            category="experiments",
            subcategory="pages",
        ),
    log:
        "<logs>/write_experiment/{experiment}/{size}.log",
    conda:
        "../envs/experiment.yaml"
    threads: 1
    resources:
        mem_mb=sharedim.growing(6000),
        runtime=sharedim.growing(60),
    params:
        datasets=list(sharedim.DATASETS),
        code=code_of("write_experiment"),
    script:
        "../scripts/write_experiment.py"
