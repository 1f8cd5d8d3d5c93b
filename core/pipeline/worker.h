/* worker.h - one event loop with all it owns. Nothing here is shared on the request path. */
#ifndef GW_WORKER_H
#define GW_WORKER_H

#include <pthread.h>

#include "auth/auth.h"
#include "config/snapshot.h"
#include "http/http.h"
#include "loop/loop.h"
#include "upstream/upstream.h"

struct gw_limit_table;
struct gw_shared;
struct gw_offload;
struct gw_server;

struct gw_worker {
    struct gw_server *server;
    struct gw_loop *loop;
    struct gw_http *http;
    struct gw_upstream *upstream;
    struct gw_auth_worker *auth;
    struct gw_snapshot *snapshot; /* for new requests; requests hold their own reference */
    pthread_t thread;
    bool is_started, is_draining;
    struct gw_timer drain_timer;
    int64_t drain_deadline_ms;
    atomic_uint open_requests; /* read by the metrics page */
    atomic_uint open_connections;
    atomic_uint open_upstream;
    atomic_uint slow_streams;
    struct gw_http_handler handler;
    struct gw_hook gauges;
    struct gw_health *health; /* the first worker's: it asks for all */
    uint32_t stream_probes;   /* streams of /monitoring/stream that are under way */
};

/** What the process is doing; read by /monitoring/ready. */
struct gw_server {
    struct gw_worker *workers;
    uint32_t worker_count;
    struct gw_auth *auth;
    struct gw_offload *offload; /* threads for work that blocks */
    struct gw_watchdog *watchdog;
    struct gw_limit_table *limits; /* counters of quotas */
    struct gw_shared *shared;      /* how replicas share them */
    struct gw_trust_store *trusts; /* CA bundles, read once for all workers */
    atomic_int state;              /* GW_STARTING … */
    int64_t started_us;
    atomic_llong cert_expires_s; /* of the serving certificate, 0: no TLS */
    atomic_llong loaded_wall_s;  /* when the running configuration was read */
    atomic_bool is_reload_bad;   /* the last reload was refused */
    uint16_t port, metrics_port;
    pthread_mutex_t limits_lock; /* guards the two below */
    struct gw_buf limits_page;   /* gauges made of metrics.model_limits */
    struct gw_snapshot *shown;   /* whose targets and quotas the metrics page shows */
};
#define GW_STARTING 0
#define GW_SERVING  1
#define GW_DRAINING 2

/** Make the worker's parts. Its listeners are worker->http's. */
aigw_status gw_worker_init(struct gw_worker *worker, struct gw_server *server, struct gw_snapshot *snapshot,
                           const struct gw_http_tls *tls, struct gw_err *reterr);
aigw_status gw_worker_start(struct gw_worker *worker, struct gw_err *reterr);
/** From now on it takes connections. Once it was started. */
aigw_status gw_worker_post_accept(struct gw_worker *worker, struct gw_err *reterr);
void gw_worker_done(struct gw_worker *worker);
/** What a worker is to use from now on, all of it between two events. Borrowed; NULL members stay as they are. */
struct gw_worker_change {
    struct gw_snapshot *snapshot; /* for new requests */
    const struct gw_http_tls *tls;
    bool must_forget_upstream;    /* trust or identity towards model servers changed */
    void (*on_taken)(void *user); /* on the worker's thread, or the caller's when the worker cannot be told; or NULL */
    void *user;
};
/** From the main thread. gw_worker_prepare() takes copies and references and may fail, with NULL; gw_worker_post() uses
 *  them up. auth: what gw_auth_reconfigure() made of the snapshot, NULL without one. */
struct gw_worker_post *gw_worker_prepare(struct gw_worker *worker, const struct gw_worker_change *change);
void gw_worker_post(struct gw_worker_post *post, struct gw_view *auth);
void gw_worker_unprepare(struct gw_worker_post *post); /* NULL is fine */
/** Serve on, and say with every answer that the connection ends. */
void gw_worker_post_leave(struct gw_worker *worker);
/** Stop accepting, finish what runs, at most drain_ms, then stop the loop. */
void gw_worker_post_drain(struct gw_worker *worker, enum gw_drain how, int64_t drain_ms);

#endif
