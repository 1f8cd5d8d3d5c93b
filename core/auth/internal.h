/* internal.h - what the files of core/auth share. Only they and their tests include it.
 *
 *   keys.c      RSA keys, sets of one issuer, the merged view all workers read
 *   local.c     our own signing and validation keys from the settings
 *   jwks.c      discovery documents and key sets as JSON
 *   fetch.c     one HTTP GET with limits, on a curl multi handle
 *   issuer.c    one issuer's load: discovery, keys, the fallback address
 *   refresh.c   the thread that loads keys: schedule, back-off, one load on demand
 *   jwt.c       token text → header and claims, strictly
 *   claims.c    the claims' JSON → struct gw_claims
 *   verify.c    a signature against the view
 *   cache.c     tokens a worker verified, and those it refused a moment ago
 *   explain.c   texts that help the operator
 *   check.c     settings that cannot be used
 *   diagnose.c  a token taken apart for `aigw diagnose-token`
 *   decide.c    headers → principal or refusal
 *   grant.c     what callers that are no GitLab may do
 *   api_keys.c  API keys → grant
 *   oidc.c      conf.d's other issuers, and which group takes a token
 *   worker.c    per-worker state, requests that wait for keys
 *   sign.c      minting
 *   auth.c      process state: settings in, description out
 *
 * Threads: struct gw_auth is shared; its lock is held for pointer work only. A view is immutable. A worker belongs to
 * its loop's thread. An issuer's `load` belongs to the refresher thread, its other fields to the lock.
 */
#ifndef GW_AUTH_INTERNAL_H
#define GW_AUTH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <curl/curl.h>
#include <gnutls/abstract.h>

#include "auth/auth.h"
#include "auth/oidc.h"
#include "base/log.h"

#define GW_TOKEN_MAX     16384u /* bytes of a token */
#define GW_SIGNATURE_MAX 1024u  /* an 8192-bit RSA signature */
#define GW_KEYS_MAX      100u   /* usable keys taken from one issuer */
#define GW_KID_MAX       256u   /* longer ones are ignored */
#define GW_KEY_BITS_MIN  2048u
#define GW_KEY_BITS_MAX  8192u
#define GW_P256_LEN      32u      /* a coordinate, or half a signature */
#define GW_KEYS_BODY_MAX 1048576u /* bytes of a discovery document or key set */
#define GW_URL_MAX       2048u
#define GW_JSON_DEPTH    16u
#define GW_DIGEST_LEN    32u

/** Clocks and sizes, apart so that tests need not wait. */
struct gw_auth_tuning {
    int64_t fetch_ms;      /* one HTTP call, redirects included */
    int64_t wait_ms;       /* longest wait of a request for keys */
    int64_t demand_gap_ms; /* between two loads that unknown kids caused */
    int64_t backoff_ms[3]; /* after the first, second and every later failure in a row */
    int64_t age_floor_ms;  /* a shorter max-age of an issuer is ignored */
    int64_t negative_ms;   /* a refused token is remembered so long */
    size_t cache_entries;  /* per worker */
    size_t cache_bytes;    /* per worker */
};
struct gw_auth_tuning gw_auth_tuning_default(void);
struct gw_auth *gw_auth_new_tuned(const struct gw_settings *settings, const struct gw_oidc *oidc,
                                  const struct gw_auth_tuning *tuning, struct gw_err *reterr);

/* ---- keys.c ------------------------------------------------------------------------------------------------- */

struct gw_key {
    gnutls_pubkey_t pub;
    bool is_ec;                      /* P-256, for ES256; else RSA, for RS256 */
    aigw_str kid;                    /* absent if none */
    unsigned char id[GW_DIGEST_LEN]; /* SHA-256 of modulus and exponent, or of the point */
};

/** The keys of one issuer. Immutable once published. */
struct gw_keyset {
    atomic_uint refs;
    bool is_local;
    char *issuer; /* verifies the tokens that say exactly this, and no others; NULL: GitLab's, whoever they name */
    size_t count, cap;
    size_t skipped; /* entries that are no usable key */
    struct gw_key keys[];
};
struct gw_keyset *gw_keyset_new(size_t cap, bool is_local);
struct gw_keyset *gw_keyset_ref(struct gw_keyset *set);
void gw_keyset_unref(struct gw_keyset *set);
/** Check the limits and add. AIGW_E_LIMIT: full; AIGW_E_UNSUPPORTED with reterr: not a key we use. */
aigw_status gw_keyset_add(struct gw_keyset *set, aigw_str modulus, aigw_str exponent, aigw_str kid,
                          struct gw_err *reterr);
