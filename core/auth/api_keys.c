/* api_keys.c - see api_keys.h. A secret is looked up by its digest: one probe, and nothing about the others can be
 * learned from the time that it takes. */
#include "auth/api_keys.h"

#include <aigw/feature.h>

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/grant.h"
#include "auth/internal.h"

#define SECRET_MAX  512u
#define DAY_S       86400
#define HASH_PREFIX "sha256:"

struct api_key {
    struct gw_grant grant;
    struct aigw_list hash_texts; /* "sha256:<64 hex digits>", perhaps " until YYYY-MM-DD" */
    const char *expires;
    int64_t expires_s; /* first second when it is no good any more; INT64_MAX: never */
    int64_t until_s;   /* the same of the hash that is good for longest */
};

struct slot {
    unsigned char digest[GW_DIGEST_LEN];
    const struct api_key *key; /* NULL: empty */
    int64_t until_s;
};

struct gw_api_keys {
    struct api_key *keys;
    size_t count;
    struct slot *slots;
    size_t slot_mask;
};

#define AT(field) offsetof(struct api_key, field)
static const struct aigw_setting key_table[] = {
    { "hash", AIGW_SET_LIST, AIGW_SETF_REQUIRED, AT(hash_texts), NULL, 0, 0, NULL,
      "SHA-256 of the key: \"sha256:\" and 64 hex digits, as `aigw key` prints it. A second one may end in \" until "
      "YYYY-MM-DD\": the old key, good for that long." },
    { "expires", AIGW_SET_STRING, 0, AT(expires), NULL, 0, 0, NULL, "Last day on which it is good: YYYY-MM-DD, UTC." },
    GW_GRANT_SETTINGS(struct api_key),
};

/* ---- reading conf.d ------------------------------------------------------------------------------------------- */

/** The first second after that day. */
static bool read_day(const char *text, int64_t *ret_end_s)
{
    struct tm day = { 0 }, given;
    const char *end = strptime(text, "%Y-%m-%d", &day);

    if (!end || *end)
        return false;
    given = day;
    *ret_end_s = (int64_t)timegm(&day) + DAY_S;
    return given.tm_mday == day.tm_mday && given.tm_mon == day.tm_mon; /* 30 February would be a day in March */
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool read_hash(const char *text, unsigned char digest[GW_DIGEST_LEN], int64_t *ret_until_s)
{
    const size_t prefix_len = sizeof HASH_PREFIX - 1;
    const char *hex = text + prefix_len;

    *ret_until_s = INT64_MAX;
    if (strncmp(text, HASH_PREFIX, prefix_len) != 0 || strlen(hex) < 2 * GW_DIGEST_LEN)
        return false;
    for (size_t i = 0; i < GW_DIGEST_LEN; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        digest[i] = (unsigned char)(high << 4 | low);
    }
    hex += 2 * GW_DIGEST_LEN;
    return !*hex || (strncmp(hex, " until ", 7) == 0 && read_day(hex + 7, ret_until_s));
}

static size_t slot_of(const struct gw_api_keys *keys, const unsigned char *digest)
{
    size_t at;

    memcpy(&at, digest, sizeof at);
    for (at &= keys->slot_mask; keys->slots[at].key; at = (at + 1) & keys->slot_mask)
        if (memcmp(keys->slots[at].digest, digest, GW_DIGEST_LEN) == 0)
            break;
    return at;
}

static void add_hashes(struct gw_api_keys *keys, struct api_key *key, const struct gw_node *node, const char *path,
                       struct gw_problems *problems)
{
    for (size_t i = 0; i < key->hash_texts.count; i++) {
        unsigned char digest[GW_DIGEST_LEN];
        int64_t until_s;
        size_t at;

        if (!read_hash(key->hash_texts.items[i], digest, &until_s)) {
            gw_problem(
                problems, node, path,
                "hash: entry %zu is not \"sha256:\" with 64 hex digits, perhaps followed by \" until YYYY-MM-DD\"; "
                "`aigw key NAME` prints a key and its hash",
                i + 1);
            continue;
        }
        if (until_s <= gw_wall_s())
            gw_problem_note(problems, node, path, "hash: entry %zu is good for nothing any more (%s): remove it", i + 1,
                            key->hash_texts.items[i] + sizeof HASH_PREFIX + 2 * GW_DIGEST_LEN);
        at = slot_of(keys, digest);
        if (keys->slots[at].key) {
            gw_problem(problems, node, path,
                       "hash: entry %zu is also one of keys.%s; every key needs a secret of its own", i + 1,
                       keys->slots[at].key->grant.name);
            continue;
        }
        keys->slots[at].key = key;
        keys->slots[at].until_s = until_s;
        key->until_s = until_s > key->until_s ? until_s : key->until_s;
        memcpy(keys->slots[at].digest, digest, GW_DIGEST_LEN);
    }
}

/** Room for all hashes, at most half full. */
static bool make_slots(struct gw_arena *arena, struct gw_api_keys *keys)
{
    size_t hashes = 0, size = 8;

    for (size_t i = 0; i < keys->count; i++)
        hashes += keys->keys[i].hash_texts.count;
    while (size < 2 * hashes)
        size *= 2;
    keys->slots = gw_arena_calloc(arena, size * sizeof *keys->slots);
    keys->slot_mask = size - 1;
    return keys->slots != NULL;
}

struct gw_api_keys *gw_api_keys_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems)
{
    const struct gw_node *group = gw_node_section(conf, "keys");
    struct gw_api_keys *keys = gw_arena_calloc(arena, sizeof *keys);
    size_t count = 0;

