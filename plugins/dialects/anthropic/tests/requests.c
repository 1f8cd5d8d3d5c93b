/* requests.c - bodies of the Messages API, read by the server half and written again by the client half; refusals; what
 * is asked of the answer; broken bodies. The rows are in requests.rows. Exit status 0: all is well.
 *
 * The same JSON is what a server would read the same way: an equal tree once
 *     null members, "stream":false, "is_error":false, empty lists of tools and of results' content are taken out,
 *     a string for content is its one text block, empty texts left out,
 *     "ttl":"5m" and "type":"custom" are what is meant without them,
 *     numbers are compared as numbers. */
#include <aigw/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/tests/host.h"
#include "../../common/tests/jsonc.h"
#include "../../common/tests/rows.h"
#include "../anthropic.h"
#include "../anthropic_server.h"

static int failures;

static void fail(const struct row *row, const char *what, aigw_str found)
{
    fprintf(stderr, "%.*s%.*s: %s\n  body: %.*s\n  found: %.*s\n", AIGW_STR_ARG(row->kind), AIGW_STR_ARG(row->name),
            what, AIGW_STR_ARG(row->text), AIGW_STR_ARG(found));
    failures++;
}

static bool is_same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ---- the same JSON ---- */

static void take_out(struct json_object *obj, const char *key, const char *json)
{
    struct json_object *value;

    if (json_object_object_get_ex(obj, key, &value) && strcmp(json_object_to_json_string(value), json) == 0)
        json_object_object_del(obj, key);
}

static void normalise_block(struct json_object *block)
{
    struct json_object *mark;

    take_out(block, "title", "null");
    take_out(block, "citations", "null");
    take_out(block, "is_error", "false");
    take_out(block, "content", "[ ]");
    if (json_object_object_get_ex(block, "cache_control", &mark) && json_object_is_type(mark, json_type_object))
        take_out(mark, "ttl", "\"5m\"");
}

static struct json_object *normalise_content(struct json_object *content)
{
    struct json_object *list = json_object_new_array(), *block;

    if (json_object_is_type(content, json_type_string)) {
        block = json_object_new_object();
        json_object_object_add(block, "type", json_object_new_string("text"));
        json_object_object_add(block, "text", json_object_get(content));
        json_object_array_add(list, block);
        return list;
    }
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        block = json_object_array_get_idx(content, i);
        normalise_block(block);
        json_object_array_add(list, json_object_get(block));
    }
    return list;
}

static void normalise_member(struct json_object *obj, const char *key)
{
    struct json_object *value;

    if (json_object_object_get_ex(obj, key, &value) && value)
        json_object_object_add(obj, key, normalise_content(value));
}

static void normalise_number(struct json_object *obj, const char *key)
{
    struct json_object *value;

    if (json_object_object_get_ex(obj, key, &value))
        json_object_object_add(obj, key, json_object_new_double(json_object_get_double(value)));
}

static struct json_object *normalise(aigw_str text)
{
    struct json_object *root = wire_parse(text), *list;

    if (!json_object_is_type(root, json_type_object))
        return root;
    json_object_object_foreach(root, key, value)
    {
        if (!value)
            json_object_object_del(root, key);
    }
    take_out(root, "stream", "false");
    take_out(root, "tools", "[ ]");
    normalise_number(root, "temperature");
    normalise_number(root, "top_p");
    normalise_member(root, "system");
    list = wire_get(root, "messages", json_type_array);
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        normalise_member(json_object_array_get_idx(list, i), "content");
    list = wire_get(root, "tools", json_type_array);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        take_out(json_object_array_get_idx(list, i), "type", "\"custom\"");
        normalise_block(json_object_array_get_idx(list, i));
    }
    return root;
}

static bool is_same_json(aigw_str a, aigw_str b)
{
    struct json_object *left = normalise(a), *right = normalise(b);
    bool is_equal = left && right && json_object_equal(left, right);

    json_object_put(left);
    json_object_put(right);
    return is_equal;
}

/* ---- reading ---- */

/** One reading of a body that lies alone in memory of its exact size. */
struct trial {
    struct host host;
    char *exact;
    aigw_str body;
    aigw_status status;
    struct anthropic_asked asked;
    struct aigw_model_request req;
    struct anthropic_refusal refusal;
};

