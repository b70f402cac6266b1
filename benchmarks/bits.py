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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import say
from pinn_core.configuration import Configuration
from pinn_core.numerics import changed, numerics
from sweeps.study.space import value_at, with_values
from sweeps.study.study import Range, Study, configuration_at, configuration_of, load_study
from sweeps.study.study_file import shipped_studies

try:
    from pinn_core.training.trainer import Member, environment, train
except ModuleNotFoundError:  # where it was until rooms were made: this file runs there too
    from pinn_core.trainer import Member, environment, train  # type: ignore[import-not-found,no-redef]

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
Sizes = dict[str, Any]
"""Values of a configuration by dotted key."""
Cuts = dict[str, Sizes]


def digests(cuts: Cuts, backends: Sequence[str]) -> Digests:
    """Digest and numerics of one run of every model, cut in size, by ``study model backend``."""
    found: Digests = {}
    for name, sizes in cuts.items():
        study, model = name.split()
        configuration = cut(*_first(study, model), sizes)
        for backend in backends:
            say(f"{name} {backend}")
            (trajectory,) = train([Member(configuration, 0)], backend=backend)
            used = numerics(configuration.to_dict(), environment(backend=backend)["backend"])
            found[f"{name} {backend}"] = {"digest": trajectory.digest(), "numerics": used}
    return found


def cuts_of(studies: Sequence[str]) -> Cuts:
    """How one run of every model of these studies is cut in size, by ``study model``."""
    return {
        f"{study} {model}": _sizes(configuration_at(*_first(study, model)))
        for study in studies
        for model in load_study(study).models
    }


def cut(study: Study, model: str, point: Mapping[str, Any], sizes: Sizes) -> Configuration:
    """A model's run at a point with other sizes, which another version of the program chose."""
    plain = configuration_at(study, model, point).to_dict()
    return configuration_of(with_values(plain, sizes))


def _first(name: str, model: str) -> tuple[Study, str, dict[str, Any]]:
    """A study, one of its models and the first point of the model's space."""
    study = load_study(name)
    space = study.models[model].space
    point = {
        key: values.low if isinstance(values, Range) else values[0] for key, values in space.items()
    }
    return study, model, point


def _sizes(configuration: Configuration) -> Sizes:
    """Sizes for about ``UPDATES`` updates in all, each of at most ``MOST`` if that can be had."""
    from pinn_core.training.operations import flops  # which the other version need not have

    plain = configuration.to_dict()
    steps = max(2, UPDATES // (configuration.stages.count * len(configuration.phases)))
    sizes: Sizes = {
        f"phases.{number}.steps": min(phase.steps, steps)
        for number, phase in enumerate(configuration.phases)
    }
    for key in RARE:
        if plain["record"][key]:
            sizes[f"record.{key}"] = max(plain["record"][key], UPDATES // 2)
    axes = [f"problem.{key}" for key in SIZES if key in plain["problem"]]
    width = [key for key in ("network.width",) if "width" in plain["network"]]
    sizes |= {key: value_at(plain, key) for key in (*axes, *width)}
    while True:
        smaller = configuration_of(with_values(plain, sizes))
        largest = max((*axes, *width), key=lambda key: int(sizes[key]))
        if flops(smaller) <= MOST * smaller.steps or sizes[largest] < 2 * SMALLEST:
            return sizes
        sizes[largest] //= 2
        interior = sizes.get("problem.interior_points", plain["problem"].get("interior_points"))
        if largest in axes and interior not in (None, "all"):
            sizes["problem.interior_points"] = interior // 4  # of a small grid less is inside


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


def _of_commit(commit: str, cuts: Cuts, backends: Sequence[str]) -> Digests:
    """The digests that a commit's program gives, in a working tree of its own, by this file."""
    with tempfile.TemporaryDirectory() as folder:
        tree, file, asked = (Path(folder) / name for name in ("tree", "digests.json", "cuts.json"))
        asked.write_text(json.dumps(cuts), encoding="utf-8")
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            shutil.copy(__file__, tree / "benchmarks")
            command = [sys.executable, "-m", "benchmarks.bits", "--cuts", str(asked)]
            subprocess.run(
                [*command, "--json", str(file), "--backends", *backends],
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
    parser.add_argument(
        "--cuts", type=Path, metavar="FILE", help="sizes that another version chose"
    )
    parser.add_argument("--studies", nargs="+", default=shipped_studies(), metavar="STUDY")
    parser.add_argument("--backends", nargs="+", default=["native", "eager"], metavar="BACKEND")
    chosen = parser.parse_args(arguments)
    asked = chosen.cuts and json.loads(chosen.cuts.read_text(encoding="utf-8"))
    cuts: Cuts = asked or cuts_of(chosen.studies)
    now = digests(cuts, chosen.backends)
    if chosen.json:
        chosen.json.write_text(json.dumps(now, indent=1), encoding="utf-8")
    if not chosen.against:
        return 0
    before = _of_commit(chosen.against, cuts, chosen.backends)
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
