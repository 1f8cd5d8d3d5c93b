/* shared_visit.c - see shared_visit.h. A loop of its own, turned until each answer is there. */
#include "limits/shared_visit.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "limits/sharing.h"

#define KEYS     5 /* of one run: ledger, who is alive, calls under way, a pace, a sum */
#define COUNTERS 3
#define KEY_MAX  48

struct visit {
    const struct gw_shared_options *options;
    struct gw_visit_found *found;
    int64_t patience_ms;
    struct gw_loop *loop;
    struct gw_command *command;
    struct gw_link link;
    struct gw_addresses addresses;
    bool is_there; /* what is waited for */
    bool is_lost;
    /** Reads the reply that is waited for, unless it is an error. False: it makes no sense, `why` is set. */
    bool (*read)(struct visit *visit, const redisReply *reply);
    char sha[48];
    char keys[KEYS][KEY_MAX];
    uint64_t seq;
    int64_t now_ms;
};

static bool fail(struct visit *visit, enum gw_visit_end end, const char *why)
{
    visit->found->end = end;
    (void)snprintf(visit->found->why, sizeof visit->found->why, "%s", why);
    return false;
}

/** Until it is there, or lost, or the time is up. */
static bool await(struct visit *visit)
{
    const int64_t end_ms = gw_mono_ms() + visit->patience_ms;
    int64_t left_ms = visit->patience_ms;

    while (!visit->is_there && !visit->is_lost && left_ms > 0) {
        gw_loop_turn(visit->loop, left_ms);
        left_ms = end_ms - gw_mono_ms();
    }
    return visit->is_there;
}

/* ---- a connection ---- */

static void found_addresses(void *user, const struct gw_addresses *addresses)
{
    struct visit *visit = user;

    visit->addresses = *addresses;
    visit->is_there = true;
}

static bool find(struct visit *visit)
{
    struct gw_find *search = gw_find_begin(visit->loop, visit->options->host, found_addresses, visit);

    visit->found->stage = GW_VISIT_FIND;
    if (!search)
        return fail(visit, GW_VISIT_FAILED, "no thread can be started to find its address");
    if (!await(visit)) {
        gw_find_give_up(search);
        return fail(visit, GW_VISIT_SILENT, "the name servers do not answer");
    }
    return visit->addresses.count > 0 || fail(visit, GW_VISIT_FAILED, visit->addresses.why);
}

static void opened(struct gw_link *link)
{
    GW_CONTAINER_OF(link, struct visit, link)->is_there = true;
}

static void lost(struct gw_link *link, const char *why)
{
    struct visit *visit = GW_CONTAINER_OF(link, struct visit, link);

    visit->is_lost = true;
    (void)fail(visit, visit->found->stage == GW_VISIT_CONNECT ? GW_VISIT_FAILED : GW_VISIT_LOST, why);
}

static bool connect_one(struct visit *visit, const char *address)
{
    struct gw_err err = { "" };

    visit->is_there = visit->is_lost = false;
    if (!gw_link_open(&visit->link, address, visit->options->port, &err))
        return fail(visit, GW_VISIT_FAILED, err.text);
    if (await(visit))
        return true;
    gw_link_close(&visit->link);
    return visit->is_lost ? false : fail(visit, GW_VISIT_SILENT, "nobody takes the connection");
}

/** One address after the other, as a gateway does. */
static bool connect_any(struct visit *visit)
{
    visit->found->stage = GW_VISIT_CONNECT;
    for (size_t i = 0; i < visit->addresses.count; i++)
        if (connect_one(visit, visit->addresses.text[i])) {
            visit->found->end = GW_VISIT_WELL;
            visit->found->why[0] = '\0';
            return true;
        }
    return false;
}

/* ---- questions ---- */

