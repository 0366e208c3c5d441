"""Find where every curve saturates and say what follows from it."""

from sharedim.answer import answer_of
from sharedim.files import read_json, write_json
from sharedim.log import job
from sharedim.saturation import saturation_table
from sharedim.tables import read_table, write_table


def main():
    dataset = snakemake.wildcards.dataset
    with job(snakemake.log[0], f"saturation {dataset}") as logger:
        scores = read_table(snakemake.input.scores)
        cells = read_json(snakemake.input.check)["split"]
        saturation = saturation_table(scores, cells)
        features = read_json(snakemake.input.preprocessing)
        answer = answer_of(
            dataset,
            scores,
            saturation,
            contrastive=list(snakemake.params.contrastive),
            directions=min(features[modality]["components"] for modality in ("rna", "prot")),
        )
        write_table(snakemake.output.saturation, saturation)
        write_json(snakemake.output.answer, answer)
        logger.info(answer["sentence"])


main()
