"""Catalogue of the experiments, by the names that ``experiment`` takes in a configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from experiments.capacity import measure_capacity
from experiments.digit_labels import measure_labels
from experiments.drifters import measure_drifters
from experiments.evidence import Evidence
from experiments.gaussian_process import measure_process
from experiments.gaussian_theory import measure_gaussian
from experiments.nonlinear import measure_nonlinear
from experiments.norms import measure_norms
from experiments.outcome import Outcome
from experiments.process_sampling import measure_sampling
from experiments.real_pairs import measure as measure_real
from experiments.samples import measure_samples
from experiments.similarities import measure_similarities
from experiments.synthetic import measure_synthetic
from experiments.temperature import measure_temperature
from experiments.two_stages import measure_two_stages


class Experiment(NamedTuple):
    """What an experiment asks, and how the evidence of its datasets answers.

    Attributes
    ----------
    title : str
    source : str
        Paper and figures that it is after.
    question : str
        One or two sentences.
    measure : callable
        Takes the evidence and returns the outcome.
    """

    title: str
    source: str
    question: str
    measure: Callable[[Evidence], Outcome]


EXPERIMENTS = {
    "linear": Experiment(
        "Shared coordinates, linear",
        "arXiv 2505.12473, Figures 2 and 3",
        "Two modalities of 20 features share their first k* coordinates. Do matching and intrinsic "
        "dimension saturate there, and what happens at d = 3 when only 2 dimensions are shared?",
        measure_synthetic,
    ),
    "nonlinear": Experiment(
        "Shared coordinates, rectified",
        "arXiv 2505.12473, Figure 4",
        "One modality holds rectified copies of k* coordinates of the other, each constant half the time. "
        "What is estimated there, with how much training and how many pairs, and why?",
        measure_nonlinear,
    ),
    "cite_seq": Experiment(
        "CITE-seq cells",
        "arXiv 2505.12473, Figure 5",
        "RNA against surface protein of the same cells: do matching, classification and dimension saturate, in "
        "sample and held out?",
        partial(measure_real, source="Figure 5"),
    ),
    "norms": Experiment(
        "Norm concentration",
        "arXiv 2505.12473, Figures 6 to 8",
        "Only the mean norm of representations is divided out. Do their norms concentrate all the same?",
        measure_norms,
    ),
    "temperature": Experiment(
        "Course of the temperature",
        "arXiv 2505.12473, Figure 10",
        "Does the temperature fall for every output dimension, and what does learning it gain over fixing "
        "or bounding it?",
        measure_temperature,
    ),
    "similarities": Experiment(
        "Similarities",
        "arXiv 2505.12473, Figures 11 and 12",
        "Does it matter whether representations are compared by the inner product over mean norms, by cosine "
        "or by Euclidean distance?",
        measure_similarities,
    ),
    "capacity": Experiment(
        "Capacity of the encoders",
        "arXiv 2505.12473, Figure 9",
        "What becomes of alignment, dimension and temperature when the encoders are too small for the "
        "modalities to be aligned?",
        measure_capacity,
    ),
    "samples": Experiment(
        "Few pairs and noise",
        "arXiv 2505.12473, Section 6",
        "How does k-hat, with its interval, depend on the number of pairs and on noise in one or both "
        "modalities?",
        measure_samples,
    ),
    "two_stages": Experiment(
        "Two stages",
        "arXiv 2505.12473, Section 6",
        "Train once at a large d, read k-hat off it, and go down to it: what is kept, and what is saved?",
        measure_two_stages,
    ),
    "digits": Experiment(
        "Features of images: halves of digits",
        "arXiv 2505.12473, Figures 13 and 14, with other images",
        "The left halves of images of digits against the right ones, as any pair of feature matrices with "
        "labels: do matching, label transfer and dimension saturate?",
        partial(measure_real, source="As Figures 13 and 14"),
    ),
    "digit_labels": Experiment(
        "Images against labels",
        "arXiv 2505.24134, Figures 11 and 12, Section 4.2",
        "What do one-sided and two-sided losses make of labels given an image, and of images given a label?",
        measure_labels,
    ),
    "imagenetv2": Experiment(
        "ImageNetV2 images and texts",
        "arXiv 2505.12473, Figure 13",
        "Embeddings of images against those of their labels' texts: do matching, classification and dimension "
        "saturate?",
        partial(measure_real, source="Figure 13"),
    ),
    "yfcc": Experiment(
        "YFCC images and texts",
        "arXiv 2505.12473, Figure 14",
        "Embeddings of images against those of their descriptions: do matching, classification and dimension "
        "saturate?",
        partial(measure_real, source="Figure 14"),
    ),
    "gaussian": Experiment(
        "Gaussian pairs",
        "arXiv 2505.24134, Section 5 and Figures 2 to 6",
        "Do linear encoders trained with the two-sided, the one-sided and the joint loss converge to their "
        "closed forms, at full and reduced rank?",
        measure_gaussian,
    ),
    "gaussian_process": Experiment(
        "A Gaussian process and its coefficients",
        "arXiv 2505.24134, Figure 8",
        "Twelve noisy values of a process against five of its coefficients: do conditional means stop "
        "improving at five dimensions?",
        measure_process,
    ),
    "process_sampling": Experiment(
        "A Gaussian process, batches and pairs",
        "arXiv 2505.24134, Figures 9 and 10",
        "At five dimensions, do conditional means come nearer to the exact ones with larger batches and with "
        "more pairs?",
        measure_sampling,
    ),
    "drifters": Experiment(
        "Drifters in a stream",
        "arXiv 2505.24134, Figures 14 and 15",
        "Trajectories of drifters against the coefficients of the stream that moves them: can one be looked "
        "up, and averaged, from the other?",
        measure_drifters,
    ),
}
