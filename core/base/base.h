/* base.h - what every folder of core uses: strings, errors, memory, time. Depends on nothing above it. */
#ifndef GW_BASE_H
#define GW_BASE_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <aigw/abi.h>

#define GW_ARRAY_LEN(a)                    (sizeof(a) / sizeof *(a))
#define GW_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- strings ------------------------------------------------------------------------------------------------ */

static inline aigw_str gw_str(const char *text)
{
    size_t len = 0;

    if (text)
        len = __builtin_strlen(text);
    return (aigw_str){ text, len };
}
bool gw_str_eq(aigw_str a, aigw_str b);
bool gw_str_eq_ci(aigw_str a, aigw_str b); /* ASCII case-insensitive */
/** At most max bytes of it, cut between characters. */
aigw_str gw_str_cut(aigw_str text, size_t max);
/** A header that says how its connection is used: the transport's alone, nobody else may write it. */
bool gw_is_transport_header(aigw_str name);
static inline bool gw_str_is(aigw_str a, const char *literal)
{
    return gw_str_eq(a, gw_str(literal));
}
bool gw_str_has_prefix(aigw_str s, aigw_str prefix);
bool gw_str_has_prefix_ci(aigw_str s, aigw_str prefix); /* ASCII case-insensitive */
/** Is it the name that a list of an operator means: the same, or begun by a pattern that ends in *? */
bool gw_str_like(aigw_str s, aigw_str pattern);
/** "*" is any run. ASCII letters of either case are the same. */
bool gw_match(const char *pattern, aigw_str text);
aigw_str gw_str_trim(aigw_str s); /* ASCII blanks off both ends */
/** value in decimal digits, in room that is the caller's. */
aigw_str gw_str_from_uint(char room[20], uint64_t value);
/** Decimal digits only, no sign, no blanks. False when not that or beyond max. */
bool gw_str_to_u64(aigw_str s, uint64_t max, uint64_t *ret_value);
/** Length of the longest valid UTF-8 prefix; equals s.len when all of it is valid (overlongs, surrogates refused). */
size_t gw_utf8_valid_len(aigw_str s);
/** The candidate closest to `word` by edit distance, or NULL when none is close enough to suggest. */
const char *gw_closest(const char *word, const char *const *candidates, size_t count);

/* ---- errors ------------------------------------------------------------------------------------------------- */

/** Why something failed: names the thing, what was found, what was expected, what to do next. No secrets. */
struct gw_err {
    char text[768];
};
/** Format the reason, return `why`. err may be NULL. */
aigw_status gw_err_set(struct gw_err *err, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);

/* ---- arena -------------------------------------------------------------------------------------------------- */

/** Memory of one lifetime with a byte limit; everything goes at once. Not thread-safe. */
struct gw_arena {
    struct gw_arena_block *blocks;
    struct gw_arena_deferred *deferred;
    char *next;
    size_t left;
    size_t used;  /* bytes obtained from malloc */
    size_t limit; /* most it may obtain */
};
void gw_arena_init(struct gw_arena *arena, size_t limit);
/** Run deferred functions, newest first; the memory stays. */
void gw_arena_run_deferred(struct gw_arena *arena);
/** The same, and free everything. The arena may be used again. */
void gw_arena_done(struct gw_arena *arena);
/** Uninitialised, 16-byte aligned; NULL at the limit or out of memory. */
void *gw_arena_alloc(struct gw_arena *arena, size_t len);
void *gw_arena_calloc(struct gw_arena *arena, size_t len);
/** NUL-terminated copies; NULL (or an absent string) at the limit. */
char *gw_arena_strndup(struct gw_arena *arena, const char *text, size_t len);
aigw_str gw_arena_str(struct gw_arena *arena, aigw_str s);
/** Several strings as one: what printf would cost is paid on every request. */
aigw_str gw_arena_join(struct gw_arena *arena, const aigw_str *parts, size_t count);
char *gw_arena_printf(struct gw_arena *arena, const char *fmt, ...) AIGW_PRINTF(2, 3);
char *gw_arena_vprintf(struct gw_arena *arena, const char *fmt, va_list args) AIGW_PRINTF(2, 0);
/** Tie fn(arg) to the arena's end. Runs fn at once and answers AIGW_E_NOMEM if it cannot. */
aigw_status gw_arena_defer(struct gw_arena *arena, void (*fn)(void *arg), void *arg);

