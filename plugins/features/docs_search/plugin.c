/* plugin.c - docs_search: finds pieces of GitLab's documentation for the documentation tool of Duo Chat.
 *
 * Route    POST /v1/search/gitlab-docs.
 * State    struct docs_search, one per conf.d group. Static is the body's schema. The search runs on the core's threads
 *          for blocking work (find.c); here is what comes before and after.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <aigw/sdk.h>

#include "find.h"

#define ANSWER_MAX    ((size_t)8 << 20)
#define TOLD_AGAIN_MS 60000 /* a lasting trouble is logged once in that time */

struct docs_search {
    const struct aigw_host *host;
    struct aigw_list databases;
    int64_t timeout_ms;
    _Atomic int64_t told_ms; /* 0: never */
};

struct ds_call {
    struct ds_request request;
};

/** What the job carries. */
struct ds_job {
    struct docs_search *self;
    struct ds_search *search;
};

static const struct aigw_setting settings[] = {
    { "database", AIGW_SET_LIST, 0, offsetof(struct docs_search, databases), "/var/lib/aigw/docs.db,tmp/docs.db", 0, 0,
      NULL,
      "Path of the database that `aigw docs index` makes; of several the first that is there. Without one nothing is "
      "found." },
    { "timeout_ms", AIGW_SET_INT, 0, offsetof(struct docs_search, timeout_ms), "3000", 10, 60000, NULL,
      "Longest time of a search in milliseconds, waiting for its turn included." },
};

/* The schema is the table's, printed once when the shared object is loaded: a constant that the compiler cannot write.
 */
static char request_schema[4096];

static void *schema_memory(void *user, size_t len)
{
    (void)user;
    return len <= sizeof request_schema ? request_schema : NULL;
}

__attribute__((constructor)) static void print_schema(void)
{
    struct aigw_memory memory = { schema_memory, NULL, sizeof request_schema };
    aigw_str schema;

    aigw_body_schema(&ds_request_table, &memory, &schema);
}

static const char response_schema[] =
    "{\"type\":\"object\",\"required\":[\"response\",\"metadata\"],\"properties\":{\"response\":{\"type\":\"object\","
    "\"required\":[\"results\"],\"properties\":{\"results\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"required\":[\"id\",\"content\",\"metadata\"],\"properties\":{\"id\":{\"type\":\"string\"},\"content\":{"
    "\"type\":\"string\"},\"metadata\":{\"type\":\"object\"}}}}}},\"metadata\":{\"type\":\"object\",\"required\":["
    "\"provider\",\"timestamp\"],\"properties\":{\"provider\":{\"type\":\"string\"},\"timestamp\":{\"type\":"
    "\"integer\"}}}}}";

static const struct aigw_route routes[] = {
    { .method = "POST",
      .path = "/v1/search/gitlab-docs",
      .scope = "documentation_search",
      .forbidden_detail = "Unauthorized to search documentations",
      .category = "duo_chat",
      .summary = "Find pieces of GitLab's documentation",
      .group = "search",
      .request_schema = request_schema,
      .response_schema = response_schema },
};

static aigw_status open_instance(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct docs_search *ds = self;

    if (ds->databases.count == 0)
        return host->fail(ctx, AIGW_E_CONFIG, "database: is empty, expected the path of a database");
    for (size_t i = 0; i < ds->databases.count; i++)
        if (!*ds->databases.items[i])
            return host->fail(ctx, AIGW_E_CONFIG, "database: path %zu is empty", i + 1);
    ds->host = host;
    return AIGW_OK;
}

static aigw_status check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    return aigw_body_of_request(((struct docs_search *)self)->host, ctx, request, &ds_request_table, AIGW_JSON_NAN,
                                NULL, NULL, &((struct ds_call *)call)->request);
}

/* ---- the answer ---- */

/** True when it is time to log the trouble again. */
static bool may_tell(struct docs_search *ds, struct aigw_ctx *ctx)
{
    int64_t now_ms = ds->host->mono_ms(ctx), told_ms = atomic_load(&ds->told_ms);

    now_ms += now_ms == 0;
    return (told_ms == 0 || now_ms - told_ms >= TOLD_AGAIN_MS) &&
           atomic_compare_exchange_strong(&ds->told_ms, &told_ms, now_ms);
}

