/* upstream.c - a worker's side towards model servers as a whole: options, buffers, and the memory that goes at the end
 * of a turn, once nobody up the stack can still look at it. */
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

char *gw_up_buffer(char **buffer, size_t size)
{
    if (!*buffer)
        *buffer = malloc(size);
    return *buffer;
}

void gw_up_reap_later(struct gw_upstream *up)
{
    gw_loop_defer(up->loop, &up->reap);
}

static void reap(struct gw_upstream *up)
{
    struct gw_transfer *transfer;
    struct gw_conn *conn;

    while ((transfer = TAILQ_FIRST(&up->over)) != NULL) {
        TAILQ_REMOVE(&up->over, transfer, entry);
        gw_transfer_free(transfer);
    }
    while ((conn = TAILQ_FIRST(&up->closed)) != NULL) {
        TAILQ_REMOVE(&up->closed, conn, in_worker);
        gw_conn_free(conn);
    }
}

static void on_reap(struct gw_task *task)
{
    reap(GW_CONTAINER_OF(task, struct gw_upstream, reap));
}

struct gw_upstream *gw_upstream_new(struct gw_loop *loop, const struct gw_upstream_options *options,
                                    struct gw_err *reterr)
{
    struct gw_upstream *up = calloc(1, sizeof *up);

    if (!up)
        goto nomem;
    up->loop = loop;
    up->options = *options;
    up->options.proxy = NULL;
    up->work.run = gw_transfer_on_work;
    up->reap.run = on_reap;
    up->sweep.on_due = gw_pool_on_sweep;
    TAILQ_INIT(&up->idle);
    TAILQ_INIT(&up->active);
    TAILQ_INIT(&up->waiting);
    TAILQ_INIT(&up->over);
    TAILQ_INIT(&up->closed);
    up->trusts_store = options->trusts;
    if (!up->trusts_store)
        up->trusts_store = up->own_store = gw_trust_store_new();
    if (up->trusts_store && gw_proxies_init(&up->proxies, options->proxy) && gw_connector_init(up))
        return up;
    gw_proxies_done(&up->proxies);
    gw_trust_store_free(up->own_store);
    free(up);
nomem:
    gw_err_set(reterr, AIGW_E_NOMEM, "out of memory while preparing connections to model servers");
    return NULL;
}

void gw_upstream_free(struct gw_upstream *up)
{
    struct gw_transfer *transfer;

    if (!up)
        return;
    while ((transfer = TAILQ_FIRST(&up->active)) != NULL || (transfer = TAILQ_FIRST(&up->waiting)) != NULL)
        gw_transfer_cancel(transfer);
    gw_pool_close_all(up);
    reap(up);
    gw_pool_done(up);
    gw_connector_done(up);
    for (size_t i = 0; i < GW_URLS_KEPT; i++)
        gw_url_unref(up->urls[i]);
    gw_loop_undefer(up->loop, &up->work);
    gw_loop_undefer(up->loop, &up->reap);
    gw_timer_clear(up->loop, &up->sweep);
    gw_proxies_done(&up->proxies);
    gw_trust_store_free(up->own_store);
    free(up->in);
    free(up->ahead);
    free(up->unpacked);
    free(up->chunk);
    free(up);
}

uint32_t gw_upstream_open_transfers(const struct gw_upstream *up)
{
    return up->transfer_count;
}

uint32_t gw_upstream_open_connections(const struct gw_upstream *up)
{
    return up->connection_count;
}

void gw_upstream_set_options(struct gw_upstream *up, const struct gw_upstream_options *options)
{
    up->options = *options;
    up->options.proxy = NULL; /* proxies and shared trust stay what the process began with */
}