static void replied(struct gw_link *link, const struct redisReply *reply)
{
    struct visit *visit = GW_CONTAINER_OF(link, struct visit, link);
    const char *args;
    int len;

    visit->is_there = true;
    if (reply->type != REDIS_REPLY_ERROR) {
        if (visit->read && !visit->read(visit, reply))
            visit->found->end = GW_VISIT_NONSENSE;
        return;
    }
    args = strstr(reply->str, ", with args");
    len = args ? (int)(args - reply->str) : (int)strlen(reply->str);
    (void)snprintf(visit->found->why, sizeof visit->found->why, "%.*s", len, reply->str);
    visit->found->end = GW_VISIT_REFUSED;
}

/** What is in visit->command. False: `end` and `why` say why not. */
static bool ask(struct visit *visit, bool (*read)(struct visit *visit, const redisReply *reply))
{
    visit->is_there = false;
    visit->read = read;
    if (!gw_link_send(&visit->link, visit->command))
        return fail(visit, GW_VISIT_FAILED, "out of memory while asking it");
    if (!await(visit))
        return visit->is_lost ? false : fail(visit, GW_VISIT_SILENT, "it does not answer");
    return visit->found->end == GW_VISIT_WELL;
}

/** The value of a field of INFO: a line "name:value". */
static bool info_text(const redisReply *info, const char *name, char *text, size_t size)
{
    const size_t len = strlen(name);

    for (const char *line = info->str; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            (void)snprintf(text, size, "%.*s", (int)strcspn(line + len + 1, "\r\n"), line + len + 1);
            return true;
        }
    return false;
}

static int64_t info_number(const redisReply *info, const char *name)
{
    char text[24];
    uint64_t number;

    return info_text(info, name, text, sizeof text) && gw_str_to_u64(gw_str(text), INT64_MAX, &number) ? (int64_t)number
                                                                                                       : 0;
}

static bool read_info(struct visit *visit, const redisReply *reply)
{
    struct gw_visit_found *found = visit->found;
    bool is_valkey;

    if (reply->type != REDIS_REPLY_STRING)
        return true; /* it is asked for people's sake only */
    is_valkey = info_text(reply, "valkey_version", found->version, sizeof found->version);
    if (is_valkey || info_text(reply, "redis_version", found->version, sizeof found->version))
        (void)snprintf(found->product, sizeof found->product, "%s", is_valkey ? "Valkey" : "Redis");
    (void)info_text(reply, "role", found->role, sizeof found->role);
    (void)info_text(reply, is_valkey ? "server_mode" : "redis_mode", found->mode, sizeof found->mode);
    (void)info_text(reply, "maxmemory_policy", found->policy, sizeof found->policy);
    found->memory = info_number(reply, "used_memory");
    found->memory_max = info_number(reply, "maxmemory");
    found->evicted = info_number(reply, "evicted_keys");
    return true;
}

/** Many a user may not ask for INFO: that is no fault. */
static bool look_at_info(struct visit *visit)
{
    gw_command_set(visit->command, (const char *const[]){ "INFO", NULL });
    if (ask(visit, read_info))
        return true;
    if (visit->found->end != GW_VISIT_REFUSED)
        return false;
    visit->found->end = GW_VISIT_WELL;
    visit->found->why[0] = '\0';
    return true;
}

static bool read_sha(struct visit *visit, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING || reply->len != 40) {
        (void)snprintf(visit->found->why, sizeof visit->found->why, "its reply to SCRIPT LOAD is no digest");
        return false;
    }
    (void)snprintf(visit->sha, sizeof visit->sha, "%.*s", 40, reply->str);
    return true;
}

static bool join(struct visit *visit)
{
    visit->found->stage = GW_VISIT_AUTH;
    gw_command_auth(visit->command, visit->options);
    if (visit->options->password && !ask(visit, NULL))
        return false;
    if (!look_at_info(visit))
        return false;
    visit->found->stage = GW_VISIT_SELECT;
    gw_command_select(visit->command, visit->options);
    if (visit->options->db != 0 && !ask(visit, NULL))
        return false;
    visit->found->stage = GW_VISIT_LOAD;
    gw_command_set(visit->command, (const char *const[]){ "SCRIPT", "LOAD", gw_shared_lua, NULL });
    return ask(visit, read_sha);
}

