/* answer_write_beside.c - what stands beside the parts of an answer being written: grounding and the like, citations,
 * log probabilities. In a stream each is an object of its own; in a whole answer they are gathered. */
#include "answer_write.h"

#include <string.h>

#define SAFETY 2u

const char *const gemini_beside[GEMINI_BESIDE] = { "groundingMetadata", "urlContextMetadata", "safetyRatings" };

static void put(struct gemini_writer *w, struct aigw_buf *buf, const char *text)
{
    w->host->buf_put(buf, text, strlen(text));
}

static bool is_stream(const struct gemini_writer *w)
{
    return w->options->form != GEMINI_WRITE_WHOLE;
}

/* A list of a whole answer; NULL without memory. */
static struct aigw_buf *list_of(struct gemini_writer *w, struct aigw_buf **list)
{
    if (!*list)
        *list = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, GEMINI_ANSWER_MAX);
    return *list;
}

static void begin_object(struct gemini_writer *w, struct aigw_buf *buf, const char *member)
{
    gemini_write_open(w, buf);
    put(w, buf, "{\"content\":{\"role\":\"model\",\"parts\":[" GEMINI_NO_TEXT "]},");
    put(w, buf, member);
}

static void end_object(struct gemini_writer *w, struct aigw_buf *buf, uint32_t choice, const char *end)
{
    w->host->buf_printf(buf, "%s,\"index\":%u}]", end, choice);
    gemini_write_close(w, buf);
}

/* ---- members as they are ---- */

aigw_status gemini_write_beside(struct gemini_writer *w, struct aigw_buf *buf, uint32_t choice,
                                const struct aigw_json *object)
{
    struct aigw_json members[GEMINI_BESIDE];

    aigw_json_members(object, gemini_beside, GEMINI_BESIDE, members);
    for (size_t i = 0; i < GEMINI_BESIDE; i++) {
        if (members[i].type == AIGW_JSON_ABSENT)
            continue;
        if (!is_stream(w) || i == SAFETY) { /* each piece has ratings: the last ones tell */
            w->choices[choice].beside[i] = gemini_write_keep(w, members[i].text);
            continue;
        }
        begin_object(w, buf, "\"");
        put(w, buf, gemini_beside[i]);
        put(w, buf, "\":");
        w->host->buf_put(buf, members[i].text.ptr, members[i].text.len);
        end_object(w, buf, choice, "");
    }
    return AIGW_OK;
}

/* ---- citations ---- */

/* Those of this dialect: another's are about things that are not here. */
aigw_status gemini_write_citation(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    struct gemini_write_choice *choice = &w->choices[event->choice];
    struct aigw_buf *to = buf;
    struct aigw_json root;

    if (!wire_is(event->origin, "gemini") || aigw_json_check(event->text, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK)
        return AIGW_OK;
    if (is_stream(w))
        begin_object(w, buf, "\"citationMetadata\":{\"citationSources\":[");
    else
        to = list_of(w, &choice->citations);
    if (!to)
        return AIGW_E_NOMEM;
    if (!is_stream(w))
        put(w, to, choice->citation_count++ > 0 ? "," : "");
    w->host->buf_put(to, event->text.ptr, event->text.len);
    if (is_stream(w))
        end_object(w, buf, event->choice, "]}");
    return AIGW_OK;
}

/* ---- log probabilities ---- */

static void put_prob(struct gemini_writer *w, struct aigw_buf *to, const struct aigw_json *one)
{
    struct aigw_json token, prob;

    aigw_json_member(one, "token", &token);
    aigw_json_member(one, "logprob", &prob);
    put(w, to, "{\"token\":");
    w->host->buf_put(to, token.text.ptr, token.text.len);
    put(w, to, ",\"logProbability\":");
    w->host->buf_put(to, prob.text.ptr, prob.text.len);
    put(w, to, "}");
}

static bool is_prob(const struct aigw_json *one)
{
    struct aigw_json token, prob;
    double number;

    aigw_json_member(one, "token", &token);
    aigw_json_member(one, "logprob", &prob);
    return token.type == AIGW_JSON_STRING && aigw_json_real(&prob, &number);
}

static void put_tops(struct gemini_writer *w, struct aigw_buf *to, const struct aigw_json *one)
{
    struct aigw_json list, item;
    struct aigw_json_walk walk;
    uint32_t count = 0;

    aigw_json_member(one, "top_logprobs", &list);
    walk = aigw_json_begin(&list);
    put(w, to, "{\"candidates\":[");
    while (aigw_json_next(&walk, NULL, &item))
        if (is_prob(&item)) {
            put(w, to, count++ > 0 ? "," : "");
            put_prob(w, to, &item);
        }
    put(w, to, "]}");
}

static aigw_status put_list(struct gemini_writer *w, struct aigw_buf *buf, struct aigw_buf *list)
{
    aigw_str text;
    aigw_status status = w->host->buf_view(list, &text);

    if (status == AIGW_OK)
        w->host->buf_put(buf, text.ptr, text.len);
    return status;
}

static aigw_status put_probs(struct gemini_writer *w, struct aigw_buf *buf, const struct gemini_write_choice *choice)
{
    aigw_status status;

    put(w, buf, ",\"logprobsResult\":{\"topCandidates\":[");
    status = put_list(w, buf, choice->tops);
    put(w, buf, "],\"chosenCandidates\":[");
    if (status == AIGW_OK)
        status = put_list(w, buf, choice->chosen);
    put(w, buf, "]}");
    return status;
}

/* {"content":[{"token","logprob","top_logprobs"}]}: one list there, two here. */
aigw_status gemini_write_probs(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    struct gemini_write_choice *choice = &w->choices[event->choice];
    struct aigw_json root, content, one;
    struct aigw_buf *chosen = list_of(w, &choice->chosen), *tops = list_of(w, &choice->tops);
    struct aigw_json_walk walk;
    aigw_status status;

    if (!chosen || !tops)
        return AIGW_E_NOMEM;
    if (aigw_json_check(event->text, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK ||
        !aigw_json_member(&root, "content", &content))
        return AIGW_OK;
    walk = aigw_json_begin(&content);
    while (aigw_json_next(&walk, NULL, &one))
        if (is_prob(&one)) {
            put(w, chosen, choice->prob_count > 0 ? "," : "");
            put(w, tops, choice->prob_count++ > 0 ? "," : "");
            put_prob(w, chosen, &one);
            put_tops(w, tops, &one);
        }
    if (!is_stream(w) || choice->prob_count == 0)
        return AIGW_OK;
    gemini_write_open(w, buf);
    w->host->buf_printf(buf, "{\"index\":%u", event->choice);
    status = put_probs(w, buf, choice);
    put(w, buf, "}]");
    gemini_write_close(w, buf);
    w->host->buf_clear(chosen);
    w->host->buf_clear(tops);
    choice->prob_count = 0;
    return status;
}

/* ---- all of it ---- */

aigw_status gemini_write_gathered(struct gemini_writer *w, struct aigw_buf *buf,
                                  const struct gemini_write_choice *choice)
{
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < GEMINI_BESIDE; i++)
        if (choice->beside[i].len > 0) {
            w->host->buf_printf(buf, ",\"%s\":", gemini_beside[i]);
            w->host->buf_put(buf, choice->beside[i].ptr, choice->beside[i].len);
        }
    if (choice->citation_count > 0) {
        put(w, buf, ",\"citationMetadata\":{\"citationSources\":[");
        status = put_list(w, buf, choice->citations);
        put(w, buf, "]}");
    }
    if (choice->prob_count > 0 && status == AIGW_OK)
        status = put_probs(w, buf, choice);
    return status;
}
