"""The RayJob: fields that KubeRay knows, a head without trials, a cap, secrets by name alone."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from tests.deploy.files import DEPLOY, load, pin, ray_tag

# Of KubeRay's reference for ray.io/v1, release 1.6.2: what a field may be, where Kubernetes would
# drop an unknown one without a word.
JOB = {
    "activeDeadlineSeconds", "backoffLimit", "clusterSelector", "deletionStrategy", "entrypoint",
    "entrypointNumCpus", "entrypointNumGpus", "entrypointResources", "jobId", "managedBy",
    "metadata", "preRunningDeadlineSeconds", "rayClusterSpec", "runtimeEnvYAML",
    "shutdownAfterJobFinishes", "submissionMode", "submitterConfig", "submitterPodTemplate",
    "suspend", "ttlSecondsAfterFinished",
}  # fmt: skip
CLUSTER = {
    "authOptions", "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions",
    "headGroupSpec", "headServiceAnnotations", "managedBy", "rayVersion", "suspend",
    "upgradeStrategy", "workerGroupSpecs",
}  # fmt: skip
AUTOSCALER = {
    "env", "envFrom", "idleTimeoutSeconds", "image", "imagePullPolicy", "resources",
    "securityContext", "upscalingMode", "version", "volumeMounts",
}  # fmt: skip
AUTHENTICATION = {"enableK8sTokenAuth", "mode", "secretName"}
GROUP = {"labels", "rayStartParams", "resources", "template"}
HEAD = GROUP | {"enableIngress", "headService", "serviceType"}
WORKERS = GROUP | {
    "groupName", "idleTimeoutSeconds", "maxReplicas", "minReplicas", "numOfHosts", "replicas",
    "scaleStrategy", "suspend",
}  # fmt: skip


@pytest.fixture
def spec() -> dict[str, Any]:
    job = load(DEPLOY / "kuberay" / "rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert len(job["metadata"]["name"]) <= 47  # KubeRay puts names of its own behind it
    return dict(job["spec"])


@pytest.fixture
def cluster(spec: dict[str, Any]) -> dict[str, Any]:
    return dict(spec["rayClusterSpec"])


def containers(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [one for group in groups for one in group["template"]["spec"]["containers"]]


def test_every_field_is_one_that_kuberay_knows(
    spec: dict[str, Any], cluster: dict[str, Any]
) -> None:
    assert set(spec) <= JOB
    assert set(cluster) <= CLUSTER
    assert set(cluster["autoscalerOptions"]) <= AUTOSCALER
    assert set(cluster["authOptions"]) <= AUTHENTICATION
    assert set(cluster["headGroupSpec"]) <= HEAD
    assert all(set(group) <= WORKERS for group in cluster["workerGroupSpecs"])


def test_all_pods_have_one_image_and_the_ray_that_was_tested(cluster: dict[str, Any]) -> None:
    assert cluster["rayVersion"] == pin("ray")
    assert len({container["image"] for container in containers(cluster)}) == 1
    recipe = (DEPLOY / "kuberay" / "Dockerfile").read_text(encoding="utf-8")
    assert f"\nFROM rayproject/ray:{ray_tag()}-gpu\n" in recipe
    assert "--constraint" in recipe


def test_the_head_runs_no_trial(cluster: dict[str, Any]) -> None:
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0", "num-gpus": "0"}


def test_workers_start_from_none_are_capped_and_have_a_gpu(cluster: dict[str, Any]) -> None:
    assert cluster["enableInTreeAutoscaling"] is True
    for group in cluster["workerGroupSpecs"]:
        assert (group["replicas"], group["minReplicas"]) == (0, 0)
        assert 1 <= group["maxReplicas"] <= 100
        (worker,) = group["template"]["spec"]["containers"]
        assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_nothing_without_a_token_and_no_secret_in_the_file(cluster: dict[str, Any]) -> None:
    assert cluster["authOptions"]["mode"] == "token"
    for variable in (one for each in containers(cluster) for one in each.get("env", [])):
        assert set(variable) == {"name", "valueFrom"}
        assert set(variable["valueFrom"]) == {"secretKeyRef"}


def test_the_command_resumes_and_the_cluster_ends_with_it(spec: dict[str, Any]) -> None:
    assert shlex.split(spec["entrypoint"])[:2] == ["pinn-sweep", "run"]
    assert spec["backoffLimit"] >= 1
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["activeDeadlineSeconds"] > 0
