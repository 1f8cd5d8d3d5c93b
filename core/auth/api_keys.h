/* api_keys.h - API keys of this gateway, for clients that are no GitLab (D46): `keys` of conf.d. Secrets are not there,
 * their SHA-256 is: 256 random bits need no salt. A set belongs to a snapshot and never changes. */
#ifndef GW_API_KEYS_H
#define GW_API_KEYS_H

#include "auth/auth.h"
#include "config/node.h"

struct gw_api_keys;

/** Read `keys`. NULL only when out of memory. */
struct gw_api_keys *gw_api_keys_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems);
/** What the request presents, in whichever header: Authorization: Bearer, x-api-key, api-key, x-goog-api-key. Absent
 *  when there is none. first: AIGW_KEY_FIRST_* of the route. */
aigw_str gw_api_keys_presented(const struct gw_auth_headers *headers, uint32_t first);
/** Who that is. REFUSED with 401 otherwise: error is a code ("key_unknown"), detail says what to do. client_ip may be
 *  NULL when it is not known. */
void gw_api_keys_check(const struct gw_api_keys *keys, aigw_str secret, const char *client_ip, struct gw_arena *arena,
                       struct gw_auth_result *ret_result);
/** When the first of those that are good now will be good no more, by `expires` or by the `until` of all its hashes:
 *  seconds since 1970; INT64_MAX: none of them has an end. Any thread. */
int64_t gw_api_keys_next_end(const struct gw_api_keys *keys, int64_t now_s);
/** Make a secret and its hash as conf.d wants it; both are texts. */
#define GW_API_KEY_SIZE      64u
#define GW_API_KEY_HASH_SIZE 80u
aigw_status gw_api_key_make(char ret_secret[GW_API_KEY_SIZE], char ret_hash[GW_API_KEY_HASH_SIZE]);

#endif
