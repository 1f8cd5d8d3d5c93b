/* shared_link.c - hiredis' asynchronous context in our loop. Only what its 0.14 and 1.x have in common is used: four
 * hooks for the descriptor, no timer. Addresses are numeric, so connecting resolves nothing. */
#include <fcntl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "limits/sharing.h"

#define REPLY_MAX    (1u << 20) /* bytes: far more than any reply of ours */
#define ELEMENTS_MAX 1024       /* likewise */

static const char too_large[] = "its reply is larger than any that was asked for";

/* ---- what hiredis makes of replies ---- */

/* As hiredis does it, but for lists: it makes room for as many elements as they announce, and goes through all of that
 * when it lets go. No reply of ours has a list in a list. */
#if HIREDIS_MAJOR < 1
typedef int list_size;
#else
typedef size_t list_size;
#endif
static redisReplyObjectFunctions functions;
static void *(*create_any_list)(const redisReadTask *task, list_size elements);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *create_list(const redisReadTask *task, list_size elements)
{
    return task->parent || elements > ELEMENTS_MAX ? NULL : create_any_list(task, elements);
}

static void make_functions(void)
{
    redisReader *reader = redisReaderCreate();

    if (!reader)
        return;
    functions = *reader->fn;
    create_any_list = functions.createArray;
    functions.createArray = create_list;
    redisReaderFree(reader);
}

/** False: out of memory. */
static bool limit_replies(redisReader *reader)
{
    (void)pthread_once(&once, make_functions);
    reader->fn = &functions;
    return create_any_list != NULL;
}

/* ---- its events ---- */

static void want(struct gw_link *link, uint32_t events)
{
    if (events == link->fd.events)
        return;
    if (!events)
        gw_loop_del(link->loop, &link->fd);
    else if (!link->fd.events)
        (void)gw_loop_add(link->loop, &link->fd, events);
    else
        (void)gw_loop_mod(link->loop, &link->fd, events);
}

static void add_read(void *user)
{
    struct gw_link *link = user;
    want(link, link->fd.events | EPOLLIN);
}

static void del_read(void *user)
{
    struct gw_link *link = user;
    want(link, link->fd.events & ~(uint32_t)EPOLLIN);
}

static void add_write(void *user)
{
    struct gw_link *link = user;
    want(link, link->fd.events | EPOLLOUT);
}

static void del_write(void *user)
{
    struct gw_link *link = user;
    want(link, link->fd.events & ~(uint32_t)EPOLLOUT);
}

/** hiredis lets the descriptor go. */
static void clean_up(void *user)
{
    struct gw_link *link = user;
    want(link, 0);
}

static struct gw_link *link_of(const redisAsyncContext *redis)
{
    struct gw_link *link = redis->data;

    return link && link->redis == redis ? link : NULL; /* else it is being closed by us */
}

static void lose(struct gw_link *link, const char *fallback)
{
    char why[160];

    if (link->redis->err == REDIS_ERR_OOM)
        fallback = too_large; /* or memory ran out indeed */
    else if (link->redis->errstr && *link->redis->errstr)
        fallback = link->redis->errstr;
    (void)snprintf(why, sizeof why, "%s", fallback);
    link->redis = NULL; /* hiredis frees it when this callback is over */
    link->on_lost(link, why);
}

static void connected(const redisAsyncContext *redis, int status)
{
    struct gw_link *link = link_of(redis);

    if (!link)
        return;
    if (status == REDIS_OK)
        link->on_open(link);
    else
        lose(link, "cannot connect");
}

static void disconnected(const redisAsyncContext *redis, int status)
{
    struct gw_link *link = link_of(redis);

    (void)status;
    if (link)
        lose(link, "the connection was closed");
}

static void replied(redisAsyncContext *redis, void *reply, void *user)
{
    struct gw_link *link = link_of(redis);

    (void)user;
    if (link && reply) /* without one the connection is ending, and that is told elsewhere */
        link->on_reply(link, reply);
}

static void on_event(struct gw_fd *fd, uint32_t events)
{
    struct gw_link *link = GW_CONTAINER_OF(fd, struct gw_link, fd);
    redisAsyncContext *redis = link->redis;
    const uint32_t broken = EPOLLERR | EPOLLHUP;

    if (redis && events & (EPOLLOUT | broken) && fd->events & EPOLLOUT)
        redisAsyncHandleWrite(redis);
    if (link->redis == redis && redis && events & (EPOLLIN | broken) && fd->events & EPOLLIN)
        redisAsyncHandleRead(redis);
    if (link->redis == redis && redis && redis->c.reader && redis->c.reader->len > REPLY_MAX) {
        gw_link_close(link);
        link->on_lost(link, too_large);
    }
}

bool gw_link_open(struct gw_link *link, const char *address, uint16_t port, struct gw_err *reterr)
{
    redisAsyncContext *redis = redisAsyncConnect(address, port);

    if (!redis || redis->err || !limit_replies(redis->c.reader)) {
        (void)gw_err_set(reterr, AIGW_E_UPSTREAM, "%s", redis && redis->err ? redis->errstr : "out of memory");
        if (redis)
            redisAsyncFree(redis);
        return false;
    }
    (void)fcntl(redis->c.fd, F_SETFD, FD_CLOEXEC);
    link->fd = (struct gw_fd){ .fd = redis->c.fd, .on_event = on_event };
    link->redis = redis;
    redis->data = link;
    redis->ev.data = link;
    redis->ev.addRead = add_read;
    redis->ev.delRead = del_read;
    redis->ev.addWrite = add_write;
    redis->ev.delWrite = del_write;
    redis->ev.cleanup = clean_up;
    redisAsyncSetDisconnectCallback(redis, disconnected);
    redisAsyncSetConnectCallback(redis, connected); /* asks for the first write event */
    return true;
}

bool gw_link_send(struct gw_link *link, struct gw_command *command)
{
    return link->redis && redisAsyncCommandArgv(link->redis, replied, NULL, gw_command_argc(command),
                                                gw_command_argv(command), gw_command_lens(command)) == REDIS_OK;
}

void gw_link_close(struct gw_link *link)
{
    redisAsyncContext *redis = link->redis;

    link->redis = NULL;
    if (redis)
        redisAsyncFree(redis); /* at once, or when the callback it is in is over */
}
