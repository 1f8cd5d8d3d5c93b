/* shared_keeper.c - the keeper's states, see shared_keeper.h: where the store is, who we are there, and what to do when
 * it is gone. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "limits/shared_keeper.h"

#define REST_MIN_MS 100
#define REST_MAX_MS 2000
#define REACH_MS    1000 /* to connect, and again for each step to join, at least */
#define CLOCK_MS    2    /* that two clocks in whole milliseconds may differ */
#define SWEEP_MS    5000
#define STEADY_MS   5000 /* a store that was relied on for less comes and goes: it is given a rest as before */

static void reach(struct gw_shared *shared);

/* ---- lost ---- */

static int64_t patience_ms(const struct gw_shared *shared)
{
    return shared->options.timeout_ms > REACH_MS ? shared->options.timeout_ms : REACH_MS;
}

static void close_all(struct gw_shared *shared)
{
    gw_link_close(&shared->link);
    if (shared->find)
        gw_find_give_up(shared->find);
    shared->find = NULL;
    gw_timer_clear(shared->loop, &shared->patience);
    gw_timer_clear(shared->loop, &shared->beat);
    gw_timer_clear(shared->loop, &shared->tell);
    gw_timer_clear(shared->loop, &shared->look);
}

/** Not all at the same moment: a store that comes back has many to greet. */
static int64_t spread(int64_t ms)
{
    return ms / 2 + gw_mono_us() % (ms / 2 + 1);
}

void gw_keeper_lose(struct gw_shared *shared, const char *why)
{
    const bool was_up = shared->state == GW_KEEPER_UP;
    const bool was_relied_on = was_up && !shared->is_returning;

    if (shared->state == GW_KEEPER_OFF || shared->state == GW_KEEPER_RESTING)
        return;
    shared->state = GW_KEEPER_RESTING;
    atomic_store(&shared->view.is_up, false);
    close_all(shared);
    if (was_relied_on && gw_mono_ms() - shared->relied_ms > STEADY_MS)
        shared->rest_ms = REST_MIN_MS;
    if (was_relied_on) { /* who is heard after this moment has come back */
        shared->expected = atomic_load(&shared->view.replicas);
        shared->store_ms += gw_mono_ms() - shared->answered_ms + CLOCK_MS;
    }
    if (was_up)
        (void)snprintf(shared->old_name, sizeof shared->old_name, "%s", shared->name);
    gw_shared_say_down(shared, why);
    gw_ops_doubt(shared);
    if (shared->is_leaving) {
        gw_loop_stop(shared->loop);
        return;
    }
    if (shared->next_address < shared->found.count) { /* its name has another one */
        gw_timer_set(shared->loop, &shared->rest, 0);
        return;
    }
    gw_timer_set(shared->loop, &shared->rest, spread(shared->rest_ms));
    shared->rest_ms = shared->rest_ms * 2 < REST_MAX_MS ? shared->rest_ms * 2 : REST_MAX_MS;
    if (!shared->sweep.is_armed)
        gw_timer_set(shared->loop, &shared->sweep, SWEEP_MS);
}

static void lost(struct gw_link *link, const char *why)
{
    gw_keeper_lose(GW_CONTAINER_OF(link, struct gw_shared, link), why);
}

static void patience_over(struct gw_timer *timer)
{
    struct gw_shared *shared = GW_CONTAINER_OF(timer, struct gw_shared, patience);
    char why[96];

    (void)snprintf(why, sizeof why, "no answer within %lld ms",
                   (long long)(shared->state == GW_KEEPER_UP ? shared->options.timeout_ms : patience_ms(shared)));
    gw_keeper_lose(shared, why);
}

/* ---- joining ---- */

enum step { STEP_AUTH, STEP_SELECT, STEP_LOAD, STEP_LEAVE_OLD, STEP_LEDGER, STEPS };

static bool send_step(struct gw_shared *shared, enum step step)
{
    char text[80];

    if (step == STEP_AUTH) {
        gw_command_auth(shared->command, &shared->options);
    } else if (step == STEP_SELECT) {
        gw_command_select(shared->command, &shared->options);
    } else if (step == STEP_LOAD) {
        gw_command_set(shared->command, (const char *const[]){ "SCRIPT", "LOAD", gw_shared_lua, NULL });
    } else if (step == STEP_LEAVE_OLD) {
        gw_command_set(shared->command, (const char *const[]){ "ZREM", GW_ALIVE_KEY, shared->old_name, NULL });
    } else {
        (void)snprintf(text, sizeof text, GW_LEDGER_KEY, shared->id);
        gw_command_set(shared->command, (const char *const[]){ "GET", text, NULL });
    }
    return gw_link_send(&shared->link, shared->command);
}

