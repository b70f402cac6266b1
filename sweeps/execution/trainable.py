"""One pack as one trial of Ray Tune."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import ray
from ray.tune import Trainable

from analysis.metric import Unreached
from pinn_core.plugins import PluginError, load_shipped
from sweeps.errors import StudyError
from sweeps.execution.context import FailsAgain, WorkerContext, trainer_at
from sweeps.execution.software import differences, installed
from sweeps.store.results import Outcome, Pruned
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import PackPlan, Run


class PackTrainable(Trainable):
    """One Tune trial: one pack. The worker stays and takes the next pack when it is done."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take a pack from ``trial_config``; raises ``StudyError`` for anything else.

        So it does on a node that joined later, with other software than the driver's.
        """
        self._pack, self._context = read_trial_config(config)
        if other := differences(installed(), self._context.software or {}):
            address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
            raise StudyError(f"node {address} has {other}")
        import_module("sweeps.execution.training")  # torch with it: the driver takes neither
        trainer_at(self._context.trainer)  # what it cannot import, it says before it trains
        self.config = {}  # Tune would send it back with the result, and the driver keep it

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train and commit the whole pack.

        ``full`` says why the study has to stop, ``lost`` why this pack need not be tried again.
        """
        from sweeps.execution.training import train_pack

        try:
            values = train_pack(self._pack, self._context)
        except CannotWrite as error:
            return {"done": True, "full": str(error)}
        except FailsAgain as error:
            return {"done": True, "lost": str(error)}
        return {"done": True, **result_of(values)}


def result_of(values: Mapping[str, Outcome]) -> dict[str, Any]:
    """What the runs of a trial reached, by run id, as the plain values that Tune sends."""
    return {"run_ids": list(values), "values": [_plain(value) for value in values.values()]}


def values_of(result: Mapping[str, Any]) -> dict[str, Outcome]:
    """The same read back from the result of a trial's step."""
    return dict(zip(result["run_ids"], map(_outcome, result["values"]), strict=True))


def _plain(value: Outcome) -> object:
    return {type(value).__name__: list(value)} if isinstance(value, tuple) else value


def _outcome(plain: Any) -> Outcome:  # noqa: ANN401
    if not isinstance(plain, dict):
        return plain  # type: ignore[no-any-return]
    ((name, fields),) = plain.items()
    return Pruned(*fields) if name == Pruned.__name__ else Unreached(*fields)


def trial_config(pack: PackPlan, context: WorkerContext) -> dict[str, Any]:
    """A pack as a Tune trial's configuration; packed small, for the driver keeps one per trial."""
    runs = json.dumps([run.to_dict() for run in pack.runs]).encode()
    packed = base64.b64encode(zlib.compress(runs)).decode()
    return {"pack_id": pack.pack_id, "runs": packed, "context": vars(context)}


def read_trial_config(config: Mapping[str, Any]) -> tuple[PackPlan, WorkerContext]:
    """The pack and the context that ``trial_config`` wrote.

    Raises ``StudyError`` for anything else: Tune has been seen to start a trial with an empty
    configuration.
    """
    expected = {"pack_id", "runs", "context"}
    if set(config) != expected:
        found = ", ".join(sorted(config)) or "nothing"
        raise StudyError(f"trial: found the keys {found}, allowed: {', '.join(sorted(expected))}")
    context = WorkerContext(**config["context"])
    try:
        for plugin in context.plugins:
            load_shipped(plugin)
    except PluginError as error:
        raise StudyError(str(error)) from error
    plain = json.loads(zlib.decompress(base64.b64decode(config["runs"])))
    runs = tuple(Run.from_dict(run) for run in plain)
    return PackPlan(config["pack_id"], runs), context
