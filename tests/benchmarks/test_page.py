"""The page is made of kept results alone, and shows what was asked for beside what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import UnfitResult, read, text, write, write_readme
from benchmarks.targets import Target, targets_table

ROOT = Path(__file__).resolve().parents[2]
PEER = {
    "size": "small",
    "activation": "tanh",
    "device": "cpu",
    "threads": 1,
    "pack": 12,
    "code": "DeepXDE",
    "compile_seconds": None,
    "ms_step": 2.5,
    "step_vs_ours": 26.0,
    "ms_both": 3.0,
    "both_vs_ours": 31.0,
    "ms_propagation": None,
    "peak_fraction": None,
}
ALONE = PEER | {"pack": 1, "both_vs_ours": 4.0}
GELU = PEER | {"activation": "gelu", "both_vs_ours": 27.0}
OURS = PEER | {"code": "native", "ms_step": 0.1, "step_vs_ours": 1.0, "both_vs_ours": 1.0}
SLOW = PEER | {"code": "JAX, grad of grad", "compile_seconds": 3.0, "step_vs_ours": 7.0}
BEST = SLOW | {"code": "JAX, four channels", "compile_seconds": 2.0, "step_vs_ours": 1.5}
TWO = BEST | {"threads": 2, "step_vs_ours": 0.2}
PACK = {
    "kind": "small regression",
    "backend": "native",
    "threads": 1,
    "pack": 6,
    "seconds_per_run": 0.5,
    "speedup": 3.0,
}
RECORDED = {
    "model": "regression",
    "batch": "512",
    "width": 64,
    "pack": 6,
    "record": "default",
    "ms_step": 3.0,
    "ms_bare": 1.0,
    "ratio": 3.0,
}
SMALL = RECORDED | {"model": "PINN", "depth": 2, "width": 32, "pack": 12, "ratio": 2.5}


def result(benchmark: str, rows: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "command": f"python -m benchmarks.{benchmark} --json {benchmark}.json",
        "date": "2026-01-02T03:04:05+00:00",
        "quick": False,
        "machine": {
            "processor": "Some CPU",
            "cores": 2,
            "caches": {"L2": "512K"},
            "memory_gib": 4.0,
            "gpu": None,
            "load": 0.1,
        },
        "versions": {"pinn-sweeps": "0.2.0", "torch": "2.13.0", "deepxde": None},
        "rows": rows,
        "notes": [f"A note on {benchmark}."],
        **changes,
    }


RESULTS = {
    "diagnostics": result("diagnostics", [RECORDED, SMALL]),
    "packs": result("packs", [PACK, PACK | {"threads": 2}]),
    "step": result("step", [OURS, PEER, ALONE, GELU, SLOW, BEST, TWO]),
}


def keep(folder: Path, results: dict[str, dict[str, Any]]) -> Path:
    folder.mkdir()
    for name, one in results.items():
        (folder / f"{name}.json").write_text(json.dumps(one))
    return folder


def test_every_kept_result_has_its_section_and_its_figure(tmp_path: Path) -> None:
    page = write(keep(tmp_path / "results", RESULTS), tmp_path / "docs").read_text()
    assert page.index("benchmark-step") < page.index("benchmark-packs")
    assert page.index("benchmark-packs") < page.index("benchmark-diagnostics")
    for name, one in RESULTS.items():
        image = tmp_path / "docs" / "images" / f"benchmark-{name}.png"
        assert image.read_bytes().startswith(b"\x89PNG")
        assert f"A note on {name}." in page
        assert one["command"] in page
    assert "Some CPU, 2 cores (L2 512K)" in page
    assert "None" not in page


def test_targets_are_of_tanh_with_the_span_of_all_activations() -> None:
    page = text(RESULTS)
    row = next(line for line in page.splitlines() if "both gradients against DeepXDE's" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "both gradients against DeepXDE's, small",
        "at least 30",
        "31",
        "27 to 31",
        "yes",
    ]
    assert "recording, small mini-batch PINN in packs of 12 and 48 | at most 1.6 | 2.5 |" in page


def test_the_target_against_jax_is_that_of_the_best_script_on_one_thread() -> None:
    rows = [line for line in text(RESULTS).splitlines() if "against the best JAX" in line]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    where = "complete step against the best JAX, small, packs of 12, tanh"
    assert cells == [[where, "at least 1.8", "1.5", "1.5", "no"]]


README = (
    "# Name\n\n<!-- from benchmarks.step -->\nold\n<!-- end of benchmarks.step -->\n\nThe rest.\n"
)


def test_the_page_has_what_each_kind_of_code_gains() -> None:
    assert "| a JAX script, `grad` of `grad` |  | 7 |  |  | 3 |" in text(RESULTS)


def test_the_readme_has_the_range_of_all_gains_and_names_the_smallest(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(README)
    write_readme(RESULTS, file)
    found = file.read_text()
    assert found.startswith("# Name\n")
    assert found.endswith("\n\nThe rest.\n")
    assert "old" not in found
    assert "is 1.5 to 26 times as fast" in found
    assert "The smallest ratio, 1.5,\nis that of JAX, four channels (small" in found
    write_readme(RESULTS, file)
    assert file.read_text() == found


def test_the_readme_says_how_slow_a_gpu_is(tmp_path: Path) -> None:
    machine = RESULTS["step"]["machine"] | {"gpu": "Some GPU"}
    step = {"part": "step", "ms_step": 0.1, "ms_both": 0.1, "peak_fraction": 0.1}
    rows = [step | {"vs_best_jax_step": ratio} for ratio in (0.25, 0.5, None)]
    file = tmp_path / "README.md"
    file.write_text(README.replace("benchmarks.step", "benchmarks.gpu"))
    write_readme({"gpu": result("gpu", rows, machine=machine)}, file)
    assert "on one Some GPU, a step of small networks in packs takes\n2 to 4 times" in (
        file.read_text()
    )


def test_a_readme_without_the_place_is_named(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("# Name\n")
    with pytest.raises(UnfitResult, match=r"expected <!-- from benchmarks\.step -->"):
        write_readme(RESULTS, file)


def test_the_readme_says_what_the_kept_results_say(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    kept = (ROOT / "README.md").read_text()
    file.write_text(kept)
    write_readme(read(ROOT / "benchmarks" / "results"), file)
    assert file.read_text() == kept


def test_a_gpus_result_stands_beside_the_cpus(tmp_path: Path) -> None:
    machine = RESULTS["packs"]["machine"] | {"gpu": "Some GPU"}
    both = {"packs": RESULTS["packs"], "packs-gpu": RESULTS["packs"] | {"machine": machine}}
    page = write(keep(tmp_path / "results", both), tmp_path / "docs").read_text()
    assert "(Some GPU)" in page
    assert "images/benchmark-packs-gpu.png" in page


def test_what_is_not_known_of_a_machine_is_left_out(tmp_path: Path) -> None:
    machine = RESULTS["packs"]["machine"] | {"caches": {}, "load": None, "gpu": "Some GPU"}
    rows = [{"part": "tests", "tests": 3, "failures": 0, "errors": 0, "skipped": 0}]
    results = {"gpu": result("gpu", rows, machine=machine)}
    page = write(keep(tmp_path / "results", results), tmp_path / "docs").read_text()
    assert "## On a GPU (Some GPU)\n\nOf 3 tests" in page  # and no picture
    assert "Some CPU, 2 cores, 4.0 GiB; pinn-sweeps 0.2.0" in page
    assert "None" not in page


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "step.json: not JSON"),
        ("[]", "step.json: expected the result of one of step, problems"),
        (json.dumps(result("speed", [])), "expected the result of one of step, problems"),
        (json.dumps(result("step", [], quick=True)), "step.json: a quick look is not for keeping"),
    ],
)
def test_what_is_no_kept_result_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "step.json").write_text(content)
    with pytest.raises(UnfitResult, match=said):
        read(tmp_path)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (Target("x", 2.0, 2.0), "yes"),
        (Target("x", 2.0, 1.9), "no"),
        (Target("x", 2.0, 1.9, at_least=False), "yes"),
        (Target("x", 2.0, None), "–"),
    ],
)
def test_a_target_is_met_or_missed_or_unknown(target: Target, answer: str) -> None:
    assert targets_table([target]).splitlines()[-1].endswith(f"| {answer} |")