/** Likewise a point of P-256. */
aigw_status gw_keyset_add_ec(struct gw_keyset *set, aigw_str x, aigw_str y, aigw_str kid, struct gw_err *reterr);

/** Everything a request needs, in one immutable piece: settings and all keys. */
struct gw_view {
    atomic_uint refs;
    uint64_t generation; /* grows with every change */
    struct gw_auth_config *config;
    size_t set_count;
    size_t key_count; /* GitLab's */
    struct gw_keyset *sets[];
};
/** Is the set one of those that verify tokens of this issuer of conf.d's `oidc`? Absent: GitLab's tokens. */
bool gw_keyset_serves(const struct gw_keyset *set, aigw_str oidc_issuer);
/** Is the key with this identity still trusted? */
bool gw_view_has_key(const struct gw_view *view, aigw_str oidc_issuer, const unsigned char *id, bool local_only);
bool gw_view_has_kid(const struct gw_view *view, aigw_str oidc_issuer, aigw_str kid);
bool gw_view_has_keys(const struct gw_view *view, aigw_str oidc_issuer);

/* ---- local.c ------------------------------------------------------------------------------------------------ */

/** Settings of authentication, copied. Immutable, reference-counted. */
struct gw_auth_config {
    atomic_uint refs;
    uint64_t serial; /* the same for settings that are, issuers included */
    char *service_name;
    bool bypass_external, bypass_with_header, bypass_signature;
    const char *bypass_text;
    int64_t leeway_s;
    int64_t refresh_ms;
    char *ca_file;                /* NULL: the system's */
    char *extra_ca_file;          /* NULL: none */
    struct gw_keyset *local;      /* NULL: no usable local key */
    gnutls_privkey_t signing_key; /* NULL: none; signing_error says why */
    struct gw_err signing_error;
    unsigned char oidc_print[GW_OIDC_PRINT_LEN]; /* of the groups that these settings come with; zero: none */
};
/** oidc may be NULL. */
struct gw_auth_config *gw_auth_config_new(const struct gw_settings *settings, const struct gw_oidc *oidc,
                                          struct gw_err *reterr);
/** Would a request tell the two apart? */
bool gw_auth_config_is_same(const struct gw_auth_config *a, const struct gw_auth_config *b);
struct gw_auth_config *gw_auth_config_ref(struct gw_auth_config *config);
void gw_auth_config_unref(struct gw_auth_config *config);
/** Fill config->local, ->signing_key, ->signing_error from PEM texts; what cannot be used is logged. */
aigw_status gw_local_keys_load(struct gw_auth_config *config, const char *signing_pem, const char *validation_pem);

/** Could that function use this PEM text? */
aigw_status gw_local_key_check(const char *pem, bool is_signing, struct gw_err *reterr);

/* ---- jwks.c ------------------------------------------------------------------------------------------------- */

/** Strict JSON object (config/json.h) of limited size; of a name that appears twice the last counts. NULL with reterr.
 * json_object_put() it. */
struct json_object *gw_json_object(aigw_str text, struct gw_err *reterr);
/** Its text; absent if it is no string. Borrowed. */
aigw_str gw_json_string(struct json_object *value);
/** String member; absent if missing, not a string. Borrowed from obj. */
aigw_str gw_json_text(struct json_object *obj, const char *name);
/** Strict base64url, no padding, canonical; bytes into out. AIGW_E_INVALID, AIGW_E_LIMIT. */
aigw_status gw_base64url_decode(aigw_str text, unsigned char *out, size_t cap, size_t *ret_len);
void gw_base64url_put(struct gw_buf *buf, const void *bytes, size_t len);
/** A set with at least one usable key, or why there is none. RSA only: GitLab signs with nothing else. */
aigw_status gw_jwks_parse(aigw_str body, bool is_rsa_only, struct gw_keyset **ret_set, struct gw_err *reterr);
/** jwks_uri and issuer of a discovery document; issuer may come back empty. */
aigw_status gw_discovery_parse(aigw_str body, char ret_jwks_uri[GW_URL_MAX], char ret_issuer[GW_URL_MAX],
                               struct gw_err *reterr);

