"""Why a member stops for good: the values of ``state["stopped"]`` and of ``work/stopped``."""

RUNNING, GRADIENT, CHANGE, NO_DESCENT, NOT_FINITE = range(5)

STOP_REASONS: dict[int, str] = {
    GRADIENT: "gradient within its tolerance",
    CHANGE: "change within its tolerance",
    NO_DESCENT: "no step that descends",
    NOT_FINITE: "loss or gradient not finite",
}
"""Each reason by its number, in words."""
