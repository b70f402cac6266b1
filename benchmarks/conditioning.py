"""Is the loss of a PINN ill-conditioned where it is solved, or round?

One side finds Hessians whose eigenvalues span many orders (Rathore, Lei, Frangella, Lu, Udell, ICML
2024: the largest is 1e4 for convection, 1e3 for reaction); the other draws the loss over random
planes through trained networks and sees convex bowls (arXiv 2602.05849, of which the abstract was
read). Both can hold at once: along a random direction the curvature is close to the mean of all
eigenvalues, so that a random plane looks round whatever the eigenvalues are.

Small networks are trained by Levenberg-Marquardt in float64; there, and at random points 0.01, 0.1
and 1 times the parameters' length away, all eigenvalues of the Hessian are found. Through the
solution go planes of 41 x 41 losses to 0.1 times the parameters' length: 20 along random directions
(each neuron's part as long as its weights: Li et al. 2018) and five along two eigenvectors.

Written before the first run. Random planes are an artefact if in at least three of four problems
the two principal curvatures of a random plane differ by less than 10 (median over planes) while the
largest eigenvalue is at least 1e5 times the median positive one. The loss is well-conditioned if
that ratio of eigenvalues is below 1e3. Expected: the artefact.

Rows: problem, depth, seed, loss, error, distance, largest, median (of the positive eigenvalues),
condition (their ratio), negative (share of eigenvalues below -1e-9 times the largest), mean (of
all); of the solution itself also principal (ratio of a random plane's two principal curvatures at
its centre, median over planes), convex (share of the random planes' points that are convex) and
convex_eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi

import numpy as np
import torch
from torch import Tensor

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from pinn_core.configuration import Configuration, Record
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn
from pinn_core.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinn_core.probes.hessian import hessian
from pinn_core.problems import Problem
from pinn_core.problems.convection import Convection
from pinn_core.problems.helmholtz import Helmholtz
from pinn_core.problems.poisson import Poisson
from pinn_core.problems.reaction import Reaction
from pinn_core.training.pack import Pack

PROBLEMS: dict[str, Problem] = {
    "Poisson, 1-D": Poisson(c=4 * pi, points_per_axis=500),
    "Poisson, 2-D": Helmholtz(a1=1, a2=1, k=0.0, points_per_axis=40),
    "convection 10": Convection(beta=10.0, points_x=40, points_t=40),
    "reaction 2": Reaction(rho=2.0, points_x=40, points_t=40),
}
WIDTH, DEPTH = 32, 2
SEEDS = 3
STEPS = 400
SOLVED = 1e-10
DISTANCES = (0.0, 0.01, 0.1, 1.0)
"""In parts of the length of the parameters."""
PLANES = 20
ACROSS = 41
REACH = 0.1
PARTNERS = (1, 9, 99)
"""Eigenvectors that make a plane with the first, counted from it; the middle and last ones, too."""
TOGETHER = 64

Losses = Callable[[Tensor], Tensor]


def measure(quick: bool, depth: int = DEPTH) -> Measured:
    """Rows of every seed, problem and distance, for networks of so many hidden layers."""
    rows = []
    for seed in range(1, 2 if quick else SEEDS + 1):
        for name, problem in PROBLEMS.items():
            say(f"seed {seed}, {name}")
            pack = trained(problem, seed, 20 if quick else STEPS, depth)
            by_distance = rows_of(pack, seed, 2 if quick else PLANES)
            first = {"problem": name, "depth": depth, "seed": seed}
            rows += [{**first, **row} for row in by_distance]
    return rows


def trained(problem: Problem, seed: int, steps: int, depth: int = DEPTH) -> Pack:
    """A pack of one network, after training."""
    configuration = Configuration(
        problem=problem,
        network=Mlp(width=WIDTH, depth=depth, activation="tanh", init="glorot"),
        objective=Pinn(lambda_b=10.0, batch="full"),
        phases=(LevenbergMarquardt(steps=steps),),
        record=Record(gradients_every=0, full_every=100, sketch_every=0, parameters="none"),
        precision="float64",
    )
    with torch.no_grad():
        pack = Pack([configuration], [seed], "cpu", 1, "auto")
        for step in range(steps):
            pack.advance(step)
        pack.end(steps)
    return pack


def rows_of(pack: Pack, seed: int, planes: int) -> list[Row]:
    """A row for each distance from where the pack ended."""
    (trajectory,) = pack.trajectories(pack.steps + 1)
    last = trajectory.table.slice(pack.steps, 1)
    solved: Row = {"error": last.column("error/relative_l2")[0].as_py()}
    at = pack.state.parameters[0, : pack.disc.size].clone()
    losses = losses_of(pack)
    solved["loss"] = float(losses(at[None]))
    random = torch.Generator().manual_seed(seed)
    rows = []
    for distance in DISTANCES:
        away = torch.randn(len(at), generator=random, dtype=at.dtype)
        matrix = dense_hessian(losses, at + distance * at.norm() * away / away.norm())
        values, vectors = np.linalg.eigh(matrix)
        row = {**solved, "distance": distance, **spectrum(values)}
        if not distance:
            row |= over_planes(pack, losses, at, torch.from_numpy(vectors), random, planes)
        rows.append(row)
    return rows


def spectrum(values: np.ndarray) -> Row:
    """What is told of all eigenvalues, in ascending order."""
    largest, middle = float(values[-1]), float(np.median(values[values > 0]))
    return {
        "largest": largest,
        "median": middle,
        "condition": largest / middle,
        "negative": float(np.mean(values < -1e-9 * largest)),
        "mean": float(values.mean()),
    }


def losses_of(pack: Pack) -> Losses:
    """From parameters (k, p) to losses (k,), on the points that the pack trained on."""
    batch = pack.loss.batches.at(0, pack.state.parameters)
    weights = pack.state.weights[:, 0]

    def losses(parameters: Tensor) -> Tensor:
        members = [0] * len(parameters)
        each = [
            term.differentiable_loss(pack.disc, parameters, batch[term.points].of(members))
            for term in pack.loss.terms
        ]
        return (weights[:, None] * torch.stack(each)).sum(0)

    return losses


def dense_hessian(losses: Losses, at: Tensor) -> np.ndarray:
    """All second derivatives (p, p) of the loss at these parameters (p,)."""
    times = hessian(losses, at.expand(TOGETHER, -1))
    rows = []
    for units in torch.eye(len(at), dtype=at.dtype).split(TOGETHER):
        vectors = at.new_zeros(TOGETHER, len(at))
        vectors[: len(units)] = units
        rows.append(times(vectors)[: len(units)])
    matrix = torch.cat(rows)
    return ((matrix + matrix.T) / 2).numpy()


def over_planes(
    pack: Pack,
    losses: Losses,
    at: Tensor,
    eigenvectors: Tensor,
    random: torch.Generator,
    planes: int,
) -> Row:
    """Curvatures and convexity over random planes and planes of eigenvectors (p, p), ascending."""
    directions = [
        (like_neurons(pack, at, random), like_neurons(pack, at, random)) for _ in range(planes)
    ]
    grids = [plane(losses, at, *pair) for pair in directions]
    ratios = [principal_ratio(grid) for grid in grids]
    partners = (*PARTNERS, len(at) // 2, len(at) - 1)
    first = eigenvectors[:, -1]
    along = [plane(losses, at, first, eigenvectors[:, -1 - other]) for other in partners]
    return {
        "principal": float(np.median(ratios)),
        "convex": float(np.mean([convex_share(grid) for grid in grids])),
        "convex_eigenvectors": float(np.mean([convex_share(grid) for grid in along])),
    }


def like_neurons(pack: Pack, at: Tensor, random: torch.Generator) -> Tensor:
    """A random direction (p,), as long in each neuron's weights and biases as these are."""
    direction = torch.randn(len(at), generator=random, dtype=at.dtype)
    for weights, biases in pack.disc.stack.places():
        neurons = biases.stop - biases.start
        trained = at[weights].view(neurons, -1).norm(dim=1, keepdim=True)
        drawn = direction[weights].view(neurons, -1)
        drawn *= trained / drawn.norm(dim=1, keepdim=True)
        direction[biases] *= at[biases].abs() / direction[biases].abs()
    return direction


