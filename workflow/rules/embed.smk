"""The recommended model is trained for use, looked at closely, and takes cells into the shared space.

Takes `answer.json`, `features/`, `models/` and the cells; makes `model.safetensors`,
`similarities.tsv`, `prediction.tsv`, `embeddings.h5mu` and `embedding.tsv.gz`, and on demand
`projected/` of new cells.
"""


rule train_final:
    input:
        answer="<results>/{dataset}/answer.json",
        check="<results>/{dataset}/check.json",
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        protein_values="<results>/{dataset}/features/protein_values.npy",
        cells="<results>/{dataset}/features/cells.tsv.gz",
        projection="<results>/{dataset}/features/projection.safetensors",
    output:
        model="<results>/{dataset}/model.safetensors",
    log:
        "<logs>/{dataset}/train_final.log",
    benchmark:
        "<benchmarks>/{dataset}/train_final.tsv"
    conda:
        "../../envs/embed.yaml"
    threads: 1
    resources:
        mem_mb=memory_of_features,
        runtime=growing(120),
    params:
        # What decides the model beside its recipe, as for those of the grid.
        engine=code_hash(
            "baselines.py",
            "cca.py",
            "course.py",
            "devices.py",
            "draws.py",
            "encoders.py",
            "engine.py",
            "lengths.py",
            "likelihood.py",
            "losses.py",
            "padding.py",
            "parallel.py",
            "passes.py",
            "quantities.py",
            "slots.py",
            "splits.py",
            "stacks.py",
            "threads.py",
            "training.py",
        ),
        code=code_hash(
            "checkpoints.py",
            "comparison.py",
            "conditional.py",
            "final.py",
            "information.py",
            "prediction.py",
            "projection.py",
            "recipes.py",
            "reference.py",
            "representations.py",
            "retrieval.py",
            "tables.py",
            "transforms.py",
        ),
    script:
        "../scripts/train_final.py"


rule examine_chosen:
    input:
        answer="<results>/{dataset}/answer.json",
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        protein_values="<results>/{dataset}/features/protein_values.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
        projection="<results>/{dataset}/features/projection.safetensors",
        models=all_models_of,
    output:
        similarities="<results>/{dataset}/similarities.tsv",
        prediction=report(
            "<results>/{dataset}/prediction.tsv",
            caption="../report/prediction_table.rst",
            category="{dataset}",
            subcategory="tables",
        ),
    log:
        "<logs>/{dataset}/examine_chosen.log",
    benchmark:
        "<benchmarks>/{dataset}/examine_chosen.tsv"
    conda:
        "../../envs/embed.yaml"
    threads: 1
    resources:
        mem_mb=memory_of_features,
        runtime=growing(60),
    params:
        code=code_hash(
            "checkpoints.py",
            "chosen.py",
            "comparison.py",
            "conditional.py",
            "encoders.py",
            "information.py",
            "lengths.py",
            "prediction.py",
            "projection.py",
            "representations.py",
            "retrieval.py",
            "splits.py",
            "tables.py",
            "transforms.py",
        ),
    script:
        "../scripts/examine_chosen.py"