/* ---- the script ---- */

static void name_keys(struct visit *visit)
{
    static const char *const kinds[KEYS] = { "ledger", "alive", "p", "r", "t" };
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint64_t)gw_wall_us();
    for (size_t i = 0; i < KEYS; i++)
        (void)snprintf(visit->keys[i], KEY_MAX, "{aigw}:visit:%016llx:%s", (unsigned long long)random, kinds[i]);
}

static bool read_run(struct visit *visit, const redisReply *reply)
{
    struct gw_script_reply said;
    const char *why = gw_script_read(reply, visit->seq, COUNTERS, &said);

    if (why) {
        (void)snprintf(visit->found->why, sizeof visit->found->why, "%s", why);
        return false;
    }
    visit->now_ms = said.now_ms;
    return true;
}

/** Two names charge each kind of counter and give back, so that each command of the script comes up. */
static bool run_once(struct visit *visit)
{
    char seq[24];
    const char *const name = visit->seq % 2 ? "a" : "b", *const sign = (visit->seq - 1) % 4 < 2 ? "1" : "-1";
    const char *const words[] = { "EVALSHA",
                                  visit->sha,
                                  "5",
                                  visit->keys[0],
                                  visit->keys[1],
                                  visit->keys[2],
                                  visit->keys[3],
                                  visit->keys[4],
                                  name,
                                  seq,
                                  "ask",
                                  "beat",
                                  "0",
                                  "places",
                                  "-1",
                                  sign,
                                  "1000",
                                  "60000",
                                  "pace",
                                  "-1",
                                  sign,
                                  "60000000",
                                  "60000",
                                  "sum",
                                  "-1",
                                  sign,
                                  "1000",
                                  "60000",
                                  NULL };

    (void)snprintf(seq, sizeof seq, "%llu", (unsigned long long)visit->seq);
    gw_command_set(visit->command, words);
    return ask(visit, read_run);
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static bool run_script(struct visit *visit)
{
    const char *const gone[] = { "DEL", visit->keys[0], visit->keys[1], visit->keys[2], visit->keys[3], visit->keys[4],
                                 NULL };
    int64_t took_us[GW_VISIT_RUNS];

    visit->found->stage = GW_VISIT_RUN;
    name_keys(visit);
    for (size_t i = 0; i < GW_VISIT_RUNS; i++) {
        const int64_t begun_us = gw_mono_us();

        visit->seq = i + 1;
        if (!run_once(visit))
            return false;
        took_us[i] = gw_mono_us() - begun_us;
    }
    visit->found->ahead_ms = visit->now_ms - gw_wall_us() / 1000;
    qsort(took_us, GW_VISIT_RUNS, sizeof *took_us, compare);
    visit->found->median_us = took_us[GW_VISIT_RUNS / 2];
    gw_command_set(visit->command, gone);
    return ask(visit, NULL);
}

void gw_shared_visit(const struct gw_shared_options *options, int64_t patience_ms, struct gw_visit_found *ret_found)
{
    struct visit visit = { .options = options, .found = ret_found, .patience_ms = patience_ms };
    struct gw_err err = { "" };

    *ret_found = (struct gw_visit_found){ .end = GW_VISIT_WELL };
    visit.loop = gw_loop_new(&err);
    visit.command = gw_command_new();
    visit.link = (struct gw_link){ .loop = visit.loop, .on_open = opened, .on_reply = replied, .on_lost = lost };
    if (!visit.loop || !visit.command)
        (void)fail(&visit, GW_VISIT_FAILED, err.text[0] ? err.text : "out of memory");
    else if (find(&visit) && connect_any(&visit) && join(&visit) && run_script(&visit))
        ret_found->stage = GW_VISIT_DONE;
    if (visit.loop) {
        gw_link_close(&visit.link);
        gw_loop_turn(visit.loop, 0); /* a search that was on its way back */
        gw_loop_free(visit.loop);
    }
    gw_command_free(visit.command);
}
