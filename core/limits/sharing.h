/* sharing.h - what the files of shared limits share. Threads: who charges (workers) and who talks to the store (the
 * keeper) meet in atomics, in the list of what is to be told, and in posts to the keeper's loop. */
#ifndef GW_SHARING_H
#define GW_SHARING_H

#include "limits/internal.h"
#include "limits/shared.h"

#define GW_SHARED_BEAT_MS  2000  /* how often a replica says that it lives */
#define GW_SHARED_ALIVE_MS 6000  /* after so long without that its calls do not count any more */
#define GW_SHARED_BACK_MS  100   /* the same while it waits for the others to be back */
#define GW_SHARED_TELL_MS  100   /* how long what is not urgent waits to be told */
#define GW_SHARED_LOOK_MS  500   /* how often the store is asked what others charge to whom calls are for here, … */
#define GW_SHARED_WARM_MS  60000 /* … for so long after the last of these */
#define GW_SHARED_FRESH_MS 100   /* how long a refusal by the store's last word stands */
#define GW_SHARED_OPS      64    /* under way at one time: the store remembers as many verdicts */
#define GW_SHARED_SLOTS    64    /* told at one time */
#define GW_SHARED_ITEMS    (GW_SHARED_SLOTS * GW_LIMIT_COUNTERS)
_Static_assert(GW_SHARED_ITEMS >= GW_QUOTAS_PER_CALL * GW_LIMIT_COUNTERS, "an ask fits");

/** What is known of a slot beside its counters, in their units. Of calls under way (GW_LIMIT_PARALLEL) the counter
 * itself is what was charged. */
struct gw_share {
    atomic_llong charged[GW_LIMIT_COUNTERS];  /* by this process since the slot has its entity, refunds taken off */
    atomic_llong acked[GW_LIMIT_COUNTERS];    /* of that, what the store said it has */
    atomic_llong presumed[GW_LIMIT_COUNTERS]; /* put on a pace for the others while the store was down */
    atomic_llong others;                      /* calls under way elsewhere */
    atomic_llong seen_ms;                     /* monotonic: when the store last said what it has; 0: never */
    atomic_llong used_ms;                     /* monotonic: when a call was charged last */
    atomic_uint asking;                       /* asks under way */
    _Atomic(struct gw_share *) next;
    atomic_bool is_listed; /* among what is to be told; held then */
    /* the keeper's */
    int64_t sent[GW_LIMIT_COUNTERS];     /* acked, and what is under way */
    uint32_t generation;                 /* of the connection that knows it */
    int64_t deferred[GW_LIMIT_COUNTERS]; /* acknowledged, to count when all are back */
    bool must_look;                      /* the next that is told is also to be read */
    unsigned forgotten;                  /* bits: counters of which the store is to be told what it should have */
    int64_t missing[GW_LIMIT_COUNTERS];  /* of acked, what the store had not when it was told so */
};

/** One counter of a slot, on its way to the store. */
struct gw_share_item {
    struct gw_limit_slot *slot;
    struct gw_limit_need need;
    int64_t base;  /* what the store has at least, or is to have; -1: it knows */
    uint32_t held; /* whose it is in the hold of an ask */
};

struct gw_limit_ask {
    struct gw_limit_ask *prev, *next; /* of all, under shared->lock */
    struct gw_limit_ask *next_waiting;
    struct gw_shared *shared;
    struct gw_loop *loop;
    struct gw_limit_hold hold;
    struct gw_limit_subject subject;
    void (*on_verdict)(void *owner, enum gw_limit_verdict verdict, const struct gw_limit_hold *hold,
                       const struct gw_limit_refusal *refusal);
    void *owner; /* the loop's thread only; NULL: abandoned */
    int64_t begun_ms;
    /* the verdict: written by the keeper before it is posted back */
    bool is_admitted, is_store_down;
    size_t refused; /* the item that refused it */
    int64_t wait_us;
    size_t count;
    struct gw_share_item items[];
};

struct gw_share *gw_share_of(const struct gw_shared *shared, const struct gw_limit_slot *slot);
/** A fresh entity: nothing of it is known. */
void gw_share_reset(struct gw_share *share);
/** Charged here and not known to the store. */
int64_t gw_share_ahead(const struct gw_share *share, const struct gw_limit_slot *slot, enum gw_limit_counter counter);

/** What the workers see of the keeper. */
struct gw_shared_view {
    atomic_bool is_on, is_up, is_strict;
    atomic_int on_down;
    atomic_llong timeout_ms;
    atomic_ullong alone;              /* calls that were decided without the store, which was to decide them */
    atomic_uint replicas;             /* alive when the store was last seen */
    atomic_uint rank;                 /* of this one among them */
    atomic_uint least;                /* replicas that are reckoned with at least */
    _Atomic(struct gw_share *) first; /* to be told */
    atomic_int woken;                 /* the keeper knows: 1 that there is something to tell, 2 that it is urgent */
};
struct gw_shared_view *gw_shared_view(struct gw_shared *shared);

