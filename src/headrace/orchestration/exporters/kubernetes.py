"""Kubernetes: what serves, and what runs the pipeline by the clock, as manifests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.orchestration.exporting import Exported, Exporter, as_yaml, check_image, made_by

__all__ = ["Kubernetes"]

_PORT = 8080
_HOME = "/var/lib/headrace"
_PROJECT = "/app"


@dataclass(frozen=True)
class Kubernetes(Exporter):
    """A Deployment, its Service and autoscaler for `headrace serve`, and a CronJob for the pipeline.

    Parameters
    ----------
    image : str
        The image with headrace and, in `/app`, the project.
    claim : str
        The PersistentVolumeClaim with the store, mounted by all of them; ReadWriteMany where there are several nodes.
    secret : str
        The Secret whose keys become environment variables: tokens of the server, passwords of sources.
    replicas, most_replicas : str
        How many servers there are at first, and at most.
    cpu, memory : str
        What each server asks for; memory is its limit too.

    A server is ready when each of its models has answered a probe, is restarted when it does not live, and drains
    before it ends. It runs as no root, on a read-only file system, with no right it does not need, and no access to the
    cluster. Without a schedule in the pipeline the CronJob looks each ten minutes whether anything has changed.

    Raises InvalidInput without an image, or for numbers that are none.

    Source: Kubernetes API 1.31: apps/v1, v1, autoscaling/v2, batch/v1.
    """

    image: str = ""
    claim: str = "headrace-store"
    secret: str = "headrace"  # noqa: S105  # its name
    replicas: str = "2"
    most_replicas: str = "8"
    cpu: str = "1"
    memory: str = "1Gi"

    def __post_init__(self) -> None:
        check_image(self.image, "kubernetes")
        for name in ("replicas", "most_replicas"):
            if not getattr(self, name).isdigit() or int(getattr(self, name)) < 1:
                raise InvalidInput(f"{name}={getattr(self, name)!r}", expected="a whole number, at least 1")

    def text(self, exported: Exported) -> str:
        """The manifests, as YAML documents."""
        return as_yaml(made_by("kubernetes", exported), self._manifests(exported))

    def _manifests(self, exported: Exported) -> list[dict[str, Any]]:
        name = f"headrace-{exported.pipeline.lower().replace('_', '-')}"
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "headrace"}
        serves = {**labels, "app.kubernetes.io/component": "server"}
        return [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "labels": serves},
                "spec": {
                    "replicas": int(self.replicas),
                    "selector": {"matchLabels": serves},
                    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                    "template": {"metadata": {"labels": serves}, "spec": self._pod(self._server(), is_server=True)},
                },
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "labels": serves},
                "spec": {"selector": serves, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
            },
            {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": name, "labels": serves},
                "spec": {
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "minReplicas": int(self.replicas),
                    "maxReplicas": max(int(self.replicas), int(self.most_replicas)),
                    "metrics": [
                        {
                            "type": "Resource",
                            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                        }
                    ],
                },
            },
            self._clock(exported, name, labels),
        ]

    def _clock(self, exported: Exported, name: str, labels: dict[str, str]) -> dict[str, Any]:
        runs = {**labels, "app.kubernetes.io/component": "pipeline"}
        schedule = exported.schedule
        command = self._container("pipeline", ["headrace", "up", "--once", exported.target.partition(":")[0]])
        return {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": f"{name}-pipeline", "labels": runs},
            "spec": {
                "schedule": "*/10 * * * *" if schedule is None else schedule.expression,
                "timeZone": "Etc/UTC" if schedule is None else schedule.time_zone,
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {
                    "spec": {
                        "backoffLimit": 0,
                        "template": {"metadata": {"labels": runs}, "spec": self._pod(command, is_server=False)},
                    }
                },
            },
        }

    def _server(self) -> dict[str, Any]:
        command = ["headrace", "serve", "--host", "0.0.0.0", "--port", str(_PORT), "--workers", "1"]  # noqa: S104  # inside a pod, behind its token
        probe = {"periodSeconds": 5, "timeoutSeconds": 2}
        return {
            **self._container("server", command),
            "ports": [{"name": "http", "containerPort": _PORT}],
            "startupProbe": {"httpGet": {"path": "/health/ready", "port": "http"}, **probe, "failureThreshold": 60},
            "readinessProbe": {"httpGet": {"path": "/health/ready", "port": "http"}, **probe},
            "livenessProbe": {"httpGet": {"path": "/health/live", "port": "http"}, **probe, "failureThreshold": 6},
        }

    def _container(self, name: str, command: list[str]) -> dict[str, Any]:
        return {
            "name": name,
            "image": self.image,
            "command": command,
            "workingDir": _PROJECT,
            "env": [{"name": "HEADRACE_HOME", "value": _HOME}],
            "envFrom": [{"secretRef": {"name": self.secret, "optional": True}}],
            "resources": {
                "requests": {"cpu": self.cpu, "memory": self.memory},
                "limits": {"memory": self.memory},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "store", "mountPath": _HOME}, {"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108  # of the pod
        }

    def _pod(self, container: dict[str, Any], *, is_server: bool) -> dict[str, Any]:
        return {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "store", "persistentVolumeClaim": {"claimName": self.claim}},
                {"name": "scratch", "emptyDir": {}},
            ],
            **({"terminationGracePeriodSeconds": 60} if is_server else {"restartPolicy": "Never"}),
        }
