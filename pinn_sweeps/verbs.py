"""What one does with studies and runs from Python, as the command line does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from analysis.load import NoRuns
from pinn_core.configuration import Configuration
from pinn_core.problems.promises import check_promises
from pinn_core.records.trajectory import Trajectory
from pinn_core.training.trainer import Member
from pinn_core.training.trainer import train as train_pack
from pinn_sweeps.results import StudyResults
from sweeps.display.comparing import comparison_of_studies
from sweeps.display.exporting import export_study
from sweeps.execution.estimate import Estimate, plan_study
from sweeps.execution.launch import run_study
from sweeps.execution.machines import pack_slots, this_machine
from sweeps.execution.sizing import sizes
from sweeps.store.folder import StudyFolder
from sweeps.store.locate import has_not_run, study_that_ran, study_to_run
from sweeps.study.plugins import load_plugins
from sweeps.study.study import Study, load_study

if TYPE_CHECKING:
    from analysis.export import Curves, Exported, Format
    from analysis.studies import StudiesCompared


def train(
    configuration: Configuration, seed: int = 0, *, device: str = "cpu", backend: str = "auto"
) -> Trajectory:
    """Train one run here and now; returns its trajectory, whose ``table`` is a pyarrow table.

    Nothing is stored. The bits are those that the same run has in a study on this machine. Raises
    ``BrokenPromise`` (a ``ValueError``) where the problem is not what its family promises.
    """
    check_promises(configuration.problem)
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

    ``study`` is a study file, the name of a shipped study or of one that has run in ``runs_dir``,
    or a study that was loaded; ``overrides`` are as on the command line (``search.runs=20``).
    ``inline`` trains in this process, one pack after the other. Raises ``StudyError`` for what
    cannot be carried out, and ``RuntimeError`` where runs failed: the study's log.txt says why.
    """
    found = _study(study, overrides, runs_dir)
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
    is committed or no study of that name has run, ``TrajectoryError`` for a damaged run.
    """
    load_plugins(plugins, Path())
    name = load_study(study).name if Path(study).is_file() else study
    folder = StudyFolder.of(runs_dir, name, store)
    try:
        return StudyResults.of(folder, name)
    except NoRuns:
        if folder.study_file.is_file():
            raise
        raise NoRuns(str(has_not_run(study, Path(runs_dir), store))) from None


def plan(
    study: str | Study,
    overrides: Sequence[str] = (),
    *,
    slots: int | None = None,
    runs_dir: str | Path = "runs",
) -> Estimate:
    """What a study would take: time, memory, space and, with ``resources.price``, money.

    A little of its packs is trained in processes of their own, which takes some seconds; the
    speeds are kept for commands to come. ``slots`` packs are trained at a time; left out: as many
    as this machine has room for. ``study`` as for ``run``. As ``pinn-sweep plan``. Raises
    ``StudyError``.
    """
    found = _study(study, overrides, runs_dir)
    room = pack_slots(found.resources, [this_machine(with_gpus=found.resources.gpus > 0)])
    return plan_study(found, sizes(found), slots or sum(room), lambda _: None)


def compare(
    *studies: str,
    runs_dir: str | Path = "runs",
    store: str | None = None,
    page: str | Path | None = None,
    plugins: Sequence[str] = (),
) -> StudiesCompared:
    """Two studies or more that ran, beside each other; as ``pinn-sweep compare``.

    Each is named as everywhere, or by its folder in another runs folder. With ``page`` the HTML
    page is written there, over one that is there. Raises ``StudyError`` for a study that did not
    run and for studies without a common model.
    """
    load_plugins(plugins, Path())
    comparison = comparison_of_studies(studies, Path(runs_dir), store)
    if page is not None:
        comparison.write(Path(page))
    return comparison.found


def export(
    study: str,
    to: Format = "csv",
    curves: Curves = "thinned",
    *,
    output: str | Path | None = None,
    runs_dir: str | Path = "runs",
    store: str | None = None,
    plugins: Sequence[str] = (),
) -> Exported:
    """Write a study's runs and their curves as two tables; as ``pinn-sweep export``.

    ``runs.<to>`` and ``curves.<to>`` go into ``output``, or into ``export`` in the study's folder.
    Raises ``StudyError`` where one of them is there already.
    """
    load_plugins(plugins, Path())
    found, folder = study_that_ran(study, Path(runs_dir), store)
    return export_study(found, folder, Path(output) if output else None, to, curves)


def _study(study: str | Study, overrides: Sequence[str], runs_dir: str | Path) -> Study:
    if isinstance(study, str):
        return study_to_run(study, list(overrides), Path(runs_dir))
    return study
