/* fit.c - defaults that suit a machine are lowered where a container's memory is limited: full of clients, a gateway
 * must refuse the next one and not be killed with all of them. What the operator set stays as it is. */
#include "base/cgroup.h"
#include "config/internal.h"

#include <string.h>

#define CONNECTION_BYTES (INT64_C(32) << 10) /* of a stream with TLS on both sides, buffers included */

static const struct {
    const char *path;
    size_t offset;
    int64_t share, floor; /* its part of the memory, in percent for all of them; never less than this */
    int64_t unit;         /* bytes that one of it takes */
} rows[] = {
    { "limits.connections_max", offsetof(struct gw_settings, limits.connections_max), 75, 64, CONNECTION_BYTES },
    { "limits.request_memory_max", offsetof(struct gw_settings, limits.request_memory_max), 25, 1 << 20, 1 },
    { "limits.body_max", offsetof(struct gw_settings, limits.body_max), 13, 1 << 20, 1 },
};

void gw_settings_fit(struct gw_settings *settings, int64_t memory_max, struct gw_problems *problems)
{
    static const struct gw_node builtin = { .file = "built-in default" };

    for (size_t i = 0; memory_max > 0 && i < GW_ARRAY_LEN(rows); i++) {
        int64_t *value = (void *)((char *)settings + rows[i].offset);
        int64_t fits = memory_max / 100 * rows[i].share / rows[i].unit;
        const char *source = gw_settings_source(settings, rows[i].path);

        fits = fits < rows[i].floor ? rows[i].floor : fits;
        if (!source || strcmp(source, "default") != 0 || *value <= fits)
            continue;
        gw_problem_note(problems, &builtin, rows[i].path, "is %lld instead of %lld: this process may use %lld MiB",
                        (long long)fits, (long long)*value, (long long)(memory_max >> 20));
        *value = fits;
    }
}
