/* aigw/abi.h - versions, status codes, strings, settings and the plugin descriptor.
 *
 * The rules that hold for every header in this folder:
 *
 *   Language   C11 and C++17. No third-party headers and no types of the core: a plugin builds with these files alone.
 *   Strings    aigw_str is pointer + length, UTF-8, not necessarily NUL-terminated; {NULL, 0} is "absent".
 *              A `const char *` is NUL-terminated. Both are borrowed unless a comment says otherwise.
 *   Integers   fixed width. Flags and kinds are uint32_t with named constants, never enums or bit-fields, because
 *              the size of an enum belongs to the compiler.
 *   Time       milliseconds, int64_t, names end in _ms. Durations are never negative unless a comment says so.
 *   Threads    Callbacks of one request never overlap and all run on one thread. Callbacks of *different* requests
 *              to the same instance may run at the same time on different threads: after open() an instance's state
 *              is read-only unless the plugin protects it itself. open() and close() run alone.
 *   Blocking   No callback may block, sleep, or do I/O. It runs on an event loop that serves thousands of streams.
 *              Work that has to block goes to host->offload().
 *   Growth     Every struct that crosses the border begins with struct_size: bytes, set to sizeof by whoever owns the
 *              memory, *before* it is handed over, in structs that the other side fills too. It only ever grows at
 *              the end. Whoever copies copies the smaller of both sizes; what the other side cannot know is neither
 *              written to its memory nor read from it. Use AIGW_HAS() before you read a field that is younger than
 *              the oldest minor version you want to work with.
 *              Structs that may grow are handed over by pointer, never by value. Where there are several of them they
 *              form a list by `next`; tables of a plugin (settings, metrics, routes) are arrays with their stride.
 *              aigw_str, aigw_pair, aigw_list and aigw_map are complete and never grow.
 */
#ifndef AIGW_ABI_H
#define AIGW_ABI_H

#include <stddef.h>
#include <stdint.h>

/** ABI version of these headers. Another major is refused, and so is a newer minor than the core's; every older minor
 * of the major keeps loading. docs/abi.md is the promise. History:  0.1 first. 0.2 calls with handles and a request
 * built per attempt, lists instead of arrays, credentials, signing, timers, offload, pass-through, refusals in the
 * route's language. 1.0 is 0.2, promised. */
#define AIGW_ABI_MAJOR 1
#define AIGW_ABI_MINOR 0

#if defined(__GNUC__) || defined(__clang__)
#define AIGW_PRINTF(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))
#define AIGW_EXPORT                       __attribute__((visibility("default")))
#else
#define AIGW_PRINTF(fmt_index, first_arg)
#define AIGW_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** What a function answers. Zero is success, negative is failure, positive is success with more to say: only where a
 *  comment allows it. */
typedef int32_t aigw_status;
#define AIGW_OK            0
#define AIGW_DONE          1     /* provider: the dialect's end marker was seen, the answer is whole               */
#define AIGW_PENDING       2     /* not yet: call again after host->go_on(), or when the credential is there        */
#define AIGW_E_NOMEM       (-1)  /* out of memory, or the request's memory budget is spent                     */
#define AIGW_E_INVALID     (-2)  /* the caller's input is wrong; the reason was recorded with host->fail()     */
#define AIGW_E_LIMIT       (-3)  /* a documented maximum was reached (buffer size, depth, count)               */
#define AIGW_E_STATE       (-4)  /* called at the wrong moment, such as writing after the answer ended         */
#define AIGW_E_CLOSED      (-5)  /* the client left or the request was cancelled: clean up and return          */
#define AIGW_E_UPSTREAM    (-6)  /* the model server answered something that its protocol does not allow      */
#define AIGW_E_UNSUPPORTED (-7)  /* well-formed, but this plugin or core cannot do it                          */
#define AIGW_E_NOT_FOUND   (-8)  /* no such name                                                               */
#define AIGW_E_CONFIG      (-9)  /* configuration is wrong or missing; the reason was recorded                 */
#define AIGW_E_FORBIDDEN   (-10) /* the caller lacks the right; the reason was recorded                        */

/** Bytes with a length. ptr may be NULL only when len is 0. */
typedef struct aigw_str {
    const char *ptr;
    size_t len;
} aigw_str;

