/* credential.c - the process-wide store of credentials and the fetch that fills it.
 *
 * A mutex guards the store; it is held for a look-up and a copy, never while anything waits. An entry is keyed by the
 * provider instance's name, its plugin and a hash of its settings, so that it outlives reloads that change nothing
 * about it. A fetch runs on the worker that asked first and owns everything it needs, a reference to its snapshot too;
 * waiters of other workers are called through posts to their loops.
 */
#include "models/credential.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "models/call.h"

#define ENTRIES_MAX  256u
#define STEPS_MAX    8u
#define STEP_MS      10000
#define ANSWER_MAX   (256u << 10)
#define FETCH_MEMORY (4u << 20)
#define VALUE_MAX    (64u << 10)
#define EARLY_MS     60000 /* a new one is fetched when less than this is left, or a fifth of its life */
#define LIFE_MIN_MS  1000  /* what is out of date when it comes would be fetched again and again, for ever */

struct entry {
    struct entry *next;
    uint64_t key;
    char *value; /* NULL: none */
    size_t value_len;
    int64_t got_ms, expires_ms; /* monotonic; INT64_MAX: never */
    struct fetch *fetch;        /* in flight */
    struct gw_credential_wait *waits;
};

struct gw_credential_wait {
    struct gw_credential_wait *next;
    struct entry *entry; /* NULL: handed over to the post */
    struct gw_loop *loop;
    void (*on_ready)(void *user, aigw_status status, const char *why);
    void *user; /* NULL: nobody waits any more */
    aigw_status status;
    char why[256];
};

struct fetch {
    struct fetch *next; /* of all, under the lock */
    struct entry *entry;
    struct gw_snapshot *snapshot;
    struct gw_instance *instance;
    struct gw_loop *loop;
    struct gw_upstream *upstream;
    struct gw_transfer *transfer;
    struct gw_arena arena; /* of the step at hand */
    struct aigw_ctx ctx;
    struct aigw_http_request http;
    struct gw_buf answer;
    struct gw_task begin;
    int status;
    uint32_t step;
    _Alignas(16) char memory[AIGW_CREDENTIAL_MEMORY];
    char name[]; /* the provider's own, as long as it is */
};

/* Part of the process snapshot, like circuits: credentials outlive configurations on purpose. */
static struct {
    pthread_mutex_t lock;
    struct entry *entries;
    struct fetch *fetches;
    uint32_t count;
} store = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- the store; all of it under the lock ---- */

static uint64_t key_of(const struct gw_instance *instance, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    hash = gw_hash_more(hash, instance->name, strlen(instance->name));
    hash = gw_hash_more(hash, instance->plugin->descriptor.name, strlen(instance->plugin->descriptor.name));
    hash = gw_hash_more(hash, &instance->settings_hash, sizeof instance->settings_hash);
    return gw_hash_more(hash, name, strlen(name));
}

static void forget_value(struct entry *entry)
{
    if (entry->value)
        explicit_bzero(entry->value, entry->value_len);
    free(entry->value);
    entry->value = NULL;
    entry->value_len = 0;
}

static struct entry *find(uint64_t key)
{
    struct entry *entry = store.entries;

    while (entry && entry->key != key)
        entry = entry->next;
    return entry;
}

/* An entry that nobody uses makes room: settings that changed leave theirs behind. */
static void drop_one(void)
{
    struct entry **oldest = NULL;

    for (struct entry **at = &store.entries; *at; at = &(*at)->next)
        if (!(*at)->fetch && !(*at)->waits && (!oldest || (*at)->got_ms < (*oldest)->got_ms))
            oldest = at;
    if (!oldest)
        return;
    struct entry *gone = *oldest;
    *oldest = gone->next;
    forget_value(gone);
    free(gone);
    store.count--;
}

static struct entry *find_or_make(uint64_t key)
{
    struct entry *entry = find(key);

    if (entry)
        return entry;
    if (store.count >= ENTRIES_MAX)
        drop_one();
    entry = store.count < ENTRIES_MAX ? calloc(1, sizeof *entry) : NULL;
    if (!entry)
        return NULL;
    entry->key = key;
    entry->next = store.entries;
    store.entries = entry;
    store.count++;
    return entry;
}

/* ---- waiting ---- */

