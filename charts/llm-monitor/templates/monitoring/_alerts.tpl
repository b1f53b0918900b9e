{{/* A condition that is False is an alert: its type, the alert's name, severity, how long it must last, and what that means.
The message, with the figures it was judged by, is in the monitor's status; it is too long and too lively for a label. */}}
{{- define "llm-monitor.condition-alerts" -}}
- {type: PerformanceHealthy, alert: LLMPerformanceUnhealthy, severity: critical, for: 1m, means: answers too slowly or fails too often for its objectives or has stalled}
- {type: ResourcesHealthy, alert: LLMResourcesUnhealthy, severity: critical, for: 1m, means: is near or past a limit of memory or CPU or KV cache or has a failing GPU}
- {type: InteractionsSafe, alert: LLMInteractionsUnsafe, severity: critical, for: 1m, means: has more problematic interactions than its limits allow}
- {type: QualityHealthy, alert: LLMQualityUnhealthy, severity: critical, for: 1m, means: fails its probes or gets worse outcomes than before}
- {type: DriftFree, alert: LLMDrift, severity: warning, for: 5m, means: gets or gives something else than its baseline}
- {type: DataValid, alert: LLMDataInvalid, severity: warning, for: 5m, means: gets requests that fail its owner's checks}
- {type: VersionsComparable, alert: LLMVersionWorse, severity: warning, for: 5m, means: has a version that is worse than the one beside it}
- {type: WithinBudget, alert: LLMBudgetOverrun, severity: warning, for: 5m, means: has overrun its budget or will}
- {type: GPUVisible, alert: LLMMonitorGPUNotVisible, severity: info, for: 15m, means: has GPUs that nobody measures}
- {type: Ready, alert: LLMMonitorNotReady, severity: warning, for: 15m, means: is not monitored or only in part}
- {type: Injected, alert: LLMMonitorNotInjected, severity: warning, for: 15m, means: has pods without the current sidecar}
- {type: Reporting, alert: LLMMonitorNotReporting, severity: warning, for: 10m, means: has sidecars that do not report}
- {type: Intercepting, alert: LLMMonitorNotIntercepting, severity: warning, for: 15m, means: has traffic that is not being read}
{{- end }}
