"""cluster.yaml: Ray accepts it, and it says what keeps a cluster safe, cheap and of one version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from ray.autoscaler._private.util import prepare_config, validate_config
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def cluster() -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(ROOT / "cluster.yaml"))


@pytest.fixture
def head(cluster: dict[str, Any]) -> dict[str, Any]:
    return dict(cluster["available_node_types"][cluster["head_node_type"]])


@pytest.fixture
def workers(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    types = cluster["available_node_types"]
    return [types[name] for name in types if name != cluster["head_node_type"]]


def test_ray_accepts_it(cluster: dict[str, Any]) -> None:
    validate_config(prepare_config(cluster))


def test_ray_refuses_what_it_does_not_know(cluster: dict[str, Any]) -> None:
    prepared = prepare_config(cluster) | {"idle_timeout": 5}
    with pytest.raises(Exception, match="idle_timeout"):
        validate_config(prepared)


def test_the_head_runs_no_trial_and_is_not_spot(
    cluster: dict[str, Any], head: dict[str, Any]
) -> None:
    assert head["resources"] == {"CPU": 0}
    assert head["max_workers"] == 0
    assert "InstanceMarketOptions" not in head["node_config"]
    assert "--num-cpus=0" in cluster["head_start_ray_commands"][-1]


def test_workers_are_spot_start_from_none_and_are_capped(
    cluster: dict[str, Any], workers: list[dict[str, Any]]
) -> None:
    for worker in workers:
        assert worker["resources"]["GPU"] >= 1
        assert worker["min_workers"] == 0
        assert 1 <= worker["max_workers"] <= cluster["max_workers"]
        assert worker["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
    assert 1 <= cluster["idle_timeout_minutes"] <= 60
    assert cluster["provider"]["cache_stopped_nodes"] is False


def test_images_have_the_ray_and_the_python_of_the_tested_set(cluster: dict[str, Any]) -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    ray = re.search(r"^ray==(\S+)$", constraints, re.MULTILINE)
    python = re.search(r"^# .*Python (\d+)\.(\d+)", constraints, re.MULTILINE)
    assert ray is not None
    assert python is not None
    tag = f"{ray[1]}-py{python[1]}{python[2]}"
    assert cluster["docker"]["head_image"] == f"rayproject/ray:{tag}-cpu"
    assert cluster["docker"]["worker_image"] == f"rayproject/ray:{tag}-gpu"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"{python[1]}.{python[2]}" in SpecifierSet(project["requires-python"])


@pytest.mark.parametrize("commands", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_no_node_starts_without_a_token(cluster: dict[str, Any], commands: str) -> None:
    starts = [command for command in cluster[commands] if "ray start" in command]
    assert starts
    assert all("RAY_AUTH_MODE=token ray start" in command for command in starts)
    assert cluster["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"


def test_the_dashboard_listens_on_loopback(cluster: dict[str, Any]) -> None:
    assert "--dashboard-host=127.0.0.1" in cluster["head_start_ray_commands"][-1]


def test_what_is_sent_to_the_nodes_exists_and_is_the_project_alone(cluster: dict[str, Any]) -> None:
    sent = [local for local in cluster["file_mounts"].values() if not local.startswith("~")]
    assert all((ROOT / local).exists() for local in sent)
    assert {"pinn_core", "sweeps", "analysis", "pyproject.toml", "constraints.txt"} <= set(sent)
    assert not {".", "runs", ".venv"} & set(sent)


def test_every_container_sees_the_file_system_that_its_node_mounts(cluster: dict[str, Any]) -> None:
    assert any("mount -t nfs4" in command for command in cluster["initialization_commands"])
    assert cluster["docker"]["run_options"] == ["--volume /mnt/runs:/mnt/runs"]
