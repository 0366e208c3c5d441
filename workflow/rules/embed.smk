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
        recipes=RECIPES,
        # What decides the model beside its recipe, as for those of the grid.
        engine=engine_of("loop", "baselines"),
        code=code_of("train_final"),
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
        code=code_of("examine_chosen"),
    script:
        "../scripts/examine_chosen.py"


rule embed_cells:
    input:
        cells=cells_of,
        inside=inside_of,
        model="<results>/{dataset}/model.safetensors",
    output:
        embeddings="<results>/{dataset}/embeddings.h5mu",
        table="<results>/{dataset}/embedding.tsv.gz",
    log:
        "<logs>/{dataset}/embed_cells.log",
    benchmark:
        "<benchmarks>/{dataset}/embed_cells.tsv"
    conda:
        "../../envs/embed.yaml"
    threads: 1
    resources:
        mem_mb=memory_of_reading,
        runtime=growing(120),
    params:
        reading=reading_of_all_cells,
        code=code_of("embed_cells"),
    script:
        "../scripts/embed_cells.py"


# What a person asks for by name: snakemake --cores all project --config new=cells.h5mu
rule project:
    input:
        projections,


rule project_cells:
    input:
        cells=new_cells,
        model=model_for_new_cells,
    output:
        cells="<results>/projected/{new}/cells.h5mu",
        table="<results>/projected/{new}/cells.tsv.gz",
        matches="<results>/projected/{new}/matches.tsv.gz",
        summary="<results>/projected/{new}/summary.json",
    log:
        "<logs>/projected/{new}/project_cells.log",
    benchmark:
        "<benchmarks>/projected/{new}/project_cells.tsv"
    conda:
        "../../envs/embed.yaml"
    threads: 1
    resources:
        mem_mb=memory_of_reading,
        runtime=growing(120),
    params:
        reading=reading_of_new_cells,
        missing_features=config["missing_features"],
        code=code_of("project_cells"),
    script:
        "../scripts/project_cells.py"
