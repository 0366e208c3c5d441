"""Collect the scores of all recipes, and the training histories, in one table each."""

from sharedim.evaluation import history_table
from sharedim.evaluation.label_transfer import type_table
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import (
    CONFUSION_COLUMNS,
    SCORE_COLUMNS,
    TYPE_DIMENSION_COLUMNS,
    concatenate,
    write_table,
)


def main():
    dataset = snakemake.wildcards.dataset
    with job(snakemake.log[0], f"collect {dataset}") as logger:
        tables = counted(len(snakemake.input.scores), "table")
        blocks = counted(len(snakemake.input.history), "block")
        logger.info(f"collecting {tables} of scores and the training history of {blocks}")
        scores = concatenate(snakemake.input.scores, dataset, columns=SCORE_COLUMNS)
        course = concatenate(snakemake.input.history, dataset, columns=history_table.COLUMNS)
        confusions = concatenate(snakemake.input.confusions, dataset, columns=CONFUSION_COLUMNS)
        by_type = concatenate(
            snakemake.input.type_dimensions, dataset, columns=TYPE_DIMENSION_COLUMNS
        )
        write_table(snakemake.output.scores, scores)
        write_table(snakemake.output.type_dimensions, by_type)
        write_table(snakemake.output.confusions, confusions)
        write_table(snakemake.output.types, type_table(confusions))
        write_table(snakemake.output.history, course)
        logger.info("%d scores, %d rows of history", len(scores), len(course))


main()