static void deliver(void *arg)
{
    struct gw_credential_wait *wait = arg;

    if (wait->user)
        wait->on_ready(wait->user, wait->status, wait->why);
    free(wait);
}

/* Hand all waiters of an entry over to their loops. */
static void wake(struct entry *entry, aigw_status status, const char *why)
{
    while (entry->waits) {
        struct gw_credential_wait *wait = entry->waits;

        entry->waits = wait->next;
        wait->entry = NULL;
        wait->status = status;
        snprintf(wait->why, sizeof wait->why, "%s", why);
        if (!gw_loop_post(wait->loop, deliver, wait))
            free(wait); /* its worker is gone, and so is who waited */
    }
}

/* ---- the fetch ---- */

static aigw_status next_step(struct fetch *fetch);

/* Off the list, and freed. Under the lock. */
static void unlink_fetch(struct fetch *fetch)
{
    struct fetch **at = &store.fetches;

    while (*at != fetch)
        at = &(*at)->next;
    *at = fetch->next;
    fetch->entry->fetch = NULL;
}

static void free_fetch(struct fetch *fetch)
{
    struct gw_snapshot *snapshot = fetch->snapshot;

    gw_loop_undefer(fetch->loop, &fetch->begin);
    gw_buf_done(&fetch->answer);
    gw_arena_done(&fetch->arena);
    explicit_bzero(fetch->memory, sizeof fetch->memory);
    free(fetch);
    gw_snapshot_unref(snapshot);
}

/* On the monotonic clock. */
static int64_t end_of_life(int64_t got_ms, int64_t life_ms)
{
    if (life_ms < 0 || life_ms > INT64_MAX - got_ms)
        return INT64_MAX;
    return got_ms + (life_ms < LIFE_MIN_MS ? LIFE_MIN_MS : life_ms);
}

static void end_fetch(struct fetch *fetch, aigw_status status, const struct aigw_credential_step *done)
{
    const char *why = status ? gw_ctx_error(&fetch->ctx) : "";
    struct entry *entry = fetch->entry;

    if (status)
        gw_log(GW_LOG_ERROR, "models", "credential \"%s\" of providers.%s could not be fetched: %s", fetch->name,
               fetch->instance->name, *why ? why : "the plugin gave no reason");
    pthread_mutex_lock(&store.lock);
    if (done) {
        char *copy = malloc(done->value.len + 1);

        forget_value(entry);
        if (copy) {
            memcpy(copy, done->value.ptr, done->value.len);
            copy[done->value.len] = '\0';
            entry->value = copy;
            entry->value_len = done->value.len;
        } else {
            status = AIGW_E_NOMEM;
            why = "out of memory";
        }
        entry->got_ms = gw_mono_ms();
        entry->expires_ms = end_of_life(entry->got_ms, done->expires_ms);
    }
    unlink_fetch(fetch);
    wake(entry, status, why);
    pthread_mutex_unlock(&store.lock);
    free_fetch(fetch);
}

static int on_head(void *user, struct gw_transfer *transfer, int status)
{
    struct fetch *fetch = user;

    (void)transfer;
    fetch->status = status;
    gw_buf_clear(&fetch->answer); /* the last answer: the request may have been made of it */
    return GW_UP_MORE;
}

static int on_data(void *user, struct gw_transfer *transfer, const char *bytes, size_t len)
{
    struct fetch *fetch = user;

    (void)transfer;
    gw_buf_put(&fetch->answer, bytes, len);
    return fetch->answer.status ? GW_UP_STOP : GW_UP_MORE;
}

static void on_done(void *user, struct gw_transfer *transfer, const struct gw_transfer_result *result)
{
    struct fetch *fetch = user;
    aigw_status status = AIGW_OK;

    (void)transfer;
    fetch->transfer = NULL;
    if (result->kind != GW_UP_OK)
        status = gw_ctx_fail(&fetch->ctx, AIGW_E_UPSTREAM, "%s", result->message);
    if (!status)
        status = next_step(fetch);
    if (status)
        end_fetch(fetch, status, NULL);
}

