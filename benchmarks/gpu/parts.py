"""The parts of ``python -m benchmarks.gpu``: each makes its rows one by one.

``step``: both gradients and a complete step in ms a run, as in ``benchmarks.step``, against nested
autograd and JAX on the same device. ``packs``: seconds a run of 1 000 steps over the size of the
pack. ``reference``: packs of the shipped study ``plateaus`` as it has them, a few steps of each.
``study``: a whole study through Ray, from its file to its report. ``tests``: the tests that need a
GPU; a row with their numbers, one for each that failed. They come last and have what time is left:
most make kernels of their own, which is slow.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, run
from typing import Any
from xml.etree import ElementTree

import torch

from benchmarks.command import Row, say
from benchmarks.engine import Engine
from benchmarks.gpu.jax_on import JaxMissing, jax_cases
from benchmarks.gpu.reference import packs_of_the_reference_study
from benchmarks.machine import sgemm_seconds
from benchmarks.peers.nested import Nested
from benchmarks.sizes import LARGE, MID, SMALL, Size
from benchmarks.timing import Case, clocked, interleaved
from benchmarks.training import WARM_UP, pack_of, step_seconds
from pinn_core import Adam, Configuration, Heat, Mlp, Pinn, Regression

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/pinn_core/test_cuda.py", "tests/pinn_core/test_graphs.py")
STEP = (
    (SMALL, ("tanh", "gelu"), (64, 12, 1), 100),
    (MID, ("tanh", "gelu"), (12, 1), 50),
    (LARGE, ("gelu",), (6, 1), 20),
)
"""Size, activations, packs, steps of a training."""
SMALL_STEP = ((SMALL, ("tanh",), (2,), 20),)
ROUNDS = 5
PACKS = (1, 12, 64, 256)
NEEDED = ("ray", "optuna", "mlflow", "pydantic", "ruamel")
STUDY = """
name: gpu
base:
  problem: {{kind: heat, points_per_axis: {axis}}}
  network: {{kind: mlp, width: {width}, depth: 3, activation: gelu}}
  phases: [{{kind: adam, steps: {steps}}}]
models:
  pinn: {{objective: {{kind: pinn, batch: full}}, space: {{objective.lambda_b: [1, 100]}}}}
  regression: {{space: {{phases.0.learning_rate: [1e-3, 3e-3]}}, objective: {{kind: regression}}}}