/** Lower-case letters and digits: what GitLab takes out of an answer and turns back into a link. */
static bool is_citable(const struct aigw_json *id)
{
    if (id->type != AIGW_JSON_STRING || id->text.len <= 2)
        return false;
    for (size_t i = 1; i < id->text.len - 1; i++) {
        char c = id->text.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

/** One result. False: its metadata does not say where it is from. */
static bool put_row(const struct aigw_host *host, struct aigw_buf *out, const struct ds_row *row, bool is_first)
{
    static const char *const names[] = { "id", "filename" };
    struct aigw_json metadata, found[2], *id;

    if (aigw_json_check((aigw_str){ row->metadata, row->metadata_len }, AIGW_JSON_STRICT, &metadata, NULL) != AIGW_OK)
        return false;
    aigw_json_members(&metadata, names, 2, found);
    id = is_citable(&found[0]) ? &found[0] : &found[1];
    if (id->type != AIGW_JSON_STRING)
        return false;
    host->buf_printf(out, "%s{\"id\":", is_first ? "" : ",");
    host->buf_put(out, id->text.ptr, id->text.len);
    host->buf_put(out, ",\"content\":", 11);
    host->buf_json(out, (aigw_str){ row->content, row->content_len });
    host->buf_put(out, ",\"metadata\":", 12);
    host->buf_put(out, metadata.text.ptr, metadata.text.len);
    host->buf_put(out, "}", 1);
    return true;
}

static void respond_rows(struct docs_search *ds, struct aigw_ctx *ctx, const struct ds_search *search)
{
    const struct aigw_host *host = ds->host;
    struct aigw_buf *out = host->buf_new(ctx, AIGW_LIFE_REQUEST, ANSWER_MAX);
    size_t count = 0;
    aigw_str body;

    if (!out) {
        host->respond_detail(ctx, 500, "Documentation search failed");
        return;
    }
    host->buf_printf(out, "{\"response\":{\"results\":[");
    for (size_t i = 0; i < search->row_count; i++)
        count += put_row(host, out, &search->rows[i], count == 0);
    host->buf_printf(out, "]},\"metadata\":{\"provider\":\"sqlite\",\"timestamp\":%lld}}",
                     (long long)host->time_s(ctx));
    if (count < search->row_count && may_tell(ds, ctx))
        host->log(ctx, AIGW_LOG_WARNING,
                  "%zu results of %s were left out: their metadata is no JSON object with a \"filename\"",
                  search->row_count - count, search->path);
    if (host->buf_view(out, &body) != AIGW_OK)
        host->respond_detail(ctx, 500, "Documentation search failed");
    else
        host->respond(ctx, 200, NULL, body, NULL, 0);
}

static void respond(struct docs_search *ds, struct aigw_ctx *ctx, const struct ds_search *search)
{
    const struct aigw_host *host = ds->host;

    switch (search->outcome) {
    case DS_NO_DATABASE:
        if (may_tell(ds, ctx))
            host->log(ctx, AIGW_LOG_WARNING,
                      "documentation search finds nothing: there is no database at %s. Make one with `aigw docs index "
                      "FOLDER -o %s`, FOLDER being doc/ of GitLab's sources, or name another one in `database`",
                      ds->databases.items[0], ds->databases.items[0]);
        respond_rows(ds, ctx, search);
        return;
    case DS_FOUND:
        respond_rows(ds, ctx, search);
        return;
    case DS_TOO_LATE:
        if (may_tell(ds, ctx))
            host->log(ctx, AIGW_LOG_ERROR, "a documentation search took longer than timeout_ms, %lld ms",
                      (long long)ds->timeout_ms);
        host->respond_detail(ctx, 503, "Documentation search took too long");
        return;
    case DS_BROKEN:
        if (may_tell(ds, ctx))
            host->log(ctx, AIGW_LOG_ERROR,
                      "documentation search failed: %s: %s. Make the database anew with `aigw docs index`",
                      search->path, search->reason);
        host->respond_detail(ctx, 500, "Documentation search failed: its database cannot be read");
        return;
    }
}

/* ---- the job ---- */

static void job_work(void *arg)
{
    ds_find(((struct ds_job *)arg)->search);
}

static void job_done(struct aigw_ctx *ctx, void *arg)
{
    struct ds_job *job = arg;

    respond(job->self, ctx, job->search);
    ds_search_free(job->search);
}

static void job_drop(void *arg)
{
    ds_search_free(((struct ds_job *)arg)->search);
}

static aigw_status run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    struct docs_search *ds = self;
    const struct ds_request *wanted = &((struct ds_call *)call)->request;
    struct ds_search *search = calloc(1, sizeof *search);
    struct ds_job arg = { ds, search };
    const struct aigw_job job = { .struct_size = sizeof job,
                                  .arg_size = sizeof arg,
                                  .arg = &arg,
                                  .work = job_work,
                                  .done = job_done,
                                  .drop = job_drop };
    aigw_status status;

    (void)request;
    if (!search)
        return AIGW_E_NOMEM;
    search->paths = &ds->databases;
    search->page_size = wanted->page_size;
    search->deadline_ms = ds_now_ms() + ds->timeout_ms;
    ds_expression(wanted->query, search->expression);
    if (!*search->expression) { /* nothing but punctuation */
        respond(ds, ctx, search);
        ds_search_free(search);
        return AIGW_OK;
    }
    status = ds->host->offload(ctx, &job);
    if (status != AIGW_OK) {
        ds_search_free(search);
        return ds->host->respond_detail(ctx, 503, "Documentation search is busy");
    }
    return AIGW_OK; // cppcheck-suppress memleak ; the job has it
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct ds_call),
    .open = open_instance,
    .check = check,
    .run = run,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "docs_search", .version = "0.1.0",
            .summary = "Documentation search in a local SQLite database", .state_size = sizeof(struct docs_search),
            AIGW_SETTINGS(settings), .feature = &ops);
