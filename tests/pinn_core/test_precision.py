"""Precisions: TF32 is asked for by name, has its own runs, and is float32 on a CPU."""

from __future__ import annotations

import pytest
import torch

from pinn_core import train
from pinn_core.configuration import run_id
from pinn_core.engine.precision import matrix_products
from tests.pinn_core.packs import configuration, members


@pytest.mark.parametrize(("precision", "products"), [("float32", "ieee"), ("tf32", "tf32")])
def test_products_are_set_and_restored(precision: str, products: str) -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    with pytest.raises(KeyError), matrix_products(precision):
        assert matmul.fp32_precision == products
        raise KeyError
    assert matmul.fp32_precision == before


def test_tf32_is_another_run_with_the_same_numbers_on_a_cpu() -> None:
    one, other = configuration(precision="float32"), configuration(precision="tf32")
    assert run_id(one, 0) != run_id(other, 0)
    assert one.shape_key() != other.shape_key()
    (found,), (expected,) = (train(members(each, [1e-3])) for each in (other, one))
    assert found.digest() == expected.digest()
