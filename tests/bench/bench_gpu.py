"""How long the paper's grid of 750 models takes on this GPU; needs PyTorch and numpy alone.

First 300 steps of every output dimension with 25 and with 50 models, in plain single precision and
with tensor cores (TF32); then one whole dimension of 50 models in both, their scores side by side; and
last into parts of how many cells the GPU had best divide the normaliser cells. Ends within eight
minutes: what there is no time for is left out and said.
"""

from __future__ import annotations

import argparse
import gc
import platform
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))

from sharedim.evaluation.retrieval import TOP_SHARE, search
from sharedim.training import backprop
from sharedim.training.devices import choose_device
from sharedim.training.engine import StackEngine
from sharedim.training.loop import Task
from sharedim.training.recipes import PAPER
from sharedim.training.splits import split_cells
from sharedim.training.state import PairShape

CELLS, FEATURES, SHARED = 30_672, (200, 24), 10
DIMS = [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34, 37, 40, 44]
STEPS, SEEDS = 15_600, 50
WHOLE_DIM = 22
# PyTorch's names: plain single precision, and TF32 with single-precision sums.
PRECISIONS = {"highest": "fp32", "high": "TF32"}


def paired_cells() -> list[np.ndarray]:
    """Simulate two nonlinear views of the same latent cells, with noise, in falling variance."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(CELLS, SHARED))
    sides = []
    for width in FEATURES:
        view = np.tanh(latent @ rng.normal(size=(SHARED, width)))
        view += rng.normal(scale=0.5, size=view.shape)
        scale = np.linspace(1, 0.2, width)
        sides.append((view * scale).astype(np.float32))
    return sides


def flops_per_step(shape: PairShape) -> float:
    """Multiplications and additions of one model's step with 8,000 normaliser cells."""
    total = 0
    for side in (shape.rna, shape.prot):
        products = [rows * columns for rows, columns in side.matrices]
        # Forward, gradient of the weights, and gradient of all inputs but the cells.
        total += 2 * (2 * sum(products) + sum(products[1:])) * (8_000 + PAPER.batch_size)
    return total + 2 * 3 * PAPER.batch_size**2 * shape.rna.outputs


