"""On a GPU.

What one can show in ten minutes: steps, packs, the reference study, a whole study, tests.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.command import Result, Row, shown
from benchmarks.markdown import markdown_table
from benchmarks.sizes import LARGE, MID, SMALL

STEP = {
    "size": "network",
    "activation": "activation",
    "pack": "pack",
    "ms_step": "step (ms a run)",
    "jax": "best JAX script (ms a run)",
    "slower": "our step / JAX",
    "ms_both": "both gradients (ms a run)",
    "vs_autograd_both": "nested autograd / ours",
    "busy": "share of the card's arithmetic in a step",
}
REFERENCE = {
    "model": "model",
    "batch": "batch",
    "network": "layers",
    "pack": "pack",
    "ms_step": "step of the pack (ms)",
    "seconds_per_run_of_1000": "1 000 steps of a run (s)",
    "mib_on_device": "memory (MiB)",
}


def section(result: Result) -> str:
    """The parts in words and numbers for the page, the worst number first."""
    rows = {part: _rows(result, part) for part in ("step", "reference", "packs", "study", "tests")}
    steps = [_against_jax(row) for row in rows["step"]]
    said = [
        _worst([row for row in steps if row["slower"] is not None], rows["reference"]),
        _of(_sizes(steps), steps, STEP),
        _of("The reference study's own packs:", rows["reference"], REFERENCE),
        _of("Mini-batches of small networks over the size of the pack:", rows["packs"]),
        _of("A whole study through Ray:", rows["study"]),
        *[_tested(row) for row in rows["tests"] if "tests" in row],
        *[f"`{row['part']}` did not finish: {row['ended']}." for row in _ended(result)],
    ]
    return "\n\n".join(each for each in said if each)


def readme(result: Result) -> str:
    """How much slower a step of ours is than the best script in JAX, for the README."""
    steps = [_against_jax(row) for row in _rows(result, "step")]
    ratios = sorted(row["slower"] for row in steps if row["slower"] is not None)
    if not ratios:
        return "How fast it is on a GPU was not measured."
    times = " to ".join(dict.fromkeys(shown(ratio) for ratio in (ratios[0], ratios[-1])))
    card = result["machine"]["gpu"]
    return f"""\
**On a GPU it is slower than JAX:** on one {card}, a step of small networks in packs takes
{times} times as long as in the best JAX script."""


def _rows(result: Result, part: str) -> list[Row]:
    """What a part measured, without its own name."""
    own = [row for row in result["rows"] if row["part"] == part]
    return [{key: row[key] for key in row if key != "part"} for row in own if len(row) > 2]


def _ended(result: Result) -> list[Row]:
    return [row for row in result["rows"] if "ended" in row]


def _against_jax(row: Row) -> Row:
    """With the time of the best script, and how many times as long ours takes.

    ``busy`` is ``peak_fraction`` for a step, whose gradients a CUDA graph launches.
    """
    scripts = [row[name] for name in row if name.startswith("ms jax")]
    ratio = row["vs_best_jax_step"]
    return {
        **row,
        "jax": min(scripts, default=None),
        "slower": 1 / ratio if ratio else None,
        "busy": row["peak_fraction"] * row["ms_both"] / row["ms_step"],
    }


def _worst(steps: Sequence[Row], packs: Sequence[Row]) -> str:
    if not steps:
        return ""
    worst, best = (choose(steps, key=lambda row: row["slower"]) for choose in (max, min))
    full = [row for row in packs if row["batch"] == "full"]
    whole = ", ".join(f"{row['ms_step']:.3g} ms for {row['network']}" for row in full)
    return f"""\
**A complete step of ours takes {worst["slower"]:.2g} times as long as the best JAX script on the
same card** ({_case(worst)}), and at best {best["slower"]:.2g} times ({_case(best)}). Such a step
uses {100 * worst["busy"]:.2g} % and {100 * best["busy"]:.2g} % of the card's arithmetic: what takes
the time is most likely the launches of its many small kernels and Python between them, which no
profile has shown yet. A full batch gives the card more to do: of the reference study a step of a
whole pack takes {whole}. JAX was not measured there."""


def _sizes(steps: Sequence[Row]) -> str:
    used = {row["size"] for row in steps}
    sizes = [
        f"{size.name} is {size.width} x {size.depth} on {size.interior} + {size.boundary} points"
        for size in (SMALL, MID, LARGE)
        if size.name in used
    ]
    return f"{'; '.join(sizes).capitalize()}. The card's arithmetic is that of a float32 product."


def _case(row: Row) -> str:
    return f"{row['size']}, {row['activation']}, pack of {row['pack']}"


def _of(title: str, rows: Sequence[Row], columns: dict[str, str] | None = None) -> str:
    return f"{title}\n\n{markdown_table(rows, columns)}" if rows else ""


def _tested(row: Row) -> str:
    wrong = row["failures"] + row.get("errors", 0)
    passed = row.get("passed", row["tests"] - wrong - row.get("skipped", 0))
    return f"Of {row['tests']} tests that need a GPU {passed} passed and {wrong} failed."
