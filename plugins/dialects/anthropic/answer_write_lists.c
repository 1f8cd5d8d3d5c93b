/* answer_write_lists.c - what is no message: numbers of tokens, models. */
#include "anthropic_server.h"

#include <string.h>
#include <time.h>

#define PAGE_DEFAULT 20
#define PAGE_MAX     1000

void anthropic_write_count(const struct aigw_host *host, struct aigw_buf *buf, int64_t input_tokens)
{
    host->buf_printf(buf, "{\"input_tokens\":%lld}", (long long)(input_tokens > 0 ? input_tokens : 0));
}

/* ---- models ---- */

void anthropic_write_model(const struct aigw_host *host, struct aigw_buf *buf, const struct anthropic_model *model)
{
    time_t created = (time_t)model->created_s;
    char text[32];
    struct tm when;

    if (!gmtime_r(&created, &when) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &when) == 0)
        strcpy(text, "1970-01-01T00:00:00Z"); /* what the API itself says of unknown times */
    host->buf_printf(buf, "{\"type\":\"model\",\"id\":");
    host->buf_json(buf, model->id);
    host->buf_printf(buf, ",\"display_name\":");
    host->buf_json(buf, model->display_name.len > 0 ? model->display_name : model->id);
    host->buf_printf(buf, ",\"created_at\":\"%s\",\"lifecycle\":\"active\"", text);
    if (model->max_input_tokens > 0)
        host->buf_printf(buf, ",\"max_input_tokens\":%lld", (long long)model->max_input_tokens);
    if (model->max_output_tokens > 0)
        host->buf_printf(buf, ",\"max_tokens\":%lld", (long long)model->max_output_tokens);
    host->buf_put(buf, "}", 1);
}

/* Number of the model with that id, else `otherwise`. */
static size_t find(const struct anthropic_model *models, size_t count, aigw_str id, size_t otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (models[i].id.len == id.len && memcmp(models[i].id.ptr, id.ptr, id.len) == 0)
            return i;
    return otherwise;
}

void anthropic_write_models(const struct aigw_host *host, struct aigw_buf *buf, const struct anthropic_model *models,
                            size_t count, const struct anthropic_page *page)
{
    size_t limit = page->limit <= 0 ? PAGE_DEFAULT : page->limit > PAGE_MAX ? PAGE_MAX : (size_t)page->limit;
    size_t begin = 0, end;
    bool has_more;

    if (page->before_id.len > 0) { /* the page that ends in front of it */
        end = find(models, count, page->before_id, 0);
        begin = end > limit ? end - limit : 0;
        has_more = begin > 0;
    } else {
        if (page->after_id.len > 0)
            begin = find(models, count, page->after_id, count);
        if (page->after_id.len > 0 && begin < count)
            begin++;
        end = count - begin > limit ? begin + limit : count;
        has_more = end < count;
    }
    host->buf_printf(buf, "{\"data\":[");
    for (size_t i = begin; i < end; i++) {
        if (i > begin)
            host->buf_put(buf, ",", 1);
        anthropic_write_model(host, buf, &models[i]);
    }
    host->buf_printf(buf, "],\"has_more\":%s,\"first_id\":", has_more ? "true" : "false");
    if (begin < end) {
        host->buf_json(buf, models[begin].id);
        host->buf_printf(buf, ",\"last_id\":");
        host->buf_json(buf, models[end - 1].id);
        host->buf_put(buf, "}", 1);
    } else {
        host->buf_printf(buf, "null,\"last_id\":null}");
    }
}
