"""Cells come in: downloaded, simulated or a person's own, and checked before anything is computed.

Takes a file with cells or the name of a built-in dataset; makes `resources/*.h5mu` of a built-in
dataset, `simulated.h5mu` or `simulated.npz`, and `check.json`.
"""


# Where Snakemake itself runs, since a cluster's nodes may not reach the network.
localrules:
    download_cells,


rule download_cells:
    output:
        # Kept when the rule runs again, so that nothing is downloaded twice.
        file=update("<resources>/{download}"),
    log:
        "<logs>/download_cells/{download}.log",
    # Connections fail in passing. A refusal that lasts (404, a wrong checksum) is repeated too, which
    # costs time but changes no file.
    retries: 3
    conda:
        "../../envs/cells.yaml"
    params:
        code=code_of("download_cells"),
    script:
        "../scripts/download_cells.py"


rule convert_cells:
    input:
        file=download_of,
    output:
        cells="<resources>/{built_in}.h5mu",
    log:
        "<logs>/convert_cells/{built_in}.log",
    conda:
        "../../envs/cells.yaml"
    resources:
        mem_mb=memory_of_reading,
        runtime=growing(60),
    params:
        code=code_of("convert_cells"),
    script:
        "../scripts/convert_cells.py"


rule simulate_cells:
    output:
        cells="<results>/{dataset}/simulated.h5mu",
    log:
        "<logs>/{dataset}/simulate_cells.log",
    benchmark:
        "<benchmarks>/{dataset}/simulate_cells.tsv"
    # A person's own file of that name is not to be simulated.
    wildcard_constraints:
        dataset="|".join(map(re.escape, SIMULATED)) or NOTHING,
    conda:
        "../../envs/cells.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        simulation=simulation_of,
        code=code_of("simulate_cells"),
    script:
        "../scripts/simulate_cells.py"


rule simulate_pairs:
    output:
        cells="<results>/{dataset}/simulated.npz",
    log:
        "<logs>/{dataset}/simulate_pairs.log",
    benchmark:
        "<benchmarks>/{dataset}/simulate_pairs.tsv"
    wildcard_constraints:
        dataset="|".join(map(re.escape, SIMULATED_PAIRS)) or NOTHING,
    conda:
        "../../envs/cells.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        simulation=simulation_of,
        code=code_of("simulate_pairs"),
    script:
        "../scripts/simulate_pairs.py"


rule check_cells:
    input:
        cells=cells_of,
        inside=inside_of,
    output:
        check="<results>/{dataset}/check.json",
    log:
        "<logs>/{dataset}/check_cells.log",
    benchmark:
        "<benchmarks>/{dataset}/check_cells.tsv"
    conda:
        "../../envs/cells.yaml"
    resources:
        mem_mb=memory_of_reading,
        runtime=growing(20),
    params:
        reading=reading_of,
        splitting=splitting_of,
        features=features_of,
        code=code_of("check_cells"),
    script:
        "../scripts/check_cells.py"
