"""Muon: momentum whose matrices are made nearly orthogonal (Jordan et al. 2024).

K. Jordan, Y. Jin, V. Boza, J. You, F. Cesista, L. Newhouse and J. Bernstein, Muon: an optimizer for
hidden layers in neural networks, 2024, https://kellerjordan.github.io/posts/muon, with the code at
https://github.com/KellerJordan/Muon. It moves the weights between hidden layers. The first and the
last layer, biases, encoders, factors and the problem's unknowns are Adam's, as its authors advise.

For a matrix of weights (rows: units out, columns: units in) with its gradient G,

    M <- mu M + (1 - mu) G,    U = mu M + (1 - mu) G,    X = U / (|U|_F + 1e-7),

some times X <- a X + (b X X^T + c (X X^T)^2) X, and then

    W <- W - lr sqrt(max(1, rows / columns)) X.

The iteration (Newton-Schulz) keeps the singular vectors of U and takes each singular value s to
a s + b s^3 + c s^5. It is made in the precision of the run, where the authors' code has bfloat16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, below
from pinn_core.engine.precision import bytes_of
from pinn_core.engine.stack import Stack
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

Coefficients = Literal["jordan", "convergent"]

ITERATIONS: dict[Coefficients, tuple[tuple[float, float, float], int]] = {
    "jordan": ((3.4445, -4.7750, 2.0315), 5),
    "convergent": ((2.0, -1.5, 0.5), 10),
}
"""(a, b, c) and how often they are applied: the code of Muon, and that of jaxpi2."""

NORM_EPSILON = 1e-7
"""What the authors add to the norm: gradients as short as that make shorter steps."""


@OPTIMIZERS.register("muon")
@dataclass(frozen=True, kw_only=True)
class Muon(Optimizer):
    """W <- W - lr sqrt(max(1, rows / columns)) X between hidden layers, Adam for all else.

    X is U = mu M + (1 - mu) grad, M its running mean (without ``nesterov`` M itself), with its
    singular values brought near 1: those above 0.003 |U|_F come to lie between 0.68 and 1.21 with
    ``coefficients: jordan`` (5 iterations), and within 0.001 of 1 with ``convergent`` (10), whose
    polynomial p has p(1) = 1 and p'(1) = 0. Very small ones grow 485 and 1024 times.

    ``learning_rate`` is that of the matrices, ``adam_learning_rate`` that of everything else. Steps
    of the matrices have one length, however small the gradient: without ``decay`` the loss stays
    where their size leaves it. Both rates at a step are times decay^(step / decay_steps). Without
    weight decay. Of factorised or scaled weights the trained matrices are meant.

    Defaults are the authors' (``MuonWithAuxAdam``), with constant rates. jaxpi2, which has the
    convergent coefficients, sets momentum and beta1 to 0.99 and both rates to 1e-3, after a warm-up
    times 0.9 every 2000 steps. A network of fewer than two hidden layers has no such matrix:
    ``ValueError``, when its configuration is made.

    When to use: For networks with several hidden layers, as an alternative to Adam; compare it at
    equal seconds, since a step costs more.

        >>> from pinn_core.networks import Mlp
        >>> Mlp(width=50, depth=3).stack(2, 1).hidden_matrices()
        [(slice(150, 2650, None), (50, 50)), (slice(2700, 5200, None), (50, 50))]
        >>> Muon(coefficients="convergent").check_stack(Mlp(depth=1).stack(2, 1))
        Traceback (most recent call last):
            ...
        ValueError: phases: muon moves matrices between hidden layers, at least 2 of them, found 1
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate", "adam_learning_rate"})
    synchronizes: ClassVar[bool] = False

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 0.02
    """That of the matrices between hidden layers."""
    momentum: float = 0.95
    """Share mu of the old running mean of a matrix' gradient in the new one."""
    nesterov: bool = True
    """Whether the update looks ahead, mu M + (1 - mu) grad, or takes M itself."""
    coefficients: Coefficients = "jordan"
    """The polynomial of the iteration: ``jordan``, 5 times, or ``convergent``, 10 times."""
    adam_learning_rate: float = 3e-4
    """That of all other parameters, which are Adam's."""
    beta1: float = 0.9
    """Adam's share of the old mean gradient."""
    beta2: float = 0.95
    """Adam's share of the old mean squared gradient."""
    epsilon: float = 1e-10
    """Adam's number in the denominator."""
    decay: float = 1.0
    """Factor of both learning rates after every ``decay_steps`` updates."""
    decay_steps: int = 1000
    """How many updates it takes until both rates have been multiplied by ``decay``."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)
        above(0, learning_rate=self.learning_rate, adam_learning_rate=self.adam_learning_rate)
        above(0, epsilon=self.epsilon)
        at_least(0, momentum=self.momentum, beta1=self.beta1, beta2=self.beta2)
        below(1, momentum=self.momentum, beta1=self.beta1, beta2=self.beta2)
        check_decay(self.decay, self.decay_steps)

    def check_stack(self, stack: Stack) -> None:
        """Refuse networks of which all would be Adam's."""
        if not stack.hidden_matrices():
            raise ValueError(
                f"phases: {self.kind} moves matrices between hidden layers, at least 2 of them, "
                f"found {len(stack.widths) - 2}"
            )

    def cost(self, stack: Stack) -> StepCost:
        """Three products an iteration, one of them of square matrices."""
        _, times = ITERATIONS[self.coefficients]
        shapes = [sorted(shape) for _, shape in stack.hidden_matrices()]
        return StepCost(flops=times * sum(2.0 * a * a * (a + 2 * b) for a, b in shapes))

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """Both moments at zero.

        ``first`` is M where a matrix lies, and Adam's mean elsewhere; of ``second`` the places of
        matrices are not used.
        """
        return {"first": torch.zeros_like(parameters), "second": torch.zeros_like(parameters)}

    def state_bytes(self, size: int, precision: str) -> int:
        """Of two moments of every parameter."""
        return 2 * size * bytes_of(precision)

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """Adam's step, with that of the matrices in its place where they lie."""
        gradient, first = context.gradient, state["first"]
        before = first.clone()
        update = adam(
            gradient,
            first,
            state["second"],
            decayed(settings["adam_learning_rate"], self.decay, self.decay_steps, step),
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            step=step,
            backend=backend,
        )
        rate = decayed(settings["learning_rate"], self.decay, self.decay_steps, step)
        for (rows, columns), places in _by_shape(context.hidden_matrices).items():
            own = (_taken(table, places, (rows, columns)) for table in (gradient, before))
            mean, direction = apart(self._moved, *own)
            factors = rate * -(max(1.0, rows / columns) ** 0.5)
            for place, where in enumerate(places):
                first[:, where] = mean[:, place].flatten(1)
                update[:, where] = factors * direction[:, place].flatten(1)
        return update

    def _moved(self, gradient: Tensor, mean: Tensor) -> tuple[Tensor, ...]:
        """The next M, and X, of matrices (..., rows, columns)."""
        new = self.momentum * mean
        mean = new + (1 - self.momentum) * gradient
        if not self.nesterov:
            return mean, orthogonalised(mean, self.coefficients)
        ahead = self.momentum * mean + (1 - self.momentum) * gradient
        return mean, orthogonalised(ahead, self.coefficients)


