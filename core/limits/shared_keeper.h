/* shared_keeper.h - the keeper: the thread that talks to the store, and what is under way between them.
 *
 *     OFF → FINDING → CONNECTING → JOINING → UP        its store's addresses, a connection, who we are, at work
 *             ↑           lost, from each of them
 *           RESTING ←─────┘
 *
 * When the store is back, replicas go on with their parts until all that were there before have told what they used in
 * the meantime, or are gone for good: else the first one back would take what the others used already.
 *
 * Whatever is wrong (no answer in time, an error, a reply that makes no sense) ends the connection: what was under way
 * is in doubt then, callers are decided without the store, and the ledger tells at the next connection what was done.
 */
#ifndef GW_SHARED_KEEPER_H
#define GW_SHARED_KEEPER_H

#include "limits/sharing.h"

enum gw_keeper_state {
    GW_KEEPER_OFF,
    GW_KEEPER_RESTING,
    GW_KEEPER_FINDING,
    GW_KEEPER_CONNECTING,
    GW_KEEPER_JOINING,
    GW_KEEPER_UP,
    GW_KEEPER_LEAVING,
};

/** One run of the script. */
struct gw_shared_op {
    struct gw_shared_op *next;
    uint64_t seq;
    int64_t sent_us, due_ms;
    struct gw_limit_ask *ask; /* NULL: it tells, or its ask is decided already */
    bool was_ask;
    struct gw_limit_slot **slots; /* told with it, held and listed no more */
    size_t slot_count;
    size_t count;
    struct gw_share_item items[];
};

struct gw_op_list {
    struct gw_shared_op *first, **last;
    size_t count;
};

struct gw_shared {
    struct gw_shared_view view;
    struct gw_limit_table *table;
    struct gw_share *shares; /* one beside each slot */
    struct gw_asks asks;
    struct gw_loop *loop; /* NULL: never on */
    pthread_t thread;
    bool is_started;
    pthread_mutex_t said_lock; /* guards what is shown to people */
    char said_store[300], said_why[200];
    int64_t said_since_ms;

    /* the keeper's own from here on */
    struct gw_shared_options options;
    enum gw_keeper_state state;
    char id[17];         /* of this process */
    char name[32];       /* of its calls under way: another one at each connection */
    char old_name[32];   /* whose calls are to be forgotten */
    char sha[48];        /* the script's */
    uint32_t generation; /* of the connection */
    uint64_t seq;
    struct gw_link link;
    struct gw_find *find;
    struct gw_addresses found;
    size_t next_address;
    size_t join_step;
    struct gw_command *command;
    struct gw_op_list flying, doubts;
    size_t tells_flying;
    struct gw_limit_ask *waiting, **waiting_last;
    size_t waiting_count;
    struct gw_share *listed; /* taken over, to be told */
    struct gw_timer tell, look, beat, rest, patience, sweep;
    int64_t rest_ms;
    int64_t relied_ms;   /* since when it is relied on */
    int64_t forgot_ms;   /* when it was last said that it forgot; 0: never */
    bool is_returning;   /* UP, but the others are not all back */
    bool must_beat;      /* at the return: when what there was to tell is told; else when there is room */
    int64_t returned_ms; /* when that began */
    int64_t store_ms;    /* its clock when it answered last; once it is lost: when that was */
    int64_t answered_ms; /* the same moment here */
    int64_t heard_ms;    /* its clock when it heard that we live; 0: not yet */
    int64_t expected;    /* replicas at that time */
    bool was_said_down;
    bool is_leaving;
};

/* shared_keeper.c */
/** All who were there are back, or had time enough: the store is relied on again. */
void gw_keeper_return(struct gw_shared *shared);
/** The connection is of no use any more. */
void gw_keeper_lose(struct gw_shared *shared, const char *why);

/* shared_ops.c */
void gw_ops_init(struct gw_shared *shared);
/** Send what waits: asks, and what is to be told. */
void gw_ops_send(struct gw_shared *shared);
void gw_ops_beat(struct gw_shared *shared);
/** Look what others charged to whom calls were made for here of late. */
void gw_ops_look(struct gw_shared *shared);
/** The oldest one's reply. */
void gw_ops_reply(struct gw_shared *shared, const struct redisReply *reply);
/** The connection is lost: callers are decided, the rest is in doubt. */
void gw_ops_doubt(struct gw_shared *shared);
/** The ledger says what of the doubtful was done; then everything that counts is to be told. */
void gw_ops_join(struct gw_shared *shared, aigw_str ledger);
/** While there is no store: forget to tell what has expired, so that its slots can be used. */
void gw_ops_sweep(struct gw_shared *shared);
/** All are back: what the store said counts. */
void gw_ops_returned(struct gw_shared *shared);
/** Nothing is under way or to be told. */
bool gw_ops_are_done(const struct gw_shared *shared);
/** Give everything up: the end of the process. */
void gw_ops_free(struct gw_shared *shared);
/** An ask arrived. */
void gw_ops_ask(struct gw_shared *shared, struct gw_limit_ask *ask);

/* shared_counter.c */
/** Charged here, and not sent. */
int64_t gw_counter_untold(const struct gw_share *share, const struct gw_limit_slot *slot,
                          enum gw_limit_counter counter);
/** If the store does not know the counter, or forgot it: say what it should have, else -1. */
void gw_counter_put_base(struct gw_shared *shared, struct gw_share_item *item, const struct gw_limit_now *now);
/** The store has what was sent of it. */
void gw_counter_acknowledge(struct gw_shared *shared, const struct gw_share_item *item);
/** The store has charged an ask: so is it here. */
void gw_counter_charge(struct gw_shared *shared, const struct gw_share_item *item);
/** Take over what the store has, after the above. was_charged_by_it: it is of an ask that was admitted. */
void gw_counter_absorb(struct gw_shared *shared, const struct gw_share_item *item, int64_t value, int64_t sent_us,
                       bool was_charged_by_it);

/* shared_say.c: for people */
void gw_shared_say_up(struct gw_shared *shared);
void gw_shared_say_down(struct gw_shared *shared, const char *why);
void gw_shared_observe(int64_t us);
/** It has less than it was told; at most once a minute. */
void gw_shared_say_forgot(struct gw_shared *shared);

#endif
