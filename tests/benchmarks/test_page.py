"""The page is made of kept results alone, and shows what was asked for beside what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import UnfitResult, read, text, write
from benchmarks.targets import Target, targets_table

PEER = {
    "size": "small",
    "activation": "tanh",
    "backend": "deepxde",
    "pack": 1,
    "ms_both": 3.0,
    "ms_complete": 2.5,
    "vs_deepxde_both": 1.0,
    "vs_deepxde_step": 1.0,
    "vs_autograd": 0.6,
    "peak_fraction": 0.01,
}
NATIVE = PEER | {"backend": "native", "pack": 12, "ms_both": 0.1, "vs_deepxde_both": 31.0}
ALONE = NATIVE | {"pack": 1, "vs_deepxde_both": 4.0}
GELU = NATIVE | {"activation": "gelu", "vs_deepxde_both": 27.0}
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
        "versions": {"torch": "2.13.0", "deepxde": None},
        "rows": rows,
        "notes": [f"A note on {benchmark}."],
        **changes,
    }


RESULTS = {
    "diagnostics": result("diagnostics", [RECORDED]),
    "packs": result("packs", [PACK, PACK | {"threads": 2}]),
    "step": result("step", [PEER, NATIVE, ALONE, GELU]),
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


def test_targets_are_of_tanh_in_the_largest_pack_with_the_span_of_all_activations() -> None:
    page = text(RESULTS)
    row = next(line for line in page.splitlines() if "both gradients against DeepXDE's" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "both gradients against DeepXDE's, native, small",
        "at least 30",
        "31",
        "27 to 31",
        "yes",
    ]
    assert "recording, regression or mini-batch run | at most 2.5 | 3 |  | no" in page


def test_a_gpus_result_stands_beside_the_cpus(tmp_path: Path) -> None:
    machine = RESULTS["packs"]["machine"] | {"gpu": "Some GPU"}
    both = {"packs": RESULTS["packs"], "packs-gpu": RESULTS["packs"] | {"machine": machine}}
    page = write(keep(tmp_path / "results", both), tmp_path / "docs").read_text()
    assert "(Some GPU)" in page
    assert "images/benchmark-packs-gpu.png" in page


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