def orthogonalised(
    table: Float[Tensor, "*any rows columns"], coefficients: Coefficients
) -> Float[Tensor, "*any rows columns"]:
    """Matrices with the singular vectors of these, and singular values near 1.

    Those that are zero stay zero.
    """
    (a, b, c), times = ITERATIONS[coefficients]
    tall = table.shape[-2] > table.shape[-1]
    flat = (table.mT if tall else table).flatten(0, -3)
    norms = flat.double().square().sum((-2, -1), keepdim=True).sqrt() + NORM_EPSILON
    found = flat / norms.to(flat.dtype)
    for _ in range(times):
        squares = torch.bmm(found, found.mT)
        inner = torch.baddbmm(squares, squares, squares, beta=b, alpha=c)
        found = torch.baddbmm(found, inner, found, beta=a)
    return (found.mT if tall else found).reshape(table.shape)


def _by_shape(matrices: Sequence[Matrix]) -> dict[tuple[int, int], list[slice]]:
    """Where the matrices of each shape lie: they are multiplied together."""
    places: dict[tuple[int, int], list[slice]] = {}
    for where, shape in matrices:
        places.setdefault(shape, []).append(where)
    return places


def _taken(
    table: Float[Tensor, "m p"], places: list[slice], shape: tuple[int, int]
) -> Float[Tensor, "m k rows columns"]:
    return torch.stack([table[:, where].unflatten(1, shape) for where in places], dim=1)
