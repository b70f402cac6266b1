"""Products of vectors with the Hessian of every member's loss, by double backward.

The gradient is made once, with its graph; each product is one more way back (Pearlmutter 1994).
"""

from collections.abc import Callable

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch

Product = Callable[[Tensor], Tensor]


def hessian(losses: Callable[[Tensor], Tensor], parameters: Float[Tensor, "m p"]) -> Product:
    """From vectors (m, p) to H v, one Hessian per member, at these parameters.

    ``losses`` gives every member's loss (m,) and must be differentiable twice.
    """
    own = parameters.detach().clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(losses(own).sum(), own, create_graph=True)

    def product(vectors: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(
            gradient, own, vectors, retain_graph=True, materialize_grads=True
        )
        return found

    return product
