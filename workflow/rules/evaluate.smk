"""Models are scored in sample and held out, and every curve is asked where it saturates.

Takes `features/` and `models/`; makes `scores.tsv`, `confusions.tsv.gz`, `types.tsv`,
`type_dimensions.tsv.gz`, `history.tsv`, `saturation.tsv`, `answer.json`.
"""

CONTRASTIVE = [recipe for recipe in config["recipes"] if recipe not in CLOSED_FORMS]


rule score_models:
    input:
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
        cells="<results>/{dataset}/features/cells.tsv.gz",
        check="<results>/{dataset}/check.json",
        models=collect(
            "<results>/{{dataset}}/models/{{recipe}}/dim{dim}/seeds{seeds}.safetensors",
            dim=config["dims"],
            seeds=SEED_BLOCKS,
        ),
    output:
        scores="<results>/{dataset}/scores/{recipe}.tsv",
        confusions="<results>/{dataset}/scores/{recipe}.confusions.tsv.gz",
        type_dimensions="<results>/{dataset}/scores/{recipe}.type_dimensions.tsv.gz",
    log:
        "<logs>/{dataset}/score_models/{recipe}.log",
    benchmark:
        "<benchmarks>/{dataset}/score_models/{recipe}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=720,
    params:
        code=code_hash(
            "cca.py",
            "checkpoints.py",
            "dimension.py",
            "encoders.py",
            "geometry.py",
            "information.py",
            "lengths.py",
            "neighbours.py",
            "retrieval.py",
            "scoring.py",
            "shared.py",
            "splits.py",
            "tables.py",
        ),
    script:
        "../scripts/score_models.py"


rule collect_scores:
    input:
        scores=collect(
            "<results>/{{dataset}}/scores/{recipe}.tsv", recipe=config["recipes"]
        ),
        confusions=collect(
            "<results>/{{dataset}}/scores/{recipe}.confusions.tsv.gz",
            recipe=config["recipes"],
        ),
        type_dimensions=collect(
            "<results>/{{dataset}}/scores/{recipe}.type_dimensions.tsv.gz",
            recipe=config["recipes"],
        ),
        history=collect(
            "<results>/{{dataset}}/models/{recipe}/dim{dim}/seeds{seeds}.history.tsv",
            recipe=CONTRASTIVE,
            dim=config["dims"],
            seeds=SEED_BLOCKS,
        ),
    output:
        scores="<results>/{dataset}/scores.tsv",
        confusions="<results>/{dataset}/confusions.tsv.gz",
        types="<results>/{dataset}/types.tsv",
        type_dimensions="<results>/{dataset}/type_dimensions.tsv.gz",
        history="<results>/{dataset}/history.tsv",
    log:
        "<logs>/{dataset}/collect_scores.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_hash(
            "cell_types.py",
            "checkpoints.py",
            "history.py",
            "quantities.py",
            "tables.py",
        ),
    script:
        "../scripts/collect_scores.py"


rule find_saturation:
    input:
        scores="<results>/{dataset}/scores.tsv",
        check="<results>/{dataset}/check.json",
        preprocessing="<results>/{dataset}/features/preprocessing.json",
    output:
        saturation="<results>/{dataset}/saturation.tsv",
        answer="<results>/{dataset}/answer.json",
    log:
        "<logs>/{dataset}/find_saturation.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        contrastive=CONTRASTIVE,
        code=code_hash("answer.py", "saturation.py", "shared_dimension.py", "tables.py"),
    script:
        "../scripts/find_saturation.py"
