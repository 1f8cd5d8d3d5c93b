/* credential.h - what providers need fetched before they can ask: OAuth tokens, instance metadata. The provider
 * describes the requests, we make them, once for all who wait (design: single flight), and keep the value:
 * process-wide, across reloads, until shortly before it expires or a server refuses it. Values are secrets: they are
 * masked in logs. */
#ifndef GW_CREDENTIAL_H
#define GW_CREDENTIAL_H

#include "models/models.h"

struct gw_credential_wait;

struct gw_credential_query {
    struct gw_instance *instance;
    const char *name; /* the provider's own name for it */
    struct gw_snapshot *snapshot;
    struct gw_loop *loop;         /* the asking worker's: requests run there, answers arrive there */
    struct gw_upstream *upstream; /* likewise */
};
/** The value, copied into `arena`; AIGW_PENDING: use gw_credential_wait(). A value that will expire soon is handed out
 *  while a new one is being fetched. */
aigw_status gw_credential_get(const struct gw_credential_query *query, struct gw_arena *arena, aigw_str *ret_value);
/** Call on_ready from the loop when there is a value (AIGW_OK) or there will be none (why). NULL: out of memory. */
struct gw_credential_wait *gw_credential_wait(const struct gw_credential_query *query,
                                              void (*on_ready)(void *user, aigw_status status, const char *why),
                                              void *user);
/** Do not call it any more. Not after on_ready. */
void gw_credential_unwait(struct gw_credential_wait *wait);
/** A server refused it: forget it. */
void gw_credential_reject(const struct gw_instance *instance, const char *name);
/** This worker stops: end its fetches, and let others who wait ask again. Before its upstream goes. */
void gw_credentials_leave(struct gw_loop *loop);
/** Forget everything: at the end of the process, and for tests. Nobody waits any more. */
void gw_credentials_free(void);

#endif