    for (const struct gw_node *n = group ? group->first : NULL; n; n = n->next)
        count++;
    if (keys)
        keys->keys = gw_arena_calloc(arena, (count + 1) * sizeof *keys->keys);
    if (!keys || !keys->keys)
        goto no_memory;
    for (const struct gw_node *n = group ? group->first : NULL; n; n = n->next) {
        struct api_key *key = &keys->keys[keys->count++];
        const char *path = gw_arena_printf(arena, "keys.%s", n->key);

        gw_settings_fill(arena, n, path, key_table, GW_ARRAY_LEN(key_table), sizeof *key_table, NULL, key, problems);
        gw_grant_finish(arena, &key->grant, n, path, problems);
        key->expires_s = INT64_MAX;
        if (key->expires && !read_day(key->expires, &key->expires_s))
            gw_problem(problems, n, path, "expires: is \"%s\", expected a day: YYYY-MM-DD", key->expires);
        else if (key->expires && key->expires_s <= gw_wall_s())
            gw_problem_warning(problems, n, path, "expires: was on %s: the key is refused", key->expires);
    }
    if (!make_slots(arena, keys))
        goto no_memory;
    count = 0;
    for (const struct gw_node *n = group ? group->first : NULL; n; n = n->next, count++)
        add_hashes(keys, &keys->keys[count], n, gw_arena_printf(arena, "keys.%s", n->key), problems);
    return keys;
no_memory:
    gw_problem(problems, group, "keys", "out of memory");
    return NULL;
}

/* ---- requests ------------------------------------------------------------------------------------------------- */

static aigw_str bearer_of(const struct gw_auth_headers *headers)
{
    aigw_str bearer = gw_str_trim(headers->get(headers->user, "Authorization"));

    if (!gw_str_has_prefix_ci(bearer, AIGW_STR("Bearer ")))
        return AIGW_STR_NONE;
    return gw_str_trim((aigw_str){ bearer.ptr + 7, bearer.len - 7 });
}

aigw_str gw_api_keys_presented(const struct gw_auth_headers *headers, uint32_t first)
{
    static const char *const names[] = { "x-api-key", "api-key", "x-goog-api-key" };
    size_t start = first == AIGW_KEY_FIRST_PLAIN ? 1 : first == AIGW_KEY_FIRST_GOOG ? 2 : 0;
    aigw_str bearer = bearer_of(headers);

    if (first == AIGW_KEY_FIRST_BEARER && bearer.len > 0)
        return bearer;
    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) { /* clients that send several mean these */
        aigw_str key = gw_str_trim(headers->get(headers->user, names[(start + i) % GW_ARRAY_LEN(names)]));

        if (key.len > 0)
            return key;
    }
    return bearer;
}