rerun: {{seeds: 2}}
resources: {{gpus: {gpus}}}
"""


def step(device: str, small: bool) -> Iterator[Row]:
    """One row for each size, activation and pack."""
    for size, activations, packs, steps in SMALL_STEP if small else STEP:
        for activation in activations:
            for pack in packs:
                say(f"{size.name} {activation}, pack of {pack}")
                yield _step(size, activation, pack, steps, device, 1 if small else ROUNDS)


def _step(size: Size, activation: str, pack: int, steps: int, device: str, rounds: int) -> Row:
    configuration = size.configuration(activation, steps)
    engine, finish = Engine.of(configuration, pack, device), _finish(device)
    members, nested = pack_of(configuration, pack), Nested(engine.task())
    product = 512 if device == "cpu" else 8192
    cases: dict[str, Case] = {
        "both": clocked(engine.both, finish=finish),
        "step": lambda: step_seconds(members, device=device),
        "autograd": clocked(nested.both, finish=finish),
        "product": lambda: sgemm_seconds(product, device),
    }
    row: Row = {"size": size.name, "activation": activation, "pack": pack}
    try:
        jax = jax_cases(engine, steps, device)
    except JaxMissing as missing:
        jax, row["jax_missing"] = {}, str(missing)
    times = {name: median(of) for name, of in interleaved({**cases, **jax}, rounds).items()}
    best = min(jax, key=times.__getitem__, default=None)
    peak = 2 * product**3 / times["product"]
    return {
        **row,
        "ms_both": 1e3 * times["both"] / pack,
        "ms_step": 1e3 * times["step"] / pack,
        "vs_autograd_both": pack * times["autograd"] / times["both"],
        "vs_best_jax_step": times[best] / times["step"] if best else None,
        "peak_fraction": pack * size.floor / times["both"] / peak,
        **{f"ms {name}": 1e3 * times[name] / pack for name in jax},
    }


def packs(device: str, small: bool) -> Iterator[Row]:
    """Mini-batches of small networks: the more of them, the fuller the chip."""
    for objective in (Pinn(batch=160), Regression(batch=160)):
        configuration = Configuration(
            problem=Heat(points_per_axis=9 if small else 26),
            network=Mlp(width=SMALL.width, depth=SMALL.depth, activation="tanh"),
            objective=objective,
            phases=(Adam(steps=WARM_UP + (20 if small else 100)),),
        )
        for pack in PACKS[:2] if small else PACKS:
            seconds = step_seconds(pack_of(configuration, pack), device=device)
            yield {
                "model": objective.kind,
                "pack": pack,
                "seconds_per_run_of_1000": 1000 * seconds / pack,
            }


def reference(device: str, small: bool) -> Iterator[Row]:
    """Packs of the reference study, at full size unless ``small``."""
    for members in packs_of_the_reference_study(WARM_UP + (20 if small else 100), small):
        one = members[0].configuration
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
        seconds = step_seconds(members, device=device)
        memory = torch.cuda.max_memory_allocated() if device != "cpu" else None
        yield {
            "model": one.objective.kind,
            "batch": one.objective.batch,
            "network": f"{one.stack().widths}",
            "pack": len(members),
            "ms_step": 1e3 * seconds,
            "seconds_per_run_of_1000": 1000 * seconds / len(members),
            "mib_on_device": memory and memory / 2**20,
        }


def study(device: str, small: bool) -> Iterator[Row]:
    """A study as a user runs it."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        yield {"ended": f"left out: not installed are {', '.join(missing)}"}
        return
    size = (
        {"axis": 7, "width": 8, "steps": 20} if small else {"axis": 26, "width": 64, "steps": 500}
    )
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        file = Path(folder, "study.yaml")
        file.write_text(STUDY.format(**size, gpus=0 if device == "cpu" else 0.25))
        command = "from sweeps.cli import main; main()"
        words = ["run", str(file), "--runs-dir", folder]
        words += ["--tracking-uri", f"sqlite:///{folder}/mlflow.db"]
        started = time.perf_counter()
        done = run(
            [sys.executable, "-c", command, *words], stdin=DEVNULL, stdout=sys.stderr, check=False
        )
        manifests = [json.loads(each.read_text()) for each in Path(folder).glob("*/store/*.json")]
        yield {
            "exit_code": done.returncode,
            "seconds": time.perf_counter() - started,
            "runs": len(manifests),
            "devices": sorted({each["device"] for each in manifests}),
            "report": Path(folder, "gpu", "report", "index.html").exists(),
        }


def tests(device: str, small: bool) -> Iterator[Row]:  # noqa: ARG001
    """Those that need a GPU; on a machine without one they are all skipped."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "found.xml")
        options = [f"--rootdir={ROOT}", "-c", "/dev/null", "-p", "no:cacheprovider"]
        words = [*options, "--import-mode=importlib", "-m", "gpu", f"--junitxml={found}", *TESTS]
        run([sys.executable, "-m", "pytest", *words], cwd=ROOT, stdout=sys.stderr, check=False)
        if not found.exists():
            yield {"ended": "pytest could not run: it needs pytest and hypothesis"}
            return
        (suite,) = ElementTree.parse(found).iter("testsuite")
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    yield {**counts, "seconds": float(suite.attrib["time"])}
    for case in suite.iter("testcase"):
        for kind in ("failure", "error"):
            if (wrong := case.find(kind)) is not None:
                why = wrong.attrib["message"].partition("\n")[0]
                yield {"test": f"{case.attrib['classname']}.{case.attrib['name']}", "why": why}


def _finish(device: str) -> Callable[[], Any] | None:
    return None if device == "cpu" else torch.cuda.synchronize


PARTS = {one.__name__: one for one in (step, packs, reference, study, tests)}


def main() -> None:
    """Print the rows of a part, each a line of JSON: ``PART DEVICE [small]`` says which."""
    name, device, *size = sys.argv[1:]
    for row in PARTS[name](device, bool(size)):
        print(json.dumps(row), flush=True)
