"""DeepXDE on its PyTorch backend (Lu, Meng, Mao, Karniadakis 2021), as its documentation shows.

Importing this module imports DeepXDE and raises ``ImportError`` without it.
"""

import contextlib
import io
import os
from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.peers.task import ACTIVATIONS, Both, Task, fill

os.environ["DDE_BACKEND"] = "pytorch"
with contextlib.redirect_stderr(io.StringIO()):  # it greets
    import deepxde as dde
torch.set_default_device(None)  # it makes the GPU everyone's default


class DeepXde:
    """A task as a DeepXDE model: the points are anchors and a point set condition.

    DeepXDE evaluates the residual's derivatives at boundary points too: this is its own way.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        with _precision(str(task.parameters.dtype).removeprefix("torch.")), self._device():
            self.model = self._model()
            self.batch = self.model.data.train_next_batch()
        fill(list(self.model.net.linears), task.parameters)
        self.parameters = list(self.model.net.parameters())
        self.weights = torch.tensor([1.0, task.lambda_b], device=task.parameters.device)

    def both(self) -> Both:
        """Both losses from one evaluation, and a reverse pass for each."""
        with self._device():
            _, weighted = self.model.outputs_losses_train(*self.batch)
            residual, boundary = (weighted / self.weights).unbind()
            first = self._gradient(residual, keep=True)
            return (residual, boundary), (first, self._gradient(boundary, keep=False))

    def step(self) -> None:
        """What ``Model.train`` does in each iteration: one backward pass, one step of Adam."""
        with self._device():
            self.model.train_step(*self.batch)

    def _model(self) -> "dde.Model":
        task = self.task
        net = dde.nn.FNN(list(task.widths), ACTIVATIONS[task.activation], "zeros")
        condition = dde.icbc.PointSetBC(task.boundary.cpu().numpy(), task.target.cpu().numpy())
        data = dde.data.PDE(
            dde.geometry.Hypercube([0.0] * 3, [1.0] * 3),
            heat,
            [condition],
            num_domain=0,
            num_boundary=0,
            anchors=task.interior.cpu().numpy(),
        )
        model = dde.Model(data, net)
        with contextlib.redirect_stdout(io.StringIO()):  # it says that it compiles
            model.compile(
                "adam",
                lr=task.learning_rate,
                loss_weights=[1.0, task.lambda_b],
            )
        return model

    def _gradient(self, loss: Tensor, keep: bool) -> tuple[Tensor, ...]:
        return torch.autograd.grad(loss, self.parameters, retain_graph=keep, materialize_grads=True)

    def _device(self) -> contextlib.AbstractContextManager[object]:
        """DeepXDE works on the default device; on a CPU nothing is to be said, nor paid for."""
        device = self.task.parameters.device
        return contextlib.nullcontext() if device.type == "cpu" else device


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """DeepXDE's precision, which is torch's default too: that stays as it was."""
    before = torch.get_default_dtype()
    with contextlib.redirect_stdout(io.StringIO()):  # it says what it sets
        dde.config.set_default_float(name)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def heat(points: Tensor, u: Tensor) -> Tensor:
    """u_xx + u_yy - u_t in DeepXDE's words."""
    second = dde.grad.hessian
    residual: Tensor = (
        second(u, points, i=0, j=0)
        + second(u, points, i=1, j=1)
        - dde.grad.jacobian(u, points, i=0, j=2)
    )
    return residual