/* ---- fetch.c ------------------------------------------------------------------------------------------------ */

struct gw_fetch {
    CURLM *multi;
    CURL *easy; /* NULL: nothing under way */
    void *owner;
    struct gw_buf body;
    char url[GW_URL_MAX];
    char error[CURL_ERROR_SIZE];
    int redirects_left;
    int64_t deadline_ms;
    int64_t max_age_s;     /* -1: not said */
    int64_t clock_ahead_s; /* Date of the answer against our clock */
    long status;           /* 0: no answer came */
    int ca_fd;             /* merged trust, -1: none */
    char ca_name[128];     /* what is trusted, for messages */
};
void gw_fetch_init(struct gw_fetch *fetch, CURLM *multi, void *owner);
void gw_fetch_done(struct gw_fetch *fetch);
bool gw_is_https(const char *url);
/** Begin a GET. */
aigw_status gw_fetch_start(struct gw_fetch *fetch, const struct gw_auth_config *config, const char *url,
                           int64_t timeout_ms, struct gw_err *reterr);
/** Forget it without a result. */
void gw_fetch_stop(struct gw_fetch *fetch);
#define GW_FETCH_OK         1
#define GW_FETCH_FAILED     2
#define GW_FETCH_REDIRECTED 3 /* under way again */
/** curl says it ended. */
int gw_fetch_finish(struct gw_fetch *fetch, CURLcode code, struct gw_err *reterr);
/** Seconds of max-age in a Cache-Control value, -1 if not said. */
int64_t gw_cache_max_age_s(aigw_str value);

/* ---- issuer.c ----------------------------------------------------------------------------------------------- */

#define GW_STEP_IDLE              0
#define GW_STEP_DISCOVERY         1
#define GW_STEP_DISCOVERY_AT_PATH 2
#define GW_STEP_KEYS              3
#define GW_STEP_FALLBACK          4

/** One load under way; the refresher thread's own. */
struct gw_load {
    int step; /* GW_STEP_* */
    struct gw_fetch fetch;
    struct gw_auth_config *config; /* as of the start */
    char jwks_uri[GW_URL_MAX];
    char issuer[GW_URL_MAX];
    struct gw_err first_error; /* why the fallback is being tried */
};

/** One OIDC provider. */
struct gw_issuer {
    struct gw_issuer *next;
    char *name;                 /* "Gitlab", "CustomersDot" or the configured name */
    char *url;                  /* as configured, no trailing slash, no user info */
    char *origin;               /* scheme://host[:port] */
    bool has_path;              /* the URL goes on after the origin */
    char *oidc_issuer;          /* one of conf.d's `oidc`: what its tokens say, exactly; NULL: GitLab's */
    char *keys_url;             /* NULL: discovery says */
    struct gw_err config_error; /* URL cannot be used: never loaded */
    /* under the lock */
    bool is_gone;   /* dropped from the settings; the refresher frees it */
    bool is_wanted; /* by settings that are being applied */
    bool is_loading;
    bool is_demanded;  /* a request with an unknown kid waits for this load */
    bool was_tried;    /* a load ended, either way */
    uint32_t failures; /* in a row */
    int64_t created_ms;
    int64_t due_ms;
    int64_t begun_ms;  /* start of the last load */
    int64_t demand_ms; /* start of the last load on demand, 0: never */
    int64_t loaded_ms; /* last good load, 0: never */
    int64_t logged_ms; /* last failure line */
    int64_t clock_ahead_s;
    char issuer[GW_URL_MAX];
    struct gw_err error;   /* "" when the last load was good */
    struct gw_keyset *set; /* last good keys, NULL: none yet */
    /* refresher thread */
    struct gw_load load;
};
struct gw_issuer *gw_issuer_new(const char *name, const char *url);
/** One of conf.d's `oidc`. NULL: out of memory. */
struct gw_issuer *gw_issuer_new_oidc(const struct gw_oidc_group *group);
/** Does it load the keys of this issuer of conf.d's `oidc`? Absent: GitLab's. */
bool gw_issuer_serves(const struct gw_issuer *issuer, aigw_str oidc_issuer);
void gw_issuer_free(struct gw_issuer *issuer);
#define GW_LOAD_MORE   1
#define GW_LOAD_OK     2 /* *ret_set is the caller's */
#define GW_LOAD_FAILED 3
int gw_issuer_begin(struct gw_issuer *issuer, CURLM *multi, struct gw_auth_config *config, int64_t fetch_ms,
                    struct gw_err *reterr);
