"""Experiments of known answer: what was expected of some datasets beside what was found.

Takes the tables, features and models of every dataset; makes `experiments/<name>/<size>/`.
"""


rule write_experiment:
    input:
        scores=collect("<results>/{dataset}/scores.tsv", dataset=DATASETS),
        saturation=collect("<results>/{dataset}/saturation.tsv", dataset=DATASETS),
        history=collect("<results>/{dataset}/history.tsv", dataset=DATASETS),
        answer=collect("<results>/{dataset}/answer.json", dataset=DATASETS),
        check=collect("<results>/{dataset}/check.json", dataset=DATASETS),
        rna=collect("<results>/{dataset}/features/rna.npy", dataset=DATASETS),
        prot=collect("<results>/{dataset}/features/prot.npy", dataset=DATASETS),
        test_cells=collect(
            "<results>/{dataset}/features/test_cells.npy", dataset=DATASETS
        ),
        cells=collect("<results>/{dataset}/features/cells.tsv.gz", dataset=DATASETS),
        models=collect(
            "<results>/{dataset}/models/{recipe}/dim{dim}/seeds{seeds}.safetensors",
            dataset=DATASETS,
            recipe=RECIPES,
            dim=config["dims"],
            seeds=SEED_BLOCKS,
        ),
    output:
        findings="<results>/experiments/{experiment}/{size}/findings.tsv",
        numbers="<results>/experiments/{experiment}/{size}/numbers.tsv",
        svg="<results>/experiments/{experiment}/{size}/picture.svg",
        png=report(
            "<results>/experiments/{experiment}/{size}/picture.png",
            caption="../report/experiment.rst",
            category="experiments",
            subcategory="pictures",
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
        "../../envs/experiment.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(60),
    params:
        datasets=list(DATASETS),
        code=code_hash(
            "datasets/gaussian.py",
            "embedding/soft_matching.py",
            "evaluation/intrinsic_dimension.py",
            "evaluation/k_hat.py",
            "evaluation/mutual_information.py",
            "evaluation/nearest_neighbours.py",
            "evaluation/ranking.py",
            "evaluation/recommendation.py",
            "evaluation/representations.py",
            "evaluation/retrieval.py",
            "evaluation/saturation.py",
            "experiments/capacity.py",
            "experiments/catalogue.py",
            "experiments/digit_labels.py",
            "experiments/drifting.py",
            "experiments/evidence.py",
            "experiments/gaussian_process.py",
            "experiments/gaussian_signs.py",
            "experiments/gaussian_theory.py",
            "experiments/nonlinear.py",
            "experiments/norms.py",
            "experiments/outcome.py",
            "experiments/page.py",
            "experiments/panels.py",
            "experiments/process_sampling.py",
            "experiments/real_pairs.py",
            "experiments/samples.py",
            "experiments/similarities.py",
            "experiments/synthetic.py",
            "experiments/temperature.py",
            "experiments/two_stages.py",
            "fine_tuning.py",
            "gaussian.py",
            "jobs/checkpoints.py",
            "jobs/tables.py",
            "linear_models.py",
            "report/attachments.py",
            "report/figures/curves.py",
            "report/figures/style.py",
            "report/html.py",
            "report/results.py",
            "training/backprop.py",
            "training/cca.py",
            "training/devices.py",
            "training/encoders.py",
            "training/engine.py",
            "training/foscttm.py",
            "training/history.py",
            "training/initialisation.py",
            "training/loop.py",
            "training/losses.py",
            "training/mle_dimension.py",
            "training/monitoring.py",
            "training/recipes.py",
            "training/sampling.py",
            "training/similarity.py",
            "training/splits.py",
            "training/stack_size.py",
            "training/state.py",
            "vocabulary.py",
        ),
    script:
        "../scripts/write_experiment.py"
