/* gateway.h - what commands need to know of the gateway that is configured here: its settings, where it answers, and
 * the keys of its issuers, fetched as it fetches them. */
#ifndef GW_CLI_GATEWAY_H
#define GW_CLI_GATEWAY_H

#include "cli/internal.h"
#include "config/settings.h"

struct gw_auth;
struct gw_oidc;
struct json_object;

/** Settings as `serve` would read them, without plugins. Mistakes are in `problems`; what could be read is there all
 * the same. Answers conf.d. */
const struct gw_node *cli_settings_load(const struct cli_options *options, struct gw_arena *arena,
                                        struct gw_settings *ret_settings, struct gw_problems *problems);
/** As "http://127.0.0.1:5052": where a listener on host is reached from here. */
const char *cli_url_of(struct gw_arena *arena, bool is_tls, const char *host, int64_t port);
/** "http://127.0.0.1:5052": where it answers on this machine. Arena memory. */
const char *cli_api_url(struct gw_arena *arena, const struct gw_settings *settings);
/** The same of the metrics listener; NULL when it has none. */
const char *cli_metrics_url(struct gw_arena *arena, const struct gw_settings *settings);
/** Nothing of what the parts of the gateway log belongs into a command's output. */
void cli_quiet_log(void);
/** Authentication as the gateway has it, once every issuer's keys came or failed to come, 15 s at most. NULL with
 * reterr. gw_auth_free() it. */
struct gw_auth *cli_auth_new(const struct gw_settings *settings, const struct gw_oidc *oidc, struct gw_err *reterr);
/** What came of that: what ?verbose says under "keys"; json_object_put() it. NULL with
 *  reterr. */
struct json_object *cli_keys_fetch(const struct gw_settings *settings, const struct gw_oidc *oidc,
                                   struct gw_err *reterr);
/** Members of JSON objects, walked down as "a.b"; NULL, "" or 0 when they are not there. Borrowed. */
struct json_object *cli_json_at(struct json_object *object, const char *path);
/** The same, but NULL when it is no object, or no array: json-c ends the process that goes through one that it is not,
 *  and whoever answers at the gateway's address may be anything. */
struct json_object *cli_json_group(struct json_object *object, const char *path);
struct json_object *cli_json_list(struct json_object *object, const char *path);
/** Items of a list; 0 for NULL. */
size_t cli_json_count(struct json_object *list);
const char *cli_json_text(struct json_object *object, const char *path);
int64_t cli_json_int(struct json_object *object, const char *path);

#endif
