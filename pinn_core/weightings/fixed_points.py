"""What weightings with a factor of its own for every point ask of the points and terms."""

from collections.abc import Mapping
from typing import Literal

Terms = Literal["residual", "all"]


def check_fixed(kind: str, batch: int | str, resampled: bool) -> None:
    """Raise ``ValueError`` where a point is not the same one in every step."""
    if not resampled:
        return
    found = "points that are drawn anew" if batch == "full" else f"a batch of {batch}, drawn anew"
    raise ValueError(
        f"weighting {kind} keeps a factor for every point, which must be the same in every step: "
        f"it needs batch 'full', or new points with resample 0, found {found}"
    )


def check_residual(kind: str, sizes: Mapping[str, int]) -> None:
    """Raise ``ValueError`` where the objective has no residual."""
    if "residual" not in sizes:
        raise ValueError(
            f"weighting {kind} acts on the term 'residual', which this objective lacks: found "
            f"{', '.join(sizes)}"
        )


def chosen(kind: str, terms: Terms, sizes: Mapping[str, int]) -> Mapping[str, int]:
    """The sizes of the terms that get factors; raises ``ValueError`` where there are none."""
    if terms == "all":
        return sizes
    check_residual(kind, sizes)
    return {"residual": sizes["residual"]}
