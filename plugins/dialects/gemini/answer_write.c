/* answer_write.c - canonical events → an answer of the Gemini API: events, ends, usage.
 *
 * A stream is a row of answer objects, each with the new parts only; a call goes out whole. The reasons to end and the
 * usage stand in the last object, which is written when the call has ended: until then either may still change. */
#include "answer_write.h"

#include "../common/read.h"

#include <stdlib.h>
#include <string.h>

void gemini_write_begin(struct gemini_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                        const struct gemini_write_options *options)
{
    memset(w, 0, sizeof *w);
    w->host = host;
    w->ctx = ctx;
    w->options = options;
    w->usage = (struct aigw_usage)AIGW_USAGE_INIT;
}

aigw_str gemini_write_keep(struct gemini_writer *w, aigw_str text)
{
    char *copy = text.len > 0 ? w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, text.len) : NULL;

    if (!copy)
        return AIGW_STR_NONE;
    memcpy(copy, text.ptr, text.len);
    return (aigw_str){ copy, text.len };
}

static void put(struct gemini_writer *w, struct aigw_buf *buf, const char *text)
{
    w->host->buf_put(buf, text, strlen(text));
}

/* ---- objects of a stream ---- */

void gemini_write_open(struct gemini_writer *w, struct aigw_buf *buf)
{
    if (w->options->form == GEMINI_WRITE_SSE)
        put(w, buf, "data: ");
    else if (w->options->form == GEMINI_WRITE_LIST)
        put(w, buf, w->has_begun ? ",\r\n" : "[");
    w->has_begun = true;
    put(w, buf, "{\"candidates\":[");
}

void gemini_write_close(struct gemini_writer *w, struct aigw_buf *buf)
{
    put(w, buf, ",\"modelVersion\":");
    w->host->buf_json(buf, w->options->model);
    if (w->options->id.len > 0) {
        put(w, buf, ",\"responseId\":");
        w->host->buf_json(buf, w->options->id);
    }
    put(w, buf, w->options->form == GEMINI_WRITE_SSE ? "}\n\n" : "}");
}

/* ---- ends ---- */

/* Words that are this API's own stand for themselves. */
static bool is_own_word(aigw_str word)
{
    static const char *const words[] = { "SAFETY",
                                         "RECITATION",
                                         "BLOCKLIST",
                                         "PROHIBITED_CONTENT",
                                         "SPII",
                                         "LANGUAGE",
                                         "OTHER",
                                         "IMAGE_SAFETY",
                                         "IMAGE_PROHIBITED_CONTENT",
                                         "IMAGE_RECITATION",
                                         "MODEL_ARMOR",
                                         "MALFORMED_FUNCTION_CALL",
                                         "MALFORMED_RESPONSE",
                                         "UNEXPECTED_TOOL_CALL",
                                         "TOO_MANY_TOOL_CALLS",
                                         "CONTINUATION" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_is(word, words[i]))
            return true;
    return false;
}

static aigw_str reason_of(const struct gemini_write_choice *choice)
{
    if (choice->is_refused)
        return AIGW_STR("SAFETY");
    if (is_own_word(choice->word) && choice->finish != AIGW_FINISH_STOP && choice->finish != AIGW_FINISH_TOOL_CALLS)
        return choice->word;
    switch (choice->finish) {
    case AIGW_FINISH_LENGTH:
    case AIGW_FINISH_CONTEXT_FULL:
        return AIGW_STR("MAX_TOKENS");
    case AIGW_FINISH_CONTENT_FILTER:
    case AIGW_FINISH_GUARDRAIL:
        return AIGW_STR("SAFETY");
    case AIGW_FINISH_MALFORMED:
        return AIGW_STR("MALFORMED_FUNCTION_CALL");
    case AIGW_FINISH_UNKNOWN: /* nobody said why: it is whole all the same */
        return choice->word.len > 0 ? AIGW_STR("OTHER") : AIGW_STR("STOP");
    default:
        return AIGW_STR("STOP");
    }
}

static aigw_status on_finish(struct gemini_writer *w, const struct aigw_event *event)
{
    struct gemini_write_choice *choice = &w->choices[event->choice];

    choice->is_finished = true;
    choice->finish = event->finish;
    choice->word = gemini_write_keep(w, event->text);
    choice->detail = gemini_write_keep(w, event->detail);
    return AIGW_OK;
}

/* ---- usage ---- */

