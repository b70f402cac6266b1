"""The figures of weights and loss landscape, as a table: a new one is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure as Canvas

from analysis.figures import landscape
from analysis.figures.frequency import frequency
from analysis.figures.landscape import Models


@dataclass(frozen=True)
class Sheet:
    """A figure that draws itself, or None where no run recorded what it shows."""

    slug: str
    title: str
    caption: str
    draw: Callable[[Models, pd.DataFrame, Sequence[str]], Canvas | None]
    """Of the curves by model, the table of runs, and the two models that the study compares."""


SHEETS = (
    Sheet(
        "weights",
        "Weights of the loss terms",
        "Of models whose weighting changes them: median over the seeds, shaded their range.",
        landscape.weights,
    ),
    Sheet(
        "frequency",
        "The error by spatial frequency",
        "Relative L2 error of the bold seed in bands of half-waves over the length of each axis, "
        "from the longest wave (dark) on; the squares of all bands add up to that of the relative "
        "error. If low frequencies are learnt first, each drop of the loss is the fall of one "
        "band.",
        frequency,
    ),
    Sheet(
        "hessian",
        "Largest Hessian eigenvalue",
        "Of what is optimised, with its weights, and of each loss by itself: median over the "
        "seeds, shaded their range. Dotted: 2 / learning rate, above which gradient descent with "
        "that rate is unstable; Adam scales its steps, for which the line is a yardstick only.",
        landscape.hessian,
    ),
    Sheet(
        "spectrum",
        "Spectral density of the Hessian",
        "By stochastic Lanczos quadrature, broadened by 0.2 decades: the share of eigenvalues per "
        "decade, on an axis that is linear around zero and logarithmic beyond. Grey and dashed: "
        "the first recorded step of the bold seed; in colour: the last.",
        landscape.spectrum,
    ),
    Sheet(
        "spectrum-preconditioned",
        "Spectral density before and after L-BFGS' preconditioning",
        "At the last recorded step to which L-BFGS led the bold seed: the Hessian (grey, dashed; "
        "loss per squared parameter) and its product with the inverse that L-BFGS carries (in "
        "colour; dimensionless). Axes as in the spectral density.",
        landscape.preconditioned,
    ),
    Sheet(
        "gradient-histograms",
        "Gradients of each loss, layer by layer",
        "How large the entries of each loss's gradient by a layer's weights are, of the bold seed "
        "at its first and last recorded step; four bins a decade. A term whose histogram lies far "
        "to the left hardly trains that layer.",
        landscape.gradient_histograms,
    ),
    Sheet(
        "kernel",
        "Eigenvalues of the neural tangent kernel",
        "Of each loss's quantities at up to 128 points, and of all together (what is optimised, "
        "without its weights), largest first. Grey and dashed: the first recorded step of the bold "
        "seed; in colour: the last.",
        landscape.kernel,
    ),
)
