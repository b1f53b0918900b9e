"""Who is who in the cluster: which certificate and kubeconfig each component gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import kubeconfig
from e2e.cluster.layout import API_URL, KUBERNETES_SERVICE_IP, Layout, Node
from e2e.cluster.pki import Authority, Certificate, KeyPair, signing_keys

_API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files of keys and certificates, and what makes more of them."""

    layout: Layout
    authority: Authority
    front_proxy_authority: Authority
    api_server: Certificate
    api_server_to_kubelets: Certificate
    front_proxy: Certificate
    service_accounts: KeyPair

    @classmethod
    def create(cls, layout: Layout, control_plane: Node) -> Credentials:
        """New authorities and the API server's own certificates."""
        authority = Authority.create(layout.pki, "ca")
        front = Authority.create(layout.pki, "front-proxy-ca")
        hosts = (*_API_NAMES, KUBERNETES_SERVICE_IP, control_plane.address)
        return cls(
            layout=layout,
            authority=authority,
            front_proxy_authority=front,
            api_server=authority.issue("kube-apiserver", "kube-apiserver", hosts=hosts),
            api_server_to_kubelets=authority.issue("kubelet-client", "kubelet-client", ("system:masters",)),
            front_proxy=front.issue("front-proxy-client", "front-proxy-client"),
            service_accounts=signing_keys(layout.pki, "service-accounts"),
        )

    def kubeconfig(self, file: str, user: str, groups: tuple[str, ...] = ()) -> Path:
        """A kubeconfig for `user`, named `file`."""
        client = self.authority.issue(file, user, groups)
        return kubeconfig.write(
            self.layout.kubeconfigs / file, API_URL, self.authority.files.certificate, client
        )

    def kubelet_server(self, node: Node) -> Certificate:
        """What the kubelet shows to the API server that asks for logs or exec."""
        return self.authority.issue(f"{node.name}-server", node.name, hosts=(node.name, node.address))
