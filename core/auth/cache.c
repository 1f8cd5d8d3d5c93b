/* cache.c - what one worker remembers of tokens, by their SHA-256 and never by their text.
 * Verified ones: a hash table with least-recently-used eviction, bounded in entries and bytes. GitLab mints a token
 * per request, so most entries are used once; editors use theirs for an hour.
 * Refused ones: a small direct-mapped table, for seconds, so that a flood of one bad token costs no RSA. */
#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"

struct entry {
    struct entry *chain;
    struct entry *newer, *older;
    struct gw_claims *claims;
    uint64_t generation;
    uint64_t serial;
    bool is_local;
    unsigned char digest[GW_DIGEST_LEN];
    unsigned char key_id[GW_DIGEST_LEN];
};

struct gw_token_cache {
    size_t entries_max, bytes_max, count, bytes;
    size_t mask; /* buckets - 1 */
    struct entry *newest, *oldest;
    struct entry *buckets[];
};

struct gw_token_cache *gw_cache_new(size_t entries_max, size_t bytes_max)
{
    struct gw_token_cache *cache;
    size_t buckets = 16;

    while (buckets < entries_max / 2)
        buckets *= 2;
    cache = calloc(1, sizeof *cache + buckets * sizeof cache->buckets[0]);
    if (!cache)
        return NULL;
    cache->mask = buckets - 1;
    cache->entries_max = entries_max;
    cache->bytes_max = bytes_max;
    return cache;
}

static struct entry **bucket_of(struct gw_token_cache *cache, const unsigned char *digest)
{
    uint64_t start;

    memcpy(&start, digest, sizeof start);
    return &cache->buckets[start & cache->mask];
}

static void unlink_age(struct gw_token_cache *cache, struct entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

static void link_newest(struct gw_token_cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    if (cache->newest)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

static size_t bytes_of(const struct entry *entry)
{
    return sizeof *entry + entry->claims->size;
}

static void drop(struct gw_token_cache *cache, struct entry *entry)
{
    struct entry **link = bucket_of(cache, entry->digest);

    while (*link != entry)
        link = &(*link)->chain;
    *link = entry->chain;
    unlink_age(cache, entry);
    cache->count--;
    cache->bytes -= bytes_of(entry);
    gw_claims_unref(entry->claims);
    free(entry);
}

void gw_cache_clear(struct gw_token_cache *cache)
{
    while (cache->oldest)
        drop(cache, cache->oldest);
}

void gw_cache_free(struct gw_token_cache *cache)
{
    if (!cache)
        return;
    gw_cache_clear(cache);
    free(cache);
}

size_t gw_cache_count(const struct gw_token_cache *cache)
{
    return cache->count;
}

static struct entry *find(struct gw_token_cache *cache, const unsigned char *digest)
{
    struct entry *entry = *bucket_of(cache, digest);

    while (entry && memcmp(entry->digest, digest, GW_DIGEST_LEN) != 0)
        entry = entry->chain;
    return entry;
}

struct gw_claims *gw_cache_get(struct gw_token_cache *cache, const unsigned char *digest, const struct gw_view *view,
                               int64_t now_s)
{
    struct entry *entry = find(cache, digest);

    if (!entry)
        return NULL;
    /* Both ends of its time at every use: a clock may be set back, too (D45). */
    if (entry->claims->exp_s + view->config->leeway_s < now_s ||
        entry->claims->nbf_s > now_s + view->config->leeway_s || entry->serial != view->config->serial)
        goto stale;
    if (entry->generation != view->generation) {
        /* A key that was withdrawn takes its tokens with it; a local-issuer token needs a local key. */
        if (!gw_view_has_key(view, gw_claims_oidc_issuer(entry->claims), entry->key_id, entry->is_local))
            goto stale;
        entry->generation = view->generation;
    }
    unlink_age(cache, entry);
    link_newest(cache, entry);
    return entry->claims;
stale:
    drop(cache, entry);
    return NULL;
}

void gw_cache_put(struct gw_token_cache *cache, const unsigned char *digest, const struct gw_view *view,
                  const struct gw_key *key, bool is_local, struct gw_claims *claims)
{
    struct entry *entry = find(cache, digest), **bucket;

    if (entry)
        drop(cache, entry);
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return; /* the next request verifies again */
    memcpy(entry->digest, digest, GW_DIGEST_LEN);
    memcpy(entry->key_id, key->id, GW_DIGEST_LEN);
    entry->claims = gw_claims_ref(claims);
    entry->generation = view->generation;
    entry->serial = view->config->serial;
    entry->is_local = is_local;
    bucket = bucket_of(cache, digest);
    entry->chain = *bucket;
    *bucket = entry;
    link_newest(cache, entry);
    cache->count++;
    cache->bytes += bytes_of(entry);
    while (cache->oldest && (cache->count > cache->entries_max || cache->bytes > cache->bytes_max))
        drop(cache, cache->oldest);
}

/* ---- refusals ----------------------------------------------------------------------------------------------- */

#define REFUSALS 256u

struct gw_refusals {
    struct refusal {
        unsigned char digest[GW_DIGEST_LEN];
        uint64_t epoch;
        int64_t until_ms;
        char *detail; /* NULL: free */
    } slots[REFUSALS];
};

struct gw_refusals *gw_refusals_new(void)
{
    return calloc(1, sizeof(struct gw_refusals));
}

void gw_refusals_clear(struct gw_refusals *refusals)
{
    for (size_t i = 0; i < REFUSALS; i++) {
        free(refusals->slots[i].detail);
        refusals->slots[i].detail = NULL;
    }
}

void gw_refusals_free(struct gw_refusals *refusals)
{
    if (!refusals)
        return;
    gw_refusals_clear(refusals);
    free(refusals);
}

const char *gw_refusals_get(struct gw_refusals *refusals, const unsigned char *digest, uint64_t epoch, int64_t now_ms)
{
    const struct refusal *slot = &refusals->slots[digest[0]];

    if (!slot->detail || slot->epoch != epoch || slot->until_ms <= now_ms ||
        memcmp(slot->digest, digest, GW_DIGEST_LEN) != 0)
        return NULL;
    return slot->detail;
}

void gw_refusals_put(struct gw_refusals *refusals, const unsigned char *digest, uint64_t epoch, int64_t until_ms,
                     const char *detail)
{
    struct refusal *slot = &refusals->slots[digest[0]];

    free(slot->detail);
    slot->detail = strdup(detail);
    memcpy(slot->digest, digest, GW_DIGEST_LEN);
    slot->epoch = epoch;
    slot->until_ms = until_ms;
}
