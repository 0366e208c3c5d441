"""Counts become features: principal components of normalised RNA and of centred protein.

Takes checked cells; makes `features/`, once a dataset, for every recipe and seed, and
`projection.safetensors`, by which other cells become features.
"""


rule preprocess_cells:
    input:
        cells=cells_of,
        inside=inside_of,
        check="<results>/{dataset}/check.json",
    output:
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
        protein_values="<results>/{dataset}/features/protein_values.npy",
        projection="<results>/{dataset}/features/projection.safetensors",
        cells="<results>/{dataset}/features/cells.tsv.gz",
        summary="<results>/{dataset}/features/preprocessing.json",
    log:
        "<logs>/{dataset}/preprocess_cells.log",
    benchmark:
        "<benchmarks>/{dataset}/preprocess_cells.tsv"
    conda:
        "../../envs/cells.yaml"
    # One, so that the features are the same bits however many cores there are: finished models
    # are known by the features they were trained on.
    threads: 1
    resources:
        mem_mb=memory_of_reading,
        runtime=growing(60),
    params:
        reading=reading_of,
        splitting=splitting_of,
        features=features_of,
        code=code_of("preprocess_cells"),
    script:
        "../scripts/preprocess_cells.py"