/* ---- buffer ------------------------------------------------------------------------------------------------- */

/** Growable bytes with a maximum. Errors are sticky: append freely, check `status` once. Always NUL-terminated
 *  when data is not NULL. */
struct gw_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    aigw_status status; /* AIGW_OK, AIGW_E_NOMEM or AIGW_E_LIMIT */
};
void gw_buf_init(struct gw_buf *buf, size_t max);
void gw_buf_done(struct gw_buf *buf);
void gw_buf_clear(struct gw_buf *buf); /* keeps the memory, resets status */
/** Back to an earlier length, and to the status it had then: what did not fit behind it is gone. */
void gw_buf_back(struct gw_buf *buf, size_t len);
bool gw_buf_reserve(struct gw_buf *buf, size_t extra);
void gw_buf_put(struct gw_buf *buf, const char *bytes, size_t len);
/** There is room for so many bytes, and the NUL, in the memory it has. */
static inline bool gw_buf_fits(const struct gw_buf *buf, size_t len)
{
    return buf->data && !buf->status && len < buf->cap - buf->len;
}
/** gw_buf_put() of what fits. */
static inline void gw_buf_put_fitting(struct gw_buf *buf, const char *bytes, size_t len)
{
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}
void gw_buf_puts(struct gw_buf *buf, const char *text);
void gw_buf_put_str(struct gw_buf *buf, aigw_str s);
/** In decimal digits. printf would take ten times as long. */
void gw_buf_put_u64(struct gw_buf *buf, uint64_t number);
void gw_buf_printf(struct gw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
void gw_buf_vprintf(struct gw_buf *buf, const char *fmt, va_list args) AIGW_PRINTF(2, 0);
/** Append as a JSON string with quotes. Invalid UTF-8 becomes U+FFFD. ascii: everything above 0x7e as \uXXXX. */
void gw_buf_json(struct gw_buf *buf, aigw_str text, bool ascii);
static inline aigw_str gw_buf_str(const struct gw_buf *buf)
{
    return (aigw_str){ buf->data, buf->len };
}

/* ---- time, ids ---------------------------------------------------------------------------------------------- */

int64_t gw_mono_ms(void); /* monotonic clock */
int64_t gw_mono_us(void);
int64_t gw_wall_s(void); /* seconds since 1970 UTC */
int64_t gw_wall_us(void);
/** CPU time of the calling thread, microseconds. */
int64_t gw_thread_cpu_us(void);
/** The processor's own counter: a quarter of the price of a clock, in a unit of its own. Only differences mean
 * anything, and none that was taken across a change of processors is below 0. */
static inline int64_t gw_ticks(void)
{
#if defined(__x86_64__)
    return (int64_t)__builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    int64_t ticks;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return gw_mono_us() * 1000;
#endif
}
/** How long that is, by what gw_ticks_measure() found last; 0: not known yet. */
int64_t gw_ticks_to_ns(int64_t ticks);
/** Hold the counter to the monotonic clock: once, and again from time to time, from one thread. */
void gw_ticks_measure(void);
/** Begin a thread. Signals are the main thread's, but for those that a thread brings on itself. 0 or an errno. */
int gw_thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg);
/** When the event loop of this thread began its turn, gw_mono_ms(); 0: it has no loop. */
extern _Thread_local int64_t gw_turn_began_ms;
/** 32 lower-case hex digits and NUL, from a fast per-thread generator seeded by the kernel. Not for secrets. */
void gw_id_hex(char ret_id[33]);

/** Mix len bytes and their end into a hash that tells things apart within this process; nothing secret depends on it.
 *  Begin with any number. */
static inline uint64_t gw_hash_more(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211); /* FNV-1a */
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

#endif
