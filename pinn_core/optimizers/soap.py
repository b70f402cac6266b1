"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, algorithms 3 and 4).

For every matrix of weights, with its gradient G, the state holds L and R, running means of G G^T
and G^T G (``left/0`` and ``right/0`` of the first layer), and orthonormal bases Q_L and Q_R near
their eigenvectors (``left_basis/0``, ``right_basis/0``). Adam walks on Q_L^T G Q_R; on what is no
matrix (biases) it is Adam. As in the authors' code the first step only sets the bases, and a new
basis has its columns by falling eigenvalue. A step ends in the bases that its update was made in,
so that the state says what the metric of that update was; new ones are the next step's first work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, below
from pinn_core.engine.stack import Stack
from pinn_core.optimizers.adam import move, root
from pinn_core.optimizers.optimizer import (
    OPTIMIZERS,
    Matrix,
    Optimizer,
    Settings,
    State,
    StepContext,
    StepCost,
)
from pinn_core.optimizers.schedule import check_decay, decayed
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.apart import apart
from pinn_core.vectors.rows import adam

SIDES = ("left", "right")


@OPTIMIZERS.register("soap", numerics=2)
@dataclass(frozen=True, kw_only=True)
class Soap(Optimizer):
    """theta <- theta - lr_t Q_L (m / (sqrt(v) + epsilon)) Q_R^T, moments of Q_L^T G Q_R.

    lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t) corrects the bias of both moments, but not epsilon:
    so it is in the authors' code, while Adam's epsilon is added to the corrected root.

    Every ``update_every`` steps the bases are brought nearer to the eigenvectors, by one step of
    power iteration and a QR decomposition. The learning rate at a step is learning_rate *
    decay^(step / decay_steps). Without weight decay. A step waits for the device.

    When to use: Where Adam's progress stalls on an ill-conditioned loss and a second-order method
    is too dear; small and medium widths, since bases are as large as the layers.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    has_metric: ClassVar[bool] = True

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 3e-3
    """Size of a step, before the decay."""
    beta1: float = 0.95
    """Share of the old running mean of the gradient in the new one."""
    beta2: float = 0.95
    """Share of the old running mean of the squared gradient in the new one."""
    epsilon: float = 1e-8
    """Added to the root in the denominator, so that it is never zero."""
    update_every: int = 10
    """The bases are brought nearer to the eigenvectors in every so many updates."""
    decay: float = 1.0
    """Factor of the learning rate after every ``decay_steps`` updates; 1 keeps it constant."""
    decay_steps: int = 1000
    """How many updates it takes until the learning rate has been multiplied by ``decay``."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, update_every=self.update_every)
        above(0, learning_rate=self.learning_rate, epsilon=self.epsilon)
        at_least(0, beta1=self.beta1, beta2=self.beta2)
        below(1, beta1=self.beta1, beta2=self.beta2)
        check_decay(self.decay, self.decay_steps)

    def cost(self, stack: Stack) -> StepCost:
        """Turning every matrix into its bases and back, their squares, and new bases.

        A new basis is a product and a QR decomposition.
        """
        matrices = stack.matrices()
        shapes = [shape for _, shape in matrices]
        turns = sum(2.0 * rows * columns * (rows + columns) for rows, columns in shapes)
        bases = sum(5.0 * (rows**3 + columns**3) for rows, columns in shapes)
        flops = 3 * turns + (2 * turns + bases) / self.update_every
        return StepCost(flops=flops, numbers=numbers_of(matrices))

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """Both moments at zero; the first step adds what belongs to the matrices."""
        return {"first": torch.zeros_like(parameters), "second": torch.zeros_like(parameters)}

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """Adam's step in the bases, turned back; the first one is zero."""
        gradient, matrices = context.gradient, context.matrices
        if int(step) == 0:
            self._remember(state, gradient, matrices)
            _set_bases(state, len(matrices))
            return torch.zeros_like(gradient)
        last = int(step) - 1
        if last > 0 and last % self.update_every == 0:
            _renew_bases(state, matrices)
        update = adam(
            _turned(state, gradient, matrices),
            state["first"],
            state["second"],
            decayed(settings["learning_rate"], self.decay, self.decay_steps, step),
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self._epsilon(step),
            step=step - 1,
            backend=backend,
        )
        update = _turned(state, update, matrices, back=True)
        self._remember(state, gradient, matrices)
        return update

    def precondition(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        vector: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
    ) -> Float[Tensor, "m p"]:
        """``vector`` in the bases, times what m_hat is multiplied by, turned back, in float64.

        At the first step, which is none, zero.
        """
        if int(step) == 0:
            return torch.zeros_like(vector)
        rate = decayed(settings["learning_rate"], self.decay, self.decay_steps, step)
        inside = _turned(state, vector, context.matrices)
        inside.mul_(rate.double() / root(state, self.beta2, self._epsilon(step), step - 1))
        return _turned(state, inside, context.matrices, back=True)

    def follow(
        self,
        state: State,
        context: StepContext,
        change: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
        shares: tuple[Float[Tensor, "m 1"], Float[Tensor, "m 1"]],
    ) -> None:
        """As Adam's moments do, with gradient and change in the bases; L and R stay."""
        gradient, turned = (
            _turned(state, table.double(), context.matrices) for table in (context.gradient, change)
        )
        move(state, gradient, turned, step - 1, shares, (self.beta1, self.beta2))

    def _epsilon(self, step: int | Int[Tensor, ""]) -> float:
        """What Adam has to add to sqrt(v_hat) where the authors add epsilon to sqrt(v)."""
        return float(self.epsilon / (1 - self.beta2 ** int(step)) ** 0.5)

    def _remember(self, state: State, gradient: Tensor, matrices: Sequence[Matrix]) -> None:
        """The gradient's squares in the running means L and R, which begin at zero."""
        for place, (where, shape) in enumerate(matrices):
            squares = apart(_squares, gradient[:, where].unflatten(1, shape))
            for side, square in zip(SIDES, squares, strict=True):
                mean = state.setdefault(f"{side}/{place}", torch.zeros_like(square))
                mean.mul_(self.beta2).add_(square, alpha=1 - self.beta2)


