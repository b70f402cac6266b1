"""One training step of every problem: the gradients of all loss terms, against nested autograd.

128 new points of the equation and of every condition, float32, one thread. Ours makes the gradient
of each term; so does ``vs_autograd_each``, and ``vs_autograd_sum`` makes that of their sum alone,
by one reverse pass, which is all that a training with fixed weights needs. Milliseconds are medians
over the rounds, ratios the median of each round's ratio, both per run.

Rows: problem, network, pack, ms, vs_autograd_each, vs_autograd_sum.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.peers.equations import Equations
from benchmarks.plotting import grouped_bars, plain_log, saved, subplots
from benchmarks.targets import Target
from benchmarks.timing import Case, clocked, interleaved, paired, spread
from pinn_core import PROBLEMS, Mlp, Pinn
from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.allocation import keep_freed_memory
from pinn_core.engine.precision import Precision
from pinn_core.networks import ModifiedMlp
from pinn_core.objectives import Batch, Evaluation

POINTS = 128
WIDTH, DEPTH = 50, 4
PACKS = (6, 1)
ROUNDS = 15
NETWORK_KINDS = {"mlp": Mlp, "modified_mlp": ModifiedMlp}
CARRIED = 1.3
"""How many times faster than nested autograd the propagation is asked to be."""


@dataclass(frozen=True)
class Ours:
    """A pack of networks on one batch of a problem."""

    disc: Discretization
    objective: Pinn
    parameters: torch.Tensor
    batch: Batch

    @classmethod
    def of(cls, problem: str, network: str, pack: int, precision: Precision = "float32") -> "Ours":
        """The problem with its defaults."""
        made = NETWORK_KINDS[network](width=WIDTH, depth=DEPTH, activation="tanh")
        disc = Discretization(PROBLEMS[problem](), made, precision)
        objective = Pinn(lambda_b=1.0, batch=POINTS, points="uniform")
        rows = torch.stack([disc.initial(made, seed) for seed in range(pack)])
        batch = objective.batches(disc, range(pack)).at(0)
        return cls(disc, objective, rows.to(disc.dtype), batch)

    @torch.no_grad()
    def terms(self) -> Evaluation:
        """Every term's loss (m,) and gradient (m, P)."""
        return self.objective.evaluate(self.disc, self.parameters, self.batch)

    def peer(self, member: int = 0) -> Equations:
        """The same for one of the runs, by nested autograd."""
        batch = {name: point_set.of([member]) for name, point_set in self.batch.items()}
        return Equations(self.disc, "tanh", self.parameters[member], batch)


def measure(quick: bool) -> Measured:
    """Rows of every problem and network that has an equation to carry."""
    keep_freed_memory()  # as a training does; the peer in this process has it too
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    problems = ("helmholtz", "cavity_stream") if quick else PROBLEMS.names()
    try:
        compared = [
            _compared(problem, network, 2 if quick else ROUNDS)
            for problem in problems
            for network in NETWORK_KINDS
        ]
    finally:
        torch.set_num_threads(before)
    noise = max(most for _, most in compared)
    notes = [f"Quartiles of repeated measurements lie at most {noise:.0%} of the median apart."]
    return [row for rows, _ in compared for row in rows], notes


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    return f"""\
The gradients of all loss terms on {POINTS} new points of the equation and of every condition,
networks of {DEPTH} x {WIDTH}: milliseconds per run, and how many times longer nested autograd takes
for each term's gradient (as the recorded cosines and every adaptive weighting need them) and for
that of their sum alone. The stream function's cavity is of order three: its way back is autograd's.

{markdown_table(result["rows"])}"""


def targets(result: Result) -> list[Target]:
    """The least of all problems of order two at most, by network, alone."""
    found = []
    for network in NETWORK_KINDS:
        own = [
            row["vs_autograd_each"]
            for row in result["rows"]
            if (row["network"], row["pack"]) == (network, 1) and row["problem"] != "cavity_stream"
        ]
        if own:
            where = f"the slowest problem against nested autograd, {network}, alone"
            found.append(Target(where, CARRIED, min(own), span=f"{min(own):.2f} to {max(own):.2f}"))
    return found


def figure(result: Result, file: Path) -> None:
    """How many times faster than nested autograd, by problem, for every network and pack."""
    rows = result["rows"]
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    with subplots(height=3.8, width=11) as (canvas, axes):
        series = {
            f"{network}, pack of {pack}": [
                [
                    row["vs_autograd_each"]
                    for row in rows
                    if (row["problem"], row["network"], row["pack"]) == (problem, network, pack)
                ]
                for problem in problems
            ]
            for network in NETWORK_KINDS
            for pack in PACKS
        }
        grouped_bars(axes[0], [name.replace("_", "\n") for name in problems], series)
        axes[0].axhline(1, color="black", linewidth=0.8)
        axes[0].set(ylabel="times faster than nested autograd")
        plain_log(axes[0], "y")
        axes[0].tick_params(axis="x", labelsize=8)
        axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
        saved(canvas, file)


def _compared(problem: str, network: str, rounds: int) -> tuple[list[Row], float]:
    ours = {pack: Ours.of(problem, network, pack) for pack in PACKS}
    peer = ours[1].peer()
    cases: dict[str, Case] = {"each": clocked(peer.gradients), "sum": clocked(peer.gradient)}
    cases |= {f"ours {pack}": clocked(own.terms) for pack, own in ours.items()}
    times = interleaved(cases, rounds, lambda line: say(f"{problem} {network}: {line}"))
    rows = []
    for pack in PACKS:
        own = [seconds / pack for seconds in times[f"ours {pack}"]]
        rows.append(
            {
                "problem": problem,
                "network": network,
                "pack": pack,
                "ms": 1e3 * median(own),
                "vs_autograd_each": paired(times["each"], own),
                "vs_autograd_sum": paired(times["sum"], own),
            }
        )
    return rows, max(spread(one) for one in times.values())


if __name__ == "__main__":
    main("problems", measure)
