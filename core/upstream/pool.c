/* pool.c - origins and their idle connections. An origin is what connections may be shared for: scheme, host, port,
 * proxy, trust and whether addresses were checked. Last used first: hot connections stay, surplus ages and goes. */
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

#define SWEEP_MS 5000

/* ---- trust ------------------------------------------------------------------------------------------------------ */

static struct gw_trust *trust_get(struct gw_upstream *up, const struct gw_upstream_tls *tls)
{
    struct gw_trust *trust;

    for (trust = up->trusts; trust; trust = trust->next)
        if (gw_trust_is_for(trust, tls))
            break;
    if (!trust) {
        trust = gw_trust_new(up->trusts_store, tls);
        if (!trust)
            return NULL;
        trust->next = up->trusts;
        up->trusts = trust;
    }
    trust->uses++;
    return trust;
}

static void trust_unref(struct gw_upstream *up, struct gw_trust *trust)
{
    struct gw_trust **at = &up->trusts;

    if (!trust || --trust->uses > 0)
        return;
    while (*at != trust)
        at = &(*at)->next;
    *at = trust->next;
    gw_trust_free(trust);
}

/* ---- origins ---------------------------------------------------------------------------------------------------- */

static void origin_free(struct gw_origin *origin)
{
    struct gw_origin **at = &origin->up->origins[origin->url->hash % GW_ORIGIN_SLOTS];

    while (*at != origin)
        at = &(*at)->next;
    *at = origin->next;
    gw_ticket_forget(&origin->ticket);
    gw_ticket_forget(&origin->proxy_ticket);
    trust_unref(origin->up, origin->trust);
    trust_unref(origin->up, origin->proxy_trust);
    gw_url_unref(origin->url);
    free(origin);
}

/** How an https proxy is trusted: by the same authorities. */
static struct gw_upstream_tls tls_of_proxy(const struct gw_upstream_tls *tls)
{
    struct gw_upstream_tls of_proxy = { .verify = true };

    if (tls) {
        of_proxy.ca_file = tls->ca_file;
        of_proxy.ca_source = tls->ca_source;
        of_proxy.extra_ca_file = tls->extra_ca_file;
    }
    return of_proxy;
}

static bool is_trusted_by(const struct gw_trust *trust, const struct gw_upstream_tls *tls)
{
    return !trust || gw_trust_is_for(trust, tls);
}

static bool origin_is_for(const struct gw_origin *origin, const struct gw_url *url, const struct gw_proxy *proxy,
                          const struct gw_upstream_tls *tls, bool is_checked)
{
    const struct gw_url *mine = origin->url;
    struct gw_upstream_tls of_proxy = tls_of_proxy(tls);

    return mine->hash == url->hash && mine->is_https == url->is_https && mine->port == url->port &&
           origin->proxy == proxy && origin->is_checked == is_checked && strcmp(mine->connect, url->connect) == 0 &&
           is_trusted_by(origin->trust, tls) && is_trusted_by(origin->proxy_trust, &of_proxy);
}

static struct gw_origin *origin_new(struct gw_upstream *up, struct gw_url *url, const struct gw_proxy *proxy,
                                    const struct gw_upstream_tls *tls, bool is_checked)
{
    struct gw_origin **slot = &up->origins[url->hash % GW_ORIGIN_SLOTS];
    struct gw_origin *origin = calloc(1, sizeof *origin);
    struct gw_upstream_tls of_proxy = tls_of_proxy(tls);
    bool is_tls_proxy = proxy && proxy->kind == GW_PROXY_HTTPS;

    if (!origin)
        return NULL;
    if ((url->is_https && !(origin->trust = trust_get(up, tls))) ||
        (is_tls_proxy && !(origin->proxy_trust = trust_get(up, &of_proxy)))) {
        trust_unref(up, origin->trust);
        free(origin);
        return NULL;
    }
    url->refs++;
    origin->up = up;
    origin->refs = 1;
    origin->url = url;
    origin->proxy = proxy;
    origin->is_checked = is_checked;
    TAILQ_INIT(&origin->idle);
    origin->next = *slot;
    *slot = origin;
    return origin;
}

struct gw_origin *gw_origin_get(struct gw_upstream *up, struct gw_url *url, const struct gw_proxy *proxy,
                                const struct gw_upstream_tls *tls, bool is_checked)
{
    struct gw_origin *origin;

    for (origin = up->origins[url->hash % GW_ORIGIN_SLOTS]; origin; origin = origin->next)
        if (origin_is_for(origin, url, proxy, tls, is_checked)) {
            up->unused_origins -= origin->refs == 0;
            origin->refs++;
            return origin;
        }
    return origin_new(up, url, proxy, tls, is_checked);
}

void gw_origin_unref(struct gw_origin *origin)
{
    struct gw_upstream *up = origin->up;

    if (--origin->refs > 0)
        return;
    if (up->unused_origins >= GW_ORIGINS_IDLE) {
        origin_free(origin);
        return;
    }
    up->unused_origins++;
    origin->unused_ms = gw_loop_now_ms(up->loop);
    if (!up->sweep.is_armed)
        gw_timer_set(up->loop, &up->sweep, SWEEP_MS);
}

