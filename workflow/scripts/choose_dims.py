"""Choose the output dimensions by which one dataset's grid is refined."""

from sharedim.evaluation.recommendation import conclude, refined_dims
from sharedim.jobs.files import read_json, write_json
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import SCORE_COLUMNS, concatenate


def main():
    dataset = snakemake.wildcards.dataset
    with job(snakemake.log[0], f"refine {dataset}") as logger:
        number = counted(len(snakemake.params.dims), "output dimension")
        logger.info(f"finding where the curves over {number} saturate, to refine the grid there")
        scores = concatenate(snakemake.input.scores, dataset, columns=SCORE_COLUMNS)
        _, answer = conclude(
            dataset,
            scores,
            read_json(snakemake.input.check),
            read_json(snakemake.input.preprocessing),
            list(snakemake.params.contrastive),
        )
        dims = refined_dims(answer, list(snakemake.params.dims))
        write_json(snakemake.output.dims, dims)
        logger.info(answer["sentence"])
        logger.info("the grid is refined by d = %s", ", ".join(map(str, dims)) or "none")


main()