static void refuse(struct gw_auth_result *result, const char *code, const char *detail)
{
    result->outcome = GW_AUTH_REFUSED;
    result->status = 401;
    result->error = code;
    result->detail = detail;
}

void gw_api_keys_check(const struct gw_api_keys *keys, aigw_str secret, const char *client_ip, struct gw_arena *arena,
                       struct gw_auth_result *ret_result)
{
    unsigned char digest[GW_DIGEST_LEN];
    const struct api_key *key;
    const struct slot *slot;
    int64_t now_s = gw_wall_s();

    memset(ret_result, 0, sizeof *ret_result);
    ret_result->principal.struct_size = sizeof ret_result->principal;
    if (secret.len == 0) {
        refuse(ret_result, "key_missing",
               "this route is called with an API key of this gateway, in the header Authorization: Bearer, x-api-key, "
               "api-key or x-goog-api-key");
        return;
    }
    if (secret.len > SECRET_MAX || gw_sha256(secret.ptr, secret.len, digest) != AIGW_OK) {
        refuse(ret_result, "key_unknown", "the API key is not one of this gateway's");
        return;
    }
    slot = &keys->slots[slot_of(keys, digest)];
    key = slot->key;
    if (!key)
        refuse(ret_result, "key_unknown",
               "the API key is not one of this gateway's: its hash stands in no group of `keys` in conf.d");
    else if (!key->grant.enabled)
        refuse(ret_result, "key_disabled",
               gw_arena_printf(arena, "the API key \"%s\" is switched off", key->grant.name));
    else if (now_s >= key->expires_s || now_s >= slot->until_s)
        refuse(ret_result, "key_expired",
               gw_arena_printf(arena, "the API key \"%s\" was good until %s", key->grant.name,
                               now_s >= key->expires_s ? key->expires : "it was replaced by another"));
    else if (!gw_grant_admits(&key->grant, client_ip))
        refuse(ret_result, "key_address",
               gw_arena_printf(arena, "the API key \"%s\" may not be used from this address", key->grant.name));
    if (ret_result->outcome == GW_AUTH_REFUSED) {
        if (!ret_result->detail) /* out of memory */
            ret_result->detail = "the API key is refused";
        return;
    }
    gw_grant_allow(&key->grant, gw_str(key->grant.name), ret_result);
    ret_result->principal.flags |= AIGW_PRINCIPALF_KEY;
}

int64_t gw_api_keys_next_end(const struct gw_api_keys *keys, int64_t now_s)
{
    int64_t next_s = INT64_MAX;

    for (size_t i = 0; i < keys->count; i++) {
        const struct api_key *key = &keys->keys[i];
        int64_t end_s = key->expires_s < key->until_s ? key->expires_s : key->until_s;

        if (key->grant.enabled && end_s > now_s && end_s < next_s)
            next_s = end_s;
    }
    return next_s;
}

/* "aigw-", 8 characters that logs and people may see, "-", 43 that make 256 bits. Scanners for secrets find it. */
aigw_status gw_api_key_make(char ret_secret[GW_API_KEY_SIZE], char ret_hash[GW_API_KEY_HASH_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const uint32_t base = sizeof digits - 1, fair = 256 / base * base;
    unsigned char digest[GW_DIGEST_LEN], byte;
    size_t len = (size_t)sprintf(ret_secret, "aigw-");
    char *at;

    while (len < 5 + 8 + 1 + 43) {
        if (len == 5 + 8) {
            ret_secret[len++] = '-';
            continue;
        }
        if (gnutls_rnd(GNUTLS_RND_KEY, &byte, 1) < 0)
            return AIGW_E_NOMEM;
        if (byte < fair) /* all digits alike */
            ret_secret[len++] = digits[byte % base];
    }
    ret_secret[len] = '\0';
    if (gw_sha256(ret_secret, len, digest) != AIGW_OK)
        return AIGW_E_NOMEM;
    at = ret_hash + sprintf(ret_hash, HASH_PREFIX);
    for (size_t i = 0; i < sizeof digest; i++)
        at += sprintf(at, "%02x", digest[i]);
    return AIGW_OK;
}
