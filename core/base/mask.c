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

#define SECRET_MIN  6
#define SECRETS_MAX 1024
#define MASK        "**********"

/* Registered secrets. Readers (every log value of every thread) take no lock: a table is never changed once
 * published, and replaced tables are kept until gw_mask_forget(). Registering happens a handful of times. */
struct secret_table {
    struct secret_table *older;
    size_t count;
    bool first_byte[256]; /* first bytes of the secrets, to pass over all others quickly */
    aigw_str list[];
};

static pthread_mutex_t register_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct secret_table *) secrets;

static bool is_registered(const struct secret_table *table, aigw_str value)
{
    for (size_t i = 0; table && i < table->count; i++)
        if (gw_str_eq(table->list[i], value))
            return true;
    return false;
}

void gw_log_add_secret(const char *value)
{
    aigw_str secret = gw_str(value);
    struct secret_table *table = NULL;
    char *copy = NULL;

    if (secret.len < SECRET_MIN)
        return;
    pthread_mutex_lock(&register_lock);
    struct secret_table *older = atomic_load(&secrets);
    size_t count = older ? older->count : 0;
    if (is_registered(older, secret) || count >= SECRETS_MAX)
        goto out;
    table = calloc(1, sizeof *table + (count + 1) * sizeof *table->list);
    copy = strdup(value);
    if (!table || !copy) {
        free(table);
        free(copy);
        goto out;
    }
    if (older) {
        memcpy(table->first_byte, older->first_byte, sizeof table->first_byte);
        memcpy(table->list, older->list, count * sizeof *table->list);
    }
    table->older = older;
    table->count = count + 1;
    table->list[count] = (aigw_str){ copy, secret.len };
    table->first_byte[(unsigned char)copy[0]] = true;
    atomic_store(&secrets, table);
out:
    pthread_mutex_unlock(&register_lock);
}

void gw_mask_forget(void)
{
    pthread_mutex_lock(&register_lock);
    struct secret_table *table = atomic_exchange(&secrets, NULL);
    for (size_t i = 0; table && i < table->count; i++) {
        explicit_bzero((char *)(uintptr_t)table->list[i].ptr, table->list[i].len);
        free((char *)(uintptr_t)table->list[i].ptr);
    }
    while (table) {
        struct secret_table *older = table->older;
        free(table);
        table = older;
    }
    pthread_mutex_unlock(&register_lock);
}

/* Each finder answers how many bytes at text[at] to hide, after keeping *ret_keep of them. 0: nothing begins here. */

static size_t registered_len(const struct secret_table *table, aigw_str text, size_t at)
{
    size_t longest = 0;

    for (size_t i = 0; i < table->count; i++) {
        aigw_str secret = table->list[i];
        if (secret.len > longest && secret.len <= text.len - at && memcmp(text.ptr + at, secret.ptr, secret.len) == 0)
            longest = secret.len;
    }
    return longest;
}

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
    size_t len;

    if (!starts_ci(text, at, "eyJ"))
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

/* Can anything that is hidden begin with these two bytes? Nearly all text ends here. */
static bool may_begin(unsigned char first, unsigned char second)
{
    second |= 0x20;
    switch (first | 0x20) {
    case 'e':
        return second == 'y';
    case 'b':
        return second == 'e';
    case 'g':
    case 'c':
        return second == 'l';
    case 'a':
        return second == 'p' || second == 'c';
    case 'p':
        return second == 'a' || second == 'r';
    case 's':
        return second == 'k' || second == 'i' || second == 'e';
    case 'x':
    case '-':
        return second == '-';
    case ':':
        return second == '/';
    default:
        return false;
    }
}

static size_t secret_len(const struct secret_table *table, aigw_str text, size_t at, size_t *ret_keep)
{
    unsigned char c = (unsigned char)text.ptr[at];
    size_t len = 0;

    *ret_keep = 0;
    if (table && table->first_byte[c])
        len = registered_len(table, text, at);
    if (len || at + 1 >= text.len || !may_begin(c, (unsigned char)text.ptr[at + 1]))
        return len;
    switch (c | 0x20) {
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
    const struct secret_table *table = atomic_load_explicit(&secrets, memory_order_acquire);

    for (; at < text.len; at++) {
        *ret_len = secret_len(table, text, at, ret_keep);
        if (*ret_len)
            return at;
    }
    return at;
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
    if (text.len > max) {
        text.len = max;
        while (text.len && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    put_form(out, text, form);
    gw_buf_done(&hidden);
}