def ceiling(device: torch.device) -> float:
    """Return operations per second of one large product in plain single precision."""
    torch.set_float32_matmul_precision("highest")
    size = 8192 if device.type == "cuda" else 1024
    a = torch.randn(size, size, device=device)
    rates = []
    for _ in range(5):
        wait(device)
        started = time.perf_counter()
        _ = a @ a
        wait(device)
        rates.append(2 * size**3 / (time.perf_counter() - started))
    return max(rates)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Bench:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.ends = time.monotonic() + arguments.minutes * 60
        self.device = choose_device()
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        self.rna, self.prot = paired_cells()
        self.peak = ceiling(self.device)
        self.steps = arguments.steps

    def left(self) -> float:
        return self.ends - time.monotonic()

    def engine(self, dim: int, models: int) -> StackEngine:
        shape = PairShape.of(*FEATURES, dim, PAPER)
        task = Task(self.rna, self.prot, shape, PAPER, self.device)
        cells, state = task.prepare(list(range(models)))
        return StackEngine(cells, state, shape, PAPER)

    def seconds(self, engine: StackEngine, steps: int) -> float:
        """Time so many steps, an epoch at a time, after one epoch to warm up."""
        engine.run_epoch(0)
        wait(self.device)
        started, done = time.perf_counter(), 0
        while done < steps:
            engine.steps = engine.batches + min(engine.batches, steps - done)
            done += len(engine.run_epoch(1)[0])
        wait(self.device)
        return time.perf_counter() - started

    def grid(self, dims: list[int], models: int) -> float | None:
        """Time every dimension; return the projected seconds of the whole grid."""
        projected = 0.0
        precision = PRECISIONS[torch.get_float32_matmul_precision()]
        print(f"\n{models} models a stack, {self.steps} steps, {precision}")
        print("   d   ms a step   TFLOP/s   share of ceiling   GPU memory")
        for dim in dims:
            if self.left() < 60:
                print("  no time left for the larger dimensions")
                return None
            if self.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            engine = self.engine(dim, models)
            step = self.seconds(engine, self.steps) / self.steps
            rate = flops_per_step(PairShape.of(*FEATURES, dim, PAPER)) * models / step
            print(
                f"{dim:4d}  {step * 1e3:10.3f}  {rate / 1e12:8.2f}  {rate / self.peak:16.0%}  "
                f"{memory(self.device):>11s}"
            )
            projected += step * STEPS * SEEDS / models
            del engine
            gc.collect()
        print(
            f"the grid of {len(dims) * SEEDS} models at this rate: {projected / 60:.1f} min "
            "(the paper's has 750)"
        )
        return projected

    def whole_dimension(self, dim: int, models: int, epochs: int) -> None:
        """Train one dimension to the end in each precision; compare time and scores."""
        print(f"\none whole dimension: d = {dim}, {models} models, {epochs} epochs")
        print("precision   seconds   loss (mean, sd)     matching in sample   matching held out")
        for name, title in PRECISIONS.items():
            torch.set_float32_matmul_precision(name)
            engine = self.engine(dim, models)
            wait(self.device)
            started = time.perf_counter()
            for epoch in range(epochs):
                losses, _ = engine.run_epoch(epoch)
                if self.left() < 20:
                    print(f"  {title}: stopped after {epoch + 1} epochs, out of time")
                    return
            wait(self.device)
            seconds = time.perf_counter() - started
            torch.set_float32_matmul_precision("highest")
            loss = losses.mean(dim=0).cpu().numpy()
            scores = [self.matching(engine, model) for model in range(min(models, 8))]
            train, test = np.array(scores).T
            print(
                f"{title:9s}  {seconds:8.1f}   {loss.mean():.4f}, {loss.std():.4f}      "
                f"{train.mean():.4f}, {train.std():.4f}       {test.mean():.4f}, {test.std():.4f}"
            )

    def parts(self, dim: int, models: int) -> None:
        """Time normaliser cells divided into parts of other sizes."""
        print(f"\ncells of a part (backprop.PART_CELLS): d = {dim}, {models} models, TF32")
        torch.set_float32_matmul_precision("high")
        usual = backprop.PART_CELLS
        for cells in (500, 1_000, 2_000, 8_000):
            if self.left() < 20:
                print("  no time left for the rest")
                break
            backprop.PART_CELLS = cells
            step = self.seconds(self.engine(dim, models), self.steps) / self.steps
            print(f"{cells:6d}: {step * 1e3:.3f} ms a step")
        backprop.PART_CELLS = usual

    def matching(self, engine: StackEngine, model: int) -> tuple[float, float]:
        """Return top-0.5 % matching of a model on 2,000 training and 2,000 held-out cells."""
        split = split_cells(CELLS, model)
        scores = []
        for rows in (split.train[:2_000], split.test[:2_000]):
            f, g = (
                encoder.encode(
                    torch.from_numpy(side[rows]).to(self.device).expand(len(engine.loss), -1, -1)
                )[model].cpu().numpy()
                for encoder, side in zip(engine.encoders, (self.rna, self.prot), strict=True)
            )  # fmt: skip
            scores.append(search(f, g).ranks.share_within(TOP_SHARE))
        return scores[0], scores[1]


def memory(device: torch.device) -> str:
    if device.type != "cuda":
        return "-"
    return f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=7.5, help="end within")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--models", type=int, nargs="+", default=[25, 50])
    parser.add_argument("--dims", type=int, nargs="+", default=DIMS)
    parser.add_argument("--epochs", type=int, default=PAPER.epochs)
    arguments = parser.parse_args()

    bench = Bench(arguments)
    cuda = bench.device.type == "cuda"
    name = torch.cuda.get_device_name() if cuda else f"{platform.machine()} CPU"
    print(
        f"{name}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}, Python "
        f"{platform.python_version()}; ceiling, one large product in plain single precision: "
        f"{bench.peak / 1e12:.1f} TFLOP/s"
    )
    if not cuda:
        print(
            "no CUDA device is visible: these figures are of the CPU, and no projection for a GPU"
        )
    for precision in PRECISIONS:
        torch.set_float32_matmul_precision(precision)
        for models in arguments.models:
            bench.grid(arguments.dims, models)
    dim = WHOLE_DIM if WHOLE_DIM in arguments.dims else arguments.dims[-1]
    bench.whole_dimension(dim, max(arguments.models), arguments.epochs)
    if cuda:
        bench.parts(dim, max(arguments.models))


if __name__ == "__main__":
    main()
