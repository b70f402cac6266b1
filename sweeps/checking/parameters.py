"""Stored parameters against the run that left them."""

from collections.abc import Iterator, Mapping

import numpy as np

from pinn_core.configuration import Configuration
from pinn_core.discretization.start import first_parameters
from pinn_core.engine.precision import dtype_of
from pinn_core.records.trajectory import Manifest, Trajectory
from pinn_core.training.snapshots import kept_steps
from sweeps.study.study import configuration_of

DISTANCE = "update/distance"
TOLERANCE = 1e-4
"""Relative difference allowed between two sums of the same distance, in float32 and in float64."""


def parameter_problems(
    manifest: Manifest, trajectory: Trajectory, parameters: Mapping[int, np.ndarray]
) -> Iterator[str]:
    """What is wrong with a run's parameters: others than it was to leave, or another network's.

    They must be as far from the first ones, which follow from the seed, as the trajectory says.
    Runs of programs that kept no parameters were to leave none.
    """
    configuration = configuration_of(manifest.configuration)
    due = _due(manifest, configuration)
    if list(parameters) != due or manifest.parameters.get("steps", []) != due:
        yield f"parameters of the steps {listed(list(parameters))}, due: {listed(due)}"
        return
    first = _first(configuration, manifest.seed) if due else np.zeros(0)
    for step, found in parameters.items():
        if found.shape != first.shape:
            yield f"at step {step}: {found.size} parameters, its network has {first.size}"
            return
        distance = float(np.linalg.norm(found.astype(float) - first))
        recorded = trajectory.table.column(DISTANCE)[step].as_py()
        rounding = 1e-6 * float(np.linalg.norm(first))
        if not np.isclose(distance, recorded, rtol=TOLERANCE, atol=rounding):
            yield f"at step {step}: {distance!r} from the first ones, {DISTANCE} is {recorded!r}"
            return


def _due(manifest: Manifest, configuration: Configuration) -> list[int]:
    """The steps of which the run was to leave its parameters."""
    asked = "parameters" in manifest.configuration["record"]
    return kept_steps(configuration, manifest.steps, manifest.diverged_at) if asked else []


def _first(configuration: Configuration, seed: int) -> np.ndarray:
    """The first parameters of a run, as rounded to the precision of its training."""
    problem = configuration.stages.problem(configuration.problem, 0)
    first = first_parameters(configuration.network, configuration.stack(), problem, seed)
    rounded = np.asarray(first.to(dtype_of(configuration.precision)).numpy(), dtype=float)
    return np.concatenate([rounded, np.zeros(len(problem.unknowns))])


def listed(steps: list[int]) -> str:
    """Steps in words, of many the first two and the last."""
    if len(steps) > 4:
        return f"{steps[0]}, {steps[1]}, ..., {steps[-1]}"
    return ", ".join(map(str, steps)) or "none"