/** Those that are needed, one after the other. */
static void next_step(struct gw_shared *shared)
{
    if (shared->join_step == STEP_AUTH && !shared->options.password)
        shared->join_step++;
    if (shared->join_step == STEP_SELECT && shared->options.db == 0)
        shared->join_step++;
    if (shared->join_step == STEP_LEAVE_OLD && !shared->old_name[0])
        shared->join_step++;
    gw_timer_set(shared->loop, &shared->patience, patience_ms(shared));
    if (!send_step(shared, (enum step)shared->join_step))
        gw_keeper_lose(shared, "out of memory while asking it");
}

static void come_up(struct gw_shared *shared, aigw_str ledger)
{
    gw_timer_clear(shared->loop, &shared->patience);
    gw_timer_clear(shared->loop, &shared->sweep);
    shared->state = GW_KEEPER_UP;
    shared->generation++;
    (void)snprintf(shared->name, sizeof shared->name, "%s.%u", shared->id, shared->generation);
    shared->is_returning = shared->must_beat = true;
    shared->returned_ms = gw_mono_ms();
    shared->heard_ms = 0;
    gw_ops_join(shared, ledger);
    gw_timer_set(shared->loop, &shared->beat, GW_SHARED_BEAT_MS);
    gw_timer_set(shared->loop, &shared->look, GW_SHARED_LOOK_MS);
    gw_ops_send(shared);
}

void gw_keeper_return(struct gw_shared *shared)
{
    shared->is_returning = false;
    shared->relied_ms = gw_mono_ms();
    shared->next_address = shared->found.count = 0; /* should it be lost, its name is asked for anew */
    gw_ops_returned(shared);
    gw_shared_say_up(shared);
    atomic_store(&shared->view.is_up, true);
    gw_ops_send(shared);
}

static void joined(struct gw_shared *shared, const struct redisReply *reply)
{
    static const char *const asked[STEPS] = { "AUTH", "SELECT", "SCRIPT LOAD", "ZREM", "GET" };
    const enum step step = (enum step)shared->join_step;
    const bool is_text = reply->type == REDIS_REPLY_STRING;
    const aigw_str text = is_text ? (aigw_str){ reply->str, (size_t)reply->len } : AIGW_STR_NONE;
    char why[200];

    if (reply->type == REDIS_REPLY_ERROR) {
        (void)snprintf(why, sizeof why, "it answers %s with %.140s", asked[step], reply->str);
        gw_keeper_lose(shared, why);
        return;
    }
    if ((step == STEP_LOAD && (!is_text || text.len != 40)) ||
        (step == STEP_LEDGER && reply->type != REDIS_REPLY_NIL && !gw_ledger_is_good(text))) {
        (void)snprintf(why, sizeof why, "its reply to %s has not the shape that was asked for", asked[step]);
        gw_keeper_lose(shared, why);
        return;
    }
    if (step == STEP_LOAD)
        (void)snprintf(shared->sha, sizeof shared->sha, "%.*s", AIGW_STR_ARG(text));
    if (step == STEP_LEAVE_OLD)
        shared->old_name[0] = '\0';
    if (step == STEP_LEDGER) {
        come_up(shared, text);
        return;
    }
    shared->join_step++;
    next_step(shared);
}

static void opened(struct gw_link *link)
{
    struct gw_shared *shared = GW_CONTAINER_OF(link, struct gw_shared, link);

    shared->state = GW_KEEPER_JOINING;
    shared->join_step = STEP_AUTH;
    next_step(shared);
}

static void leave_if_done(struct gw_shared *shared);

static void replied(struct gw_link *link, const struct redisReply *reply)
{
    struct gw_shared *shared = GW_CONTAINER_OF(link, struct gw_shared, link);

    if (shared->state == GW_KEEPER_JOINING)
        joined(shared, reply);
    else if (shared->state == GW_KEEPER_UP)
        gw_ops_reply(shared, reply);
    else if (shared->state == GW_KEEPER_LEAVING)
        gw_loop_stop(shared->loop);
    if (shared->is_leaving)
        leave_if_done(shared);
}

/* ---- reaching it ---- */

static void connect_next(struct gw_shared *shared)
{
    const char *address = shared->found.text[shared->next_address++];
    struct gw_err err = { "" };

    shared->state = GW_KEEPER_CONNECTING;
    gw_timer_set(shared->loop, &shared->patience, patience_ms(shared));
    if (!gw_link_open(&shared->link, address, shared->options.port, &err))
        gw_keeper_lose(shared, err.text);
}

