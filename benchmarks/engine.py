"""Our own engine on a task's points: both gradients by its public evaluation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.peers import Task
from pinn_core import Configuration
from pinn_core.discretization.discretization import Field
from pinn_core.engine.allocation import keep_freed_memory
from pinn_core.objectives import Evaluation


@dataclass(frozen=True)
class Engine:
    """A pack of runs of one configuration, at its first parameters (m, P)."""

    configuration: Configuration
    field: Field
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
        field = Field(problem, network, configuration.precision, device, threads, backend)
        rows = [network.initial(len(problem.coordinates), problem.outputs, i) for i in range(pack)]
        parameters = torch.stack(rows).to(field.device, field.dtype)
        return cls(configuration, field, parameters)

    @torch.no_grad()
    def both(self) -> Evaluation:
        """Both terms of the full batch: each loss (m,) and each gradient (m, P)."""
        objective, field = self.configuration.objective, self.field
        return objective.evaluate(field, self.parameters, objective.batches(field, []).at(0))

    @torch.no_grad()
    def propagation(self) -> None:
        """The way forward and back of both gradients alone: no losses, nothing kept."""
        field = self.field
        batch = self.configuration.objective.batches(field, []).at(0)
        for name, operators in (("interior", field.operators), ("boundary", ())):
            way = field.carry(self.parameters, batch[name].coordinates, operators)
            way.reverse(torch.ones_like(way.channels))

    def task(self, member: int = 0) -> Task:
        """What a peer needs to do the same for one run of the pack."""
        field, network = self.field, self.configuration.network
        return Task(
            widths=field.stack.widths,
            activation=getattr(network, "activation"),  # noqa: B009
            parameters=self.parameters[member, : field.stack.size].detach().clone(),
            interior=field.collocation.coordinates[0],
            boundary=field.supervised.coordinates[0],
            target=field.demands["boundary"]["demanded"][0],
            lambda_b=float(getattr(self.configuration.objective, "lambda_b")),  # noqa: B009
        )
