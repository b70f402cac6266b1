"""Whether two versions of the program train to the same bits.

    python -m benchmarks.bits --against COMMIT

trains one run of every model of every shipped study by the checked-out program and by that of
COMMIT, on this machine, with the native and with the eager backend, for about 120 updates, and
compares the digests. A run is cut in size where one step would take about a second. Differences
are fine where the numbers of the arithmetic (``pinn_core.numerics``) were raised; the exit code is
1 where bits changed and no number did. Digests depend on the machine and are never kept.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import say
from pinn_core.configuration import Configuration
from pinn_core.numerics import changed, numerics
from pinn_core.training.trainer import Member, environment, train
from sweeps.study.plan import flops
from sweeps.study.study import Range, configuration_at, configuration_of, load_study
from sweeps.study.study_file import shipped_studies

UPDATES = 120
MOST = 1e9
"""Operations of an update, its record included, above which a run is made smaller."""
SIZES = ("points_per_axis", "points_x", "points_t")
"""What problems call the number of grid points along an axis."""
RARE = ("histograms_every", "curvature_every", "spectrum_every", "kernel_every")
"""What is recorded of the loss landscape costs many steps: it is due three times at most."""
SMALLEST = 16
"""Of a width, or of grid points along an axis."""

Digests = dict[str, dict[str, Any]]


def digests(studies: Sequence[str], backends: Sequence[str]) -> Digests:
    """Digest and numerics of one run of every model, by ``study model backend``."""
    found: Digests = {}
    for study in studies:
        for model, configuration in _configurations(study):
            for backend in backends:
                name = f"{study} {model} {backend}"
                say(name)
                (trajectory,) = train([Member(configuration, 0)], backend=backend)
                used = numerics(configuration.to_dict(), environment(backend=backend)["backend"])
                found[name] = {"digest": trajectory.digest(), "numerics": used}
    return found


def _configurations(name: str) -> Iterator[tuple[str, Configuration]]:
    """The first configuration in each model's space of a shipped study, cut."""
    study = load_study(name)
    for model, part in study.models.items():
        point = {
            key: values.low if isinstance(values, Range) else values[0]
            for key, values in part.space.items()
        }
        yield model, cut(configuration_at(study, model, point))


def cut(configuration: Configuration) -> Configuration:
    """The configuration with about ``UPDATES`` updates in all, and as small as ``MOST`` asks."""
    plain = configuration.to_dict()
    steps = max(2, UPDATES // (configuration.stages.count * len(configuration.phases)))
    for phase in plain["phases"]:
        phase["steps"] = min(phase["steps"], steps)
    for key in RARE:
        plain["record"][key] = plain["record"][key] and max(plain["record"][key], UPDATES // 2)
    while True:
        smaller = configuration_of(plain)
        if flops(smaller) <= MOST * smaller.steps or not _make_smaller(plain):
            return smaller


def _make_smaller(plain: dict[str, Any]) -> bool:
    """Halve the largest of width and axes of the grid; whether there was anything to halve."""
    network, problem = plain["network"], plain["problem"]
    sizes = [(network, "width"), *((problem, key) for key in SIZES if key in problem)]
    part, key = max(sizes, key=lambda size: size[0][size[1]])
    if part[key] < 2 * SMALLEST:
        return False
    part[key] //= 2
    if part is problem and problem["interior_points"] != "all":
        problem["interior_points"] //= 2
    return True


def differences(before: Digests, now: Digests) -> tuple[list[str], list[str]]:
    """What differs in runs that both have: explained by raised numbers, and unexplained."""
    explained, unexplained = [], []
    for name in sorted(before.keys() & now.keys()):
        if before[name]["digest"] == now[name]["digest"]:
            continue
        raised = changed(before[name]["numerics"], now[name]["numerics"])
        if raised:
            listed = ", ".join(f"{part} {was}, now {new}" for part, (was, new) in raised.items())
            explained.append(f"{name}: other bits, as its numbers say ({listed})")
        else:
            unexplained.append(f"{name}: other bits, and no number was raised")
    return explained, unexplained


def _of_commit(commit: str, arguments: Sequence[str]) -> Digests:
    """The digests that the program of a commit gives, in a working tree of its own.

    A commit that does not have this file is given it.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree, file = Path(folder) / "tree", Path(folder) / "digests.json"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            if not (tree / "benchmarks" / "bits.py").exists():
                shutil.copy(__file__, tree / "benchmarks")
            subprocess.run(
                [sys.executable, "-m", "benchmarks.bits", "--json", str(file), *arguments],
                cwd=tree,
                env={**os.environ, "PYTHONPATH": str(tree)},
                check=True,
            )
        finally:
            _git("worktree", "remove", "--force", str(tree))
        found: Digests = json.loads(file.read_text(encoding="utf-8"))
        return found


def _git(*words: str) -> None:
    root = Path(__file__).resolve().parents[1]
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bits")
    parser.add_argument("--against", metavar="COMMIT", help="compare with the program of a commit")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the digests to FILE")
    parser.add_argument("--studies", nargs="+", default=shipped_studies(), metavar="STUDY")
    parser.add_argument("--backends", nargs="+", default=["native", "eager"], metavar="BACKEND")
    chosen = parser.parse_args(arguments)
    now = digests(chosen.studies, chosen.backends)
    if chosen.json:
        chosen.json.write_text(json.dumps(now, indent=1), encoding="utf-8")
    if not chosen.against:
        return 0
    same_runs = ["--studies", *chosen.studies, "--backends", *chosen.backends]
    before = _of_commit(chosen.against, same_runs)
    explained, unexplained = differences(before, now)
    for line in (*explained, *unexplained):
        print(line)
    only = before.keys() ^ now.keys()
    if only:
        print(f"in one of both only: {', '.join(sorted(only))}")
    equal = len(before.keys() & now.keys()) - len(explained) - len(unexplained)
    print(f"{equal} runs with equal bits, {len(explained)} explained, {len(unexplained)} not")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
