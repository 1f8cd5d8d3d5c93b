/* mask.c - what never leaves: registered secrets, JWTs, bearer values, PEM blocks, user info in URLs, and values of
 * keys that are called like a secret ("api_key":"…", password=…). Runs on every log value, so the common case (nothing
 * to hide) is one scan for the few bytes such things begin with. */
#include "base/mask.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

#define SECRET_MIN     6u
#define SECRETS_MAX    65536u
#define SECRET_BUCKETS 4096u /* a power of two */
#define MASK           "**********"

/* Registered secrets, by a hash of their first SECRET_MIN bytes: looking at one place of a text costs the same with
 * ten and with ten thousand of them. Readers (every log value of every thread) take no lock: a secret is put in front
 * of its chain when it is complete, and goes only in gw_mask_forget(). */
struct secret {
    struct secret *next;
    size_t len;
    char text[];
};

static struct {
    pthread_mutex_t lock; /* for those who register */
    size_t count;
    bool did_complain;
    /* To pass over other bytes quickly: the second bytes that follow a first one, by their low six bits. */
    _Atomic uint64_t seconds[256];
    _Atomic(struct secret *) buckets[SECRET_BUCKETS];
} secrets = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t second_bit(char second)
{
    return UINT64_C(1) << ((unsigned char)second & 63);
}

static bool may_be_registered(char first, char second)
{
    return atomic_load_explicit(&secrets.seconds[(unsigned char)first], memory_order_relaxed) & second_bit(second);
}

