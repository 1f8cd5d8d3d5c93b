/* listeners.c - see listeners.h. */
#include "pipeline/listeners.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/listener.h"

#define BACKLOG 4096

static void take_inherited(struct gw_listeners *listeners, struct gw_heritage *heritage,
                           const struct gw_settings *settings)
{
    for (size_t i = 0; i < heritage->api_count; i++) {
        struct gw_heir *heir = &heritage->api[i];

        if (!heir->is_given && !gw_listener_is_at(heir->fd, settings->server.host, (uint16_t)settings->server.port))
            continue; /* dropped, and the process before closes its own */
        listeners->items[listeners->count++] = *heir;
        heir->fd = -1;
    }
    listeners->inherited = listeners->count;
}

aigw_status gw_listeners_open(struct gw_listeners *listeners, struct gw_heritage *heritage,
                              const struct gw_settings *settings, uint32_t workers, struct gw_err *reterr)
{
    static const struct gw_listener_options options = { BACKLOG, .is_port_shared = true, .is_prompt = true };
    size_t room = heritage->api_count > workers ? heritage->api_count : workers;
    uint16_t port = (uint16_t)settings->server.port;
    struct gw_err why = { "" };

    listeners->items = calloc(room, sizeof *listeners->items);
    if (!listeners->items)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    take_inherited(listeners, heritage, settings);
    while (!listeners->inherited && listeners->count < workers) {
        int fd = gw_listener_open(settings->server.host, port, &options, &why);

        if (fd < 0)
            return gw_err_set(reterr, AIGW_E_CONFIG,
                              "%s; is server.port (AIGW_FASTAPI__API_PORT) taken, or server.host "
                              "(AIGW_FASTAPI__API_HOST) no address of this machine?",
                              why.text);
        listeners->items[listeners->count++].fd = fd;
        port = gw_listener_port(fd); /* port 0: all take the first one's */
    }
    return AIGW_OK;
}

aigw_status gw_listeners_give(const struct gw_listeners *listeners, struct gw_http *http, uint32_t index,
                              uint32_t workers, struct gw_err *reterr)
{
    bool has_own = listeners->count == workers;
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < listeners->count && !status; i++) {
        const struct gw_heir *heir = &listeners->items[i];
        unsigned flags = (has_own || workers == 1 ? 0 : GW_HTTP_SHARED) | (heir->is_given ? GW_HTTP_KEPT : 0);

        if (!has_own || i == index)
            status = gw_http_add_listener(http, heir->fd, flags, reterr);
    }
    return status;
}

uint16_t gw_listeners_port(const struct gw_listeners *listeners)
{
    return listeners->count ? gw_listener_port(listeners->items[0].fd) : 0;
}

void gw_listeners_close(struct gw_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->items[i].fd);
    free(listeners->items);
    *listeners = (struct gw_listeners){ 0 };
}
