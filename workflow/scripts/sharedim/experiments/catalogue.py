"""All experiments by the names that ``experiment`` has in a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sharedim.experiments.capacity import measure_capacity
from sharedim.experiments.digit_labels import measure_labels
from sharedim.experiments.digit_pairs import measure_features
from sharedim.experiments.drifting import measure_drifters
from sharedim.experiments.evidence import Evidence
from sharedim.experiments.gaussian_process import measure_process
from sharedim.experiments.gaussian_theory import measure_gaussian
from sharedim.experiments.nonlinear import measure_nonlinear
from sharedim.experiments.norms import measure_norms
from sharedim.experiments.outcome import Outcome
from sharedim.experiments.samples import measure_samples
from sharedim.experiments.similarities import measure_similarities
from sharedim.experiments.synthetic import measure_synthetic
from sharedim.experiments.temperature import measure_temperature
from sharedim.experiments.two_stages import measure_two_stages


class Experiment(NamedTuple):
    """What an experiment asks, and how the evidence of its datasets answers.

    Attributes
    ----------
    title : str
    question : str
        One or two sentences.
    measure : callable
        Takes the evidence and returns the outcome.
    """

    title: str
    question: str
    measure: Callable[[Evidence], Outcome]


EXPERIMENTS = {
    "linear": Experiment(
        "Shared coordinates, linear",
        "Two modalities of 20 features share their first k* coordinates. Do matching and intrinsic "
        "dimension saturate there, and what happens at d = 3 when only 2 dimensions are shared?",
        measure_synthetic,
    ),
    "nonlinear": Experiment(
        "Shared coordinates, rectified",
        "One modality holds rectified copies of k* coordinates of the other, each constant half the time. "
        "What is estimated there, with how much training and how many pairs, and why?",
        measure_nonlinear,
    ),
    "norms": Experiment(
        "Norm concentration",
        "Only the mean norm of representations is divided out. Do their norms concentrate all the same?",
        measure_norms,
    ),
    "temperature": Experiment(
        "Course of the temperature",
        "Does the temperature fall for every output dimension, and what does learning it gain over fixing "
        "or bounding it?",
        measure_temperature,
    ),
    "similarities": Experiment(
        "Similarities",
        "Does it matter whether representations are compared by the inner product over mean norms, by cosine "
        "or by Euclidean distance?",
        measure_similarities,
    ),
    "capacity": Experiment(
        "Capacity of the encoders",
        "What becomes of alignment, dimension and temperature when the encoders are too small for the "
        "modalities to be aligned?",
        measure_capacity,
    ),
    "samples": Experiment(
        "Few pairs and noise",
        "How does k-hat, with its interval, depend on the number of pairs and on noise in one or both "
        "modalities?",
        measure_samples,
    ),
    "two_stages": Experiment(
        "Two stages",
        "Train once at a large d, read k-hat off it, and go down to it: what is kept, and what is saved?",
        measure_two_stages,
    ),
    "digits": Experiment(
        "Features of images: halves of digits",
        "The left halves of images of digits against the right ones, as any pair of feature matrices with "
        "labels: do matching, label transfer and dimension saturate?",
        measure_features,
    ),
    "digit_labels": Experiment(
        "Images against labels",
        "What do one-sided and two-sided losses make of labels given an image, and of images given a label?",
        measure_labels,
    ),
    "imagenetv2": Experiment(
        "ImageNetV2 images and texts",
        "Embeddings of images against those of their labels' texts: do matching, classification and dimension "
        "saturate?",
        measure_features,
    ),
    "yfcc": Experiment(
        "YFCC images and texts",
        "Embeddings of images against those of their descriptions: do matching, classification and dimension "
        "saturate?",
        measure_features,
    ),
    "gaussian": Experiment(
        "Gaussian pairs",
        "Do linear encoders trained with the two-sided, the one-sided and the joint loss converge to their "
        "closed forms, at full and reduced rank?",
        measure_gaussian,
    ),
    "gaussian_process": Experiment(
        "A Gaussian process and its coefficients",
        "Twelve noisy values of a process against five of its coefficients: do conditional means stop "
        "improving at five dimensions?",
        measure_process,
    ),
    "drifters": Experiment(
        "Drifters in a stream",
        "Trajectories of drifters against the coefficients of the stream that moves them: can one be looked "
        "up, and averaged, from the other?",
        measure_drifters,
    ),
}
