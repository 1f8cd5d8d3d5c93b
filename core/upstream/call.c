/* call.c - one HTTP call: set-up, curl's callbacks, cancel, resume, and its one timer.
 *
 * The timer serves idle and total limit. It is not moved when data comes: when it fires it looks at how long ago the
 * last sign of life was and goes back to sleep for the rest, so a stream costs no timer work per event.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "upstream/internal.h"

/* Receive buffer: thousands of streams are open at once and their events are small; plain answers come in bulk. */
#define STREAM_BUFFER 1024L
#define PLAIN_BUFFER  16384L
#define CONNECT_MS    10000

/* ---- timer -------------------------------------------------------------------------------------------------- */

void gw_call_arm(struct gw_transfer *call)
{
    int64_t now_ms = gw_loop_now_ms(call->up->loop), due_ms = INT64_MAX;

    if (call->total_ms > 0)
        due_ms = call->started_ms + call->total_ms;
    if (call->idle_ms > 0 && call->is_ready && !call->is_paused && call->last_ms + call->idle_ms < due_ms)
        due_ms = call->last_ms + call->idle_ms;
    if (due_ms == INT64_MAX || (call->timer.is_armed && call->timer.due_ms <= due_ms))
        return;
    gw_timer_set(call->up->loop, &call->timer, due_ms - now_ms);
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_transfer *call = GW_CONTAINER_OF(timer, struct gw_transfer, timer);
    int64_t now_ms = gw_loop_now_ms(call->up->loop);

    call->is_over_total = call->total_ms > 0 && now_ms - call->started_ms >= call->total_ms;
    call->is_over_idle =
        call->idle_ms > 0 && call->is_ready && !call->is_paused && now_ms - call->last_ms >= call->idle_ms;
    if (call->is_over_total || call->is_over_idle)
        gw_call_finished(call, CURLE_OPERATION_TIMEDOUT);
    else
        gw_call_arm(call);
}

/* ---- set-up ------------------------------------------------------------------------------------------------- */

static bool is_sound_header(aigw_str line)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;

    if (!colon || colon == line.ptr)
        return false;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f || (line.ptr + i < colon && c == ' '))
            return false;
    }
    return true;
}

/** The list under construction: nodes and copied text share one block. */
struct header_block {
    struct curl_slist *nodes;
    size_t count;
    bool has_type;
};

static bool add_header(struct header_block *block, char *line, size_t len)
{
    if (!is_sound_header((aigw_str){ line, len }))
        return false;
    if (strncasecmp(line, "content-type:", 13) == 0)
        block->has_type = true;
    block->nodes[block->count++] = (struct curl_slist){ .data = line };
    return true;
}

/** The caller's lines by pointer, the operator's copied. */
static aigw_status build_headers(struct gw_transfer *call, const struct gw_transfer_request *request,
                                 struct gw_err *reterr)
{
    static char no_expect[] = "Expect:", no_type[] = "Content-Type:";
    const char *extra = request->extra_headers.ptr, *end = extra + request->extra_headers.len;
    struct header_block block = { .count = 0 };
    size_t most = request->header_count + 2;
    char *text;

    for (const char *at = extra; at < end; at++)
        most += *at == '\n';
    most += request->extra_headers.len > 0; /* a last line without its end */
    call->headers = malloc(most * sizeof *call->headers + request->extra_headers.len + 1);
    if (!call->headers)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
    block.nodes = call->headers;
    for (size_t i = 0; i < request->header_count; i++)
        if (!add_header(&block, (char *)(uintptr_t)request->headers[i], strlen(request->headers[i])))
            goto unsound;
    text = (char *)(call->headers + most);
    while (extra < end) {
        const char *stop = memchr(extra, '\n', (size_t)(end - extra));
        size_t len = (size_t)((stop ? stop : end) - extra);
        size_t kept = len > 0 && extra[len - 1] == '\r' ? len - 1 : len;

        memcpy(text, extra, kept);
        text[kept] = '\0';
        if (kept > 0 && !add_header(&block, text, kept))
            goto unsound;
        text += kept + (stop != NULL);
        extra += len + (stop != NULL);
    }
    block.nodes[block.count++] = (struct curl_slist){ .data = no_expect };
    if (!block.has_type)
        block.nodes[block.count++] = (struct curl_slist){ .data = no_type };
    for (size_t i = 0; i + 1 < block.count; i++)
        block.nodes[i].next = &block.nodes[i + 1];
    return AIGW_OK;
unsound:
    return gw_err_set(reterr, AIGW_E_INVALID, "header %zu for the model server is not \"Name: value\" on one line",
                      block.count + 1);
}

