"""Tables become what the user takes home: pictures and one self-contained page.

Takes the tables of a dataset; makes `figures/` and `report.html`.
"""


rule plot_figures:
    input:
        scores="<results>/{dataset}/scores.tsv",
        history="<results>/{dataset}/history.tsv",
        answer="<results>/{dataset}/answer.json",
        check="<results>/{dataset}/check.json",
    output:
        saturation_svg="<results>/{dataset}/figures/saturation.svg",
        training_svg="<results>/{dataset}/figures/training.svg",
        saturation_png=report(
            "<results>/{dataset}/figures/saturation.png",
            caption="../report/saturation.rst",
            category="{dataset}",
            subcategory="pictures",
        ),
        training_png=report(
            "<results>/{dataset}/figures/training.png",
            caption="../report/training.rst",
            category="{dataset}",
            subcategory="pictures",
        ),
    log:
        "<logs>/{dataset}/plot_figures.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_hash(
            "figures.py",
            "tables.py",
        ),
    script:
        "../scripts/plot_figures.py"


# Read once more than checking and preprocessing do, to tell the input by what is in it.
rule record_provenance:
    input:
        cells=cells_of,
        inside=inside_of,
        models=all_models_of,
        scores="<results>/{dataset}/scores.tsv",
    output:
        provenance=report(
            "<results>/{dataset}/provenance.json",
            caption="../report/provenance.rst",
            category="{dataset}",
            subcategory="tables",
        ),
    log:
        "<logs>/{dataset}/record_provenance.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        configuration=configuration_of,
        code=code_hash(
            "checkpoints.py",
            "provenance.py",
        ),
    script:
        "../scripts/record_provenance.py"


rule write_report:
    input:
        scores="<results>/{dataset}/scores.tsv",
        saturation="<results>/{dataset}/saturation.tsv",
        answer="<results>/{dataset}/answer.json",
        check="<results>/{dataset}/check.json",
        preprocessing="<results>/{dataset}/features/preprocessing.json",
        provenance="<results>/{dataset}/provenance.json",
        saturation_svg="<results>/{dataset}/figures/saturation.svg",
        training_svg="<results>/{dataset}/figures/training.svg",
    output:
        report=report(
            "<results>/{dataset}/report.html",
            caption="../report/report.rst",
            category="{dataset}",
            subcategory="answer",
        ),
    log:
        "<logs>/{dataset}/write_report.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_hash(
            "__init__.py",
            "figures.py",
            "recipes.py",
            "report.py",
            "tables.py",
            "templates/report.html.j2",
        ),
    script:
        "../scripts/write_report.py"
