/* components.h - the body of the v3 and v4 routes: a list of components, of which the first says what is wanted and
 * later ones may bring context. */
#ifndef CS_COMPONENTS_H
#define CS_COMPONENTS_H

#include "request.h"

struct cs_components {
    uint32_t given;              /* what of the body was there, for reading */
    struct aigw_body_list items; /* the library's list; see components.c */
    struct cs_model metadata;
};

/** The body, for a struct cs_components. */
extern const struct aigw_body_table cs_components_table;

/** What the components ask for. Code context is taken from clients whose language server is new enough to choose it
 *  well: `server_version` is theirs, absent when they did not say. AIGW_OK, AIGW_E_NOMEM or AIGW_E_LIMIT. */
aigw_status cs_components_read(const struct cs_components *components, aigw_str server_version,
                               struct aigw_memory *memory, struct cs_request *ret_request);

/** True for a version of 7.17.1 or later. What is no version counts as 0.0.0. */
bool cs_version_has_context(aigw_str version);

#endif
