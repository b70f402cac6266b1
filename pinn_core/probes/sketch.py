"""A random projection that keeps distances, so that they can be computed after the run.

The parameters are shuffled, given random signs and summed in 512 buckets of equal size (count
sketch; Charikar, Chen, Farach-Colton 2002). Squared distances between sketches are unbiased
estimates of those between parameters, with a relative standard deviation of at most sqrt(2 / 512);
distances have half of it, 3.1 %. Of up to 512 parameters a sketch keeps all numbers.
"""

from jaxtyping import Float

from pinn_core.randomness import generator
from pinn_core.records.trajectory import SKETCH_SIZE
from pinn_core.tensors import Tensor, torch


class Sketch:
    """The projection for parameters of one size; the same for every run of that size."""

    def __init__(self, size: int, device: str = "cpu") -> None:
        rng = generator(0, f"sketch/{size}")
        self.size = size
        self.order = torch.from_numpy(rng.permutation(size)).to(device)
        self.signs = torch.from_numpy(rng.choice([-1.0, 1.0], size)).to(device, torch.float32)

    def __call__(self, parameters: Float[Tensor, "m p"]) -> Float[Tensor, "m 512"]:
        """Project the first ``size`` parameters of every member."""
        signed = parameters.index_select(1, self.order).float() * self.signs
        width = -(-self.size // SKETCH_SIZE)
        missing = width * SKETCH_SIZE - self.size
        buckets: Tensor = torch.nn.functional.pad(signed, (0, missing)).view(-1, SKETCH_SIZE, width)
        return buckets.sum(2)
