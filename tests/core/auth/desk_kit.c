/* desk_kit.c - one gw_auth, one worker, one loop, all on the test's thread but for the refresher. */
#include <string.h>
#include <strings.h>

#include "kit.h"

const char *kit_row = "";

void desk_init(struct desk *desk)
{
    memset(desk, 0, sizeof *desk);
    desk->settings.auth.gitlab_url = "";
    desk->settings.auth.customer_portal_url = "";
    desk->settings.auth.service_name = "gitlab-ai-gateway";
    desk->settings.auth.signing_key = kit_pem(KEY_SIGNING);
    desk->settings.auth.keys_refresh_s = 86400;
    desk->tuning = gw_auth_tuning_default();
}

void desk_open(struct desk *desk)
{
    struct gw_err why = { "" };

    gw_arena_init(&desk->arena, 8 << 20);
    desk->auth = gw_auth_new_tuned(&desk->settings, desk->oidc, &desk->tuning, &why);
    ck_assert_msg(desk->auth != NULL, "%s", why.text);
    desk->loop = gw_loop_new(&why);
    ck_assert_msg(desk->loop != NULL, "%s", why.text);
    desk->worker = gw_auth_worker_new(desk->auth, desk->loop);
    ck_assert_ptr_nonnull(desk->worker);
}

void desk_close(struct desk *desk)
{
    gw_arena_done(&desk->arena);
    gw_auth_worker_free(desk->worker);
    gw_loop_free(desk->loop);
    gw_auth_free(desk->auth);
}

void desk_reload(struct desk *desk)
{
    struct gw_err why = { "" };
    struct gw_view *view = gw_auth_reconfigure(desk->auth, &desk->settings, desk->oidc, &why);

    ck_assert_msg(view != NULL, "%s", why.text);
    gw_auth_worker_switch(desk->worker, view);
    gw_view_unref(view);
}

void desk_header(struct desk *desk, const char *name, const char *value)
{
    size_t kept = 0;

    for (size_t i = 0; i < desk->header_count; i++) {
        if (strcasecmp(desk->headers[i].name, name) != 0)
            desk->headers[kept++] = desk->headers[i];
    }
    desk->header_count = kept;
    if (value)
        desk->headers[desk->header_count++] = (struct header){ name, value };
    ck_assert_uint_le(desk->header_count, GW_ARRAY_LEN(desk->headers));
}

void desk_headers(struct desk *desk, const char *token)
{
    desk->header_count = 0;
    if (token)
        desk_header(desk, "Authorization", gw_arena_printf(&desk->arena, "Bearer %s", token));
    desk_header(desk, "X-Gitlab-Authentication-Type", "oidc");
    desk_header(desk, "X-Gitlab-Realm", "self-managed");
    desk_header(desk, "X-Gitlab-Instance-Id", KIT_INSTANCE);
    desk_header(desk, "X-Gitlab-Global-User-Id", KIT_USER);
}

static aigw_str get_header(void *user, const char *name)
{
    const struct desk *desk = user;

    for (size_t i = 0; i < desk->header_count; i++) {
        if (strcasecmp(desk->headers[i].name, name) == 0)
            return gw_str(desk->headers[i].value);
    }
    return AIGW_STR_NONE;
}

struct gw_auth_result desk_check_once(struct desk *desk)
{
    struct gw_auth_headers headers = { desk, get_header };
    struct gw_auth_result result;

    gw_auth_check(desk->worker, &headers, &desk->arena, &result);
    return result;
}

struct waiter {
    struct gw_auth_waiter waiter;
    bool is_ready;
};

static void on_ready(struct gw_auth_waiter *self)
{
    GW_CONTAINER_OF(self, struct waiter, waiter)->is_ready = true;
}

static bool is_ready(struct desk *desk, const void *arg)
{
    (void)desk;
    return ((const struct waiter *)arg)->is_ready;
}

struct gw_auth_result desk_check(struct desk *desk)
{
    struct gw_auth_result result = desk_check_once(desk);

    desk->waits = 0;
    while (result.outcome == GW_AUTH_WAIT) {
        struct waiter waiter = { .waiter.on_ready = on_ready };

        desk->waits++;
        gw_auth_wait(desk->worker, &waiter.waiter);
        desk_until(desk, is_ready, &waiter);
        result = desk_check_once(desk);
    }
    return result;
}

struct gw_auth_result desk_check_token(struct desk *desk, const char *token)
{
    desk_headers(desk, token);
    return desk_check(desk);
}

void desk_until(struct desk *desk, bool (*fn)(struct desk *desk, const void *arg), const void *arg)
{
    int64_t limit_ms = gw_mono_ms() + 30000;

    while (!fn(desk, arg)) {
        ck_assert_msg(gw_mono_ms() < limit_ms, "waited 30 s in vain");
        gw_loop_turn(desk->loop, 1000);
    }
}

uint64_t desk_epoch(struct desk *desk)
{
    return atomic_load(&desk->auth->epoch);
}

static bool has_epoch(struct desk *desk, const void *arg)
{
    return desk_epoch(desk) >= *(const uint64_t *)arg;
}

void desk_await_loads(struct desk *desk, uint64_t epoch, uint64_t count)
{
    uint64_t wanted = epoch + count;

    desk_until(desk, has_epoch, &wanted);
}
