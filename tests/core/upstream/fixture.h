/* fixture.h - a loop, an upstream and calls that write down what happened to them. */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <check.h>

#include "server.h"
#include "upstream/upstream.h"

struct fix {
    struct gw_loop *loop;
    struct gw_upstream *up;
    struct server *server;
};

/** What to do in a callback. */
#define DO_NOTHING      0
#define DO_STOP         1
#define DO_CANCEL       2
#define DO_PAUSE        3
#define DO_RESTART      4 /* start `then` */
#define DO_CANCEL_OTHER 5 /* cancel `then` */
#define DO_RESUME       6
#define DO_LEAVE        7

struct watch {
    struct fix *fix;
    struct gw_transfer *call;      /* NULL when it is over */
    int in_head, in_data, in_done; /* DO_* */
    struct watch *then;
    const struct gw_transfer_request *then_request;
    const char *want_header; /* copied to header in on_head */
    char header[256];
    bool lists_headers; /* names to header, one after the other */
    size_t header_count;
    int heads, datas, dones, status;
    struct gw_buf data;
    struct gw_transfer_result result; /* message points to `message` */
    char message[1024];
    int64_t done_ms;
};

void fix_open(struct fix *fix, const struct server_options *server);
void fix_open_with_proxy(struct fix *fix, const struct server_options *server, const char *proxy);
void fix_close(struct fix *fix);
/** Turn the loop until *flag > at_least - 1 or 30 s are over; fails the test then. */
void fix_wait(struct fix *fix, const int *flag, int at_least);
/** Turn it until the semaphore is up. */
void fix_wait_sem(struct fix *fix, sem_t *sem);
/** Turn it until the server has accepted so many connections; no more than that. */
void fix_wait_accepted(struct fix *fix, int count);
/** Turn it until no transfer is open. */
void fix_wait_ended(struct fix *fix);
void fix_turn_for(struct fix *fix, int64_t ms);
/** "http://127.0.0.1:<port><path>", in one of a few static buffers. */
const char *fix_url(struct fix *fix, const char *path);
const char *fix_url_of(struct fix *fix, const char *scheme, const char *host, const char *path);

void watch_init(struct fix *fix, struct watch *watch);
void watch_done(struct watch *watch);
void watch_start(struct watch *watch, const struct gw_transfer_request *request);
/** Start and wait for the end. */
void watch_run(struct watch *watch, const struct gw_transfer_request *request);

#define ck_assert_kind(watch, want) \
    ck_assert_msg((watch).dones == 1 && (watch).result.kind == (want), "kind %d, expected %d: %s", \
                  (watch).result.kind, (want), (watch).message)
#define ck_assert_has(text, part) ck_assert_msg(strstr((text), (part)), "'%s' does not hold '%s'", (text), (part))

#endif