static void put_number(struct gemini_writer *w, struct aigw_buf *buf, const char *name, int64_t number, uint32_t *count)
{
    if (number < 0)
        return;
    w->host->buf_printf(buf, "%s\"%s\":%lld", (*count)++ > 0 ? "," : "", name, (long long)number);
}

/* Theirs counts thoughts beside the answer, and results of server tools beside the prompt. */
static void put_usage(struct gemini_writer *w, struct aigw_buf *buf)
{
    const struct aigw_usage *usage = &w->usage;
    int64_t reasoning = usage->reasoning > 0 ? usage->reasoning : 0;
    int64_t tool_prompt = usage->tool_prompt > 0 ? usage->tool_prompt : 0;
    uint32_t count = 0;

    put(w, buf, ",\"usageMetadata\":{");
    put_number(w, buf, "promptTokenCount", usage->input < 0 ? -1 : usage->input - tool_prompt, &count);
    put_number(w, buf, "candidatesTokenCount", usage->output < 0 ? -1 : usage->output - reasoning, &count);
    put_number(w, buf, "thoughtsTokenCount", usage->reasoning, &count);
    put_number(w, buf, "cachedContentTokenCount", usage->cache_read, &count);
    put_number(w, buf, "toolUsePromptTokenCount", usage->tool_prompt, &count);
    put_number(w, buf, "totalTokenCount",
               usage->input < 0    ? usage->output
               : usage->output < 0 ? usage->input
                                   : usage->input + usage->output,
               &count);
    put(w, buf, "}");
}

/* ---- the end ---- */

static aigw_status put_content(struct gemini_writer *w, struct aigw_buf *buf, struct gemini_write_choice *choice)
{
    aigw_str parts = AIGW_STR_NONE;
    aigw_status status = choice->parts ? w->host->buf_view(choice->parts, &parts) : AIGW_OK;

    put(w, buf, "\"content\":{\"role\":\"model\",\"parts\":[");
    if (parts.len == 0)
        put(w, buf, GEMINI_NO_TEXT);
    w->host->buf_put(buf, parts.ptr, parts.len);
    put(w, buf, "]},");
    return status;
}

static aigw_status put_end_of(struct gemini_writer *w, struct aigw_buf *buf, uint32_t number)
{
    struct gemini_write_choice *choice = &w->choices[number];
    aigw_status status;

    put(w, buf, "{");
    status = put_content(w, buf, choice);
    put(w, buf, "\"finishReason\":");
    w->host->buf_json(buf, reason_of(choice));
    if (choice->detail.len > 0) {
        put(w, buf, ",\"finishMessage\":");
        w->host->buf_json(buf, choice->detail);
    }
    w->host->buf_printf(buf, ",\"index\":%u", number);
    if (status == AIGW_OK)
        status = gemini_write_gathered(w, buf, choice);
    put(w, buf, "}");
    return status;
}

aigw_status gemini_write_end(struct gemini_writer *w, struct aigw_buf *buf)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    if (w->is_over)
        return AIGW_OK;
    w->is_over = true;
    w->choices[0].is_seen = true;
    for (uint32_t i = 0; i < GEMINI_WRITE_CHOICES && status == AIGW_OK; i++) {
        status = gemini_write_calls(w, buf, i, true);
        if (status == AIGW_OK)
            status = gemini_write_close_text(w, i);
        if (status == AIGW_OK && w->choices[i].signature.len > 0) /* of a thought that nothing followed */
            status = gemini_write_part(w, buf, i, AIGW_STR(GEMINI_NO_TEXT), true);
    }
    if (status != AIGW_OK)
        return status;
    gemini_write_open(w, buf);
    for (uint32_t i = 0; i < GEMINI_WRITE_CHOICES && status == AIGW_OK; i++) {
        if (!w->choices[i].is_seen)
            continue;
        put(w, buf, count++ > 0 ? "," : "");
        status = put_end_of(w, buf, i);
    }
    put(w, buf, "]");
    put_usage(w, buf);
    gemini_write_close(w, buf);
    if (w->options->form == GEMINI_WRITE_LIST)
        put(w, buf, "]");
    return status;
}

void gemini_write_error(struct gemini_writer *w, struct aigw_buf *buf, const struct gemini_refusal *refusal)
{
    if (w->is_over)
        return;
    w->is_over = true;
    if (w->options->form == GEMINI_WRITE_SSE)
        put(w, buf, "data: ");
    else if (w->options->form == GEMINI_WRITE_LIST)
        put(w, buf, w->has_begun ? ",\r\n" : "[");
    gemini_write_refusal(w->host, buf, refusal);
    put(w, buf, w->options->form == GEMINI_WRITE_SSE ? "\n\n" : w->options->form == GEMINI_WRITE_LIST ? "]" : "");
}