static void read_body(struct trial *trial, uint32_t kind, aigw_str body, size_t limit)
{
    memset(trial, 0, sizeof *trial);
    trial->exact = malloc(body.len > 0 ? body.len : 1);
    if (!trial->exact)
        abort();
    if (body.len > 0)
        memcpy(trial->exact, body.ptr, body.len);
    trial->body = (aigw_str){ trial->exact, body.len };
    trial->host.limit = limit;
    trial->req.struct_size = sizeof trial->req;
    trial->status = anthropic_read_request(&test_host, host_ctx(&trial->host), kind, trial->body, &trial->asked,
                                           &trial->req, &trial->refusal);
    wire_later_read(&trial->asked.later);
    trial->host.limit = 0;
}

static void trial_end(struct trial *trial)
{
    host_free(&trial->host);
    free(trial->exact);
}

static aigw_status write_body(struct trial *trial, aigw_str *ret_body)
{
    static const struct anthropic_quirks quirks = { .max_tokens = 4096, .cache_ttl = "5m" };
    struct wire_drops drops = { .first = NULL };

    if (trial->asked.is_stream)
        trial->req.flags |= AIGW_REQF_STREAM;
    return anthropic_body(&test_host, host_ctx(&trial->host), trial->asked.model, &trial->req, &quirks, &drops,
                          ret_body);
}

/* ---- rows ---- */

/* The model's name can be replaced, and members added, without reading the rest. */
static void check_marks(const struct row *row, struct trial *trial)
{
    const struct aigw_raw raw = { .struct_size = sizeof raw,
                                  .body = trial->body,
                                  .model_at = trial->asked.model_at,
                                  .model_len = trial->asked.model_len,
                                  .insert_at = trial->asked.insert_at };
    struct json_object *before = wire_parse(trial->body), *after;
    aigw_str text = AIGW_STR_NONE;

    if (wire_raw_body(&test_host, host_ctx(&trial->host), &raw, AIGW_STR("new/\"name\""), "\"added\":1,", &text) !=
        AIGW_OK)
        fail(row, "the marks lie outside of the body", text);
    after = wire_parse(text);
    json_object_object_add(before, "model", json_object_new_string("new/\"name\""));
    json_object_object_add(before, "added", json_object_new_int(1));
    if (!after || !json_object_equal(before, after))
        fail(row, "another model's name was put in a wrong place", text);
    json_object_put(before);
    json_object_put(after);
}

static void check_round_trip(const struct row *row, uint32_t kind, aigw_str want)
{
    struct anthropic_asked only_asked;
    struct anthropic_refusal refusal;
    struct trial trial;
    aigw_str body = AIGW_STR_NONE;

    read_body(&trial, kind, row->text, 0);
    if (trial.status != AIGW_OK) {
        fail(row, "refused", trial.refusal.message);
    } else if (write_body(&trial, &body) != AIGW_OK) {
        fail(row, "the client half refuses it", wire_str(trial.host.failed));
    } else {
        if (!is_same_json(body, want))
            fail(row, "written again it is another body", body);
        check_marks(row, &trial);
        if (anthropic_read_request(&test_host, host_ctx(&trial.host), kind, trial.body, &only_asked, NULL, &refusal) !=
                AIGW_OK ||
            !is_same(only_asked.model, trial.asked.model))
            fail(row, "what is asked alone differs", only_asked.model);
    }
    trial_end(&trial);
}

/* `pattern` may hold one asterisk, for any text. */
static bool is_like(aigw_str text, aigw_str pattern)
{
    const char *star = memchr(pattern.ptr, '*', pattern.len);
    size_t head = star ? (size_t)(star - pattern.ptr) : 0, tail = star ? pattern.len - head - 1 : 0;

    if (!star)
        return is_same(text, pattern);
    return text.len >= head + tail && memcmp(text.ptr, pattern.ptr, head) == 0 &&
           memcmp(text.ptr + text.len - tail, star + 1, tail) == 0;
}

static void check_words(const struct row *row, const struct trial *trial, aigw_str words)
{
    size_t len = trial->refusal.param.len;

    if (trial->status != AIGW_E_INVALID)
        fail(row, "not refused", AIGW_STR_NONE);
    else if (!is_like(trial->refusal.message, words))
        fail(row, "refused in other words", trial->refusal.message);
    else if (trial->refusal.http_status != 400 || trial->refusal.should_retry != AIGW_NO ||
             strcmp(trial->refusal.type, "invalid_request_error") != 0 || len > trial->refusal.message.len ||
             (len > 0 && trial->refusal.message.ptr[len] != ':'))
        fail(row, "the refusal is not whole", trial->refusal.param);
}

