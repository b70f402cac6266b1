"""Our own engine on a task's points: both gradients by its public evaluation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.peers import PackTask, Task
from pinn_core import Configuration
from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.allocation import keep_freed_memory
from pinn_core.objectives import Evaluation


@dataclass(frozen=True)
class Engine:
    """A pack of runs of one configuration, at its first parameters (m, P)."""

    configuration: Configuration
    disc: Discretization
    parameters: Tensor

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        pack: int,
        device: str = "cpu",
        threads: int = 1,
        backend: str = "auto",
    ) -> "Engine":
        """The engine for ``pack`` runs with the seeds 0, 1, ..."""
        keep_freed_memory()  # as a training does; the peers in this process have it too
        problem, network = configuration.problem, configuration.network
        disc = Discretization(problem, network, configuration.precision, device, threads, backend)
        rows = [network.initial(len(problem.coordinates), problem.outputs, i) for i in range(pack)]
        parameters = torch.stack(rows).to(disc.device, disc.dtype)
        return cls(configuration, disc, parameters)

    @torch.no_grad()
    def both(self) -> Evaluation:
        """Both terms of the full batch: each loss (m,) and each gradient (m, P)."""
        objective, disc = self.configuration.objective, self.disc
        return objective.evaluate(disc, self.parameters, objective.batches(disc, []).at(0))

    @torch.no_grad()
    def propagation(self) -> None:
        """The way forward and back of both gradients alone: no losses, nothing kept."""
        disc = self.disc
        batch = self.configuration.objective.batches(disc, []).at(0)
        for name, operators in (("interior", disc.operators), ("boundary", ())):
            way = disc.linearize(self.parameters, batch[name].coordinates, operators)
            way.reverse(torch.ones_like(way.channels))

    def task(self, member: int = 0) -> Task:
        """What a peer needs to do the same for one run of the pack."""
        disc, network = self.disc, self.configuration.network
        return Task(
            widths=disc.stack.widths,
            activation=getattr(network, "activation"),  # noqa: B009
            parameters=self.parameters[member, : disc.stack.size].detach().clone(),
            interior=disc.collocation.coordinates[0],
            boundary=disc.supervised.coordinates[0],
            target=disc.condition_points["boundary"]["target"][0],
            lambda_b=float(getattr(self.configuration.objective, "lambda_b")),  # noqa: B009
        )

    def pack_task(self, steps: int) -> PackTask:
        """The same for all runs of the pack, trained ``steps`` steps."""
        return PackTask(self.task(), self.parameters[:, : self.disc.stack.size].clone(), steps)
