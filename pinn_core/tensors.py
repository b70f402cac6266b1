"""``torch`` and ``Tensor`` for modules that say what there is to choose from, not only compute.

Torch takes seconds to import, and a study is listed, read, checked and planned without it: here it
is imported when it is first used.
"""

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:

    class _Deferred(ModuleType):
        """Torch, which the first use of a name imports; from then on an ordinary module."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            import torch as imported

            self.__dict__.update(vars(imported))
            self.__class__ = ModuleType
            return getattr(imported, name)

    torch = _Deferred("torch")

    class _OfTorch(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, torch.Tensor)

    class Tensor(metaclass=_OfTorch):
        """Torch's tensor, in annotations and for ``isinstance``."""


def no_grad(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: what the function does is not recorded for gradients.

    As ``torch.no_grad()``, which would import torch where the function is defined.
    """

    @wraps(function)
    def without(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.no_grad():
            return function(*args, **kwargs)

    return without


__all__ = ["Tensor", "no_grad", "torch"]