static void found(void *user, const struct gw_addresses *addresses)
{
    struct gw_shared *shared = user;

    shared->find = NULL;
    shared->found = *addresses;
    shared->next_address = 0;
    if (shared->found.count)
        connect_next(shared);
    else
        gw_keeper_lose(shared, shared->found.why);
}

static void reach(struct gw_shared *shared)
{
    if (shared->next_address < shared->found.count) {
        connect_next(shared);
        return;
    }
    shared->state = GW_KEEPER_FINDING;
    shared->find = gw_find_begin(shared->loop, shared->options.host, found, shared);
    if (!shared->find)
        gw_keeper_lose(shared, "no thread can be started to find its address");
}

static void rest_over(struct gw_timer *timer)
{
    reach(GW_CONTAINER_OF(timer, struct gw_shared, rest));
}

static void beat_due(struct gw_timer *timer)
{
    struct gw_shared *shared = GW_CONTAINER_OF(timer, struct gw_shared, beat);

    gw_timer_set(shared->loop, timer, shared->is_returning ? GW_SHARED_BACK_MS : GW_SHARED_BEAT_MS);
    gw_ops_beat(shared);
}

static void look_due(struct gw_timer *timer)
{
    struct gw_shared *shared = GW_CONTAINER_OF(timer, struct gw_shared, look);

    gw_timer_set(shared->loop, timer, GW_SHARED_LOOK_MS);
    gw_ops_look(shared);
}

static void tell_due(struct gw_timer *timer)
{
    gw_ops_send(GW_CONTAINER_OF(timer, struct gw_shared, tell));
}

static void sweep_due(struct gw_timer *timer)
{
    struct gw_shared *shared = GW_CONTAINER_OF(timer, struct gw_shared, sweep);

    gw_ops_sweep(shared);
    gw_timer_set(shared->loop, timer, SWEEP_MS);
}

/* ---- configuration ---- */

static void free_options(struct gw_shared_options *options)
{
    free((char *)(uintptr_t)options->host);
    free((char *)(uintptr_t)options->user);
    if (options->password)
        explicit_bzero((char *)(uintptr_t)options->password, strlen(options->password));
    free((char *)(uintptr_t)options->password);
    *options = (struct gw_shared_options){ 0 };
}

static bool copy_text(const char **ret_copy, const char *text)
{
    *ret_copy = text ? strdup(text) : NULL;
    return *ret_copy || !text;
}

