"""Models are trained in blocks: one dataset, one recipe, one output dimension, a run of seeds.

Takes `features/`; makes `models/`. Finished seeds and models in training are kept in `checkpoints/`,
which is no declared output since Snakemake deletes those of failed and rerun jobs.
"""


# Closed forms have rules of their own, so that a change to them retrains nothing.
ruleorder: fit_baselines > fit_refined_baselines > train_encoders


rule train_encoders:
    input:
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
    output:
        models="<results>/{dataset}/models/{recipe}/dim{dim}/seeds{seeds}.safetensors",
        history="<results>/{dataset}/models/{recipe}/dim{dim}/seeds{seeds}.history.tsv",
    log:
        "<logs>/{dataset}/train_encoders/{recipe}/dim{dim}/seeds{seeds}.log",
    benchmark:
        "<benchmarks>/{dataset}/train_encoders/{recipe}/dim{dim}/seeds{seeds}.tsv"
    conda:
        "../../envs/train.yaml"
    # Blocks side by side use the cores better than threads within one.
    threads: 1
    resources:
        mem_mb=memory_of_features,
        runtime=time_of_training,
    params:
        recipe=recipe_of,
        seeds=seeds_of,
        dimension_every=config["dimension_every"],
        # What decides a model beside its recipe: a finished seed of another engine is not taken over.
        engine=engine_of("loop"),
        code=code_of("train_encoders"),
    script:
        "../scripts/train_encoders.py"


# A closed form takes less time than starting a job: one job fits all output dimensions of the grid.
rule fit_baselines:
    input:
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
    output:
        models=collect(
            "<results>/{{dataset}}/models/{{recipe}}/dim{dim}/seeds{{seeds}}.safetensors",
            dim=config["dims"],
        ),
    log:
        "<logs>/{dataset}/fit_baselines/{recipe}/seeds{seeds}.log",
    benchmark:
        "<benchmarks>/{dataset}/fit_baselines/{recipe}/seeds{seeds}.tsv"
    wildcard_constraints:
        recipe="|".join(CLOSED_FORMS) or NOTHING,
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory_of_features,
        runtime=growing(240),
    params:
        recipe=recipe_of,
        seeds=seeds_of,
        dims=dims_fitted,
        engine=engine_of("baselines"),
        code=code_of("fit_baselines"),
    script:
        "../scripts/fit_baselines.py"


# What the grid is refined by is known only later, one output dimension a job.
use rule fit_baselines as fit_refined_baselines with:
    output:
        models="<results>/{dataset}/models/{recipe}/dim{dim}/seeds{seeds}.safetensors",
    log:
        "<logs>/{dataset}/fit_baselines/{recipe}/dim{dim}/seeds{seeds}.log",
    benchmark:
        "<benchmarks>/{dataset}/fit_baselines/{recipe}/dim{dim}/seeds{seeds}.tsv"
