/* finish.c - see finish.h. */
#include "finish.h"

#include <string.h>

static const struct {
    const char *word; /* small letters, whatever the server writes */
    uint32_t finish, error;
} finish_words[] = {
    { "stop", AIGW_FINISH_STOP, 0 },
    { "length", AIGW_FINISH_LENGTH, 0 },
    { "tool_calls", AIGW_FINISH_TOOL_CALLS, 0 },
    { "tool_call", AIGW_FINISH_TOOL_CALLS, 0 },
    { "tool_use", AIGW_FINISH_TOOL_CALLS, 0 },
    { "tool", AIGW_FINISH_TOOL_CALLS, 0 },
    { "tools", AIGW_FINISH_TOOL_CALLS, 0 },
    { "function_call", AIGW_FINISH_TOOL_CALLS, 0 },
    { "function_calls", AIGW_FINISH_TOOL_CALLS, 0 },
    { "content_filter", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "content_filtered", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "safety", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "error_toxic", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "sensitive", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "refusal", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "recitation", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "blocklist", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "prohibited_content", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "spii", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "image_safety", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "content_policy_violation", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "moderation", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "blocked", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "guardrail_intervened", AIGW_FINISH_GUARDRAIL, 0 },
    { "eos", AIGW_FINISH_STOP, 0 },
    { "eos_token", AIGW_FINISH_STOP, 0 },
    { "end", AIGW_FINISH_STOP, 0 },
    { "end_turn", AIGW_FINISH_STOP, 0 },
    { "end_of_turn", AIGW_FINISH_STOP, 0 },
    { "complete", AIGW_FINISH_STOP, 0 },
    { "completed", AIGW_FINISH_STOP, 0 },
    { "done", AIGW_FINISH_STOP, 0 },
    { "finish", AIGW_FINISH_STOP, 0 },
    { "finished", AIGW_FINISH_STOP, 0 },
    { "normal", AIGW_FINISH_STOP, 0 },
    { "end_of_text", AIGW_FINISH_STOP, 0 },
    { "word", AIGW_FINISH_STOP, 0 },
    { "stopped", AIGW_FINISH_STOP, 0 },
    { "stop_sequence", AIGW_FINISH_STOP_SEQUENCE, 0 },
    { "stop_sequence_reached", AIGW_FINISH_STOP_SEQUENCE, 0 },
    { "stop_token", AIGW_FINISH_STOP, 0 },
    { "stop_word", AIGW_FINISH_STOP, 0 },
    { "stop_words", AIGW_FINISH_STOP, 0 },
    { "end_id", AIGW_FINISH_STOP, 0 },
    { "eot_id", AIGW_FINISH_STOP, 0 },
    { "im_end", AIGW_FINISH_STOP, 0 },
    { "endoftext", AIGW_FINISH_STOP, 0 },
    { "max_tokens", AIGW_FINISH_LENGTH, 0 },
    { "max_completion_tokens", AIGW_FINISH_LENGTH, 0 },
    { "length_limit", AIGW_FINISH_LENGTH, 0 },
    { "max_length", AIGW_FINISH_LENGTH, 0 },
    { "max_output_tokens", AIGW_FINISH_LENGTH, 0 },
    { "max_new_tokens", AIGW_FINISH_LENGTH, 0 },
    { "limit", AIGW_FINISH_LENGTH, 0 },
    { "token_limit", AIGW_FINISH_LENGTH, 0 },
    { "time_limit", AIGW_FINISH_LENGTH, 0 },
    { "maximum_tokens", AIGW_FINISH_LENGTH, 0 },
    { "max_output", AIGW_FINISH_LENGTH, 0 },
    { "model_length", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "model_context_window_exceeded", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "context_length_exceeded", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "context_window_exceeded", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "context", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "error_limit", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "pause_turn", AIGW_FINISH_PAUSE, 0 },
    { "malformed_function_call", AIGW_FINISH_MALFORMED, 0 },
    { "malformed_response", AIGW_FINISH_MALFORMED, 0 },
    { "unexpected_tool_call", AIGW_FINISH_MALFORMED, 0 },
    { "too_many_tool_calls", AIGW_FINISH_MALFORMED, 0 },
    /* these say that the server gave up: what came is not an answer */
    { "error", 0, AIGW_ERR_SERVER },
    { "abort", 0, AIGW_ERR_SERVER },
    { "aborted", 0, AIGW_ERR_SERVER },
    { "cancelled", 0, AIGW_ERR_SERVER },
    { "canceled", 0, AIGW_ERR_SERVER },
    { "interrupted", 0, AIGW_ERR_SERVER },
    { "failed", 0, AIGW_ERR_SERVER },
    { "internal_error", 0, AIGW_ERR_SERVER },
    { "network_error", 0, AIGW_ERR_SERVER },
    { "server_error", 0, AIGW_ERR_SERVER },
    { "load_model_failed", 0, AIGW_ERR_SERVER },
    { "user_cancel", 0, AIGW_ERR_SERVER },
    { "timed_out", 0, AIGW_ERR_TIMEOUT },
    { "engine_overloaded", 0, AIGW_ERR_OVERLOADED },
    { "timeout", 0, AIGW_ERR_TIMEOUT },
    { "insufficient_system_resource", 0, AIGW_ERR_OVERLOADED },
};

/* "FinishReason.STOP", as Python prints it. */
static aigw_str plain(aigw_str word)
{
    const char *dot = word.len > 0 ? memrchr(word.ptr, '.', word.len - 1) : NULL;

    return dot ? (aigw_str){ dot + 1, word.len - (size_t)(dot + 1 - word.ptr) } : word;
}

uint32_t finish_of_word(aigw_str word, uint32_t *ret_error)
{
    *ret_error = 0;
    word = plain(word);
    for (size_t i = 0; word.len > 0 && i < sizeof finish_words / sizeof *finish_words; i++)
        if (wire_same_word(word, finish_words[i].word)) {
            *ret_error = finish_words[i].error;
            return finish_words[i].error ? AIGW_FINISH_UNKNOWN : finish_words[i].finish;
        }
    return AIGW_FINISH_UNKNOWN;
}

uint32_t finish_of_broken(aigw_str word, struct aigw_error *ret_error)
{
    uint32_t kind;

    finish_of_word(word, &kind);
    *ret_error = (struct aigw_error){ .struct_size = sizeof *ret_error,
                                      .kind = kind,
                                      .retry_after_ms = -1,
                                      .code = word,
                                      .message = AIGW_STR_INIT("the model server broke the answer off") };
    return kind;
}