static void set_method(CURL *easy, const struct gw_transfer_request *request)
{
    const char *method = request->method;
    bool is_post = strcmp(method, "POST") == 0;
    bool has_body = request->body.len > 0 || is_post || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;

    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (!has_body) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        if (strcmp(method, "HEAD") == 0)
            curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        else if (strcmp(method, "GET") != 0)
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    if (request->body.len > GW_BODY_WITH_HEAD_MAX)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL); /* on_read() */
    else
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.len > 0 ? request->body.ptr : "");
    if (!is_post)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_tls(struct gw_transfer *call)
{
    const struct gw_trust *trust = call->trust;
    CURL *easy = call->easy;
    bool has_tls_proxy = call->proxy && strncasecmp(call->proxy, "https:", 6) == 0;

    if (!trust)
        return;
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, trust->verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, trust->verify ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_SSLCERT, trust->cert_file);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, trust->key_file);
    curl_easy_setopt(easy, CURLOPT_KEYPASSWD, trust->key_password);
    if (has_tls_proxy && trust->ca_file) {
        curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, trust->ca_file);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
    }
    /* To an https proxy there are two sessions and no telling which the trace means: curl's own way, slower. */
    if (trust->verify && has_tls_proxy) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, trust->ca_file ? trust->ca_file : gw_trust_system_file());
    }
    call->does_watch_trust = trust->verify && !has_tls_proxy;
    call->check = (struct gw_trust_check){ .trust = call->trust, .host = call->url->host };
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, call);
}

static aigw_status set_up(struct gw_transfer *call, const struct gw_transfer_request *request, struct gw_err *reterr)
{
    bool is_stream = (request->flags & GW_UPF_EXPECT_STREAM) != 0;
    CURL *easy = call->easy;

    if (curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CURLU, call->url->parts) != CURLE_OK)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
    set_method(easy, request);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, is_stream ? STREAM_BUFFER : PLAIN_BUFFER);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_ms);
    if (call->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, call->proxy);
    set_tls(call);
    return AIGW_OK;
}

