/* shared.h - limits that several gateways have together: `shared` of conf.d names a Valkey or Redis where their
 * counters meet (operating-models.md §2.4).
 *
 *     shared.c          what a call is charged here, and what has to be asked of the store
 *     shared_ask.c      a call that waits for the store's word
 *     shared_keeper.c   the thread that talks to the store: there and not there
 *     shared_ops.c      what is under way to the store
 *     shared_counter.c  what is sent of a counter, and what the answer makes of it
 *     shared.lua        the script that the store runs
 *     shared_script.c   its arguments and replies
 *     shared_link.c     hiredis in our loop
 *     shared_find.c     the store's addresses, found on a thread of their own
 *     shared_url.c      its URL
 *     shared_visit.c    a command that looks whether all of this would work
 *
 * A replica charges its own counters as if it were alone, and tells the store what it charged; the answer sets its
 * counters to what all have charged. Up to a slice of the limit (a twentieth, or one call) may be charged that the
 * store does not know of yet: then, and before anybody is refused, the store is asked, and the call waits for that. In
 * strict mode every call is asked for. While there is no store each replica goes on from what it knows, with its share.
 */
#ifndef GW_SHARED_H
#define GW_SHARED_H

#include "config/settings.h"
#include "limits/limits.h"
#include "loop/loop.h"

struct gw_shared;
struct gw_limit_ask;

enum gw_shared_down {
    GW_SHARED_SHARE,  /* an equal part of what is left of each limit */
    GW_SHARED_OPEN,   /* nobody is refused */
    GW_SHARED_CLOSED, /* everybody whom a quota would count is refused */
};

/** `shared` of conf.d, taken apart. */
struct gw_shared_options {
    const char *host; /* NULL: nothing is shared */
    uint16_t port;
    int64_t db;
    const char *user, *password; /* NULL: none */
    bool is_strict;
    enum gw_shared_down on_down;
    int64_t timeout_ms;
    int64_t replicas; /* at least so many are reckoned with while the store is down */
};
/** Read it. False after problems. */
bool gw_shared_read(const struct gw_settings *settings, struct gw_arena *arena, struct gw_problems *problems,
                    struct gw_shared_options *ret_options);

/** For the counters of this table, which outlives it. Off at first; no thread before it is on. NULL: out of memory.
 *  Before the workers start: they read where it is without a lock. */
struct gw_shared *gw_shared_new(struct gw_limit_table *table);
/** Use these from now on; copied. Main thread. */
aigw_status gw_shared_configure(struct gw_shared *shared, const struct gw_shared_options *options,
                                struct gw_err *reterr);
/** Tell the store what is left to tell, for timeout_ms at most, and end the thread. Loops of asks may go after this. */
void gw_shared_stop(struct gw_shared *shared);
/** After all owners have abandoned their asks. NULL is fine. */
void gw_shared_free(struct gw_shared *shared);

/** Ask the store for what gw_quotas_charge() could not decide; it takes the hold over. on_verdict is called from
 * `loop`, once, unless the ask was abandoned: with the hold, which holds nothing after REFUSED. The strings of the
 * subject and the quotas must live until then. NULL: out of memory, the hold stays. */
struct gw_limit_ask *
gw_limit_ask(struct gw_limit_table *table, struct gw_limit_hold *hold, const struct gw_limit_subject *subject,
             const struct gw_limit_use *estimate, struct gw_loop *loop,
             void (*on_verdict)(void *owner, enum gw_limit_verdict verdict, const struct gw_limit_hold *hold,
                                const struct gw_limit_refusal *refusal),
             void *owner);
/** The owner is going: what is admitted for it is given back. On the loop's thread. */
void gw_limit_abandon(struct gw_limit_ask *ask);

/** For /monitoring/ready?verbose: `,"shared":{…}`, or nothing. */
void gw_shared_describe(struct gw_shared *shared, struct gw_buf *json);
/** Metrics; once, before the workers start. */
void gw_shared_register(void);
void gw_shared_collect(struct gw_shared *shared, struct gw_buf *out);

#endif
