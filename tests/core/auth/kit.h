/* kit.h - what the authentication tests share: keys made at run time, a small HTTP(S) issuer in a thread, and a "desk":
 * one gw_auth with one worker and its loop. */
#ifndef AUTH_KIT_H
#define AUTH_KIT_H

#include <check.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "auth/internal.h"

/* ---- keys_kit.c ---- */

#define KEY_PROVIDER 0 /* the issuer's signing key */
#define KEY_SPARE    1 /* the issuer's other key */
#define KEY_STRANGER 2 /* nobody's */
#define KEY_SIGNING  3 /* our own */
#define KEY_SMALL    4 /* 1024 bits: refused */
#define KEY_COUNT    5

/** Make all keys; once, before the tests fork. */
void kit_keys_init(void);
void kit_keys_done(void);
gnutls_x509_privkey_t kit_key(int which);
const char *kit_kid(int which);
/** PKCS#8 or PKCS#1 text; freed by the kit. */
const char *kit_pem(int which);
const char *kit_pem_pkcs1(int which);
/** One JWK as JSON, with more members appended (",\"x\":1") or "". */
void kit_put_jwk(struct gw_buf *out, int which, const char *kid, const char *more);
/** {"keys":[…]} of these keys. malloc'd. */
char *kit_jwks(const int *which, size_t count);
/** base64url(header).base64url(payload).signature. mac: HS256 with that text instead of a key. malloc'd. */
char *kit_sign(const char *header, const char *payload, int which, gnutls_sign_algorithm_t algorithm, const char *mac,
               size_t mac_len);
/** The base payload with changes: a JSON object whose members replace; "@delete" removes, "@now+N" is a time. */
char *kit_payload(const char *changes);
/** A token of the base payload with changes, kid of the key. malloc'd. */
char *kit_token(int which, const char *changes);

#define KIT_INSTANCE "292c3c7c-c5d5-48ec-b4bf-f00b724ce560"
#define KIT_USER     "user-global-id="

/* ---- issuer_kit.c ---- */

struct issuer;
#define ISSUER_TLS 1
struct issuer *issuer_start(int flags);
void issuer_stop(struct issuer *issuer);
int issuer_port(const struct issuer *issuer);
/** "http://127.0.0.1:PORT" */
const char *issuer_url(const struct issuer *issuer);
const char *issuer_ca_file(const struct issuer *issuer);
#define ROUTE_HANG 1 /* accept, never answer */
#define ROUTE_CUT  2 /* promise more bytes than are sent */
#define ROUTE_DROP 3 /* close at once */
/** Answer `path` so from now on; headers: "Name: value\r\n" lines or "". */
void issuer_route(struct issuer *issuer, const char *path, int status, const char *headers, const char *body,
                  int behaviour);
/** Discovery with jwks_uri at this server, and these keys. */
void issuer_serve(struct issuer *issuer, const int *which, size_t count);
/** How often a path was asked for; NULL: anything. */
int issuer_count(struct issuer *issuer, const char *path);
/** Wait until it was asked for `count` times. */
void issuer_await(struct issuer *issuer, const char *path, int count);
/** A port on which nothing listens. */
int issuer_dead_port(void);

#define DISCOVERY "/.well-known/openid-configuration"
#define KEYS      "/oauth/discovery/keys"

/* ---- desk_kit.c ---- */

struct header {
    const char *name, *value;
};
struct desk {
    struct gw_settings settings;
    const struct gw_oidc *oidc; /* NULL: none */
    struct gw_auth_tuning tuning;
    struct gw_auth *auth;
    struct gw_loop *loop;
    struct gw_auth_worker *worker;
    struct gw_arena arena;
    struct header headers[12];
    size_t header_count;
    int waits; /* how often the last check was told to wait */
};
/** Settings with both URLs empty, local signing key, fast clocks. */
void desk_init(struct desk *desk);
void desk_open(struct desk *desk);
void desk_close(struct desk *desk);
/** A reload: apply desk->settings and switch the worker. */
void desk_reload(struct desk *desk);
/** The base request's headers with this token; NULL token: no Authorization. */
void desk_headers(struct desk *desk, const char *token);
void desk_header(struct desk *desk, const char *name, const char *value); /* value NULL removes */
/** Check, waiting as often as asked. The result lives until desk_close(). */
struct gw_auth_result desk_check(struct desk *desk);
struct gw_auth_result desk_check_token(struct desk *desk, const char *token);
/** Check once, without waiting. */
struct gw_auth_result desk_check_once(struct desk *desk);
/** Turn the loop until fn(arg) holds; fails after 30 s. */
void desk_until(struct desk *desk, bool (*fn)(struct desk *desk, const void *arg), const void *arg);
/** Turn until `count` more loads ended since `epoch`. */
void desk_await_loads(struct desk *desk, uint64_t epoch, uint64_t count);
uint64_t desk_epoch(struct desk *desk);

/** Id of the table row under test, for messages. */
extern const char *kit_row;
#define ck_allowed(result) \
    ck_assert_msg((result).outcome == GW_AUTH_ALLOWED, "%s: outcome %d status %d: %s (%s)", kit_row, (result).outcome, \
                  (result).status, (result).error ? (result).error : "", (result).detail ? (result).detail : "")
#define ck_refused(result, code, text) \
    ck_assert_msg((result).outcome == GW_AUTH_REFUSED && (result).status == (code) && \
                      strcmp((result).error, (text)) == 0, \
                  "%s: outcome %d status %d: %s (%s)", kit_row, (result).outcome, (result).status, \
                  (result).error ? (result).error : "", (result).detail ? (result).detail : "")
#define FORBIDDEN "Forbidden by auth provider"

TCase *parse_cases(void);
TCase *decide_cases(void);
TCase *cache_cases(void);
TCase *refresh_cases(void);
TCase *waiting_cases(void);
TCase *hostile_cases(void);
TCase *discovery_cases(void);
TCase *own_cases(void);
TCase *api_keys_cases(void);

#endif