/* ---- idle connections ------------------------------------------------------------------------------------------- */

void gw_pool_remove(struct gw_conn *conn)
{
    TAILQ_REMOVE(&conn->origin->idle, conn, in_origin);
    TAILQ_REMOVE(&conn->up->idle, conn, in_worker);
    conn->origin->idle_count--;
    conn->up->idle_count--;
}

static bool is_in_force(const struct gw_tls *tls, const struct gw_trust *trust)
{
    return !tls || gw_tls_credentials(tls) == trust->credentials;
}

/** Its server, and an https proxy, were verified by what is in force now. */
static bool is_trusted(const struct gw_conn *conn)
{
    return is_in_force(conn->tls, conn->origin->trust) && is_in_force(conn->proxy_tls, conn->origin->proxy_trust);
}

struct gw_conn *gw_pool_take(struct gw_origin *origin)
{
    int64_t now_ms = gw_loop_now_ms(origin->up->loop);
    struct gw_conn *conn;

    while ((conn = TAILQ_FIRST(&origin->idle)) != NULL) {
        if (conn->expires_ms > now_ms && is_trusted(conn)) {
            gw_pool_remove(conn);
            return conn;
        }
        gw_conn_close(conn);
    }
    return NULL;
}

bool gw_pool_put(struct gw_conn *conn, uint32_t keep_s)
{
    struct gw_origin *origin = conn->origin;
    struct gw_upstream *up = origin->up;
    int64_t idle_ms = GW_IDLE_MS;

    if (keep_s > 0 && (int64_t)keep_s * 1000 - 1000 < idle_ms)
        idle_ms = (int64_t)keep_s * 1000 - 1000; /* the server's clock may be ahead of the answer's arrival */
    if (idle_ms <= 0 || origin->idle_count >= up->options.connections_per_host)
        return false;
    if (up->idle_count >= GW_CONNS_IDLE)
        gw_conn_close(TAILQ_FIRST(&up->idle));
    conn->expires_ms = gw_loop_now_ms(up->loop) + idle_ms;
    TAILQ_INSERT_HEAD(&origin->idle, conn, in_origin);
    TAILQ_INSERT_TAIL(&up->idle, conn, in_worker);
    origin->idle_count++;
    up->idle_count++;
    if (!up->sweep.is_armed)
        gw_timer_set(up->loop, &up->sweep, SWEEP_MS);
    return true;
}

/** Close idle connections: all, or those that `goes` names. */
static void close_some(struct gw_upstream *up, bool (*goes)(const struct gw_conn *conn, int64_t now_ms))
{
    int64_t now_ms = gw_loop_now_ms(up->loop);
    struct gw_conn *conn, *next;

    for (conn = TAILQ_FIRST(&up->idle); conn; conn = next) {
        next = TAILQ_NEXT(conn, in_worker);
        if (!goes || goes(conn, now_ms))
            gw_conn_close(conn);
    }
}

static bool is_expired(const struct gw_conn *conn, int64_t now_ms)
{
    return conn->expires_ms <= now_ms;
}

static bool has_outdated_trust(const struct gw_conn *conn, int64_t now_ms)
{
    const struct gw_trust *trust = conn->origin->trust, *proxy_trust = conn->origin->proxy_trust;

    (void)now_ms;
    return (trust && trust->is_outdated) || (proxy_trust && proxy_trust->is_outdated);
}

void gw_pool_close_all(struct gw_upstream *up)
{
    close_some(up, NULL);
}

void gw_upstream_forget_connections(struct gw_upstream *up)
{
    for (struct gw_trust *trust = up->trusts; trust; trust = trust->next) {
        trust->is_outdated = !gw_trust_is_current(trust);
        trust->check_ms = 0;
    }
    close_some(up, has_outdated_trust);
}

/** Free unused origins: all, or those unused for long. */
static void free_origins(struct gw_upstream *up, bool all)
{
    int64_t now_ms = gw_loop_now_ms(up->loop);

    for (size_t i = 0; i < GW_ORIGIN_SLOTS && up->unused_origins > 0; i++)
        for (struct gw_origin *origin = up->origins[i], *next; origin; origin = next) {
            next = origin->next;
            if (origin->refs > 0 || (!all && now_ms - origin->unused_ms < GW_IDLE_MS))
                continue;
            up->unused_origins--;
            origin_free(origin);
        }
}

void gw_pool_on_sweep(struct gw_timer *timer)
{
    struct gw_upstream *up = GW_CONTAINER_OF(timer, struct gw_upstream, sweep);

    close_some(up, is_expired);
    free_origins(up, false);
    if (up->idle_count > 0 || up->unused_origins > 0)
        gw_timer_set(up->loop, &up->sweep, SWEEP_MS);
}

void gw_pool_done(struct gw_upstream *up)
{
    free_origins(up, true);
}
