"""The works a study rests on: those for what its runs used."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

ALWAYS = (
    "Pandya, Parpas, Lengyel: the study of plateaus in the training of PINNs whose rule for "
    "plateaus is used here, and whose claims are judged where they apply.",
    "Raissi, Perdikaris, Karniadakis (2019): Physics-informed neural networks. Journal of "
    "Computational Physics 378, 686-707.",
    'Welch (1947): The generalization of "Student\'s" problem when several different population '
    "variances are involved. Biometrika 34, 28-35.",
    "Kaplan, Meier (1958): Nonparametric estimation from incomplete observations. Journal of the "
    "American Statistical Association 53, 457-481.",
    "Brookmeyer, Crowley (1982): A confidence interval for the median survival time. Biometrics "
    "38, 29-41.",
    "Holm (1979): A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
    "Statistics 6, 65-70.",
)

CAML = (
    "Mitigating gradient pathology in PINNs through aligned constraint (CAML, 2026). "
    "arXiv:2605.25001."
)

# Of runs in which some key that ends so has the value.
IF_USED = {
    ("kind", "adam"): "Kingma, Ba (2015): Adam: a method for stochastic optimization. ICLR.",
    (
        "kind",
        "adamw",
    ): "Loshchilov, Hutter (2019): Decoupled weight decay regularization. ICLR.",
    (
        "kind",
        "gradient_descent_armijo",
    ): "Armijo (1966): Minimization of functions having Lipschitz continuous first partial "
    "derivatives. Pacific Journal of Mathematics 16, 1-3.",
    ("kind", "last_layer_least_squares"): "Cyr, Gulian, Patel, Perego, Trask (2020): Robust "
    "training and initialization of deep neural networks: an adaptive basis viewpoint. MSML.",
    ("kind", "delayed_residual"): CAML,
    ("solved", "constants"): CAML,
    ("kind", "lbfgs"): "Liu, Nocedal (1989): On the limited memory BFGS method for large scale "
    "optimization. Mathematical Programming 45, 503-528.",
    (
        "kind",
        "levenberg_marquardt",
    ): "Levenberg (1944): A method for the solution of certain non-linear problems in least "
    "squares. Quarterly of Applied Mathematics 2, 164-168.",
    ("kind", "m_config"): "Liu, Chu, Thuerey (2025): ConFIG: towards conflict-free training of "
    "physics informed neural networks. ICLR.",
    ("kind", "muon"): "Jordan et al. (2024): Muon: an optimizer for hidden layers in neural "
    "networks. https://kellerjordan.github.io/posts/muon.",
    ("kind", "spring"): "Goldshlager, Abrahamsen, Lin (2024): A Kaczmarz-inspired approach to "
    "accelerate the optimization of neural network wavefunctions. Journal of Computational "
    "Physics 516, 113351.",
    ("kind", "soap"): "Vyas et al. (2024): SOAP: improving and stabilizing Shampoo using Adam. "
    "arXiv:2409.11321.",
    ("kind", "pcgrad"): "Yu et al. (2020): Gradient surgery for multi-task learning. NeurIPS.",
    ("kind", "config"): "Liu, Chu, Thuerey (2025): ConFIG: towards conflict-free training of "
    "physics informed neural networks. ICLR.",
    ("kind", "upgrad"): "Quinton, Rey (2024): Jacobian descent for multi-objective optimization. "
    "arXiv:2406.16232.",
    ("kind", "cagrad"): "Liu et al. (2021): Conflict-averse gradient descent for multi-task "
    "learning. NeurIPS.",
    ("kind", "imtl_g"): "Liu et al. (2021): Towards impartial multi-task learning. ICLR.",
    ("kind", "gua"): "Gradient-update alignment (2026). arXiv:2609.01558.",
    ("activation", "gelu"): "Hendrycks, Gimpel (2016): Gaussian error linear units. "
    "arXiv:1606.08415.",
    (
        "activation",
        "silu",
    ): "Elfwing, Uchibe, Doya (2018): Sigmoid-weighted linear units for neural "
    "network function approximation in reinforcement learning. Neural Networks 107, 3-11.",
    ("activation", "sin"): "Sitzmann et al. (2020): Implicit neural representations with periodic "
    "activation functions. NeurIPS.",
    ("init", "glorot"): "Glorot, Bengio (2010): Understanding the difficulty of training deep "
    "feedforward neural networks. AISTATS.",
    ("stage", "search"): "Akiba et al. (2019): Optuna: a next-generation hyperparameter "
    "optimization framework. KDD.",
}


OF_REMEDIES = (
    "Wilcoxon (1945): Individual comparisons by ranking methods. Biometrics Bulletin 1, 80-83.",
    "Hodges, Lehmann (1963): Estimates of location based on rank tests. Annals of Mathematical "
    "Statistics 34, 598-611.",
)

OF_SEARCHES = (
    "Watanabe, Bansal, Hutter (2023): PED-ANOVA: efficiently quantifying hyperparameter importance "
    "in arbitrary subspaces. IJCAI.",
    "Peto, Peto (1972): Asymptotically efficient rank invariant test procedures. Journal of the "
    "Royal Statistical Society A 135, 185-207.",
)


def citations(
    runs: pd.DataFrame, *, remedies: bool = False, searches: bool = False
) -> Iterator[str]:
    """The references of what the runs (`StudyData.runs`) used, and of what was said of them.

    That is of the tests of `remedies`, and of what is told of `searches`.
    """
    yield from ALWAYS
    if searches:
        yield from OF_SEARCHES
    if remedies:
        yield from OF_REMEDIES
    said = set()
    for (key, value), reference in IF_USED.items():
        columns = [column for column in runs if str(column).rpartition(".")[2] == key]
        if reference not in said and (runs[columns] == value).any(axis=None):
            said.add(reference)
            yield reference
