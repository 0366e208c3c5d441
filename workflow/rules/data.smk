"""Cells come in: simulated where no file is given, and checked before anything is computed.

Takes a .h5mu file; makes `simulated.h5mu` and `check.json`.
"""


rule simulate_cells:
    output:
        cells="<results>/{dataset}/simulated.h5mu",
    log:
        "<logs>/{dataset}/simulate_cells.log",
    benchmark:
        "<benchmarks>/{dataset}/simulate_cells.tsv"
    # A person's own file of that name is not to be simulated.
    wildcard_constraints:
        dataset="|".join(map(re.escape, SIMULATED)) or "(?!)",
    conda:
        "../../envs/cells.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        simulation=simulation_of,
        code=code_hash("simulate.py"),
    script:
        "../scripts/simulate_cells.py"


rule check_cells:
    input:
        cells=cells_of,
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
        runtime=20,
    params:
        reading=reading_of,
        code=code_hash("checks.py", "io.py", "splits.py"),
    script:
        "../scripts/check_cells.py"
