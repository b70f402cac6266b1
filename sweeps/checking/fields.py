"""Stored fields against the run that left them."""

from collections.abc import Iterator, Mapping

import numpy as np

from pinn_core.numerics import sources
from pinn_core.records.fields import Fields
from pinn_core.records.trajectory import Manifest
from pinn_core.training.fields import FieldMaker
from pinn_core.training.snapshots import shown_steps
from sweeps.checking.parameters import listed
from sweeps.study.study import configuration_of

TOLERANCE = 1e-3
"""Of the largest value: another machine may have made them, and residuals are differences."""


def field_problems(
    manifest: Manifest, parameters: Mapping[int, np.ndarray], fields: Fields | None
) -> Iterator[str]:
    """What is wrong with a run's fields: of other steps than they were to be, or another network's.

    At every step whose parameters are stored, they must be what these parameters predict, unless
    the code of a plugin is another now.
    """
    configuration = configuration_of(manifest.configuration)
    due = shown_steps(configuration, manifest.steps, manifest.diverged_at)
    steps = [] if fields is None else fields.steps.tolist()
    if steps != due or manifest.fields.get("steps", []) != due:
        yield f"fields of the steps {listed(steps)}, due: {listed(due)}"
        return
    both = [step for step in steps if step in parameters]
    if fields is None or not both or sources(manifest.configuration) != manifest.plugins:
        return
    maker = FieldMaker(configuration)
    again = maker.together({step: maker.at(step, parameters[step]) for step in both})
    places = [steps.index(step) for step in both]
    for name, stored, made in (
        ("points", fields.points, again.points),
        ("reference", fields.reference, again.reference),
        ("prediction", fields.prediction[places], again.prediction),
        ("residual", fields.residual[places], again.residual),
    ):
        if not _close(stored, made):
            yield f"{name}: not that of its configuration and parameters"


def _close(stored: np.ndarray, made: np.ndarray) -> bool:
    """Whether two tables agree where the second is known."""
    if stored.shape != made.shape:
        return False
    known = np.isfinite(made)
    scale = np.max(np.abs(made), initial=0.0, where=known)
    return np.allclose(stored[known], made[known], rtol=TOLERANCE, atol=TOLERANCE * scale)
