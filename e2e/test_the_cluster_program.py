"""What of the cluster's own program can be tested without a cluster."""

from __future__ import annotations

import io
import json
import re
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from e2e.cluster import audit, binaries, cgroups, kubeconfig, mounts
from e2e.cluster.errors import ClusterUnavailable
from e2e.cluster.images import Image, archive
from e2e.cluster.layout import KUBERNETES_VERSION, Layout
from e2e.cluster.pki import Authority
from e2e.rights import Right, allows


def test_the_version_is_said_the_same_in_go_mod_with_every_staging_module_beside_it() -> None:
    module = (Path(binaries.__file__).with_name("go.mod")).read_text()
    minor = KUBERNETES_VERSION.removeprefix("1.")

    assert re.search(rf"\tk8s\.io/kubernetes v{re.escape(KUBERNETES_VERSION)}( |\n)", module)
    replaced = re.findall(r"\t(k8s\.io/[a-z-]+) => \1 v0\.(\S+)\n", module)
    assert len(replaced) == 31
    assert {version for _, version in replaced} == {minor}


def test_kubebuilder_assets_are_taken_when_complete_and_named_when_not(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state", tmp_path / "cache")
    environment = {"KUBEBUILDER_ASSETS": str(tmp_path)}
    for name in binaries.PROGRAMS:
        if name not in {"kubelet", "kube-proxy"}:
            (tmp_path / name).touch(mode=0o755)

    with pytest.raises(ClusterUnavailable, match="lacks kube-proxy, kubelet;"):
        binaries.find(layout, environment)

    (tmp_path / "kubelet").touch(mode=0o755)
    (tmp_path / "kube-proxy").touch(mode=0o755)
    assert binaries.find(layout, environment) == tmp_path


def test_certificates_hold_by_name_and_address_and_only_under_their_authority(tmp_path: Path) -> None:
    authority, other = Authority.create(tmp_path, "ca"), Authority.create(tmp_path, "other")
    issued = authority.issue("server", "server", ("a-group",), hosts=("kubernetes.default.svc", "10.96.0.1"))
    certificate = x509.load_pem_x509_certificate(issued.certificate.read_bytes())

    def verified_by(trusted: Authority, name: x509.GeneralName) -> bool:
        root = x509.load_pem_x509_certificate(trusted.files.certificate.read_bytes())
        assert isinstance(name, x509.DNSName | x509.IPAddress)
        verifier = PolicyBuilder().store(Store([root])).time(datetime.now(UTC)).build_server_verifier(name)
        try:
            verifier.verify(certificate, [])
        except x509.verification.VerificationError:
            return False
        return True

    assert verified_by(authority, x509.DNSName("kubernetes.default.svc"))
    assert not verified_by(authority, x509.DNSName("elsewhere"))
    assert not verified_by(other, x509.DNSName("kubernetes.default.svc"))
    assert certificate.subject.rfc4514_string() == "CN=server,O=a-group"
    assert issued.key.stat().st_mode & 0o077 == 0


def test_a_kubeconfig_carries_its_certificates_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ca")
    path = tmp_path / "kubeconfigs" / "admin"

    kubeconfig.write(path, "https://10.0.0.1", authority.files.certificate, authority.issue("admin", "admin"))

    document = json.loads(path.read_text())
    assert document["clusters"][0]["cluster"]["server"] == "https://10.0.0.1"
    assert document["users"][0]["user"].keys() == {"client-certificate-data", "client-key-data"}
    assert path.stat().st_mode & 0o077 == 0


def test_mounts_are_found_below_the_state_alone_the_last_first() -> None:
    mountinfo = (
        "1 0 0:1 / /state rw - ext4 /dev/vda rw\n"
        "2 1 0:2 / /state/a rw - tmpfs tmpfs rw\n"
        "3 2 0:3 / /state/a/with\\040space rw - overlay overlay rw\n"
        "4 1 0:4 / /state-of-another rw - tmpfs tmpfs rw\n"
    )

    assert mounts.below(Path("/state"), mountinfo) == ["/state/a/with space", "/state/a"]


def test_cgroup_hierarchies_of_both_versions(tmp_path: Path) -> None:
    first, second = tmp_path / "v1", tmp_path / "v2"
    for group in (first / "pids", first / "memory", second / "system.slice"):
        group.mkdir(parents=True)
        (group / "cgroup.procs").touch()
    (first / "cpu,cpuacct").symlink_to("memory")
    (second / "cgroup.controllers").touch()

    assert cgroups.hierarchies(first) == [first / "memory", first / "pids"]
    assert cgroups.hierarchies(second) == [second]


def test_the_audit_log_says_who_asked_for_what_and_a_line_half_written_waits(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    event = {
        "verb": "patch",
        "user": {"username": "system:serviceaccount:llm-monitor:llm-monitor-operator"},
        "requestURI": "/api/v1/namespaces/prod/pods/chat-0/ephemeralcontainers?dryRun=All",
        "objectRef": {
            "resource": "pods",
            "namespace": "prod",
            "name": "chat-0",
            "apiVersion": "v1",
            "subresource": "ephemeralcontainers",
        },
        "responseStatus": {"metadata": {}, "code": 403},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        "requestReceivedTimestamp": "2026-01-05T12:00:00.250000Z",
    }
    log.write_text(json.dumps(event) + "\n" + json.dumps(event)[:40])

    [request] = audit.requests(log)

    account = (request.namespace_of_account, request.account)
    assert account == ("llm-monitor", "llm-monitor-operator")
    assert (request.verb, request.group, request.resource) == ("patch", "", "pods/ephemeralcontainers")
    assert (request.status, request.allowed) == (403, True), "refused by a policy, not by RBAC"
    assert request.at.timestamp() == 1_767_614_400.25
    assert list(audit.requests(tmp_path / "absent")) == []


def test_a_right_in_all_namespaces_covers_one_and_not_the_other_way_round() -> None:
    everywhere, here = Right("get", "", "pods", ""), Right("get", "", "pods", "prod")

    assert allows(everywhere, here)
    assert allows(here, here)
    assert not allows(here, everywhere)
    assert not allows(here, here._replace(namespace="other"))
    assert not allows(everywhere, here._replace(verb="list"))


def test_an_image_is_a_manifest_a_configuration_and_one_layer(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!")

    content = archive(Image("localhost/x:1", ["/bin/x"], {"bin/x": program}, {"bin/y": "x"}))

    with tarfile.open(fileobj=io.BytesIO(content)) as image:
        [manifest] = json.load(image.extractfile("manifest.json") or io.BytesIO())
        layer = image.extractfile(manifest["Layers"][0])
        assert layer
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as files:
            assert {(one.name, one.mode, one.linkname) for one in files} == {
                ("bin/x", 0o755, ""),
                ("bin/y", 0o644, "x"),
            }
    assert manifest["RepoTags"] == ["localhost/x:1"]