def plane(losses: Losses, at: Tensor, first: Tensor, second: Tensor) -> np.ndarray:
    """Losses (n, n) over a plane through ``at``, to ``REACH`` of its length either way."""
    steps = torch.linspace(-REACH, REACH, ACROSS, dtype=at.dtype) * at.norm()
    across, up = first / first.norm(), second / second.norm()
    columns = [losses(at + step * across + steps[:, None] * up) for step in steps]
    return torch.stack(columns).detach().numpy()


def second_differences(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Along the first axis, along the second and mixed, at the inner points."""
    inner = grid[1:-1, 1:-1]
    first = grid[2:, 1:-1] - 2 * inner + grid[:-2, 1:-1]
    second = grid[1:-1, 2:] - 2 * inner + grid[1:-1, :-2]
    mixed = (grid[2:, 2:] - grid[2:, :-2] - grid[:-2, 2:] + grid[:-2, :-2]) / 4
    return first, second, mixed


def principal_ratio(grid: np.ndarray) -> float:
    """The larger of the two principal curvatures at the centre over the smaller, in size."""
    middle = ACROSS // 2 - 1
    first, second, mixed = (values[middle, middle] for values in second_differences(grid))
    sizes = np.abs(np.linalg.eigvalsh([[first, mixed], [mixed, second]]))
    return float(sizes.max() / sizes.min())


def convex_share(grid: np.ndarray) -> float:
    """Of the inner points, those where both principal curvatures are positive."""
    first, second, mixed = second_differences(grid)
    return float(np.mean((first + second > 0) & (first * second > mixed**2)))


def section(result: Result) -> str:
    """The tables in words and numbers, for the page."""
    rows = [_over_seeds(problem, result["rows"]) for problem in PROBLEMS]
    columns = {
        "problem": "problem",
        "solved": f"loss below {SOLVED:g}",
        "error": "relative error",
        "largest": "largest eigenvalue",
        "mean": "mean eigenvalue",
        "principal": "ratio of principal curvatures, random planes",
        "convex": "convex points, random planes",
        "convex_eigenvectors": "convex points, planes of eigenvectors",
    }
    away = {"problem": "problem", **{f"at {d:g}": f"{d:g}" for d in DISTANCES}}
    depth = result["rows"][0].get("depth", DEPTH)
    return f"""\
Networks of {depth} x {WIDTH} trained by Levenberg-Marquardt in float64 ({STEPS} steps), medians
over {SEEDS} seeds: all eigenvalues of the Hessian, and the loss over planes to {REACH} times the
parameters' length.

{markdown_table(rows, columns)}

The largest eigenvalue over the median positive one, at random points so far from where the training
ended (in parts of the parameters' length):

{markdown_table(rows, away)}"""


def _over_seeds(problem: str, rows: Sequence[Row]) -> Row:
    """Medians over the seeds of a problem."""
    own = [row for row in rows if row["problem"] == problem]
    ends = [row for row in own if not row["distance"]]
    names = [name for name, value in ends[0].items() if isinstance(value, float)]
    medians = {name: float(np.median([row[name] for row in ends])) for name in names}
    conditions = {
        f"at {distance:g}": float(
            np.median([row["condition"] for row in own if row["distance"] == distance])
        )
        for distance in DISTANCES
    }
    solved = f"{sum(row['loss'] < SOLVED for row in ends)} of {len(ends)}"
    return {"problem": problem, "solved": solved, **medians, **conditions}


if __name__ == "__main__":
    main(
        "conditioning",
        measure,
        options={"depth": {"type": int, "default": DEPTH, "help": "hidden layers"}},
    )
