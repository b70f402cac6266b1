"""The checks of shapes that tests of pinn_core are run with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError, config, jaxtyped
from torch import Tensor

from tests.shape_checks import EVERY, FIRST


@jaxtyped(typechecker=beartype)
def same(x: Float[Tensor, " n"], y: Float[Tensor, " n"]) -> bool:
    return x.shape == y.shape


@pytest.fixture(autouse=True)
def checked() -> Iterator[None]:
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", False)
    yield
    config.update("jaxtyping_disable", before)


def test_a_wrong_shape_is_found_at_once() -> None:
    with pytest.raises(TypeCheckError):
        same(torch.ones(2), torch.ones(3))


def test_later_one_call_in_so_many_is_checked() -> None:
    for _ in range(FIRST):
        assert same(torch.ones(2), torch.ones(2))
    found = 0
    for _ in range(EVERY):
        try:
            assert not same(torch.ones(2), torch.ones(3))
        except TypeCheckError:
            found += 1
    assert found == 1
