"""Reasons that speak of the monitor itself: Ready, Injected, Reporting, Intercepting, GPUVisible."""

from llmmonitor_api.conditions.registry import Reason, Status, fails, holds, not_judged, undecided

# Ready
MONITORING = holds("Monitoring", "The sidecars are in and their reports are fresh.")
NOTHING_TO_MONITOR = Reason(
    "NoMatchingPods",
    Status.TRUE,
    "The selector matches no running pod; the monitor works and waits, so that scale-to-zero does not hang.",
    remedy="Nothing if the model is scaled to zero; otherwise compare spec.selector with the pods' labels.",
)
CONFLICTED = fails(
    "Conflicted",
    "An older LLMMonitor matches the same pods, and a pod has only one sidecar.",
    "Delete one of the two monitors, or narrow its selector.",
)
INVALID_SPEC = fails(
    "InvalidSpec",
    "The spec breaks a rule that the API server could not check (the last valid one stays in force, under "
    "the next leader too), or the namespace is one in which nothing is monitored.",
    "Correct what the message lists.",
)
PARTLY_MONITORED = fails(
    "PartlyMonitored",
    "Some matching pods have no working sidecar, so figures speak only of the rest.",
    "See status.pods.notMonitored for the pods and why.",
)

# Injected
ALL_INJECTED = holds("AllInjected", "Every matching pod has the current sidecar.")
POD_PREDATES_MONITOR = fails(
    "PodPredatesMonitor",
    "A matching pod is older than the monitor and has not got the sidecar yet.",
    "Nothing under Restart, which replaces it in its turn; under Ignore, restart the pod, or use Attach.",
)
WEBHOOK_MISSED = fails(
    "WebhookMissed",
    "A pod was created after the monitor without a sidecar: the webhook did not answer in time.",
    "Nothing, the operator attaches it; if it recurs, look at the webhook's Deployment.",
)
NOT_INJECTED = fails(
    "NotInjected",
    "A pod was created after the monitor without a sidecar, and rightly so: the webhook is off, is not asked"
    " in this namespace, or must not inject into such a pod, as the message says.",
    "Nothing, the operator attaches it; to have it injected, change what the message names.",
)
POD_SECURITY_FORBIDS = fails(
    "PodSecurityForbids",
    "Pod Security Admission of the namespace refuses what the sidecar needs.",
    "Use interception.mode Off or Port, or label the namespace for a level that allows NET_ADMIN.",
)
OUTDATED = fails(
    "Outdated",
    "A sidecar is of an older version, or holds settings that cannot be pushed to a running one.",
    "Restart the pod when convenient; existingPods Restart does it for settings, never for a version.",
)
SIDECAR_BLOCKS_POD = fails(
    "SidecarBlocksPod",
    "An injected sidecar did not start within 30 s, so injection stopped in this namespace.",
    "Correct what the message names (image, pull secret, security policy); injection then resumes.",
)
INJECTION_SUSPENDED = fails(
    "InjectionSuspended",
    "The API server refused pods that carry the sidecar, so injection stopped in this namespace.",
    "Raise the quota or limit that the message names, or allow the sidecar in the policy it names.",
)
NO_MEMORY_HEADROOM = fails(
    "NoMemoryHeadroom",
    "The pod's memory limit leaves too little beside the model to attach a sidecar safely.",
    "Raise the pod's memory limit, or restart the pod so that the sidecar is injected with its own.",
)
ATTACH_EXHAUSTED = fails(
    "AttachExhausted",
    "A sidecar was attached to this pod ten times, and attached containers cannot be removed.",
    "Restart the pod.",
)
NOT_RESTARTABLE = fails(
    "NotRestartable",
    "existingPods is Restart, but the pod has no controller with two ready replicas to replace it.",
    'Restart it yourself, use Attach, or allow it by the annotation `llmmonitor.io/restart: "true"`.',
)
RESTART_STOPPED = fails(
    "RestartStopped",
    "existingPods is Restart, and a replaced pod's successor was not Ready and monitored in time.",
    "Correct what the message names; it goes on when that pod is gone or the spec changes.",
)
SIDECAR_NOT_STARTED = fails(
    "SidecarNotStarted",
    "A sidecar was put into the pod and does not run; the model is not held up by it.",
    "Correct what the message names (image, pull secret, security policy); it is tried again by itself.",
)
SIDECAR_STARTING = undecided(
    "SidecarStarting",
    "A sidecar is being put into a pod, or has had no time to start yet.",
    "Wait: after 30 s it is said why it does not run.",
)
MODEL_SERVER_NOT_FOUND = fails(
    "ModelServerNotFound",
    "No container of the pod is recognised as the one that serves the model, so there is nothing to read.",
    "Set spec.target.container and spec.target.port.",
)
OPTED_OUT = not_judged(
    "OptedOut", "Every matching pod that has no sidecar says by annotation that it shall have none."
)
WORKER = not_judged(
    "Worker", "Every matching pod is the worker of a group whose leader serves: it needs no sidecar."
)
PREFLIGHT_PENDING = undecided(
    "PreflightPending",
    "It is not known yet whether the namespace admits the sidecar.",
    "Wait: it is tried on the first running pod.",
)

# Reporting
ALL_REPORTING = holds("AllReporting", "Every sidecar reported within three report intervals.")
STALE = fails(
    "Stale",
    "A sidecar answers, but its newest report is older than three report intervals.",
    "Look at the sidecar's log: its analyser is stuck or starved.",
)
UNREACHABLE = fails(
    "Unreachable",
    "A sidecar's report cannot be fetched.",
    "Look at the pod. If a NetworkPolicy selects it, let the operator in (docs/install.md, NetworkPolicies).",
)