/* The exemption from the address policy is for these requests alone. */
static aigw_status send_step(struct fetch *fetch)
{
    static const struct gw_transfer_events template = { .on_head = on_head, .on_data = on_data, .on_done = on_done };
    struct gw_transfer_events events = template;
    struct gw_err err = { "" };
    struct gw_transfer_request request = { .method = fetch->http.method,
                                           .url = fetch->http.url,
                                           .headers = fetch->http.headers,
                                           .header_count = fetch->http.header_count,
                                           .body = fetch->http.body,
                                           .total_ms = STEP_MS,
                                           .body_max = ANSWER_MAX,
                                           .tls = &fetch->snapshot->upstream_tls };

    if (!request.url || !request.method)
        return gw_ctx_fail(&fetch->ctx, AIGW_E_INVALID, "credential() described no request");
    events.user = fetch;
    fetch->step++;
    fetch->transfer = gw_transfer_start(fetch->upstream, &request, &events, &err);
    return fetch->transfer ? AIGW_OK : gw_ctx_fail(&fetch->ctx, AIGW_E_INVALID, "%s", err.text);
}

/* Ask the provider what comes next. On AIGW_OK the fetch goes on, or has ended well. */
static aigw_status next_step(struct fetch *fetch)
{
    struct gw_arena before = fetch->arena;
    struct aigw_credential_step step = { .struct_size = sizeof step,
                                         .step = fetch->step,
                                         .name = fetch->name,
                                         .status = fetch->status,
                                         .body = fetch->step ? gw_buf_str(&fetch->answer) : AIGW_STR_NONE,
                                         .http = &fetch->http,
                                         .expires_ms = -1 };
    struct gw_visit visit;
    aigw_status status;

    gw_arena_init(&fetch->arena, FETCH_MEMORY); /* what the last step described is not needed any more */
    fetch->http = (struct aigw_http_request){ .struct_size = sizeof fetch->http };
    fetch->ctx.error = NULL;
    gw_visit_begin(&visit, fetch->ctx.meter, &fetch->ctx, GW_CALLBACK_CREDENTIAL);
    status = fetch->instance->plugin->provider.credential(&fetch->ctx, fetch->instance->state, fetch->memory, &step);
    status = gw_ctx_status(&fetch->ctx, GW_CALLBACK_CREDENTIAL, status, AIGW_OK);
    fetch->http.framing = AIGW_FRAMING_BODY; /* whatever it says */
    if (status == AIGW_OK && !step.is_done)
        status = gw_http_request_check(&fetch->ctx, &fetch->http);
    gw_visit_end(&visit);
    gw_arena_done(&before);
    if (status)
        return status < 0 ? status : AIGW_E_STATE;
    if (step.is_done) {
        if (!step.value.len || step.value.len > VALUE_MAX || !step.value.ptr)
            return gw_ctx_breach(&fetch->ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                                 "credential(): the value has %zu bytes%s, expected 1 to %u", step.value.len,
                                 step.value.ptr ? "" : " at NULL", VALUE_MAX);
        end_fetch(fetch, AIGW_OK, &step);
        return AIGW_OK;
    }
    if (fetch->step >= STEPS_MAX)
        return gw_ctx_fail(&fetch->ctx, AIGW_E_LIMIT, "after %u requests there is still no credential", STEPS_MAX);
    return send_step(fetch);
}

static void begin_fetch(struct gw_task *task)
{
    struct fetch *fetch = GW_CONTAINER_OF(task, struct fetch, begin);
    aigw_status status = next_step(fetch);

    if (status)
        end_fetch(fetch, status, NULL);
}

/* Under the lock. False: out of memory. */
static bool start_fetch(const struct gw_credential_query *query, struct entry *entry)
{
    size_t name_size = strlen(query->name) + 1;
    struct fetch *fetch = calloc(1, sizeof *fetch + name_size);

    if (!fetch)
        return false;
    memcpy(fetch->name, query->name, name_size);
    fetch->entry = entry;
    fetch->snapshot = gw_snapshot_ref(query->snapshot);
    fetch->instance = query->instance;
    fetch->loop = query->loop;
    fetch->upstream = query->upstream;
    gw_arena_init(&fetch->arena, FETCH_MEMORY);
    gw_buf_init(&fetch->answer, ANSWER_MAX);
    fetch->ctx = (struct aigw_ctx){ .plugin = query->instance->plugin,
                                    .instance = query->instance->name,
                                    .meter = query->instance->meter,
                                    .request_arena = &fetch->arena,
                                    .build_arena = &fetch->arena };
    fetch->begin.run = begin_fetch;
    gw_loop_defer(fetch->loop, &fetch->begin);
    entry->fetch = fetch;
    fetch->next = store.fetches;
    store.fetches = fetch;
    return true;
}

