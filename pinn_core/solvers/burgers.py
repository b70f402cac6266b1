r"""Burgers' equation u_t + u u_x = nu u_xx from u(x, 0) = -sin(pi x), by Cole and Hopf.

With u = -2 nu phi_x / phi the equation becomes the heat equation for phi, so that

    u(x, t) = -int sin(pi y) f(y) G dy / int f(y) G dy,   f(y) = exp(-cos(pi y) / (2 pi nu)),

with the heat kernel G = exp(-z^2), y = x - 2 sqrt(nu t) z (Basdevant et al., Computers and Fluids
14, 1986, who take Gauss-Hermite quadrature in z as well).
"""

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

NODES = 300
"""Nodes in z: to |z| = 24, which the peaks need if nu is 0.001, and 0.13 apart, if it is 1."""


def cole_hopf(
    x: Float[ndarray, " nx"], t: Float[ndarray, " nt"], nu: float, nodes: int = NODES
) -> Float[ndarray, "nx nt"]:
    """The solution at the points x and the times t >= 0.

    f spans e^(1 / (pi nu)), far beyond a float's range: the weights are joined in the exponent,
    and the largest is made 1. At t = 0 all nodes fall on x.
    """
    z, weights = scipy.special.roots_hermite(nodes)
    found = np.empty((len(x), len(t)))
    for place, time in enumerate(t):
        y = x[:, None] - 2.0 * np.sqrt(nu * time) * z
        exponent = np.log(weights) - np.cos(np.pi * y) / (2.0 * np.pi * nu)
        share = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        found[:, place] = -(np.sin(np.pi * y) * share).sum(axis=1) / share.sum(axis=1)
    return found
