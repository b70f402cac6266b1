"""Two small study files, and what is said of a changed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.study.study import load_study

TEXT = """\
name: small
base:
  problem: {kind: heat, interior_points: 600}
  network:
    kind: mlp
    width: 64
    activation: gelu
  phases:
    - kind: adam
      learning_rate: 1e-3
models:
  pinn:
    objective: {kind: pinn, lambda_b: 100}
    space:
      network.width: [32, 64]
      phases.0.learning_rate: {low: 1e-4, high: 1, log: true}
      objective.lambda_b: [1, 1e2]
  regression:
    objective: {kind: regression}
search: {sampler: tpe, runs: 5}
"""

MODELS = """
name: models
base:
  problem: {kind: helmholtz}
  network: {kind: mlp, width: 8, depth: 2}
  phases: [{kind: adam, steps: 5}]
models:
  plain:
    objective: {kind: pinn, lambda_b: 1, batch: 16, points: uniform}
  annealed:
    objective: {kind: pinn, lambda_b: 1, batch: 16, points: uniform}
    base: {weighting: {kind: annealing}, precision: float64}
"""


def refusal(file: Path, *overrides: str) -> str:
    with pytest.raises(StudyError) as refused:
        load_study(str(file), overrides)
    assert [path.name for path in file.parent.iterdir()] == [file.name], "something was created"
    return str(refused.value)
