/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

void fix_open_with_proxy(struct fix *fix, const struct server_options *server, const char *proxy)
{
    struct gw_upstream_options options = { .connections_per_host = 512, .connect_ms = 2000, .proxy = proxy };
    struct gw_err err;

    memset(fix, 0, sizeof *fix);
    fix->loop = gw_loop_new(&err);
    ck_assert_ptr_nonnull(fix->loop);
    fix->up = gw_upstream_new(fix->loop, &options, &err);
    ck_assert_ptr_nonnull(fix->up);
    if (server)
        fix->server = server_start(server);
}

void fix_open(struct fix *fix, const struct server_options *server)
{
    fix_open_with_proxy(fix, server, "");
}

void fix_close(struct fix *fix)
{
    gw_upstream_free(fix->up);
    gw_loop_free(fix->loop);
    server_stop(fix->server);
}

void fix_wait(struct fix *fix, const int *flag, int at_least)
{
    int64_t end_ms = gw_mono_ms() + 30000;

    while (*flag < at_least) {
        ck_assert_msg(gw_mono_ms() < end_ms, "nothing happened for 30 s");
        gw_loop_turn(fix->loop, 50);
    }
}

void fix_wait_sem(struct fix *fix, sem_t *sem)
{
    int64_t end_ms = gw_mono_ms() + 30000;

    while (sem_trywait(sem) != 0) {
        ck_assert_msg(gw_mono_ms() < end_ms, "the server saw nothing for 30 s");
        gw_loop_turn(fix->loop, 1);
    }
}

void fix_wait_accepted(struct fix *fix, int count)
{
    int64_t end_ms = gw_mono_ms() + 30000;

    while (server_accepted(fix->server) < count) {
        ck_assert_msg(gw_mono_ms() < end_ms, "the server saw %d connections", server_accepted(fix->server));
        gw_loop_turn(fix->loop, 1);
    }
    ck_assert_int_eq(server_accepted(fix->server), count);
}

void fix_wait_ended(struct fix *fix)
{
    int64_t end_ms = gw_mono_ms() + 30000;

    while (gw_upstream_open_transfers(fix->up) > 0) {
        ck_assert_msg(gw_mono_ms() < end_ms, "a transfer stayed open for 30 s");
        gw_loop_turn(fix->loop, 5);
    }
}

void fix_turn_for(struct fix *fix, int64_t ms)
{
    int64_t end_ms = gw_mono_ms() + ms;

    while (gw_mono_ms() < end_ms)
        gw_loop_turn(fix->loop, 5);
}

const char *fix_url_of(struct fix *fix, const char *scheme, const char *host, const char *path)
{
    static char urls[8][512];
    static int next;
    char *url = urls[next++ % 8];

    snprintf(url, sizeof urls[0], "%s://%s:%u%s", scheme, host, server_port(fix->server), path);
    return url;
}

const char *fix_url(struct fix *fix, const char *path)
{
    return fix_url_of(fix, "http", "127.0.0.1", path);
}

static void act(struct watch *watch, int what)
{
    switch (what) {
    case DO_CANCEL:
        gw_transfer_cancel(watch->call);
        watch->call = NULL;
        break;
    case DO_LEAVE:
        gw_transfer_leave(watch->call);
        watch->call = NULL;
        break;
    case DO_RESUME:
        gw_transfer_resume(watch->call);
        break;
    case DO_RESTART:
        watch_start(watch->then, watch->then_request);
        break;
    case DO_CANCEL_OTHER:
        gw_transfer_cancel(watch->then->call);
        watch->then->call = NULL;
        break;
    default:
        break;
    }
}

static int on_head(void *user, struct gw_transfer *call, int status)
{
    struct watch *watch = user;

    ck_assert_ptr_eq(call, watch->call);
    watch->heads++;
    watch->status = status;
    if (watch->want_header) {
        aigw_str value = gw_transfer_header(call, watch->want_header);

        snprintf(watch->header, sizeof watch->header, "%.*s", AIGW_STR_ARG(value));
    }
    for (size_t i = 0; watch->lists_headers && i < gw_transfer_header_count(call); i++) {
        aigw_str name, value;
        size_t used = strlen(watch->header);

        gw_transfer_header_at(call, i, &name, &value);
        snprintf(watch->header + used, sizeof watch->header - used, "%.*s\n", AIGW_STR_ARG(name));
        watch->header_count++;
    }
    act(watch, watch->in_head);
    return watch->in_head == DO_STOP ? GW_UP_STOP : GW_UP_MORE;
}

static int on_data(void *user, struct gw_transfer *call, const char *bytes, size_t len)
{
    struct watch *watch = user;

    ck_assert_ptr_eq(call, watch->call);
    watch->datas++;
    gw_buf_put(&watch->data, bytes, len);
    act(watch, watch->in_data);
    return watch->in_data == DO_STOP ? GW_UP_STOP : watch->in_data == DO_PAUSE ? GW_UP_PAUSE : GW_UP_MORE;
}

static void on_done(void *user, struct gw_transfer *call, const struct gw_transfer_result *result)
{
    struct watch *watch = user;

    ck_assert_ptr_eq(call, watch->call);
    watch->dones++;
    watch->result = *result;
    snprintf(watch->message, sizeof watch->message, "%s", result->message);
    watch->result.message = watch->message;
    watch->done_ms = gw_mono_ms();
    act(watch, watch->in_done);
    watch->call = NULL;
}

void watch_init(struct fix *fix, struct watch *watch)
{
    memset(watch, 0, sizeof *watch);
    watch->fix = fix;
    gw_buf_init(&watch->data, 64u << 20);
}

void watch_done(struct watch *watch)
{
    gw_buf_done(&watch->data);
}

void watch_start(struct watch *watch, const struct gw_transfer_request *request)
{
    struct gw_transfer_events events = { .user = watch, .on_head = on_head, .on_data = on_data, .on_done = on_done };
    struct gw_err err = { .text = "" };

    watch->call = gw_transfer_start(watch->fix->up, request, &events, &err);
    ck_assert_msg(watch->call != NULL, "%s", err.text);
    ck_assert_int_eq(watch->heads + watch->datas + watch->dones, 0);
}

void watch_run(struct watch *watch, const struct gw_transfer_request *request)
{
    watch_start(watch, request);
    fix_wait(watch->fix, &watch->dones, 1);
}
