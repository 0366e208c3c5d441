"""Find where every curve saturates, and conclude the answer from it."""

from sharedim.evaluation.recommendation import conclude
from sharedim.jobs.files import read_json, write_json
from sharedim.jobs.job_log import job
from sharedim.jobs.tables import read_table, write_table


def main():
    dataset = snakemake.wildcards.dataset
    with job(snakemake.log[0], f"saturation {dataset}") as logger:
        scores = read_table(snakemake.input.scores)
        logger.info(f"finding where the curves of {len(scores):,} scores saturate")
        saturation, answer = conclude(
            dataset,
            scores,
            read_json(snakemake.input.check),
            read_json(snakemake.input.preprocessing),
            list(snakemake.params.contrastive),
        )
        write_table(snakemake.output.saturation, saturation)
        write_json(snakemake.output.answer, answer)
        logger.info(answer["sentence"])


main()