/** Charge without the store: by what `on_down` says, or as if alone while nothing is shared. */
bool gw_shared_take_alone(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                          const struct gw_limit_now *now, int64_t *ret_wait_us);
/** There is something to tell of the slot. */
void gw_shared_list(struct gw_shared *shared, struct gw_limit_slot *slot, int urgency);
/** Wake the keeper. */
void gw_shared_wake(struct gw_shared *shared, int urgency);
/** Hand an ask to the keeper. False: it cannot be told. */
bool gw_shared_post_ask(struct gw_limit_ask *ask);

/* shared_ask.c, for the keeper */
/** Without the store. */
void gw_ask_decide_alone(struct gw_limit_ask *ask);
/** The verdict is in it: tell its owner. */
void gw_ask_post_back(struct gw_limit_ask *ask);
struct gw_asks {
    pthread_mutex_t lock;
    struct gw_limit_ask *all;
};
struct gw_asks *gw_shared_asks(struct gw_shared *shared);

/* shared_script.c */
struct gw_script_call {
    const char *replica, *ledger; /* who says it, and under which name verdicts are kept */
    uint64_t seq;
    bool is_ask, is_beat;
    const struct gw_share_item *items;
    size_t count;
    int64_t wall_s;
    int64_t since_ms; /* of the store's clock: who was heard since is counted */
};
struct gw_script_reply {
    size_t refused; /* item + 1; 0: admitted */
    int64_t wait_us;
    int64_t replicas, rank; /* rank: of a beat; else -1 */
    int64_t now_ms, fresh;  /* the store's clock, and who was heard since call.since_ms */
    int64_t values[GW_SHARED_ITEMS];
};
struct redisReply;
struct gw_command;                 /* room for one command */
extern const char gw_shared_lua[]; /* the script, made of shared.lua by the build */
extern const size_t gw_shared_lua_len;
struct gw_command *gw_command_new(void);
void gw_command_free(struct gw_command *command);
/** Begin with words, ended by NULL. */
void gw_command_set(struct gw_command *command, const char *const *words);
/** The words by which a connection says who we are, and which database it is about. */
void gw_command_auth(struct gw_command *command, const struct gw_shared_options *options);
void gw_command_select(struct gw_command *command, const struct gw_shared_options *options);
void gw_command_call(struct gw_command *command, const char *sha, const struct gw_script_call *call);
int gw_command_argc(const struct gw_command *command);
const char **gw_command_argv(struct gw_command *command);
const size_t *gw_command_lens(const struct gw_command *command);
/** NULL, or what is wrong with the reply. */
const char *gw_script_read(const struct redisReply *reply, uint64_t seq, size_t count,
                           struct gw_script_reply *ret_reply);
/** Was the op of this number done? 1: yes, 0: refused, -1: never heard of. By what the store remembers, "12:0110". */
int gw_ledger_verdict(aigw_str ledger, uint64_t seq);
bool gw_ledger_is_good(aigw_str ledger);
#define GW_LEDGER_KEY "{aigw}:ledger:%s"
#define GW_ALIVE_KEY  "{aigw}:alive"

/* shared_link.c */
struct gw_link {
    struct gw_loop *loop;
    struct redisAsyncContext *redis; /* NULL: closed */
    struct gw_fd fd;
    void (*on_open)(struct gw_link *link);
    /** In the order of what was sent. The link may be closed inside. */
    void (*on_reply)(struct gw_link *link, const struct redisReply *reply);
    /** Closed by the other side or a fault; not by gw_link_close(). */
    void (*on_lost)(struct gw_link *link, const char *why);
};
/** address: numeric. False with why. */
bool gw_link_open(struct gw_link *link, const char *address, uint16_t port, struct gw_err *reterr);
bool gw_link_send(struct gw_link *link, struct gw_command *command);
void gw_link_close(struct gw_link *link);

/* shared_find.c */
#define GW_ADDRESSES_MAX 8
#define GW_ADDRESS_MAX   64
struct gw_find; /* a search under way */
struct gw_addresses {
    char text[GW_ADDRESSES_MAX][GW_ADDRESS_MAX];
    size_t count;
    char why[160]; /* there is none */
};
/** on_found is called from the loop, once, unless the search was given up. NULL: no thread can be started. */
struct gw_find *gw_find_begin(struct gw_loop *loop, const char *host,
                              void (*on_found)(void *user, const struct gw_addresses *found), void *user);
void gw_find_give_up(struct gw_find *find);

#endif
