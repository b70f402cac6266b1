"""The contracts of all families, to be checked for a part of one's own.

>>> from pinn_core.testing import check
>>> from pinn_core.optimizers import Adam
>>> check(Adam(learning_rate=1e-2))
"""

from pinn_core.testing.check import ContractBroken, NothingFits, check

__all__ = ["ContractBroken", "NothingFits", "check"]