static _Atomic(struct secret *) *bucket_of(const char *text)
{
    uint64_t word = 0;

    memcpy(&word, text, SECRET_MIN);
    return &secrets.buckets[(word * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
}
_Static_assert(SECRET_BUCKETS == 1u << (64 - 52), "the hash is cut to a bucket's number");

/** Longest registered secret that begins at text[at]; 0: none. */
static size_t registered_len(aigw_str text, size_t at)
{
    size_t longest = 0;

    if (text.len - at < SECRET_MIN || !may_be_registered(text.ptr[at], text.ptr[at + 1]))
        return 0;
    for (const struct secret *s = atomic_load_explicit(bucket_of(text.ptr + at), memory_order_acquire); s; s = s->next)
        if (s->len > longest && s->len <= text.len - at && memcmp(text.ptr + at, s->text, s->len) == 0)
            longest = s->len;
    return longest;
}

/* A secret that stays readable is worth a line; one is enough. */
static void complain(void)
{
    gw_log(GW_LOG_CRITICAL, "log",
           "more than %u secrets: those after it are not masked in logs; restart, and look for a key that changes with "
           "every reload",
           SECRETS_MAX);
}

void gw_log_add_secret(const char *value)
{
    size_t len = value ? strlen(value) : 0;
    bool must_complain = false;
    struct secret *secret;

    if (len < SECRET_MIN)
        return;
    pthread_mutex_lock(&secrets.lock);
    if (registered_len((aigw_str){ value, len }, 0) == len)
        goto out;
    secret = secrets.count < SECRETS_MAX ? malloc(sizeof *secret + len) : NULL;
    if (!secret) {
        must_complain = !secrets.did_complain;
        secrets.did_complain = true;
        goto out;
    }
    secret->len = len;
    memcpy(secret->text, value, len);
    secret->next = atomic_load_explicit(bucket_of(value), memory_order_relaxed);
    secrets.count++;
    atomic_store_explicit(bucket_of(value), secret, memory_order_release);
    atomic_fetch_or_explicit(&secrets.seconds[(unsigned char)value[0]], second_bit(value[1]), memory_order_relaxed);
out:
    pthread_mutex_unlock(&secrets.lock);
    if (must_complain)
        complain();
}

void gw_mask_forget(void)
{
    pthread_mutex_lock(&secrets.lock);
    for (size_t i = 0; i < SECRET_BUCKETS; i++) {
        struct secret *secret = atomic_exchange(&secrets.buckets[i], NULL), *next;

        for (; secret; secret = next) {
            next = secret->next;
            explicit_bzero(secret->text, secret->len);
            free(secret);
        }
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(secrets.seconds); i++)
        atomic_store(&secrets.seconds[i], 0);
    secrets.count = 0;
    pthread_mutex_unlock(&secrets.lock);
}

/* Each finder answers how many bytes at text[at] to hide, after keeping *ret_keep of them. 0: nothing begins here. */

static bool is_token_byte(char c)
{
    return isalnum((unsigned char)c) || strchr("-_.~+/=", c);
}

static size_t token_len(aigw_str text, size_t at)
{
    size_t end = at;

    while (end < text.len && text.ptr[end] && is_token_byte(text.ptr[end]))
        end++;
    return end - at;
}

static bool starts_ci(aigw_str text, size_t at, const char *word)
{
    size_t len = strlen(word);

    return len <= text.len - at && strncasecmp(text.ptr + at, word, len) == 0;
}

static size_t jwt_len(aigw_str text, size_t at)
{
    static const char begins[] = "eyJ"; /* {" in base64, in no other case: three letters alone are in many words */
    size_t len;

    if (text.len - at < sizeof begins - 1 || memcmp(text.ptr + at, begins, sizeof begins - 1) != 0)
        return 0;
    len = token_len(text, at);
    return len >= 12 ? len : 0;
}

/* Keys and tokens that say by their first letters what they are. */
static size_t prefixed_len(aigw_str text, size_t at)
{
    static const char *const prefixes[] = { "sk-", "glpat-", "gldt-", "glrt-" };

    if (at > 0 && isalnum((unsigned char)text.ptr[at - 1])) /* "task-…" */
        return 0;
    for (size_t i = 0; i < GW_ARRAY_LEN(prefixes); i++) {
        size_t len = strlen(prefixes[i]);
        if (len < text.len - at && memcmp(text.ptr + at, prefixes[i], len) == 0) {
            len = token_len(text, at);
            return len >= 12 ? len : 0;
        }
    }
    return 0;
}

static size_t bearer_len(aigw_str text, size_t at, size_t *ret_keep)
{
    if (!starts_ci(text, at, "bearer "))
        return 0;
    size_t len = token_len(text, at + 7);
    if (len < SECRET_MIN)
        return 0;
    *ret_keep = 7;
    return 7 + len;
}

static size_t pem_len(aigw_str text, size_t at)
{
    static const char end_mark[] = "-----END ";

    if (!starts_ci(text, at, "-----BEGIN "))
        return 0;
    const char *end = memmem(text.ptr + at, text.len - at, end_mark, sizeof end_mark - 1);
    if (!end)
        return text.len - at;
    const char *last =
        memmem(end + sizeof end_mark - 1, (size_t)(text.ptr + text.len - end) - (sizeof end_mark - 1), "-----", 5);
    return last ? (size_t)(last + 5 - text.ptr) - at : text.len - at;
}

/* "://user:password@": hide between the slashes and the at sign. */
static size_t user_info_len(aigw_str text, size_t at, size_t *ret_keep)
{
    if (!starts_ci(text, at, "://"))
        return 0;
    for (size_t end = at + 3; end < text.len; end++) {
        char c = text.ptr[end];
        if (c == '@') {
            *ret_keep = 3;
            return end - at > 3 ? end - at : 0;
        }
        if (c == '/' || c == '?' || c == '#' || isspace((unsigned char)c) || c == '"')
            return 0;
    }
    return 0;
}

/* key, quote?, blanks, : or =, blanks, quote?, value. Works on JSON, headers, query strings and libconfig. */
static size_t named_len(aigw_str text, size_t at, size_t *ret_keep)
{
    static const char *const names[] = { "api_key",       "api-key",       "apikey",      "x-api-key",
                                         "password",      "client_secret", "signing_key", "secret_access_key",
                                         "session_token", "private_token", "access_token" };
    size_t after = 0, key_end;
    bool has_digit = false;
    char second = (char)(text.ptr[at + 1] | 0x20);

    for (size_t i = 0; i < GW_ARRAY_LEN(names) && !after; i++)
        if ((names[i][1] | 0x20) == second && starts_ci(text, at, names[i]))
            after = at + strlen(names[i]);
    if (!after)
        return 0;
    key_end = after;
    while (after < text.len && strchr("\"'\\", text.ptr[after]) && text.ptr[after])
        after++;
    bool is_quoted = after > key_end;
    while (after < text.len && text.ptr[after] == ' ')
        after++;
    if (after >= text.len || (text.ptr[after] != ':' && text.ptr[after] != '='))
        return 0;
    after++;
    while (after < text.len && text.ptr[after] && strchr(" \"'\\", text.ptr[after])) {
        is_quoted |= text.ptr[after] != ' ';
        after++;
    }
    size_t end = after;
    while (end < text.len && text.ptr[end] && !strchr(" \"'\\,;&\r\n}", text.ptr[end])) {
        has_digit |= isdigit((unsigned char)text.ptr[end]) != 0;
        end++;
    }
    if (end == after || (!is_quoted && !has_digit)) /* "api_key: missing" is a sentence, not a secret */
        return 0;
    *ret_keep = after - at;
    return end - at;
}

/* Can anything that is hidden begin with these two bytes? Nearly all text ends here, so it is one look at two tables:
 * a family of beginnings is a bit, set for its first bytes in one and for its second bytes in the other. */
enum {
    FROM_JWT = 1,       /* ey */
    FROM_BEARER = 2,    /* be */
    FROM_PREFIX = 4,    /* gl, cl */
    FROM_API = 8,       /* ap, ac */
    FROM_PASSWORD = 16, /* pa, pr */
    FROM_SECRET = 32,   /* sk, si, se */
    FROM_DASH = 64,     /* --, x- */
    FROM_SLASH = 128,   /* :/ */
};

#define BOTH(letter, bits) [letter] = (bits), [(letter) - 'a' + 'A'] = (bits)

static const uint8_t first_bytes[256] = {
    BOTH('e', FROM_JWT), BOTH('b', FROM_BEARER),   BOTH('g', FROM_PREFIX), BOTH('c', FROM_PREFIX),
    BOTH('a', FROM_API), BOTH('p', FROM_PASSWORD), BOTH('s', FROM_SECRET), BOTH('x', FROM_DASH),
    ['-'] = FROM_DASH,   [':'] = FROM_SLASH,
};

static const uint8_t second_bytes[256] = {
    BOTH('y', FROM_JWT),      BOTH('e', FROM_BEARER | FROM_SECRET),
    BOTH('l', FROM_PREFIX),   BOTH('p', FROM_API),
    BOTH('c', FROM_API),      BOTH('a', FROM_PASSWORD),
    BOTH('r', FROM_PASSWORD), BOTH('k', FROM_SECRET),
    BOTH('i', FROM_SECRET),   ['-'] = FROM_DASH,
    ['/'] = FROM_SLASH,
};

static bool may_begin(char first, char second)
{
    return first_bytes[(unsigned char)first] & second_bytes[(unsigned char)second];
}

static size_t secret_len(aigw_str text, size_t at, size_t *ret_keep)
{
    size_t len = registered_len(text, at);

    *ret_keep = 0;
    if (len || !may_begin(text.ptr[at], text.ptr[at + 1]))
        return len;
    switch (text.ptr[at] | 0x20) {
    case 'e':
        return jwt_len(text, at);
    case 'b':
        return bearer_len(text, at, ret_keep);
    case '-':
        return pem_len(text, at);
    case 'g':
        return prefixed_len(text, at);
    case ':':
        return user_info_len(text, at, ret_keep);
    default:
        len = prefixed_len(text, at);
        return len ? len : named_len(text, at, ret_keep);
    }
}

/* Position of the first byte at or after `at` from which something is to be hidden. */
static size_t find_secret(aigw_str text, size_t at, size_t *ret_len, size_t *ret_keep)
{
    for (; at + 1 < text.len; at++) {
        char first = text.ptr[at], second = text.ptr[at + 1];
        if (!may_begin(first, second) && !may_be_registered(first, second))
            continue;
        *ret_len = secret_len(text, at, ret_keep);
        if (*ret_len)
            return at;
    }
    return text.len;
}

static void put_masked(struct gw_buf *out, aigw_str text)
{
    size_t at = 0;

    while (at < text.len) {
        size_t len = 0, keep = 0;
        size_t found = find_secret(text, at, &len, &keep);
        gw_buf_put(out, text.ptr + at, found - at + keep);
        if (found == text.len)
            break;
        gw_buf_puts(out, MASK);
        at = found + len;
    }
}

static bool has_secret(aigw_str text)
{
    size_t len, keep;

    return find_secret(text, 0, &len, &keep) < text.len;
}

void gw_log_mask(struct gw_buf *out, aigw_str text)
{
    put_masked(out, text);
}

static void put_form(struct gw_buf *out, aigw_str text, int form)
{
    bool has_blank = text.len == 0;

    if (form == GW_MASK_JSON) {
        gw_buf_json(out, text, false);
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        has_blank |= (unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == '"' || text.ptr[i] == '=';
    if (form == GW_MASK_QUOTED && has_blank) {
        gw_buf_json(out, text, false);
        return;
    }
    size_t start = out->len;
    gw_buf_put_str(out, text);
    for (size_t i = start; i < out->len; i++) /* no forged lines, no terminal escapes */
        if ((unsigned char)out->data[i] < ' ' || out->data[i] == 0x7f)
            out->data[i] = ' ';
}

void gw_mask_put(struct gw_buf *out, aigw_str text, int form, size_t max)
{
    struct gw_buf hidden;

    /* A secret could be cut in two by the limit: look at some more than is kept. */
    if (text.len > 4 * max)
        text.len = 4 * max;
    gw_buf_init(&hidden, SIZE_MAX / 2);
    if (has_secret(text)) {
        put_masked(&hidden, text);
        text = gw_buf_str(&hidden);
    }
    put_form(out, gw_str_cut(text, max), form);
    gw_buf_done(&hidden);
}
