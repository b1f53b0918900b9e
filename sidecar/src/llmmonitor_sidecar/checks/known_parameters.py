"""The top-level fields of requests that engines know, by the API's path and the engine.

Read off the engines' own request types: vLLM 0.9 to 0.32 (entrypoints/openai, `ChatCompletionRequest` and
`CompletionRequest`), SGLang 0.5 (srt/entrypoints/openai/protocol.py), llama.cpp of 2026
(tools/server/server-schema.cpp and server-common.cpp), OpenAI's API reference of 2026. Another engine's, or
another path's, are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"

_BOTH = _names(
    "model stream stream_options temperature top_p n stop max_tokens seed user"
    " frequency_penalty presence_penalty logit_bias logprobs"
)
_OPENAI: Mapping[str, frozenset[str]] = {
    CHAT: _BOTH
    | _names(
        "messages tools tool_choice parallel_tool_calls response_format top_logprobs"
        " max_completion_tokens functions function_call metadata store reasoning_effort service_tier"
        " modalities audio prediction web_search_options verbosity safety_identifier"
        " prompt_cache_key prompt_cache_retention"
    ),
    COMPLETIONS: _BOTH | _names("prompt best_of echo suffix"),
}
_VLLM = _names(
    "best_of use_beam_search top_k min_p repetition_penalty length_penalty stop_token_ids"
    " include_stop_str_in_output ignore_eos min_tokens skip_special_tokens"
    " spaces_between_special_tokens truncate_prompt_tokens truncation_side allowed_token_ids"
    " prompt_logprobs logprob_token_ids bad_words add_special_tokens response_format guided_json"
    " guided_regex guided_choice guided_grammar structural_tag guided_decoding_backend"
    " guided_whitespace_pattern structured_outputs priority request_id session_id"
    " logits_processors return_tokens_as_token_ids return_token_ids return_token_offsets"
    " return_prompt_text return_mm_kwargs cache_salt kv_transfer_params ec_transfer_params"
    " vllm_xargs repetition_detection stream_interval watermarking routed_experts_prompt_start"
    " prompt_embeds"
)
_VLLM_CHAT = _names(
    "include_reasoning thinking_token_budget reasoning echo add_generation_prompt"
    " continue_final_message documents chat_template chat_template_kwargs media_io_kwargs"
    " mm_processor_kwargs"
)
_SGLANG = _names(
    "return_hidden_states return_routed_experts routed_experts_start_len"
    " return_cached_tokens_details return_token_ids return_prompt_token_ids return_meta_info"
    " top_k min_p min_tokens json_schema regex ebnf repetition_penalty stop_token_ids stop_regex"
    " no_stop_trim ignore_eos skip_special_tokens lora_path session_id session_params"
    " response_format custom_params custom_logit_processor images_config bootstrap_host"
    " bootstrap_port bootstrap_room routed_dp_rank disagg_prefill_dp_rank data_parallel_rank rid"
    " extra_key cache_salt ngram_corpus_id priority custom_labels"
)
_SGLANG_CHAT = _names(
    "task reasoning continue_final_message separate_reasoning stream_reasoning"
    " chat_template_kwargs max_dynamic_patch min_dynamic_patch use_audio_in_video input_ids"
)
_LLAMA_CPP = _names(
    "verbose timings_per_token cache_prompt return_tokens return_progress sse_ping_interval"
    " n_predict n_indent n_keep n_discard n_cmpl n_cache_reuse t_max_predict_ms response_fields"
    " top_k min_p top_n_sigma xtc_probability xtc_threshold typical_p dynatemp_range"
    " dynatemp_exponent repeat_last_n repeat_penalty dry_multiplier dry_base dry_allowed_length"
    " dry_penalty_last_n mirostat mirostat_tau mirostat_eta adaptive_target adaptive_decay"
    " n_probs min_keep backend_sampling post_sampling_probs lora dry_sequence_breakers"
    " json_schema grammar grammar_type grammar_lazy chat_format reasoning_format"
    " generation_prompt parse_tool_calls chat_parser continue_final_message echo"
    " preserved_tokens grammar_triggers reasoning_control reasoning_budget_tokens"
    " reasoning_budget_start_tag reasoning_budget_end_tags reasoning_budget_end_tag"
    " reasoning_budget_message ignore_eos samplers id_slot response_format"
)
_LLAMA_CPP_CHAT = _names(
    "chat_template_kwargs add_generation_prompt reasoning_in_content parallel_tool_calls"
    " thinking_budget_tokens max_completion_tokens"
)

KNOWN: Mapping[str, Mapping[str, frozenset[str]]] = {
    "VLLM": {CHAT: _OPENAI[CHAT] | _VLLM | _VLLM_CHAT, COMPLETIONS: _OPENAI[COMPLETIONS] | _VLLM},
    "SGLang": {CHAT: _OPENAI[CHAT] | _SGLANG | _SGLANG_CHAT, COMPLETIONS: _OPENAI[COMPLETIONS] | _SGLANG},
    "LlamaCpp": {
        CHAT: _OPENAI[CHAT] | _LLAMA_CPP | _LLAMA_CPP_CHAT,
        COMPLETIONS: _OPENAI[COMPLETIONS] | _LLAMA_CPP,
    },
}
"""By engine, as `spec.target.engine` calls it, then path."""
ANYWHERE: Final = frozenset().union(*(names for paths in KNOWN.values() for names in paths.values()))
"""What some engine knows: no word of a client's own."""
