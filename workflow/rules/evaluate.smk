"""Models are scored in sample and held out, and every curve is asked where it saturates.

Takes `features/` and `models/`; makes `scores.tsv`, `confusions.tsv.gz`, `types.tsv`,
`type_dimensions.tsv.gz`, `history.tsv`, `saturation.tsv`, `answer.json`. With `refine`, the grid's
scores first choose `refined_dims.json`, whose models are scored as a second part.
"""


rule score_models:
    input:
        rna="<results>/{dataset}/features/rna.npy",
        prot="<results>/{dataset}/features/prot.npy",
        test_cells="<results>/{dataset}/features/test_cells.npy",
        cells="<results>/{dataset}/features/cells.tsv.gz",
        check="<results>/{dataset}/check.json",
        models=models_of,
    output:
        scores="<results>/{dataset}/scores/{recipe}{part}.tsv",
        confusions="<results>/{dataset}/scores/{recipe}{part}.confusions.tsv.gz",
        type_dimensions="<results>/{dataset}/scores/{recipe}{part}.type_dimensions.tsv.gz",
    log:
        "<logs>/{dataset}/score_models/{recipe}{part}.log",
    benchmark:
        "<benchmarks>/{dataset}/score_models/{recipe}{part}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory_of_features,
        runtime=time_of_scoring,
    params:
        estimators=config["dimension_estimators"],
        code=code_of("score_models"),
    script:
        "../scripts/score_models.py"


# Only looked at where `refine` is set.
checkpoint choose_dims:
    input:
        scores=collect(
            "<results>/{{dataset}}/scores/{recipe}.tsv", recipe=config["recipes"]
        ),
        check="<results>/{dataset}/check.json",
        preprocessing="<results>/{dataset}/features/preprocessing.json",
    output:
        dims="<results>/{dataset}/refined_dims.json",
    log:
        "<logs>/{dataset}/choose_dims.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        contrastive=CONTRASTIVE,
        dims=config["dims"],
        code=code_of("choose_dims"),
    script:
        "../scripts/choose_dims.py"


rule collect_scores:
    input:
        scores=scores_of("tsv"),
        confusions=scores_of("confusions.tsv.gz"),
        type_dimensions=scores_of("type_dimensions.tsv.gz"),
        history=histories_of,
    output:
        scores=report(
            "<results>/{dataset}/scores.tsv",
            caption="../report/scores.rst",
            category="{dataset}",
            subcategory="tables",
        ),
        confusions="<results>/{dataset}/confusions.tsv.gz",
        types="<results>/{dataset}/types.tsv",
        type_dimensions="<results>/{dataset}/type_dimensions.tsv.gz",
        history="<results>/{dataset}/history.tsv",
    log:
        "<logs>/{dataset}/collect_scores.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("collect_scores"),
    script:
        "../scripts/collect_scores.py"


rule find_saturation:
    input:
        scores="<results>/{dataset}/scores.tsv",
        check="<results>/{dataset}/check.json",
        preprocessing="<results>/{dataset}/features/preprocessing.json",
    output:
        saturation=report(
            "<results>/{dataset}/saturation.tsv",
            caption="../report/saturation_table.rst",
            category="{dataset}",
            subcategory="tables",
        ),
        answer=report(
            "<results>/{dataset}/answer.json",
            caption="../report/answer.rst",
            category="{dataset}",
            subcategory="answer",
        ),
    log:
        "<logs>/{dataset}/find_saturation.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        contrastive=CONTRASTIVE,
        code=code_of("find_saturation"),
    script:
        "../scripts/find_saturation.py"