/** aigw_str of a string literal, as an initializer or a value. */
#define AIGW_STR_INIT(literal) \
    { \
        (literal), sizeof(literal) - 1 \
    }
#ifdef __cplusplus
#define AIGW_STR(literal) (aigw_str{ (literal), sizeof(literal) - 1 })
#define AIGW_STR_NONE     (aigw_str{ NULL, 0 })
#else
#define AIGW_STR(literal) ((aigw_str){ (literal), sizeof(literal) - 1 })
#define AIGW_STR_NONE     ((aigw_str){ NULL, 0 })
#endif

/** For "%.*s": AIGW_STR_ARG(s) expands to the length and the pointer. */
#define AIGW_STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/** True when the struct at p, as sized by its maker, contains `field`. */
#define AIGW_HAS(p, field) \
    ((p)->struct_size >= (size_t)((const char *)&(p)->field - (const char *)(p)) + sizeof(p)->field)

/* ---- settings ----------------------------------------------------------------------------------------------- */

/** Type of a setting and of the field it fills in the plugin's state. */
#define AIGW_SET_STRING 1 /* const char *  NULL when absent and without default. Lives as long as the instance  */
#define AIGW_SET_INT    2 /* int64_t                                                                             */
#define AIGW_SET_DOUBLE 3 /* double                                                                              */
#define AIGW_SET_BOOL   4 /* int32_t, 0 or 1                                                                     */
#define AIGW_SET_LIST   5 /* struct aigw_list of strings                                                         */
#define AIGW_SET_MAP    6 /* struct aigw_map of strings                                                          */

#define AIGW_SETF_REQUIRED 0x1u /* configuration without it is refused                                           */
#define AIGW_SETF_SECRET   0x2u /* never printed or logged; may be given as "env:NAME" or "file:/path"            */
#define AIGW_SETF_URL      0x4u /* string must be an http or https URL without user info; one trailing / dropped  */

/** A list of strings in configuration order. Lives as long as the instance. */
struct aigw_list {
    const char *const *items;
    size_t count;
};

/** name → value pairs in configuration order. Lives as long as the instance. */
struct aigw_map {
    const char *const *names;
    const char *const *values;
    size_t count;
};

/** One setting. The table drives parsing, defaults, range checks, "did you mean", secret masking and the generated
 *  reference page (`aigw config`). Any string value may be written "env:NAME" or "file:/path". */
struct aigw_setting {
    const char *name;          /* key inside the instance's group; [a-z0-9_]+                                     */
    uint32_t type;             /* AIGW_SET_*                                                                      */
    uint32_t flags;            /* AIGW_SETF_*                                                                     */
    size_t offset;             /* offsetof(struct my_state, field)                                                */
    const char *default_value; /* text form ("30", "true", "a,b"), NULL for none                                  */
    double min, max;           /* allowed range of INT and DOUBLE when min < max, else no range                   */
    const char *choices;       /* "one|two|three" restricts a STRING; NULL for any                                */
    const char *help;          /* one or two sentences with the unit; shown to operators                          */
};

/** A counter a plugin exports at /metrics; see aigw_host.count. Names follow Prometheus rules and should begin with
 *  the plugin's name unless a published contract says otherwise; those that begin with aigw_ are the core's. */
struct aigw_metric {
    const char *name;
    const char *help;
    const char *const *labels; /* label_count names                                                               */
    uint32_t label_count;      /* at most AIGW_METRIC_LABELS_MAX                                                   */
};
#define AIGW_METRIC_LABELS_MAX 8

/* ---- the descriptor ----------------------------------------------------------------------------------------- */

#define AIGW_PLUGIN_MAGIC 0x41494757u /* "AIGW" */

#define AIGW_KIND_PROVIDER 1u /* speaks a model server's protocol: aigw/provider.h                                 */
#define AIGW_KIND_FEATURE  2u /* serves client routes: aigw/feature.h                                              */
#define AIGW_KIND_FILTER   3u /* reserved */
#define AIGW_KIND_CACHE    4u /* reserved */
#define AIGW_KIND_AUTH     5u /* reserved */

struct aigw_provider_ops;
struct aigw_feature_ops;

