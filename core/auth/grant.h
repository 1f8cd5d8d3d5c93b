/* grant.h - what a caller that is no GitLab may do (D46). It stands in conf.d with an API key, or with an issuer of
 * tokens. Grants belong to a snapshot and never change. */
#ifndef GW_GRANT_H
#define GW_GRANT_H

#include "auth/auth.h"
#include "config/node.h"

struct gw_grant {
    const char *name;        /* of its group */
    struct aigw_list models; /* names or "prefix*"; none given: all */
    struct aigw_list scopes; /* none given: all */
    struct aigw_list from;   /* networks; none given: any */
    const char *team;        /* for quotas and rules; NULL: none */
    int32_t enabled;
    /* made of them */
    const aigw_str *rights;      /* `scopes`, for a principal */
    struct gw_network *networks; /* `from` */
    bool has_models, has_scopes;
};

/** Rows of a settings table for a struct that holds a grant as `grant`. */
#define GW_GRANT_SETTINGS(type) \
    { "models", \
      AIGW_SET_LIST, \
      0, \
      offsetof(type, grant.models), \
      NULL, \
      0, \
      0, \
      NULL, \
      "Models of conf.d that it may use: names, or beginnings with * behind. Not given: all; (): none." }, \
        { "scopes", \
          AIGW_SET_LIST, \
          0, \
          offsetof(type, grant.scopes), \
          NULL, \
          0, \
          0, \
          NULL, \
          "Rights that it has. Not given: all; (): none." }, \
        { "from", \
          AIGW_SET_LIST, \
          0, \
          offsetof(type, grant.from), \
          NULL, \
          0, \
          0, \
          NULL, \
          "Networks from which it may be used, such as 10.0.0.0/8. Not given: any." }, \
        { "team", \
          AIGW_SET_STRING, \
          0, \
          offsetof(type, grant.team), \
          NULL, \
          0, \
          0, \
          NULL, \
          "Its team: for quotas and routing.rules." }, \
    { \
        "enabled", AIGW_SET_BOOL, 0, offsetof(type, grant.enabled), "true", 0, 0, NULL, "false: it is refused." \
    }

/** After the table filled it: the rest, from the same group. */
void gw_grant_finish(struct gw_arena *arena, struct gw_grant *grant, const struct gw_node *group, const char *path,
                     struct gw_problems *problems);
/** May it be used from there? client_ip may be NULL when it is not known. */
bool gw_grant_admits(const struct gw_grant *grant, const char *client_ip);
/** ALLOWED, for this subject. */
void gw_grant_allow(const struct gw_grant *grant, aigw_str subject, struct gw_auth_result *result);
/** May the caller use the model of conf.d? NULL: no grant, no limit. */
bool gw_grant_may_use(const struct gw_grant *grant, aigw_str model);

#endif
