"""Tables become what the user takes home: figures, one self-contained page, an index over pages.

Takes the tables of a dataset; makes `figures/` and `report.html`, and of all datasets `index.html`.
"""


rule plot_figures:
    input:
        scores="<results>/{dataset}/scores.tsv",
        history="<results>/{dataset}/history.tsv",
        confusions="<results>/{dataset}/confusions.tsv.gz",
        type_dimensions="<results>/{dataset}/type_dimensions.tsv.gz",
        similarities="<results>/{dataset}/similarities.tsv",
        prediction="<results>/{dataset}/prediction.tsv",
        embedding="<results>/{dataset}/embedding.tsv.gz",
        answer="<results>/{dataset}/answer.json",
        check="<results>/{dataset}/check.json",
    output:
        saturation_svg="<results>/{dataset}/figures/saturation.svg",
        dimension_svg="<results>/{dataset}/figures/dimension.svg",
        training_svg="<results>/{dataset}/figures/training.svg",
        pairs_svg="<results>/{dataset}/figures/pairs.svg",
        confusion_svg="<results>/{dataset}/figures/confusion.svg",
        embedding_svg="<results>/{dataset}/figures/embedding.svg",
        prediction_svg="<results>/{dataset}/figures/prediction.svg",
        paper_figure_svg="<results>/{dataset}/figures/paper_figure.svg",
        saturation_png=report(
            "<results>/{dataset}/figures/saturation.png",
            caption="../report/saturation.rst",
            category="{dataset}",
            subcategory="figures",
        ),
        dimension_png=report(
            "<results>/{dataset}/figures/dimension.png",
            caption="../report/dimension.rst",
            category="{dataset}",
            subcategory="figures",
        ),
        training_png=report(
            "<results>/{dataset}/figures/training.png",
            caption="../report/training.rst",
            category="{dataset}",
            subcategory="figures",
        ),
        pairs_png=report(
            "<results>/{dataset}/figures/pairs.png",
            caption="../report/pairs.rst",
            category="{dataset}",
            subcategory="figures",
        ),
        confusion_png=report(
            "<results>/{dataset}/figures/confusion.png",
            caption="../report/confusion.rst",
            category="{dataset}",
            subcategory="figures",
        ),
        embedding_png=report(
            "<results>/{dataset}/figures/embedding.png",
            caption="../report/embedding.rst",
            category="{dataset}",
            subcategory="figures",
        ),
        prediction_png=report(
            "<results>/{dataset}/figures/prediction.png",
            caption="../report/prediction.rst",
            category="{dataset}",
            subcategory="figures",
        ),
        paper_figure_png=report(
            "<results>/{dataset}/figures/paper_figure.png",
            caption="../report/paper_figure.rst",
            category="{dataset}",
            subcategory="figures",
        ),
    log:
        "<logs>/{dataset}/plot_figures.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("plot_figures"),
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
        code=code_of("record_provenance"),
    script:
        "../scripts/record_provenance.py"


rule write_report:
    input:
        scores="<results>/{dataset}/scores.tsv",
        history="<results>/{dataset}/history.tsv",
        confusions="<results>/{dataset}/confusions.tsv.gz",
        type_dimensions="<results>/{dataset}/type_dimensions.tsv.gz",
        similarities="<results>/{dataset}/similarities.tsv",
        prediction="<results>/{dataset}/prediction.tsv",
        embedding="<results>/{dataset}/embedding.tsv.gz",
        answer="<results>/{dataset}/answer.json",
        check="<results>/{dataset}/check.json",
        saturation="<results>/{dataset}/saturation.tsv",
        types="<results>/{dataset}/types.tsv",
        preprocessing="<results>/{dataset}/features/preprocessing.json",
        provenance="<results>/{dataset}/provenance.json",
        saturation_svg="<results>/{dataset}/figures/saturation.svg",
        dimension_svg="<results>/{dataset}/figures/dimension.svg",
        training_svg="<results>/{dataset}/figures/training.svg",
        pairs_svg="<results>/{dataset}/figures/pairs.svg",
        confusion_svg="<results>/{dataset}/figures/confusion.svg",
        embedding_svg="<results>/{dataset}/figures/embedding.svg",
        prediction_svg="<results>/{dataset}/figures/prediction.svg",
        paper_figure_svg="<results>/{dataset}/figures/paper_figure.svg",
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        code=code_of("write_report"),
    script:
        "../scripts/write_report.py"


rule write_index:
    input:
        answers=collect("<results>/{dataset}/answer.json", dataset=DATASETS),
        checks=collect("<results>/{dataset}/check.json", dataset=DATASETS),
    output:
        index=report(
            "<results>/index.html",
            caption="../report/index.rst",
            category="all datasets",
            subcategory="answer",
        ),
    log:
        "<logs>/write_index.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code_of("write_index"),
    script:
        "../scripts/write_index.py"