/* ---- events ---- */

/* A part of this dialect, or what stood beside its parts. Others' nobody here understands. */
static aigw_status on_opaque(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    struct aigw_json root, member;

    if (!wire_is(event->origin, "gemini") || aigw_json_check(event->text, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK ||
        root.type != AIGW_JSON_OBJECT)
        return AIGW_OK;
    for (size_t i = 0; i < GEMINI_BESIDE; i++)
        if (aigw_json_member(&root, gemini_beside[i], &member))
            return gemini_write_beside(w, buf, event->choice, &root);
    return gemini_write_part(w, buf, event->choice, root.text, false);
}

static aigw_status on_part(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    aigw_status status;

    if (event->type == AIGW_EVENT_TOOL_CALL)
        return gemini_write_call_piece(w, event);
    if (event->type == AIGW_EVENT_SIGNATURE)
        return gemini_write_signature(w, buf, event);
    if (event->type != AIGW_EVENT_CITATION && event->type != AIGW_EVENT_LOGPROBS) {
        status = gemini_write_calls(w, buf, event->choice, false);
        if (status != AIGW_OK)
            return status;
    }
    switch (event->type) {
    case AIGW_EVENT_REASONING:
        return w->options->shows_thoughts ? gemini_write_text(w, buf, event->choice, AIGW_EVENT_REASONING, event->text)
                                          : AIGW_OK;
    case AIGW_EVENT_REFUSAL:
        w->choices[event->choice].is_refused = true;
        return gemini_write_text(w, buf, event->choice, AIGW_EVENT_TEXT, event->text);
    case AIGW_EVENT_OPAQUE:
        return on_opaque(w, buf, event);
    case AIGW_EVENT_CITATION:
        return gemini_write_citation(w, buf, event);
    case AIGW_EVENT_LOGPROBS:
        return gemini_write_probs(w, buf, event);
    default:
        return gemini_write_text(w, buf, event->choice, AIGW_EVENT_TEXT, event->text);
    }
}

aigw_status gemini_write_event(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    if (w->is_over)
        return AIGW_OK;
    switch (event->type) {
    case AIGW_EVENT_USAGE:
        if (event->usage)
            w->usage = *event->usage;
        return AIGW_OK;
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_REASONING:
    case AIGW_EVENT_REFUSAL:
    case AIGW_EVENT_TOOL_CALL:
    case AIGW_EVENT_SIGNATURE:
    case AIGW_EVENT_OPAQUE:
    case AIGW_EVENT_CITATION:
    case AIGW_EVENT_LOGPROBS:
    case AIGW_EVENT_FINISH:
        break;
    default:
        return AIGW_OK;
    }
    if (event->choice >= GEMINI_WRITE_CHOICES)
        return w->host->fail(w->ctx, AIGW_E_UPSTREAM, "answer %u of 8 at most", event->choice);
    w->choices[event->choice].is_seen = true;
    return event->type == AIGW_EVENT_FINISH ? on_finish(w, event) : on_part(w, buf, event);
}

/* ---- other answers ---- */

void gemini_write_count(const struct aigw_host *host, struct aigw_buf *buf, const struct aigw_usage *usage)
{
    host->buf_printf(buf, "{\"totalTokens\":%lld", (long long)(usage->input > 0 ? usage->input : 0));
    if (usage->cache_read > 0)
        host->buf_printf(buf, ",\"cachedContentTokenCount\":%lld", (long long)usage->cache_read);
    host->buf_printf(buf, "}");
}

void gemini_write_vector(const struct aigw_host *host, struct aigw_buf *buf, bool is_batch, uint32_t count,
                         const float *vector, uint32_t vector_len)
{
    host->buf_printf(buf, "%s{\"values\":[", count > 0 ? "," : is_batch ? "{\"embeddings\":[" : "{\"embedding\":");
    for (uint32_t i = 0; i < vector_len; i++)
        host->buf_printf(buf, "%s%.9g", i > 0 ? "," : "", (double)vector[i]);
    host->buf_printf(buf, "]}");
}

void gemini_write_vectors_end(const struct aigw_host *host, struct aigw_buf *buf, bool is_batch, uint32_t count)
{
    if (count == 0)
        host->buf_printf(buf, is_batch ? "{\"embeddings\":[" : "{\"embedding\":{\"values\":[]}");
    host->buf_printf(buf, is_batch ? "]}" : "}");
}