# Intercepting
TRAFFIC_READ = holds("TrafficRead", "New connections to the model are read; the message gives their share.")
MESH_REDIRECTS = fails(
    "MeshRedirects",
    "A service mesh already redirects this pod's traffic.",
    "Engine metrics still work; use interception.mode Port to have traffic read behind the mesh.",
)
HOST_NETWORK = fails(
    "HostNetwork",
    "The pod uses the node's network, where the sidecar must not touch the packet filter.",
    "Use interception.mode Port, or give the pod a network of its own.",
)
ENCRYPTED = fails(
    "Encrypted",
    "The model server terminates TLS itself, so bytes are forwarded but cannot be read.",
    "Terminate TLS before the pod, or rely on engine metrics.",
)
KERNEL_UNSUPPORTED = fails(
    "KernelUnsupported",
    "The node's kernel or container runtime has no transparent proxying.",
    "Use interception.mode Port, or a node with nft_tproxy.",
)
STARVED_OF_CPU = fails(
    "StarvedOfCPU",
    "The relay waited too long for a CPU and stepped aside: new connections go straight to the model.",
    "Give the sidecar CPU requests (inject instead of attach), or raise interception.maxAddedLatency.",
)
RELAY_STALLED = fails(
    "RelayStalled",
    "The relay gave no heartbeat or added more than interception.maxAddedLatency, and stepped aside.",
    "Nothing, it retries with back-off; if it recurs, see the sidecar's log.",
)
RELAY_DOWN = fails(
    "RelayDown",
    "The relay's process ended, and its successor is not ready yet.",
    "Nothing, it is started anew with back-off; if it recurs, see the sidecar's log.",
)
PORT_TAKEN = fails(
    "PortTaken",
    "Another process listens on the port that the relay needs for itself.",
    "Give one of the two another port; the sidecar tries again by itself.",
)
NOT_PERMITTED = fails(
    "NotPermitted",
    "The sidecar lacks NET_ADMIN, or may not leave root, so it cannot touch the packet filter.",
    "Allow NET_ADMIN, SETUID and SETGID to the sidecar's container, or use interception.mode Port or Off.",
)
SUPERVISOR_FAILED = fails(
    "SupervisorFailed",
    "The sidecar's supervisor failed; in mode Transparent nothing is intercepted while that lasts.",
    "Nothing, it is tried again; the sidecar's log has the error, which is a defect worth reporting.",
)
SHEDDING = fails(
    "Shedding",
    "More traffic came than the analyser's CPU can read, so a share of it is only counted.",
    "Figures are of the share the message gives; raise the sidecar's CPU to read more.",
)
SERVICE_USES_PORT_NUMBER = fails(
    "ServiceUsesPortNumber",
    "Port mode needs Services that name the port, and one names its number.",
    "Set the Service's targetPort to the port's name.",
)
SERVER_TOO_OLD = fails(
    "ServerTooOld",
    "Port mode needs Kubernetes 1.32 or newer.",
    "Use interception.mode Transparent, or upgrade the cluster.",
)
NEEDS_RESTART = fails(
    "NeedsRestart",
    "Port mode takes a pod's port over when the pod is created, and this one ran already.",
    "Restart the pod when convenient; until then engine metrics still work.",
)
MODEL_NOT_LISTENING = undecided(
    "ModelNotListening",
    "The model does not listen on its port, so its refusals are left as they are and nothing is read.",
    "Wait while it loads; otherwise look at the model's container.",
)
STARTING = undecided("Starting", "The relay has been started and is not ready yet.", "Wait some seconds.")
HANDING_OVER = undecided(
    "HandingOver",
    "An attached sidecar makes room for its successor of another version; new connections go straight to the"
    " model meanwhile.",
    "Wait: it takes half a minute at most.",
)
NO_TRAFFIC_YET = undecided(
    "NoTrafficYet", "Interception is on, and no connection has come yet.", "Send a request."
)

# GPUVisible
ALL_GPUS_MEASURED = holds(
    "AllGPUsMeasured", "Every GPU of the pods is measured; the message names the source."
)
NO_GPU_REQUESTED = not_judged("NoGPURequested", "No matching pod requests a GPU, and none was found.")
DRIVER_NOT_VISIBLE = fails(
    "DriverNotVisible",
    "GPUs are requested, but no sidecar can see the driver, and nothing else measures them.",
    "Let sidecars see the driver: the chart's sidecar.nvidiaDevices=All, on nodes with NVIDIA's runtime; or"
    " say where a DCGM exporter is: sidecar.dcgmExporter.",
)
NOT_ALL_GPUS_MEASURED = fails(
    "NotAllGPUsMeasured",
    "Some of the requested GPUs are not measured: lost, hidden, behind a silent driver, or not to be told"
    " from others.",
    "See the message for pod and cause; to tell GPUs apart, set spec.resources.processes to Shared.",
)
NO_EXPORTER = fails(
    "NoExporter",
    "No sidecar can see the driver, and the DCGM exporter that the chart names measures none of the pods'"
    " GPUs: it does not answer, or does not say which pod has which.",
    "See the message: the exporter's address (sidecar.dcgmExporter), a NetworkPolicy, a Service that leaves"
    " the node, or DCGM_EXPORTER_KUBERNETES not being true.",
)
