"""What a run records of its training, and how often."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pinn_core.checks import at_least
from pinn_core.probes.probe import Probe


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a run records and how often (in steps; 0 is never).

    Losses that need values alone come every step, from ``points`` grid points or from the training
    points where a full batch gives them for free; the residual and the gradients every step where
    the step has them, else every ``gradients_every`` steps on ``gradient_points`` interior and all
    supervised points; the whole grid every ``full_every``; the residual at ``held_out_points``
    points that no run trains on every ``held_out_every``; a parameter sketch every
    ``sketch_every``.

    Of the loss landscape, each term's: histograms of the gradient's entries, layer by layer, every
    ``histograms_every``; the largest eigenvalue of the Hessian, also of what is optimised, every
    ``curvature_every`` and its spectral density every ``spectrum_every``, in a phase of L-BFGS also
    that of the Hessian as its preconditioner leaves it; the eigenvalues of the neural tangent
    kernel every ``kernel_every``. Hessians are those of the losses at ``gradient_points`` interior
    points: what a preconditioner does to the trained loss takes all that are trained on.

    ``conflict`` asks for the conflicts between the loss terms in every step, which are recorded
    anyway where an aggregation or an alignment looks at them. ``probes`` are further diagnostics,
    each with a cadence of its own.

    ``parameters`` says of which rows the network's parameters stay in the store: of the last
    (``final``), of every N-th and the last (a number N), or of ``none``. ``fields`` says at how
    many steps the solution stays in the store, for pictures: predictions, residuals and the
    reference on up to 4096 points of the domain. A number is for every run; ``auto`` is for those
    that a study chooses, the first rerun of each model's best, at 32 steps. Both change nothing
    that a run computes, so they are not part of its identity.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "arbitrary_types_allowed": True}

    points: int = 1024
    """Grid points for losses that need values alone, where no full batch gives them."""
    gradients_every: int = 25
    """Residual and gradients, where the step does not have them for free."""
    gradient_points: int = 600
    """Interior points of these gradients and of the Hessians."""
    full_every: int = 100
    """Losses and error on the whole grid."""
    held_out_points: int = field(default=256, metadata={"since": 2})
    """Points that no run trains on."""
    held_out_every: int = field(default=200, metadata={"since": 2})
    """The residual at these."""
    sketch_every: int = 20
    """A random projection of the parameters, for distances between them."""
    histograms_every: int = 0
    """Histograms of the gradients' entries, layer by layer."""
    curvature_every: int = 0
    """The largest eigenvalue of the Hessian."""
    spectrum_every: int = 0
    """The spectral density of the Hessian."""
    kernel_every: int = 0
    """The eigenvalues of the neural tangent kernel."""
    conflict: bool = False
    """Whether conflicts between loss terms are recorded in every step."""
    probes: tuple[Probe, ...] = field(default=(), metadata={"since": 2})
    """Further diagnostics."""
    parameters: int | Literal["final", "none"] = field(
        default="final", metadata={"since": 2, "identity": False}
    )
    """Of which rows the network's parameters are kept: the last, every N-th and the last, or
    none."""
    fields: int | Literal["auto", "none"] = field(
        default="auto", metadata={"since": 2, "identity": False}
    )
    """At how many steps the solution is kept for pictures; auto: of the first rerun of each model's
    best."""

    def __post_init__(self) -> None:
        at_least(2, points=self.points)
        kinds = [probe.kind for probe in self.probes]
        if len(set(kinds)) < len(kinds):
            raise ValueError("probes must be of different kinds")
        at_least(1, gradient_points=self.gradient_points, held_out_points=self.held_out_points)
        if not isinstance(self.parameters, str):
            at_least(1, parameters=self.parameters)
        if not isinstance(self.fields, str):
            at_least(2, fields=self.fields)
        at_least(
            0,
            gradients_every=self.gradients_every,
            full_every=self.full_every,
            held_out_every=self.held_out_every,
            sketch_every=self.sketch_every,
            histograms_every=self.histograms_every,
            curvature_every=self.curvature_every,
            spectrum_every=self.spectrum_every,
            kernel_every=self.kernel_every,
        )
