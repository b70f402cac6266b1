"""The file of a run's fields: what its network was at points of the domain, at some steps."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pinn_core.records.parameters import notes_of
from pinn_core.records.trajectory import TrajectoryError

NUMBERS = ("steps", "points", "prediction", "residual", "reference")
ABOUT = "about"


@dataclass(frozen=True)
class Fields:
    """Fields of a run at n points, float32; the points are float64, as the problem's grid has them.

    ``prediction`` has the k quantities whose errors are measured, ``residual`` those of the r
    equations, at each of the s ``steps``. ``reference`` is the solution that errors are measured
    from, NaN where it is not known. A point that the run has not come to by a step, in a later
    window of a marching run, is NaN there. ``coordinates`` and ``outputs`` are names.
    """

    steps: Int[ndarray, " s"]
    points: Float[ndarray, "n d"]
    prediction: Float[ndarray, "s n k"]
    residual: Float[ndarray, "s n r"]
    reference: Float[ndarray, "n k"]
    coordinates: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def error(self) -> Float[ndarray, "s n k"]:
        """Prediction minus reference, NaN where there is none."""
        found: ndarray = self.prediction - self.reference
        return found


def encoded_fields(fields: Fields, run_id: str) -> bytes:
    """The fields as the bytes of a safetensors file; the same fields give the same bytes."""
    numbers = {name: np.ascontiguousarray(getattr(fields, name)) for name in NUMBERS}
    about = {"run_id": run_id, "coordinates": fields.coordinates, "outputs": fields.outputs}
    return bytes(save(numbers, {ABOUT: json.dumps(about)}))  # of several notes the order varies


def decoded_fields(content: bytes, run_id: str, name: str) -> Fields:
    """The fields in a file's bytes; raises ``TrajectoryError`` naming the file ``name``."""
    try:
        numbers, about = load(content), json.loads(notes_of(content)[ABOUT])
        owner = about.pop("run_id")
        names: dict[str, Any] = {key: tuple(words) for key, words in about.items()}
        arrays: dict[str, Any] = {name: numbers[name] for name in NUMBERS}
        fields = Fields(**arrays, **names)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise TrajectoryError(f"{name}: not a file of fields: {error}") from None
    if owner != run_id:
        raise TrajectoryError(f"{name}: holds the fields of another run, {owner}")
    return fields
