"""Reasons that speak of what is said: DriftFree, DataValid, InteractionsSafe, QualityHealthy."""

from llmmonitor_api.conditions.registry import fails, holds, not_judged, undecided

# DriftFree
NO_DRIFT = holds("NoDrift", "No feature of the requests or answers left its baseline.")
INPUT_DRIFT = fails(
    "InputDrift",
    "What is asked no longer looks like the baseline; the message names the features.",
    "Check who sends the traffic; if it is the new normal: llm-monitor accept NAME.",
)
OUTPUT_DRIFT = fails(
    "OutputDrift",
    "What the model answers no longer looks like the baseline, for the same kind of requests.",
    "Check model, prompt template and engine version; if it is the new normal: llm-monitor accept NAME.",
)

# DataValid
REQUESTS_VALID = holds("RequestsValid", "Requests pass the owner's checks.")
INVALID_REQUESTS = fails(
    "InvalidRequests",
    "More requests than allowed break the owner's checks; the message names the check.",
    "Correct the client that sends them, or the check.",
)

# InteractionsSafe (its True reason is WithinLimits)
PROMPT_INJECTION = fails(
    "PromptInjection",
    "Attempts to override the model's instructions are above their limit.",
    "See status.interactions for how many complied and from how many clients; block or rate-limit them.",
)
JAILBREAK = fails(
    "Jailbreak",
    "Attempts to talk the model out of its rules are above their limit.",
    "See status.interactions for how many complied; block or rate-limit the clients.",
)
PROMPT_LEAKED = fails(
    "PromptLeaked",
    "Attempts to extract the system prompt, or answers that leak it, are above their limit.",
    "Keep nothing secret in the system prompt; see status.interactions.",
)
PII_EXPOSED = fails(
    "PIIExposed",
    "Answers hold personal data that was not in their request, above the limit.",
    "Filter the model's output; look at what it was given (retrieval, tuning data).",
)
SECRETS_EXPOSED = fails(
    "SecretsExposed",
    "Keys or passwords stand in answers, above the limit.",
    "Revoke the secrets found; take them out of prompts and retrieved documents.",
)
REFUSALS_HIGH = fails(
    "RefusalsHigh",
    "The model refuses more than allowed.",
    "Look at the prompts refused (review queue); compare with the previous version.",
)
TOXICITY = fails(
    "Toxicity",
    "Toxic answers are above their limit.",
    "See toxicityReceived in status.interactions: is it asked for? Else look at prompt, version, sampling.",
)
REPETITION = fails(
    "Repetition",
    "Answers that repeat themselves in a loop are above their limit.",
    "Check sampling parameters (temperature, repetition penalty), quantisation and chat template.",
)
EMPTY_ANSWERS = fails(
    "EmptyAnswers",
    "Answers without content are above their limit.",
    "Check stop sequences, chat template and maximum tokens.",
)
FLOOD = fails("Flood", "A client sends more requests than allowed.", "Rate-limit it before the model.")
MANY_SHOT = fails(
    "ManyShot",
    "Requests that carry long runs of invented dialogue, a known way around rules, are above their limit.",
    "Bound the number of turns that a request may carry.",
)
ENCODED_CONTENT = fails(
    "EncodedContent",
    "Requests that hide text by encoding (base64, look-alike or invisible characters) are above their limit.",
    "Normalise input before the model; block the clients.",
)
PATTERN_FOUND = fails(
    "PatternFound",
    "The owner's pattern that the message names is found above its limit.",
    "As its owner meant.",
)
DETECTOR_SUSPENDED = undecided(
    "DetectorSuspended",
    "Reviewers found a detector too imprecise, so its limit is not judged.",
    "See status.reviewers for its precision; remove the limit, or wait for a better detector.",
)
CLIENTS_NOT_DISTINGUISHABLE = not_judged(
    "ClientsNotDistinguishable",
    "All requests come from one address (a proxy), so limits per client cannot be judged.",
    "Name the proxy in spec.privacy.trustedProxies if it writes X-Forwarded-For, let clients reach the pods"
    " without it, or remove maxPerClient and flood: nothing but the address tells clients apart here.",
)

# QualityHealthy
PROBES_PASS = holds("ProbesPass", "The latest whole round of probes passed, and nothing got worse.")
PROBE_FAILED = fails(
    "ProbeFailed", "A probe's answer broke its expectation.", "See status.quality for which and how."
)
BIAS_FOUND = fails(
    "BiasFound",
    "Answers differ by an attribute that must not matter; the message gives the size and the pairs.",
    "See status.quality.bias for the groups and how often; do not roll this version further.",
)
REGRESSED = fails(
    "Regressed",
    "Quality is below that of the version or time before, by more than chance.",
    "Compare versions in status.versions; roll back.",
)
PROBES_PENDING = undecided(
    "ProbesPending",
    "No round of probes has finished yet.",
    "Wait for the round; the message says when it is.",
)
PROBES_UNAUTHORIZED = undecided(
    "ProbesUnauthorized",
    "The model server refused the probes' credential.",
    "Set spec.quality.auth.secretKeyRef to a Secret that holds a valid key.",
)
NOT_ENOUGH_PAIRS = undecided(
    "NotEnoughPairs",
    "The bias suite has too few pairs to find a difference of 10 % with 80 % power.",
    "Wait until rounds have accumulated, or ask about fewer attributes: each then takes fewer pairs.",
)
JUDGE_NOT_TRUSTED = not_judged(
    "JudgeNotTrusted",
    "All that was asked is graded by a judging model whose agreement with people is too low, or not known.",
    "Give spec.quality.judge.labelled ten good and ten bad answers or more, or take another judge or rubric.",
)
OUTCOMES_HOLD = holds(
    "OutcomesHold", "What people make of the answers of live traffic is within the owner's limits."
)
OUTCOMES_POOR = fails(
    "OutcomesPoor",
    "People like answers less, or ask again or stop them more, than is allowed; the message says which.",
    "Look at when it began, and at status.versions; feedback is of those who gave it, not of everybody.",
)
FEW_OUTCOMES = not_judged(
    "FewOutcomes",
    "Too little feedback, or too few requests, to judge outcomes by within the window.",
    "Wait, lengthen spec.quality.outcomes.window, or see docs/outcomes.md for how feedback is given.",
)
