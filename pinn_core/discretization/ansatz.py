"""What a pack's networks make of their parameters: the functions that are to solve a problem."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from jaxtyping import Float

from pinn_core.discretization.hard_form import HardForm
from pinn_core.discretization.start import first_parameters
from pinn_core.engine.backends import settled
from pinn_core.engine.last_layer import summands
from pinn_core.engine.operators import Operator
from pinn_core.engine.precision import dtype_of
from pinn_core.engine.propagation import differentiable_channels, forward, forward_by_points
from pinn_core.engine.stack import Stack
from pinn_core.inputs import Inputs, Raw
from pinn_core.networks import Network
from pinn_core.problems import Problem
from pinn_core.problems.unknowns import Coefficients
from pinn_core.tensors import Tensor, torch

Constraints = Literal["soft", "hard"]
"""Whether conditions are terms of the loss, or kept by the form of the solution where they can."""

ChannelsOf = Callable[[Stack, Tensor, Tensor, Sequence[Operator]], Tensor]
"""A function like ``differentiable_channels``, which may look at what is on the way."""

RAW = Raw()


@dataclass(frozen=True)
class Linearization:
    """Channels (m, c, n, k) of a pack's networks: value, operators; and the way back.

    ``reverse`` gives the gradient (m, P) of sum(channels * adjoint) by the trained parameters; by
    points the gradients (m, n, size) of every point's sum over channels.
    """

    channels: Tensor
    reverse: Callable[[Tensor], Tensor]


class Ansatz:
    """A pack's networks as functions of their flat parameters (m, P), at any points.

    With hard constraints they are the form that keeps the problem's conditions. ``channels_of``
    makes the channels that ``differentiable`` gives.
    """

    def __init__(
        self,
        problem: Problem,
        network: Network,
        precision: str = "float32",
        device: str = "cpu",
        threads: int = 1,
        backend: str = "auto",
        inputs: Inputs = RAW,
        constraints: Constraints = "soft",
    ) -> None:
        self.problem = problem
        self.dtype = dtype_of(precision)
        self.device = device
        self.threads = threads
        self.operators = problem.operators
        self.stack = stack_of(problem, network, inputs)
        self.parametrization = network.parametrization_of(self.stack)
        self.coefficients = Coefficients(tuple(problem.unknowns.values()))
        self._hard = problem.hard if constraints == "hard" else None
        self.channels_of: ChannelsOf = differentiable_channels
        like = torch.empty(0, dtype=self.dtype, device=device)
        self.backend = settled(backend, self.stack, like)

    @property
    def size(self) -> int:
        """Number of parameters that are trained, of one member: the network's, then unknowns."""
        return self.parametrization.size + len(self.coefficients.unknowns)

    @property
    def plain(self) -> bool:
        """Whether ``linearize`` is the stack's propagation alone: no form, no parametrization."""
        return self._hard is None and self.parametrization.identical

    def initial(self, network: Network, seed: int) -> Float[Tensor, " p"]:
        """First parameters of a member, float64."""
        drawn = first_parameters(network, self.stack, self.problem, seed)
        return torch.cat([drawn, drawn.new_zeros(len(self.coefficients.unknowns))])

    def unknowns(self, parameters: Float[Tensor, "m p"]) -> Float[Tensor, "m u"]:
        """The values of the problem's unknowns."""
        return self.coefficients.values(self._trained(parameters))

    def _trained(self, parameters: Float[Tensor, "m p"]) -> Float[Tensor, "m u"]:
        """What is trained for the unknowns: it follows the network's parameters."""
        return parameters[:, self.parametrization.size : self.size]

    def linearize_equation(
        self,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        keep: bool = True,
        by_points: bool = False,
    ) -> "Linearization":
        """All that the problem's residual needs: value, operators, then the unknowns."""
        network = self.linearize(parameters, points, self.operators, keep, by_points)
        if not self.coefficients.unknowns:
            return network
        trained, count = self._trained(parameters), network.channels.shape[1]
        values, slopes = self.coefficients.values(trained), self.coefficients.slopes(trained)

        def reverse(adjoint: Tensor) -> Tensor:
            gradient = network.reverse(adjoint[:, :count].contiguous())
            own = gradient[..., self.parametrization.size : self.size]
            if by_points:
                own.copy_(adjoint[:, count:].sum(3).mT * slopes[:, None])
                return gradient
            sums = [
                each.flatten(1).sum(1, dtype=torch.float64) for each in adjoint[:, count:].unbind(1)
            ]
            own.copy_(torch.stack(sums, 1).to(gradient.dtype) * slopes)
            return gradient

        return Linearization(_with_unknowns(network.channels, values), reverse)

    def differentiable_equation(
        self, parameters: Float[Tensor, "m p"], points: Float[Tensor, "#m n d"]
    ) -> Float[Tensor, "m c n k"]:
        """The channels of ``linearize_equation``, which autograd can differentiate."""
        channels = self.differentiable(parameters, points, self.operators)
        if not self.coefficients.unknowns:
            return channels
        return _with_unknowns(channels, self.unknowns(parameters))

    def linearize(
        self,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        operators: Sequence[Operator] = (),
        keep: bool = True,
        by_points: bool = False,
    ) -> "Linearization":
        """Value and operators at the points and, if ``keep``, the way back.

        ``by_points`` says that it is to give every point's own gradient.
        """
        form = None if self._hard is None else HardForm(self._hard, tuple(operators))
        asked = tuple(operators) if form is None else form.asked
        network = self._by_points if by_points else partial(self._summed, keep)
        found = network(parameters, points, asked)
        if form is None:
            return found
        kept = form.at(points)
        return Linearization(
            kept(found.channels), lambda adjoint: found.reverse(kept.transpose(adjoint))
        )

    def _summed(
        self, keep: bool, parameters: Tensor, points: Tensor, operators: Sequence[Operator]
    ) -> "Linearization":
        """The networks without a form."""
        effective, pullback = self.parametrization.effective(parameters)
        way = forward(self.stack, effective, points, operators, self.threads, self.backend, keep)
        return Linearization(way.channels, lambda adjoint: pullback(way.reverse(adjoint)))

    def _by_points(
        self, parameters: Tensor, points: Tensor, operators: Sequence[Operator]
    ) -> "Linearization":
        """The same with a way back by points."""
        effective, _ = self.parametrization.effective(parameters)
        way = forward_by_points(self.stack, effective, points, operators, self.backend)
        size = self.parametrization.size
        pullbacks = [self.parametrization.effective(own[None, :size])[1] for own in parameters]

        def reverse(adjoint: Tensor) -> Tensor:
            rows = way.reverse(adjoint)
            if self.size == self.stack.size and self.parametrization.identical:
                return rows[..., : self.size]  # a module's rows are padded
            found = rows.new_zeros(*rows.shape[:2], self.size)
            for own, pullback, into in zip(rows, pullbacks, found, strict=True):
                into[:, :size] = pullback(own)
            return found

        return Linearization(way.channels, reverse)

    def differentiable(
        self,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        operators: Sequence[Operator] = (),
    ) -> Float[Tensor, "m c n k"]:
        """The channels of ``linearize``, which autograd can differentiate to any order."""
        effective, _ = self.parametrization.effective(parameters)
        form = None if self._hard is None else HardForm(self._hard, tuple(operators))
        asked = tuple(operators) if form is None else form.asked
        channels = self.channels_of(self.stack, effective, points, asked)
        return channels if form is None else form.at(points)(channels)

    def by_last_layer(
        self,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        operators: Sequence[Operator] = (),
    ) -> tuple[Float[Tensor, "m c n k"], Float[Tensor, "m c n _"]]:
        """The channels of ``linearize`` with a last layer of zeros, and of what the layer sums.

        For every output it sums the neurons of the last hidden layer and the constant 1.
        """
        form = None if self._hard is None else HardForm(self._hard, tuple(operators))
        asked = tuple(operators) if form is None else form.asked
        effective, _ = self.parametrization.effective(parameters)
        found = summands(self.stack, effective, points, asked, self.threads, self.backend)
        nothing = found.new_zeros(*found.shape[:3], self.problem.outputs)
        if form is None:
            return nothing, found
        kept = form.at(points)
        return kept(nothing), replace(kept, lift=None)(found)

    def last_scale(self, parameters: Float[Tensor, "m p"]) -> Float[Tensor, "m _"]:
        """What the trained numbers of the last layer are multiplied by to be its weights."""
        last, ones = self.stack.last_layer(), parameters.clone()
        ones[:, last] = 1.0
        return self.parametrization.effective(ones)[0][:, last]

    def formed(
        self, values: Float[Tensor, "m n k"], points: Float[Tensor, "#m n d"]
    ) -> Float[Tensor, "m n k"]:
        """What would be the solution if these were the networks' values: the hard form of them."""
        if self._hard is None:
            return values
        return HardForm(self._hard, ()).at(points)(values[:, None])[:, 0]


def _with_unknowns(
    channels: Float[Tensor, "m c n k"], values: Float[Tensor, "m u"]
) -> Float[Tensor, "m _ n k"]:
    """The channels and, after them, the same value of each unknown at all points."""
    members, _, *rest = channels.shape
    more = values[:, :, None, None].expand(members, values.shape[1], *rest)
    return torch.cat([channels, more], 1)


def stack_of(problem: Problem, network: Network, inputs: Inputs) -> Stack:
    """The network's layers between a problem's coordinates, or features of them, and its outputs.

    Raises ``ValueError`` where the inputs need what the problem has not.
    """
    features = inputs.features(problem)
    count = len(problem.coordinates) if features is None else features.count
    return network.stack(count, problem.outputs).with_features(features)
