"""The probes of a pack: their tables in its state, and the columns that are made of them."""

from collections.abc import Sequence

import pyarrow as pa
import torch
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.probes import Moment, Probe, Setup
from pinn_core.probes.cadence import NEVER
from pinn_core.records.trajectory import LIST_TYPE
from pinn_core.training.returned import WrongReturn, returned
from pinn_core.training.state import Tensors

Cells = list[float | list[float] | None]


class Probing:
    """Measures what the configuration's probes ask for.

    Each column has a table (due steps, m) or (due steps, m, numbers) in ``State.samples``, in
    float64 and NaN where nothing was measured.
    """

    def __init__(self, configuration: Configuration, setup: Setup) -> None:
        self._probes = configuration.record.probes
        self._columns = {
            f"{probe.kind}/{name}": (probe, column.numbers)
            for probe in self._probes
            for name, column in probe.columns(setup).items()
        }

    def start(self, rows: int, members: int, device: str) -> Tensors:
        """The tables of a training with so many rows."""
        return {
            name: torch.full(
                (len(probe.cadence.steps(rows)), members, *((numbers,) if numbers > 1 else ())),
                torch.nan,
                dtype=torch.float64,
                device=device,
            )
            for name, (probe, numbers) in self._columns.items()
        }

    def due(self, step: int) -> bool:
        """Whether any probe measures at this step."""
        return any(probe.cadence.due(step) for probe in self._probes)

    def next_due(self, step: int) -> int:
        """The first step after this one at which any probe measures."""
        return min((probe.cadence.next(step) for probe in self._probes), default=NEVER)

    def record(self, samples: Tensors, moment: Moment) -> None:
        """Write what is due at a moment into the tables."""
        for probe in self._probes:
            if not probe.cadence.due(moment.step) or (probe.needs_update and moment.update is None):
                continue
            for name, numbers in probe.measure(moment).items():
                table = self._table(samples, probe, name)
                row = table[probe.cadence.row(moment.step)]
                row.copy_(returned(probe, f"column {name!r} of measure", numbers, row))

    def _table(self, samples: Tensors, probe: Probe, name: str) -> Tensor:
        found = samples.get(f"{probe.kind}/{name}")
        if found is None:
            declared = [known for known in self._columns if known.startswith(f"{probe.kind}/")]
            raise WrongReturn(
                f"{probe.kind}: measure gave {name!r}, declared by columns: {', '.join(declared)}"
            )
        return found

    def arrays(
        self, samples: Tensors, rows: int, member: int, kept: Sequence[bool]
    ) -> dict[str, pa.Array]:
        """Every column of one member, null where nothing was due, or where ``kept`` is false."""
        return {
            name: pa.array(
                _cells(samples[name][:, member], probe, rows, kept),
                type=LIST_TYPE if numbers > 1 else pa.float64(),
            )
            for name, (probe, numbers) in self._columns.items()
        }


def _cells(table: Tensor, probe: Probe, rows: int, kept: Sequence[bool]) -> Cells:
    cells: Cells = [None] * rows
    sound = table.isfinite().view(len(table), -1).all(1).tolist()
    for place, step in enumerate(probe.cadence.steps(rows)):
        if kept[step] and sound[place]:
            cells[step] = table[place].tolist()
    return cells