/* For a target of another vendor. Written in this dialect all the same: here it is about what was left out. */
static void check_others(const struct row *row, aigw_str want, aigw_str names)
{
    struct trial trial;
    aigw_str body = AIGW_STR_NONE;
    char text[1024] = "";
    size_t len = 0;

    read_body(&trial, AIGW_CALL_CHAT, row->text, 0);
    if (trial.status != AIGW_OK || !trial.asked.has_vendor_parts)
        fail(row, "nobody hears that it is to be read again", trial.refusal.message);
    trial_end(&trial);
    read_body(&trial, AIGW_CALL_CHAT | ANTHROPIC_FOR_OTHERS, row->text, 0);
    for (uint32_t i = 0; i < trial.asked.dropped_count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i > 0 ? ", " : "",
                                AIGW_STR_ARG(trial.asked.dropped[i]));
    if (trial.status == AIGW_E_INVALID && wire_has_prefix(want, "!"))
        check_words(row, &trial, (aigw_str){ want.ptr + 1, want.len - 1 });
    else if (trial.status != AIGW_OK)
        fail(row, "refused", trial.refusal.message);
    else if (write_body(&trial, &body) != AIGW_OK)
        fail(row, "the client half refuses it", wire_str(trial.host.failed));
    else if (!is_same_json(body, want))
        fail(row, "something else is left", body);
    else if (trial.req.extra.len > 0 || !is_same(wire_str(text), names))
        fail(row, "other names were left out", wire_str(text));
    trial_end(&trial);
}

static void check_refusal(const struct row *row, aigw_str words)
{
    struct trial trial;

    read_body(&trial, AIGW_CALL_CHAT, row->text, 0);
    check_words(row, &trial, words);
    trial_end(&trial);
}

static void check_asked(const struct row *row, aigw_str want)
{
    struct trial trial;
    char text[256];

    read_body(&trial, AIGW_CALL_CHAT, row->text, 0);
    snprintf(text, sizeof text, "model %.*s stream %d thinking %u only %s", AIGW_STR_ARG(trial.asked.model),
             trial.asked.is_stream, trial.asked.thinking, trial.asked.vendor_only ? trial.asked.vendor_only : "-");
    if (trial.status != AIGW_OK || trial.asked.has_vendor_parts != (trial.req.extra.len > 0) ||
        !is_same(wire_str(text), want))
        fail(row, "something else is asked", trial.status == AIGW_OK ? wire_str(text) : trial.refusal.message);
    else
        check_marks(row, &trial);
    trial_end(&trial);
}

/* ---- broken bodies ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* What the canonical request points to can be read, all of it. */
static uint32_t touch(aigw_str text)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < text.len; i++)
        sum = sum * 31 + (unsigned char)text.ptr[i];
    return sum;
}

static uint32_t touch_parts(const struct aigw_part *part)
{
    uint32_t sum = 0;

    for (; part; part = part->next)
        sum += touch(part->text) + touch(part->id) + touch(part->name) + touch(part->media_type) + touch(part->data) +
               touch(part->url) + touch(part->file_id) + touch(part->title) + touch(part->origin) +
               touch(part->citations) + touch(part->extra) + touch_parts(part->parts);
    return sum;
}

static uint32_t touch_all(const struct aigw_model_request *req)
{
    uint32_t sum = touch(req->extra) + touch(req->tool_choice_name);

    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        sum += touch(msg->effort) + touch(msg->extra) + touch_parts(msg->parts);
    for (const struct aigw_tool *tool = req->tools; tool; tool = tool->next)
        sum += touch(tool->name) + touch(tool->description) + touch(tool->parameters) + touch(tool->extra);
    for (uint32_t i = 0; i < req->params->stop_count; i++)
        sum += touch(req->params->stop[i]);
    return sum + touch(req->params->schema) + touch(req->params->effort) + touch(req->params->user);
}

/* Whatever is read can be written, or the client half refuses it; what it writes is JSON. */
static void check_broken(const struct row *row, aigw_str text, size_t limit)
{
    struct trial trial;
    struct aigw_json root;
    aigw_str body;

    read_body(&trial, AIGW_CALL_CHAT, text, limit);
    if (trial.status == AIGW_E_INVALID && trial.refusal.message.len == 0)
        fail(row, "refused without a word", text);
    if (trial.status != AIGW_OK && trial.status != AIGW_E_INVALID && limit == 0)
        fail(row, "not refused, and not read", text);
    if (trial.status == AIGW_OK) {
        touch_all(&trial.req);
        if (write_body(&trial, &body) == AIGW_OK && aigw_json_check(body, 0, &root, NULL) != AIGW_OK)
            fail(row, "what was read of a broken body is written as no JSON", body);
    }
    trial_end(&trial);
}

