"""Training beyond the workflow's own, for the experiments that compare it.

Takes features and models of a dataset; makes `training_times.tsv` and `fine_tuning.tsv` beside them.
"""


# After the models whose training it times, so that none of them trains beside it.
rule time_training:
    input:
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
        models=sharedim.all_models_of,
    output:
        table="<results>/{dataset}/training_times.tsv",
    log:
        "<logs>/{dataset}/time_training.log",
    benchmark:
        "<benchmarks>/{dataset}/time_training.tsv"
    conda:
        "../envs/experiment.yaml"
    threads: 1
    resources:
        mem_mb=sharedim.memory_of_features,
        runtime=sharedim.growing(60),
    params:
        code=code_of("time_training"),
    script:
        "../scripts/time_training.py"


rule fine_tune_encoders:
    input:
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
        cells="<results>/{dataset}/features/cells.tsv.gz",
        models=sharedim.all_models_of,
    output:
        table="<results>/{dataset}/fine_tuning.tsv",
    log:
        "<logs>/{dataset}/fine_tune_encoders.log",
    benchmark:
        "<benchmarks>/{dataset}/fine_tune_encoders.tsv"
    conda:
        "../envs/experiment.yaml"
    threads: 1
    resources:
        mem_mb=sharedim.memory_of_features,
        runtime=sharedim.growing(60),
    params:
        code=code_of("fine_tune_encoders"),
    script:
        "../scripts/fine_tune_encoders.py"