int gw_issuer_step(struct gw_issuer *issuer, CURLcode code, int64_t fetch_ms, struct gw_keyset **ret_set,
                   struct gw_err *reterr);
void gw_issuer_stop(struct gw_issuer *issuer);

/* ---- auth.c, refresh.c -------------------------------------------------------------------------------------- */

struct gw_auth {
    pthread_mutex_t lock;
    struct gw_auth_tuning tuning;
    atomic_ullong generation; /* of `view`; lets workers look without the lock */
    atomic_ullong epoch;      /* grows whenever a load ends */
    atomic_llong bypass_logged_ms;
    struct gw_view *view;
    struct gw_issuer *issuers; /* appended under the lock, freed by the refresher only */
    struct gw_auth_worker *workers;
    bool is_stopping;
    bool is_started;
    uint64_t next_serial;
    CURLM *multi;
    pthread_t thread;
    uint32_t metric_checks, metric_fetches, metric_keys, metric_bypass;
};
aigw_status gw_refresh_start(struct gw_auth *auth, struct gw_err *reterr);
void gw_refresh_stop(struct gw_auth *auth);
/** Build a new view of the present settings and the issuers' sets and publish it. Lock held. */
aigw_status gw_auth_publish(struct gw_auth *auth);
/** Tell all workers that something changed. Lock held. */
void gw_auth_wake_workers(struct gw_auth *auth);
/** Should a request whose token no key of the view of this generation verifies wait? Starts a load when an unknown kid
 *  calls for one and the rate limit allows it. True: wait until *ret_deadline_ms at most. False also when the keys have
 *  changed since. oidc_issuer: as gw_issuer_serves(). */
bool gw_refresh_worth_waiting(struct gw_auth *auth, aigw_str oidc_issuer, uint64_t generation, bool has_unknown_kid,
                              int64_t *ret_deadline_ms);
/** When an unknown kid last started a load of these issuers; 0: never. Lock held. */
int64_t gw_refresh_demand_ms(const struct gw_auth *auth, aigw_str oidc_issuer);

/* ---- jwt.c, claims.c ---------------------------------------------------------------------------------------- */

/** What a token says, in one block of memory. Immutable. */
struct gw_claims {
    atomic_uint refs;
    uint32_t scope_count;
    size_t size;          /* bytes of the block */
    int64_t exp_s, nbf_s; /* valid from nbf_s to exp_s; nbf_s is far in the past when the token does not say */
    aigw_str issuer, subject, realm, instance_id, instance_uid, seat_count, extra;
    size_t oidc_group;                  /* place + 1 of the group of `oidc` that takes it; 0: GitLab's rules */
    bool realm_is_odd, instance_is_odd; /* present, not a string: equals no header */
    aigw_str scopes[];
};
struct gw_claims *gw_claims_ref(struct gw_claims *claims);
/** The issuer of conf.d's `oidc` whose rules let the token in; absent: GitLab's did. */
static inline aigw_str gw_claims_oidc_issuer(const struct gw_claims *claims)
{
    return claims->oidc_group ? claims->issuer : AIGW_STR_NONE;
}
void gw_claims_unref(struct gw_claims *claims);

/** A parsed token. Views into the text given to gw_token_parse(). */
struct gw_token {
    aigw_str signed_part;
    unsigned char signature[GW_SIGNATURE_MAX];
    size_t signature_len;
    bool is_ec; /* ES256; else RS256 */
    char kid_text[GW_KID_MAX];
    aigw_str kid; /* absent if none */
    struct gw_claims *claims;
};
struct gw_token_rules {
    const char *service_name;
    int64_t now_s;
    int64_t leeway_s;
    bool any_algorithm;         /* signature bypass */
    const struct gw_oidc *oidc; /* the token must suit one of these; NULL: GitLab's rules */
};
/** Structure, header, claims; not the signature. On failure reterr is the help text for the caller. issuer is always
 *  written: what the token names as its issuer, printable, or "". */
