"""What one does with studies and runs from Python, as the command line does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pinn_core.configuration import Configuration
from pinn_core.records.trajectory import Trajectory
from pinn_core.training.trainer import Member
from pinn_core.training.trainer import train as train_pack
from pinn_sweeps.results import StudyResults
from sweeps.execution.launch import run_study
from sweeps.store.folder import StudyFolder
from sweeps.study.plugins import load_plugins
from sweeps.study.study import Study, load_study


def train(
    configuration: Configuration, seed: int = 0, *, device: str = "cpu", backend: str = "auto"
) -> Trajectory:
    """Train one run here and now; returns its trajectory, whose ``table`` is a pyarrow table.

    Nothing is stored. The bits are those that the same run has in a study on this machine.
    """
    (trajectory,) = train_pack([Member(configuration, seed)], device=device, backend=backend)
    return trajectory


def run(
    study: str | Study,
    overrides: Sequence[str] = (),
    *,
    runs_dir: str | Path = "runs",
    executor: Literal["ray", "inline"] = "ray",
    address: str | None = None,
) -> StudyResults:
    """Carry out what is missing of a study and return its runs as tables.

    ``study`` is a study file, the name of a shipped study, or a study that was loaded;
    ``overrides`` are as on the command line (``search.runs=20``). ``inline`` trains in this
    process, one pack after the other. Raises ``StudyError`` for what cannot be carried out, and
    ``RuntimeError`` where runs failed: the study's log.txt says why.
    """
    found = load_study(study, overrides) if isinstance(study, str) else study
    code = run_study(found, runs_dir=runs_dir, executor=executor, address=address)
    if code:
        folder = StudyFolder.of(runs_dir, found.name)
        raise RuntimeError(f"study {found.name!r} is not complete; {folder.log} says why")
    return load(found.name, runs_dir)


def load(
    study: str,
    runs_dir: str | Path = "runs",
    *,
    store: str | None = None,
    plugins: Sequence[str] = (),
) -> StudyResults:
    """The committed runs of a study: tables of numbers, and trained networks.

    ``study`` is the name of one that has run, or its file, whose plugins are then imported;
    ``plugins`` are further files or modules, as on the command line, ``store`` is the folder or
    address with the homes of studies if that is not ``runs_dir``. Raises ``NoRuns`` where nothing
    is committed.
    """
    load_plugins(plugins, Path())
    name = load_study(study).name if Path(study).is_file() else study
    return StudyResults.of(StudyFolder.of(runs_dir, name, store), name)