static bool copy_options(struct gw_shared_options *to, const struct gw_shared_options *from)
{
    *to = *from;
    to->host = to->user = to->password = NULL;
    if (copy_text(&to->host, from->host) && copy_text(&to->user, from->user) &&
        copy_text(&to->password, from->password))
        return true;
    free_options(to);
    return false;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_store(const struct gw_shared_options *a, const struct gw_shared_options *b)
{
    return is_same(a->host, b->host) && a->port == b->port && a->db == b->db && is_same(a->user, b->user) &&
           is_same(a->password, b->password);
}

struct change {
    struct gw_shared *shared;
    struct gw_shared_options options;
};

/* On the keeper's thread. */
static void take_change(void *arg)
{
    struct change *change = arg;
    struct gw_shared *shared = change->shared;
    const bool is_same_one = is_same_store(&shared->options, &change->options);

    free_options(&shared->options);
    shared->options = change->options;
    free(change);
    if (is_same_one)
        return;
    if (shared->state != GW_KEEPER_OFF)
        gw_keeper_lose(shared, "the configuration names another one");
    gw_timer_clear(shared->loop, &shared->rest);
    shared->found.count = shared->next_address = 0;
    shared->old_name[0] = '\0';
    shared->was_said_down = false;
    pthread_mutex_lock(&shared->said_lock);
    (void)snprintf(shared->said_store, sizeof shared->said_store, "%s:%u/%lld",
                   shared->options.host ? shared->options.host : "", (unsigned)shared->options.port,
                   (long long)shared->options.db);
    shared->said_since_ms = gw_mono_ms();
    (void)snprintf(shared->said_why, sizeof shared->said_why, "not connected yet");
    pthread_mutex_unlock(&shared->said_lock);
    shared->state = GW_KEEPER_OFF;
    shared->rest_ms = REST_MIN_MS;
    if (shared->options.host)
        reach(shared);
}

static void *run(void *arg)
{
    struct gw_shared *shared = arg;

    gw_loop_run(shared->loop);
    close_all(shared);
    gw_loop_turn(shared->loop, 0); /* a search that was on its way back */
    gw_log_flush();
    return NULL;
}

static aigw_status start(struct gw_shared *shared, struct gw_err *reterr)
{

    if (!shared->command)
        shared->command = gw_command_new();
    if (!shared->loop && shared->command)
        shared->loop = gw_loop_new(reterr);
    if (!shared->loop)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for the store of shared limits");
    shared->link.loop = shared->loop;
    if (gw_thread_start(&shared->thread, run, shared) != 0)
        return gw_err_set(reterr, AIGW_E_NOMEM, "cannot start a thread for the store of shared limits");
    shared->is_started = true;
    return AIGW_OK;
}

aigw_status gw_shared_configure(struct gw_shared *shared, const struct gw_shared_options *options,
                                struct gw_err *reterr)
{
    struct change *change;
    aigw_status status;

    if (!options->host && !shared->is_started)
        return AIGW_OK;
    status = shared->is_started ? AIGW_OK : start(shared, reterr);
    if (status)
        return status;
    change = calloc(1, sizeof *change);
    if (change)
        change->shared = shared;
    if (!change || !copy_options(&change->options, options) || !gw_loop_post(shared->loop, take_change, change)) {
        if (change)
            free_options(&change->options);
        free(change);
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for the store of shared limits");
    }
    atomic_store(&shared->view.is_strict, options->is_strict);
    atomic_store(&shared->view.on_down, (int)options->on_down);
    atomic_store(&shared->view.least, (unsigned)options->replicas);
    atomic_store(&shared->view.is_on, options->host != NULL);
    return AIGW_OK;
}

/* ---- life ---- */

struct gw_shared *gw_shared_new(struct gw_limit_table *table)
{
    struct gw_shared *shared = calloc(1, sizeof *shared);
    uint64_t random = 0;

    if (!shared)
        return NULL;
    shared->shares = calloc(table->mask + 1, sizeof *shared->shares); /* memory is touched as callers come */
    if (!shared->shares) {
        free(shared);
        return NULL;
    }
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint64_t)gw_wall_us() ^ (uint64_t)(uintptr_t)shared;
    (void)snprintf(shared->id, sizeof shared->id, "%016llx", (unsigned long long)random);
    shared->table = table;
    pthread_mutex_init(&shared->said_lock, NULL);
    pthread_mutex_init(&shared->asks.lock, NULL);
    atomic_init(&shared->view.rank, UINT32_MAX); /* nobody's, before the store was seen */
    gw_ops_init(shared);
    shared->link.on_open = opened;
    shared->link.on_reply = replied;
    shared->link.on_lost = lost;
    shared->tell.on_due = tell_due;
    shared->look.on_due = look_due;
    shared->beat.on_due = beat_due;
    shared->rest.on_due = rest_over;
    shared->patience.on_due = patience_over;
    shared->sweep.on_due = sweep_due;
    table->shared = shared;
    return shared;
}

static void leave_if_done(struct gw_shared *shared)
{
    const char *const words[] = { "ZREM", GW_ALIVE_KEY, shared->name, NULL };

    if (shared->state != GW_KEEPER_UP || !gw_ops_are_done(shared))
        return;
    shared->state = GW_KEEPER_LEAVING; /* the reply ends the loop */
    gw_timer_set(shared->loop, &shared->patience, shared->options.timeout_ms);
    gw_command_set(shared->command, words);
    if (!gw_link_send(&shared->link, shared->command))
        gw_loop_stop(shared->loop);
}

static void leave(void *arg)
{
    struct gw_shared *shared = arg;

    shared->is_leaving = true;
    if (shared->state != GW_KEEPER_UP) {
        gw_loop_stop(shared->loop);
        return;
    }
    gw_timer_clear(shared->loop, &shared->beat);
    gw_timer_clear(shared->loop, &shared->look);
    gw_ops_send(shared);
    leave_if_done(shared);
}

void gw_shared_stop(struct gw_shared *shared)
{
    if (!shared || !shared->is_started)
        return;
    if (!gw_loop_post(shared->loop, leave, shared))
        gw_loop_stop(shared->loop);
    pthread_join(shared->thread, NULL);
    shared->is_started = false;
    atomic_store(&shared->view.is_on, false);
}

void gw_shared_free(struct gw_shared *shared)
{
    if (!shared)
        return;
    gw_ops_free(shared);
    while (shared->asks.all) {
        struct gw_limit_ask *ask = shared->asks.all;

        shared->asks.all = ask->next;
        free(ask);
    }
    if (shared->loop)
        gw_loop_free(shared->loop);
    gw_command_free(shared->command);
    free_options(&shared->options);
    pthread_mutex_destroy(&shared->said_lock);
    pthread_mutex_destroy(&shared->asks.lock);
    shared->table->shared = NULL;
    free(shared->shares);
    free(shared);
}