/* ---- for attempts ---- */

static bool is_fresh(const struct entry *entry, int64_t now_ms)
{
    return entry->value && now_ms < entry->expires_ms;
}

static bool is_due(const struct entry *entry, int64_t now_ms)
{
    int64_t fifth_ms = (entry->expires_ms - entry->got_ms) / 5;

    return entry->expires_ms != INT64_MAX && entry->expires_ms - now_ms < (fifth_ms < EARLY_MS ? fifth_ms : EARLY_MS);
}

aigw_status gw_credential_get(const struct gw_credential_query *query, struct gw_arena *arena, aigw_str *ret_value)
{
    int64_t now_ms = gw_mono_ms();
    aigw_status status = AIGW_PENDING;
    struct entry *entry;

    pthread_mutex_lock(&store.lock);
    entry = find(key_of(query->instance, query->name));
    if (entry && is_fresh(entry, now_ms)) {
        *ret_value = gw_arena_str(arena, (aigw_str){ entry->value, entry->value_len });
        status = ret_value->ptr ? AIGW_OK : AIGW_E_NOMEM;
        if (is_due(entry, now_ms) && !entry->fetch)
            (void)start_fetch(query, entry); /* the next request tries again */
    }
    pthread_mutex_unlock(&store.lock);
    return status;
}

struct gw_credential_wait *gw_credential_wait(const struct gw_credential_query *query,
                                              void (*on_ready)(void *user, aigw_status status, const char *why),
                                              void *user)
{
    struct gw_credential_wait *wait = calloc(1, sizeof *wait);
    struct entry *entry;

    if (!wait)
        return NULL;
    wait->loop = query->loop;
    wait->on_ready = on_ready;
    wait->user = user;
    pthread_mutex_lock(&store.lock);
    entry = find_or_make(key_of(query->instance, query->name));
    if (!entry || (!entry->fetch && !is_fresh(entry, gw_mono_ms()) && !start_fetch(query, entry))) {
        free(wait);
        wait = NULL;
    } else {
        wait->entry = entry;
        wait->next = entry->waits;
        entry->waits = wait;
        if (!entry->fetch) /* somebody was quicker */
            wake(entry, AIGW_OK, "");
    }
    pthread_mutex_unlock(&store.lock);
    return wait;
}

void gw_credential_unwait(struct gw_credential_wait *wait)
{
    bool is_ours = false;

    pthread_mutex_lock(&store.lock);
    if (wait->entry) {
        struct gw_credential_wait **at = &wait->entry->waits;

        while (*at != wait)
            at = &(*at)->next;
        *at = wait->next;
        is_ours = true;
    } else {
        wait->user = NULL; /* a post is on its way: it frees */
    }
    pthread_mutex_unlock(&store.lock);
    if (is_ours)
        free(wait);
}

void gw_credential_reject(const struct gw_instance *instance, const char *name)
{
    struct entry *entry;

    pthread_mutex_lock(&store.lock);
    entry = find(key_of(instance, name));
    if (entry)
        forget_value(entry);
    pthread_mutex_unlock(&store.lock);
}

void gw_credentials_leave(struct gw_loop *loop)
{
    for (;;) {
        struct fetch *fetch;

        pthread_mutex_lock(&store.lock);
        fetch = store.fetches;
        while (fetch && fetch->loop != loop)
            fetch = fetch->next;
        if (fetch) {
            struct entry *entry = fetch->entry;

            unlink_fetch(fetch);
            wake(entry, AIGW_E_CLOSED, "the gateway is stopping");
        }
        pthread_mutex_unlock(&store.lock);
        if (!fetch)
            return;
        if (fetch->transfer)
            gw_transfer_cancel(fetch->transfer);
        free_fetch(fetch);
    }
}

void gw_credentials_free(void)
{
    pthread_mutex_lock(&store.lock);
    while (store.entries) {
        struct entry *entry = store.entries;

        store.entries = entry->next;
        forget_value(entry);
        free(entry);
    }
    store.count = 0;
    pthread_mutex_unlock(&store.lock);
}
