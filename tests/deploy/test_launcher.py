"""What ``ray up`` reads: Ray accepts it, and it keeps a cluster safe, cheap and of one version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil

from tests.deploy.files import LAUNCHER_FILES, ROOT, load, python, ray_tag

TOKEN = ".ray/auth_token"


@pytest.fixture
def cluster() -> dict[str, Any]:
    return load(ROOT / "cluster.yaml")


@pytest.fixture
def head(cluster: dict[str, Any]) -> dict[str, Any]:
    return dict(cluster["available_node_types"][cluster["head_node_type"]])


@pytest.fixture
def workers(cluster: dict[str, Any]) -> dict[str, dict[str, Any]]:
    types = cluster["available_node_types"]
    return {name: types[name] for name in types if name != cluster["head_node_type"]}


@pytest.mark.parametrize("file", LAUNCHER_FILES, ids=lambda file: file.name)
def test_ray_accepts_it(file: Path) -> None:
    validate_config(prepare_config(load(file)))


def test_ray_refuses_what_it_does_not_know(cluster: dict[str, Any]) -> None:
    prepared = prepare_config(cluster) | {"idle_timeout": 5}
    with pytest.raises(Exception, match="idle_timeout"):
        validate_config(prepared)


@pytest.mark.parametrize("file", LAUNCHER_FILES, ids=lambda file: file.name)
def test_the_head_runs_no_trial_and_shows_its_dashboard_to_itself_alone(file: Path) -> None:
    start = load(file)["head_start_ray_commands"][-1]
    assert "--num-cpus=0" in start
    assert "--dashboard-host=127.0.0.1" in start


def test_the_head_has_no_gpu_to_offer_and_is_not_spot(head: dict[str, Any]) -> None:
    assert head["resources"] == {"CPU": 0}
    assert head["max_workers"] == 0
    assert "InstanceMarketOptions" not in head["node_config"]


@pytest.mark.parametrize("file", LAUNCHER_FILES, ids=lambda file: file.name)
def test_every_node_has_the_token_for_its_owner_alone_and_uses_it(file: Path) -> None:
    config = load(file)
    (mounted,) = [there for there in config["file_mounts"] if there.endswith(TOKEN)]
    assert config["file_mounts"][mounted] == f"~/{TOKEN}"
    assert f"chmod 600 ~/{TOKEN}" in config["setup_commands"]
    for node in ("head", "worker"):
        starts = [one for one in config[f"{node}_start_ray_commands"] if "ray start" in one]
        assert starts
        assert all("RAY_AUTH_MODE=token ray start" in start for start in starts)


def test_workers_start_from_none_and_are_capped_and_go_when_idle(
    cluster: dict[str, Any], workers: dict[str, dict[str, Any]]
) -> None:
    for worker in workers.values():
        assert worker["resources"]["GPU"] >= 1
        assert worker["min_workers"] == 0
        assert 1 <= worker["max_workers"] <= cluster["max_workers"]
    assert 1 <= cluster["idle_timeout_minutes"] <= 60
    assert cluster["provider"]["cache_stopped_nodes"] is False


def launched(cluster: dict[str, Any], packs: int, **available: float) -> dict[str, int]:
    """What Ray's own autoscaler would start for packs that want a quarter of a GPU each."""
    config = AutoscalingConfig(prepare_config(cluster), skip_content_hash=True)
    pack = ResourceRequestUtil.make({"CPU": 1, "GPU": 0.25})
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=config.get_node_type_configs(),
        max_num_nodes=config.get_max_num_worker_nodes(),  # the head is not among these
        resource_requests=ResourceRequestUtil.group_by_count([pack] * packs),
        recoverable_resource_availabilities=available,
    )
    reply = ResourceDemandScheduler().schedule(request)
    return {one.instance_type: one.count for one in reply.to_launch if one.instance_type != "head"}


def test_spot_comes_first(cluster: dict[str, Any]) -> None:
    assert launched(cluster, packs=8) == {"spot_worker": 2}


def test_where_there_is_no_spot_on_demand_takes_its_place(cluster: dict[str, Any]) -> None:
    assert launched(cluster, packs=8, spot_worker=0.0) == {"on_demand_worker": 2}


def test_no_demand_passes_the_budget(cluster: dict[str, Any]) -> None:
    assert sum(launched(cluster, packs=1000).values()) == cluster["max_workers"]


def test_both_kinds_of_worker_differ_in_nothing_but_how_they_are_paid_for(
    workers: dict[str, dict[str, Any]],
) -> None:
    spot, on_demand = workers["spot_worker"], workers["on_demand_worker"]
    assert spot["node_config"].pop("InstanceMarketOptions") == {"MarketType": "spot"}
    assert spot["node_config"] == on_demand["node_config"]
    assert spot["resources"] == on_demand["resources"]


def test_what_it_costs_at_most_adds_up(cluster: dict[str, Any]) -> None:
    text = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
    sums = re.findall(
        r"^# .*xlarge +([\d.]+) \+ disk ([\d.]+) \+ address ([\d.]+) = ([\d.]+)", text, re.M
    )
    assert len(sums) == 2
    for *parts, total in sums:
        assert sum(map(float, parts)) == pytest.approx(float(total))
    whole = re.search(r"^# +([\d.]+) \+ (\d+) x ([\d.]+) = ([\d.]+)", text, re.M)
    assert whole is not None
    assert (whole[1], whole[3]) == (sums[0][3], sums[1][3])
    assert int(whole[2]) == cluster["max_workers"]
    assert float(whole[1]) + int(whole[2]) * float(whole[3]) == pytest.approx(
        float(whole[4]), abs=5e-3
    )


def test_images_have_the_ray_and_the_python_of_the_tested_set(cluster: dict[str, Any]) -> None:
    assert cluster["docker"]["head_image"] == f"rayproject/ray:{ray_tag()}-cpu"
    assert cluster["docker"]["worker_image"] == f"rayproject/ray:{ray_tag()}-gpu"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ".".join(python()) in SpecifierSet(project["requires-python"])


def test_what_is_sent_to_the_nodes_exists_and_is_the_project_alone(cluster: dict[str, Any]) -> None:
    sent = [local for local in cluster["file_mounts"].values() if not local.startswith("~")]
    assert all((ROOT / local).exists() for local in sent)
    assert {"pinn_core", "sweeps", "analysis", "pyproject.toml", "constraints.txt"} <= set(sent)
    assert not {".", "runs", ".venv"} & set(sent)


def test_every_machine_of_ones_own_is_in_use() -> None:
    config = load(LAUNCHER_FILES[1])
    machines = len(config["provider"]["worker_ips"])
    assert (config["min_workers"], config["max_workers"]) == (machines, machines)
