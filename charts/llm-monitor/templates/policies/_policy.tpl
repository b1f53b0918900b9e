{{/*
The operator's rights are needed, and each could be abused by whoever steals its token. RBAC can't say how a right is
used; these policies do. They bind one user, the operator's ServiceAccount, and no one else. They hold for every
namespace, fail closed, and don't depend on the operator running.
*/}}

{{- define "llm-monitor.policy.only-the-operator" -}}
- name: only-the-operator
  expression: request.userInfo.username == '{{ include "llm-monitor.operator-user" . }}'
{{- end }}

{{/* Takes (list $ "attach"). No Warn: the operator is no person; Audit puts the refusal into the audit log. */}}
{{- define "llm-monitor.policy.binding" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s" (include "llm-monitor.fullname" $root) (index . 1) -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "llm-monitor.labels" $root | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny, Audit]
{{- end }}

{{/* A CEL list of the namespaces that are not for us. */}}
{{- define "llm-monitor.policy.namespaces" -}}
{{- if .Values.watchNamespaces -}}
- expression: request.namespace in {{ .Values.watchNamespaces | toJson | replace "\"" "'" }}
  message: "LLM Monitor was installed for {{ join ", " .Values.watchNamespaces }} only (watchNamespaces)."
{{- else -}}
- expression: "!(request.namespace in ['{{ include "llm-monitor.the-clusters-own" . | replace ", " "', '" }}', '{{ .Release.Namespace }}'])"
  message: "LLM Monitor stays out of the cluster's own namespaces and of its own."
{{- end }}
{{- end }}