static void check_mutated(const struct row *row, const struct row *other, uint32_t *seed)
{
    static const char odd[] = "\"\\{}[],:null0019.-e u\n\x80";
    static char text[65536];
    size_t len = row->text.len < sizeof text - 64 ? row->text.len : sizeof text - 64;

    memcpy(text, row->text.ptr, len);
    for (uint32_t n = 1 + next_random(seed) % 4; n > 0; n--) {
        size_t at = len > 0 ? next_random(seed) % len : 0, piece;

        switch (len > 0 ? next_random(seed) % 4 : 3) {
        case 0:
            text[at] = odd[next_random(seed) % (sizeof odd - 1)];
            break;
        case 1:
            text[at] = (char)(text[at] ^ (1 << next_random(seed) % 8));
            break;
        case 2: /* a piece less */
            piece = 1 + next_random(seed) % 12;
            piece = piece > len - at ? len - at : piece;
            memmove(text + at, text + at + piece, len - at - piece);
            len -= piece;
            break;
        default: /* a piece of another body */
            piece = other->text.len < 24 ? other->text.len : 24;
            if (len + piece <= sizeof text && piece > 0) {
                memmove(text + at + piece, text + at, len - at);
                memcpy(text + at, other->text.ptr + next_random(seed) % (other->text.len - piece + 1), piece);
                len += piece;
            }
            break;
        }
    }
    check_broken(row, (aigw_str){ text, len }, 0);
}

#define MUTATIONS 300

static void check_breaking(const struct row *rows, size_t count)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < count && failures < 10; i++) {
        for (size_t len = 0; len < rows[i].text.len; len++)
            check_broken(&rows[i], (aigw_str){ rows[i].text.ptr, len }, 0);
        for (size_t limit = 1; limit < 6000; limit += 97)
            check_broken(&rows[i], rows[i].text, limit);
        for (int n = 0; n < MUTATIONS; n++)
            check_mutated(&rows[i], &rows[next_random(&seed) % count], &seed);
    }
}

/* Memory is taken for what is kept: data in base64 and texts stay where they are. */
static void check_memory(void)
{
    static const char head[] =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"";
    static const char tail[] = "\"}}]}],\"later\":{\"x\":[1,2,3]}}";
    const size_t data_len = 4000000;
    const struct row row = { .kind = AIGW_STR_INIT("memory") };
    size_t len = sizeof head - 1 + data_len + sizeof tail - 1;
    char *text = malloc(len);
    struct trial trial;

    if (!text)
        abort();
    memcpy(text, head, sizeof head - 1);
    memset(text + sizeof head - 1, 'A', data_len);
    memcpy(text + sizeof head - 1 + data_len, tail, sizeof tail - 1);
    read_body(&trial, AIGW_CALL_CHAT, (aigw_str){ text, len }, 0);
    if (trial.status != AIGW_OK || trial.host.taken > 4096)
        fail(&row, "an image was copied", trial.refusal.message);
    trial_end(&trial);
    free(text);
}

int main(void)
{
    size_t count, checked = 0;
    const struct row *rows = rows_load(REQUEST_ROWS, &count);

    for (size_t i = 0; i < count; i++) {
        aigw_str behind = i + 1 < count ? rows[i + 1].text : AIGW_STR_NONE;

        if (row_is(&rows[i], "same"))
            check_round_trip(&rows[i], AIGW_CALL_CHAT, rows[i].text);
        else if (row_is(&rows[i], "count"))
            check_round_trip(&rows[i], AIGW_CALL_COUNT, rows[i].text);
        else if (row_is(&rows[i], "up"))
            check_round_trip(&rows[i], AIGW_CALL_CHAT, behind);
        else if (row_is(&rows[i], "others"))
            check_others(&rows[i], behind, i + 2 < count ? rows[i + 2].text : AIGW_STR_NONE);
        else if (row_is(&rows[i], "refused"))
            check_refusal(&rows[i], behind);
        else if (row_is(&rows[i], "asked"))
            check_asked(&rows[i], behind);
        else
            continue;
        checked++;
    }
    check_memory();
    check_breaking(rows, count);
    if (checked < 100) {
        fprintf(stderr, "only %zu rows were found\n", checked);
        failures++;
    }
    fprintf(stderr, "%zu rows, %d failures\n", checked, failures);
    return failures > 0;
}
