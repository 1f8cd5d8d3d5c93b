/* known.c - heads that libmicrohttpd has read before.
 *
 * What it makes of a head follows from the bytes of the head. Where it has read the same bytes and found in them what
 * we find, it need not be asked again: what it is told of a client's requests (http_head_told()) is often the same.
 * Bytes are compared, all of them; the hash only says where to look. A head is kept when it comes the second time.
 */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

#define KNOWN_HEADS 128u  /* a power of two */
#define SEEN_HEADS  1024u /* a power of two */
#define HEAD_MAX    2048u /* a longer one is always read */

struct known_head {
    uint64_t hash;
    char *bytes;
    uint32_t len;
    uint32_t turn;  /* how often this place was taken */
    bool is_agreed; /* the library has read it to its end, and as we do */
};

struct http_known {
    uint64_t seed; /* who does not know it cannot choose the place that his head takes */
    uint64_t seen[SEEN_HEADS];
    struct known_head heads[KNOWN_HEADS];
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
    uint64_t word;

    for (; len >= sizeof word; bytes += sizeof word, len -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = mix(hash, word);
    }
    word = len;
    memcpy((char *)&word + 1, bytes, len);
    return mix(hash, word);
}

static bool is_head(const struct known_head *head, uint64_t hash, aigw_str told)
{
    return head->bytes && head->hash == hash && head->len == told.len && memcmp(head->bytes, told.ptr, told.len) == 0;
}

/** A header that we do not know of may be a secret: it is overwritten. */
static void forget(struct known_head *head)
{
    if (head->bytes)
        gnutls_memset(head->bytes, 0, head->len);
    free(head->bytes);
    *head = (struct known_head){ .turn = head->turn + 1 };
}

static void keep(struct known_head *head, uint64_t hash, aigw_str told)
{
    forget(head);
    head->bytes = malloc(told.len);
    if (!head->bytes)
        return;
    memcpy(head->bytes, told.ptr, told.len);
    head->len = (uint32_t)told.len;
    head->hash = hash;
}

bool http_known_find(struct http_ex *ex, aigw_str told)
{
    struct http_known *known = ex->pub.http->known;
    uint64_t hash, *seen;
    struct known_head *head;

    /* Chunks are read by the library, whatever it knows. */
    if (ex->is_chunked || ex->has_cookies || told.len > HEAD_MAX)
        return false;
    hash = hash_bytes(known->seed, told.ptr, told.len);
    head = &known->heads[hash % KNOWN_HEADS];
    seen = &known->seen[hash / KNOWN_HEADS % SEEN_HEADS];
    if (!is_head(head, hash, told)) {
        if (*seen != hash) {
            *seen = hash;
            return false;
        }
        keep(head, hash, told);
    }
    ex->known = head;
    ex->known_turn = head->turn;
    return head->is_agreed;
}

void http_known_agree(struct http_ex *ex)
{
    if (ex->known && ex->known->turn == ex->known_turn) /* its place was not taken meanwhile */
        ex->known->is_agreed = true;
    ex->known = NULL;
}

bool http_known_init(struct gw_http *http)
{
    http->known = calloc(1, sizeof *http->known);
    return http->known && gnutls_rnd(GNUTLS_RND_NONCE, &http->known->seed, sizeof http->known->seed) == 0;
}

void http_known_done(struct gw_http *http)
{
    for (size_t i = 0; http->known && i < KNOWN_HEADS; i++)
        forget(&http->known->heads[i]);
    free(http->known);
    http->known = NULL;
}
