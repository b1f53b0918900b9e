{{/* What the operator may do where it watches: in the whole cluster, or in each of watchNamespaces. Every rule says what for. */}}
{{- define "llm-monitor.operator.rules" -}}
# The monitors to act for.
- apiGroups: [llmmonitor.io]
  resources: [llmmonitors]
  verbs: [list, watch]
# Conditions and figures; the spec stays the owner's.
- apiGroups: [llmmonitor.io]
  resources: [llmmonitors/status]
  verbs: [patch]
# Which pods match, where their engines listen, whether our sidecar runs.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Attaching: and nothing but our own container, as the admission policy {{ include "llm-monitor.fullname" . }}-attach enforces.
- apiGroups: [""]
  resources: [pods/ephemeralcontainers]
  verbs: [patch]
# A pod whose model an injected sidecar keeps from starting comes back without it, and existingPods Restart replaces
# pods by ones with the sidecar; disruption budgets hold, as the admission policy {{ include "llm-monitor.fullname" . }}-evict sees to.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
# existingPods Restart: whether another replica serves while one is replaced, and whether all are Ready again.
# And whether a monitor selects the pods that one of them could not create: else injection need not stop for it.
- apiGroups: [apps]
  resources: [replicasets, statefulsets]
  verbs: [get]
# The same for groups of pods that serve one model; a cluster without that kind grants nothing by it.
- apiGroups: [leaderworkerset.x-k8s.io]
  resources: [leaderworkersets]
  verbs: [get]
# Whether clients reach the model's port by name or by number.
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
# Whether our sidecar would be refused by the namespace's quotas and limits.
- apiGroups: [""]
  resources: [resourcequotas, limitranges]
  verbs: [list, watch]
# How much memory pods use whose requests alone would leave no room for an attached sidecar, and what models use
# whose processes their sidecar cannot see (metrics-server).
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [list]
# What changed, told on the monitor; and FailedCreate, which stops injection in that namespace at once.
- apiGroups: [""]
  resources: [events]
  verbs: [create, list, watch]
{{- end }}
