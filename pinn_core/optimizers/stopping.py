"""Why a member stops for good: the values of ``state["stopped"]`` and of ``work/stopped``.

``pinn_core.records.trajectory.STOP_REASONS`` says them in words.
"""

RUNNING, GRADIENT, CHANGE, NO_DESCENT, NOT_FINITE = range(5)
