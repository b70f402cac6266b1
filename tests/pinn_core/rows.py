"""Small trainings of optimizers that take residuals row by row."""

from typing import Any

from pinn_core import Configuration, Mlp, Pinn, Record
from pinn_core.optimizers import LevenbergMarquardt
from pinn_core.problems import Burgers

NET = Mlp(width=6, depth=2, activation="tanh")
BURGERS = Burgers(points_x=8, points_t=6)
RECORD = Record(points=16, gradient_points=12, sketch_every=2)


def configuration(**parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": BURGERS,
            "network": NET,
            "objective": Pinn(lambda_b=10.0),
            "phases": (LevenbergMarquardt(steps=4),),
            "record": RECORD,
            "precision": "float64",
            **parts,
        }
    )
