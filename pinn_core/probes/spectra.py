"""Eigenvalues of positive matrices, and what stands for all of them in one number."""

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch


def eigenvalues(matrices: Float[Tensor, "*m n n"]) -> Float[Tensor, "*m n"]:
    """Of symmetric matrices, rising; NaN of those that are not finite."""
    sound = matrices.isfinite().flatten(-2).all(-1)
    found = torch.linalg.eigvalsh(torch.where(sound[..., None, None], matrices, 0.0))
    return torch.where(sound[..., None], found, torch.nan)


def effective_rank(spectrum: Float[Tensor, "*m n"]) -> Float[Tensor, "*m"]:
    """The exponential of the entropy of the eigenvalues' shares in their sum (Roy, Vetterli 2007).

    Eigenvalues below zero are rounding and count as zero. n equal eigenvalues have n, one has 1.
    """
    shares = spectrum.clamp_min(0.0)
    shares = shares / shares.sum(-1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(-1)
    return entropy.exp()


def participation_ratio(spectrum: Float[Tensor, "*m n"]) -> Float[Tensor, "*m"]:
    """(sum of the eigenvalues)^2 / sum of their squares: n where n are equal, 1 where one is."""
    return spectrum.sum(-1).square() / spectrum.square().sum(-1)


def rank_above(spectrum: Float[Tensor, "*m n"], threshold: float) -> Float[Tensor, "*m"]:
    """How many eigenvalues are larger than the threshold; NaN where they are not known."""
    count = (spectrum > threshold).sum(-1).to(spectrum.dtype)
    return torch.where(spectrum.isnan().any(-1), torch.nan, count)