/** Back into the pool, without anything that points into the call. */
static void give_easy(struct gw_transfer *call)
{
    CURL *easy = call->easy;

    curl_easy_setopt(easy, CURLOPT_CURLU, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 0L);
    if (call->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    gw_up_easy_give(call->up, easy);
}

struct gw_transfer *gw_transfer_start(struct gw_upstream *up, const struct gw_transfer_request *request,
                                      const struct gw_transfer_events *events, struct gw_err *reterr)
{
    struct gw_transfer *call = calloc(1, sizeof *call);

    if (!call)
        goto nomem;
    call->up = up;
    call->events = *events;
    call->body = request->body;
    call->flags = request->flags;
    call->connect_ms = request->connect_ms > 0 ? request->connect_ms : up->options.connect_ms;
    if (call->connect_ms <= 0)
        call->connect_ms = CONNECT_MS;
    call->idle_ms = request->idle_ms;
    call->total_ms = request->total_ms;
    call->body_max = request->flags & GW_UPF_EXPECT_STREAM ? 0 : request->body_max;
    call->timer.on_due = on_timer;
    call->started_ms = call->last_ms = gw_loop_now_ms(up->loop);
    if (gw_call_parse_url(call, request->url, reterr) != AIGW_OK || build_headers(call, request, reterr) != AIGW_OK)
        goto fail;
    if (!call->refusal && (call->flags & GW_UPF_CHECK_ADDRESS))
        call->refusal = gw_host_forbidden(call->url->host);
    call->proxy = gw_proxy_for(&up->proxies, call->url->is_https, call->url->host);
    if (call->url->is_https && !(call->trust = gw_up_trust_for(up, request->tls)))
        goto nomem;
    call->easy = gw_up_easy_take(up);
    if (!call->easy)
        goto nomem;
    if (set_up(call, request, reterr) != AIGW_OK)
        goto fail;
    if (!call->refusal) {
        call->multi = gw_up_multi_for(up, call->trust, (call->flags & GW_UPF_CHECK_ADDRESS) != 0);
        if (!call->multi)
            goto nomem;
    }
    call->next = up->calls;
    if (call->next)
        call->next->prev = call;
    up->calls = call;
    up->call_count++;
    call->is_queued_start = true;
    /* A refusal is told from the loop like every other end; curl takes no new handle while it runs. */
    if (call->refusal || up->in_curl > 0)
        gw_up_wait(call);
    else
        gw_call_settle(call);
    return call;
nomem:
    gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
fail:
    if (call) {
        if (call->easy)
            give_easy(call);
        free(call->headers);
        gw_up_url_unref(call->url);
        free(call);
    }
    return NULL;
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

static void detach(struct gw_transfer *call)
{
    struct gw_multi *multi = call->multi;

    if (!multi)
        return;
    call->multi = NULL;
    if (!call->is_queued_start) {
        call->up->in_curl++;
        curl_multi_remove_handle(multi->curl, call->easy);
        call->up->in_curl--;
    }
    gw_up_multi_left(multi);
}

void gw_call_destroy(struct gw_transfer *call)
{
    struct gw_upstream *up = call->up;

    detach(call);
    gw_timer_clear(up->loop, &call->timer);
    if (call->is_waiting) {
        struct gw_transfer **at = &up->waiting;

        while (*at != call)
            at = &(*at)->next_waiting;
        *at = call->next_waiting;
    }
    if (call->prev)
        call->prev->next = call->next;
    else
        up->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    up->call_count--;
    give_easy(call);
    free(call->check.problem);
    free(call->body_rest);
    free(call->headers);
    gw_up_url_unref(call->url);
    free(call);
}

/** trust.c found no moment to look at the session (a proxy's tunnel, a very quick server) or no anchor to lend: the
 *  handshake failed for want of a CA. Once more with the whole bundle, curl's own way. */
static bool retry_with_bundle(struct gw_transfer *call, CURLcode code)
{
    const struct gw_trust_check *check = &call->check;

    if (!call->does_watch_trust || call->did_retry_trust || call->got_bytes)
        return false;
    if (code != CURLE_PEER_FAILED_VERIFICATION || (check->did_run && !check->did_pass))
        return false;
    call->did_retry_trust = true;
    call->does_watch_trust = false;
    call->is_ready = false;
    call->up->in_curl++;
    curl_multi_remove_handle(call->multi->curl, call->easy);
    curl_easy_setopt(call->easy, CURLOPT_VERBOSE, 0L);
    curl_easy_setopt(call->easy, CURLOPT_CAINFO, call->trust->ca_file ? call->trust->ca_file : gw_trust_system_file());
    call->error[0] = '\0';
    call->body_sent = 0;
    curl_multi_add_handle(call->multi->curl, call->easy);
    call->up->in_curl--;
    return true;
}

void gw_call_finished(struct gw_transfer *call, CURLcode code)
{
    struct gw_transfer_result result = { .kind = GW_UP_INTERNAL };
    char text[1024];

    if (call->is_cancelled) {
        gw_call_destroy(call);
        return;
    }
    if (retry_with_bundle(call, code))
        return;
    gw_call_report(call, code, text, sizeof text, &result);
    call->is_finishing = true;
    detach(call);
    gw_timer_clear(call->up->loop, &call->timer);
    call->events.on_done(call->events.user, call, &result);
    gw_call_destroy(call);
}

/* ---- wishes ------------------------------------------------------------------------------------------------- */

void gw_call_settle(struct gw_transfer *call)
{
    if (call->is_cancelled) {
        gw_call_destroy(call);
        return;
    }
    if (call->is_queued_start) {
        CURLMcode rc;

        if (call->refusal || call->is_unstartable) {
            gw_call_finished(call, call->refusal ? CURLE_ABORTED_BY_CALLBACK : CURLE_OUT_OF_MEMORY);
            return;
        }
        rc = curl_multi_add_handle(call->multi->curl, call->easy);
        if (rc == CURLM_OK) {
            call->is_queued_start = false;
            gw_call_arm(call);
        } else { /* out of memory; told later, not from inside start() */
            call->is_unstartable = true;
            gw_up_wait(call);
        }
        return;
    }
    if (call->is_resuming) {
        CURLcode code;

        call->is_resuming = false;
        call->is_paused = false;
        call->last_ms = gw_loop_now_ms(call->up->loop);
        call->up->in_curl++;
        code = curl_easy_pause(call->easy, CURLPAUSE_CONT); /* may hand over what curl holds */
        call->up->in_curl--;
        if (code != CURLE_OK)
            gw_call_finished(call, code);
        else if (!call->is_cancelled)
            gw_call_arm(call);
    }
}

void gw_transfer_cancel(struct gw_transfer *call)
{
    if (!call || call->is_finishing || call->is_cancelled)
        return;
    if (call->up->in_curl > 0) {
        call->is_cancelled = true;
        gw_up_wait(call);
    } else {
        gw_call_destroy(call);
    }
}

void gw_transfer_resume(struct gw_transfer *call)
{
    if (!call->is_paused || call->is_cancelled || call->is_finishing)
        return;
    call->is_resuming = true;
    gw_up_wait(call);
}

aigw_str gw_transfer_header(const struct gw_transfer *call, const char *name)
{
    struct curl_header *header = NULL;

    if (!call->did_head || curl_easy_header(call->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return AIGW_STR_NONE;
    return gw_str(header->value);
}
