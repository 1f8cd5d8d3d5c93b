/* snapshot.c - the life of a configuration: counted by those who use it, freed by the main thread. build.c makes it. */
#include "config/snapshot.h"

#include <stdlib.h>
#include <unistd.h>

#include "plugin/plugin.h"

static void free_snapshot(struct gw_snapshot *snapshot)
{
    if (snapshot->plugins)
        gw_plugins_close(snapshot->plugins);
    gw_arena_done(&snapshot->arena);
    free(snapshot);
}

struct gw_snapshot *gw_snapshot_ref(struct gw_snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

/** Any thread. */
static void bury(struct gw_snapshot *snapshot)
{
    struct gw_snapshot_yard *yard = snapshot->yard;
    const uint64_t one = 1;

    snapshot->next = atomic_load_explicit(&yard->first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&yard->first, &snapshot->next, snapshot, memory_order_release,
                                                  memory_order_relaxed))
        ;
    (void)!write(yard->event_fd, &one, sizeof one); /* full means already readable */
}

void gw_snapshot_unref(struct gw_snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (snapshot->yard)
        bury(snapshot);
    else
        free_snapshot(snapshot);
}

void gw_snapshot_yard_clear(struct gw_snapshot_yard *yard)
{
    struct gw_snapshot *snapshot, *next;
    uint64_t count;

    (void)!read(yard->event_fd, &count, sizeof count);
    for (snapshot = atomic_exchange_explicit(&yard->first, NULL, memory_order_acquire); snapshot; snapshot = next) {
        next = snapshot->next;
        free_snapshot(snapshot);
    }
}