/** What a plugin says about itself. The first four fields never move or change meaning: they guard the rest.
 *  Everything it points to must live as long as the shared object. */
struct aigw_plugin {
    uint32_t magic;       /* AIGW_PLUGIN_MAGIC                                                             */
    uint16_t abi_major;   /* AIGW_ABI_MAJOR of the headers it was built with                               */
    uint16_t abi_minor;   /* AIGW_ABI_MINOR likewise                                                       */
    uint32_t struct_size; /* sizeof(struct aigw_plugin) likewise                                           */
    uint32_t kind;        /* AIGW_KIND_*                                                                   */
    const char *name;     /* [a-z0-9_]+, what conf.d calls it: plugin = "name"                             */
    const char *version;  /* the plugin's own version                                                      */
    const char *summary;  /* one line for `aigw plugins`                                                   */
    size_t state_size;    /* bytes per configured instance; the core allocates them zeroed                 */
    const struct aigw_setting *settings;
    uint32_t setting_count;
    uint32_t setting_size; /* sizeof(struct aigw_setting): the array's stride, so that the element may grow */
    const struct aigw_metric *metrics;
    uint32_t metric_count;
    uint32_t metric_size;
    const struct aigw_provider_ops *provider; /* set when kind is AIGW_KIND_PROVIDER                              */
    const struct aigw_feature_ops *feature;   /* set when kind is AIGW_KIND_FEATURE                               */
};

/** The one symbol a plugin exports. Called once after dlopen; returns the descriptor, never NULL. A reload
 *  loads only files that changed: instances of the old and the new configuration then share one plugin. */
typedef const struct aigw_plugin *(*aigw_plugin_entry_fn)(void);
#define AIGW_PLUGIN_ENTRY "aigw_plugin_entry"

/** Fill .settings and its two counts from a table; likewise .metrics. */
#define AIGW_SETTINGS(table) \
    .settings = (table), .setting_count = (uint32_t)(sizeof(table) / sizeof *(table)), \
    .setting_size = (uint32_t)sizeof *(table)
#define AIGW_METRICS(table) \
    .metrics = (table), .metric_count = (uint32_t)(sizeof(table) / sizeof *(table)), \
    .metric_size = (uint32_t)sizeof *(table)

/** Define and export the descriptor, members in the order of struct aigw_plugin (C++ insists on it):
 *      AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "acme", .version = "1.0.0", .summary = "ACME chat models",
 *                  .state_size = sizeof(struct acme), AIGW_SETTINGS(acme_settings), .provider = &acme_ops);      */
#define AIGW_PLUGIN(...) \
    AIGW_ENTRY_LINKAGE AIGW_EXPORT const struct aigw_plugin *aigw_plugin_entry(void); \
    const struct aigw_plugin *aigw_plugin_entry(void) \
    { \
        AIGW_DESIGNATED_BEGIN \
        static const struct aigw_plugin descriptor = { .magic = AIGW_PLUGIN_MAGIC, \
                                                       .abi_major = AIGW_ABI_MAJOR, \
                                                       .abi_minor = AIGW_ABI_MINOR, \
                                                       .struct_size = (uint32_t)sizeof(struct aigw_plugin), \
                                                       __VA_ARGS__ }; \
        AIGW_DESIGNATED_END \
        return &descriptor; \
    } \
    AIGW_STATIC_ASSERT(sizeof(struct aigw_plugin) > 0, "AIGW_PLUGIN ends without a semicolon or with one")
#ifdef __cplusplus
#define AIGW_ENTRY_LINKAGE extern "C"
/* Designated initializers are C++20; both compilers take them in C++17, and are told not to mind. */
#define AIGW_DESIGNATED_BEGIN \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpedantic\"") \
        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") __extension__
#define AIGW_DESIGNATED_END      _Pragma("GCC diagnostic pop")
#define AIGW_STATIC_ASSERT(c, w) static_assert(c, w)
#else
#define AIGW_ENTRY_LINKAGE
#define AIGW_DESIGNATED_BEGIN
#define AIGW_DESIGNATED_END
#define AIGW_STATIC_ASSERT(c, w) _Static_assert(c, w)
#endif

#ifdef __cplusplus
}
#endif
#endif