def numbers_of(matrices: Sequence[Matrix]) -> int:
    """How many numbers of a member the state holds for its matrices."""
    return sum(2 * (rows * rows + columns * columns) for _, (rows, columns) in matrices)


def _set_bases(state: State, matrices: int) -> None:
    for place in range(matrices):
        for side in SIDES:
            (basis,) = apart(_eigenvectors, state[f"{side}/{place}"])
            state[f"{side}_basis/{place}"] = basis


def _renew_bases(state: State, matrices: Sequence[Matrix]) -> None:
    """One step towards the eigenvectors; both moments are taken along."""
    first = _turned(state, state["first"], matrices, back=True)
    for place, (where, shape) in enumerate(matrices):
        second = state["second"][:, where].unflatten(1, shape)
        for axis, side in enumerate(SIDES, start=1):
            name = f"{side}_basis/{place}"
            state[name], order = apart(_nearer, state[f"{side}/{place}"], state[name])
            second = second.take_along_dim(order.unsqueeze(3 - axis), axis)
        state["second"][:, where] = second.flatten(1)
    state["first"].copy_(_turned(state, first, matrices))


def _turned(
    state: State, table: Float[Tensor, "m p"], matrices: Sequence[Matrix], back: bool = False
) -> Float[Tensor, "m p"]:
    """Every matrix in its bases, or back from them; the rest as it is."""
    turned = table.clone()
    for place, (where, shape) in enumerate(matrices):
        left, right = (state[f"{side}_basis/{place}"].to(table.dtype) for side in SIDES)
        (found,) = apart(
            _from_bases if back else _to_bases, left, table[:, where].unflatten(1, shape), right
        )
        turned[:, where] = found.flatten(1)
    return turned


def _to_bases(left: Tensor, table: Tensor, right: Tensor) -> tuple[Tensor, ...]:
    return (left.mT @ table @ right,)


def _from_bases(left: Tensor, table: Tensor, right: Tensor) -> tuple[Tensor, ...]:
    return (left @ table @ right.mT,)


def _squares(table: Tensor) -> tuple[Tensor, ...]:
    return table @ table.mT, table.mT @ table


def _eigenvectors(table: Tensor) -> tuple[Tensor, ...]:
    """By falling eigenvalue; of what is not finite, which LAPACK refuses, the identity's."""
    sound = table.isfinite().flatten(-2).all(-1)[..., None, None]
    identity = torch.eye(table.shape[-1], dtype=table.dtype, device=table.device)
    return (torch.linalg.eigh(torch.where(sound, table, identity)).eigenvectors.flip(-1),)


def _nearer(table: Tensor, basis: Tensor) -> tuple[Tensor, ...]:
    """A basis after a step of power iteration, and the old columns that its columns come from."""
    product = table @ basis
    sizes = (basis * product).mT.contiguous().sum(-1)
    order = sizes.argsort(dim=-1, descending=True, stable=True)
    sorted_columns = product.take_along_dim(order.unsqueeze(-2), -1)
    return torch.linalg.qr(sorted_columns).Q, order