#define GW_ISSUER_TEXT_MAX 200u
aigw_status gw_token_parse(aigw_str text, const struct gw_token_rules *rules, struct gw_token *ret_token,
                           char issuer[GW_ISSUER_TEXT_MAX], struct gw_err *reterr);
void gw_token_done(struct gw_token *token);
/** A time as the contract converts it: integer, finite float (cut), string of digits. False: none of them. */
bool gw_claims_time(struct json_object *value, int64_t *ret_time_s);
/** From the payload object; checks every claim. */
aigw_status gw_claims_read(struct json_object *payload, const struct gw_token_rules *rules,
                           struct gw_claims **ret_claims, struct gw_err *reterr);

/* ---- verify.c ----------------------------------------------------------------------------------------------- */

/** Keys with the token's kid first, then the others; a token that names us as issuer only against our own keys, one of
 *  an issuer of `oidc` only against that issuer's. */
const struct gw_key *gw_view_verify(const struct gw_view *view, const struct gw_token *token, bool *ret_is_local);
aigw_status gw_sha256(const void *bytes, size_t len, unsigned char ret_digest[GW_DIGEST_LEN]);

/* ---- cache.c ------------------------------------------------------------------------------------------------ */

struct gw_token_cache;
struct gw_token_cache *gw_cache_new(size_t entries_max, size_t bytes_max);
void gw_cache_free(struct gw_token_cache *cache);
void gw_cache_clear(struct gw_token_cache *cache);
/** Claims of a token verified before, still in time and with its key still in the view; NULL otherwise. Borrowed. */
struct gw_claims *gw_cache_get(struct gw_token_cache *cache, const unsigned char *digest, const struct gw_view *view,
                               int64_t now_s);
void gw_cache_put(struct gw_token_cache *cache, const unsigned char *digest, const struct gw_view *view,
                  const struct gw_key *key, bool is_local, struct gw_claims *claims);
size_t gw_cache_count(const struct gw_token_cache *cache);

struct gw_refusals;
struct gw_refusals *gw_refusals_new(void);
void gw_refusals_free(struct gw_refusals *refusals);
void gw_refusals_clear(struct gw_refusals *refusals);
/** Help text of a token refused a moment ago under the same view and epoch; NULL otherwise. */
const char *gw_refusals_get(struct gw_refusals *refusals, const unsigned char *digest, uint64_t epoch, int64_t now_ms);
void gw_refusals_put(struct gw_refusals *refusals, const unsigned char *digest, uint64_t epoch, int64_t until_ms,
                     const char *detail);

/* ---- explain.c ---------------------------------------------------------------------------------------------- */

/** Printable ASCII of `text` with everything else as '?', cut to fit. Returns out. */
const char *gw_printable(aigw_str text, char *out, size_t cap);
/** Why no loaded key verifies this token. */
void gw_explain_unknown_key(struct gw_auth *auth, const struct gw_view *view, const struct gw_token *token,
                            struct gw_err *out);
/** True when it is our lack of keys rather than the token: no key at all, or the issuer that the token names has
 *  never been loaded. Fills the text and Retry-After. */
bool gw_explain_no_keys(struct gw_auth *auth, const struct gw_view *view, const struct gw_claims *claims,
                        struct gw_err *out, int64_t *ret_retry_s);

/* ---- worker.c ----------------------------------------------------------------------------------------------- */

#define GW_AUTH_COUNTS 9
struct gw_auth_worker {
    struct gw_auth_worker *next;
    struct gw_auth *auth;
    struct gw_loop *loop;
    struct gw_view *view;
    struct gw_token_cache *cache;
    struct gw_refusals *refusals;
    struct gw_auth_waiter waiting; /* sentinels of circular lists */
    struct gw_auth_waiter waking;
    struct gw_timer timer;
    struct gw_fd wake;
    uint64_t epoch_seen;      /* when the last WAIT was answered */
    int64_t wait_deadline_ms; /* likewise */
    struct gw_series *counts[GW_AUTH_COUNTS];
};
/** The newest view of the settings this worker was switched to; borrowed until the next call. */
const struct gw_view *gw_worker_view(struct gw_auth_worker *worker);
/** Other settings were published, and this worker's switch to them is on its way. */
bool gw_worker_is_behind(const struct gw_auth_worker *worker);

#endif
