/* wheel.c - timers by distance: level 0 holds the next 64 ms one by one, level n holds slots of 64^n ms. A slot of a
 * higher level is spread over the lower ones when its time begins, so a timer moves at most four times in its life,
 * and one that is re-armed before (the common case) not at all. */
#include "loop/wheel.h"

#define SLOT_MASK (GW_WHEEL_SLOTS - 1)

static void list_init(struct gw_timer *head)
{
    head->prev = head;
    head->next = head;
}

static void list_append(struct gw_timer *head, struct gw_timer *timer)
{
    timer->prev = head->prev;
    timer->next = head;
    head->prev->next = timer;
    head->prev = timer;
}

static void list_remove(struct gw_timer *timer)
{
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->prev = NULL;
    timer->next = NULL;
}

void gw_wheel_init(struct gw_wheel *wheel, int64_t now_ms)
{
    wheel->tick_ms = now_ms;
    list_init(&wheel->ready);
    list_init(&wheel->running);
    for (int level = 0; level < GW_WHEEL_LEVELS; level++) {
        wheel->used[level] = 0;
        for (int slot = 0; slot < GW_WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

static void wheel_place(struct gw_wheel *wheel, struct gw_timer *timer)
{
    int64_t due_ms = timer->due_ms;

    if (due_ms <= wheel->tick_ms) {
        list_append(&wheel->ready, timer);
        return;
    }
    int level = 0;
    while (level < GW_WHEEL_LEVELS - 1 &&
           (due_ms >> (GW_WHEEL_BITS * level)) - (wheel->tick_ms >> (GW_WHEEL_BITS * level)) >= GW_WHEEL_SLOTS)
        level++;
    int64_t group = due_ms >> (GW_WHEEL_BITS * level);
    int64_t current = wheel->tick_ms >> (GW_WHEEL_BITS * level);
    if (group - current >= GW_WHEEL_SLOTS) /* beyond the top level: as far out as it goes */
        group = current + GW_WHEEL_SLOTS - 1;
    unsigned slot = (unsigned)(group & SLOT_MASK);
    list_append(&wheel->slots[level][slot], timer);
    wheel->used[level] |= UINT64_C(1) << slot;
}

void gw_wheel_set(struct gw_wheel *wheel, struct gw_timer *timer, int64_t due_ms)
{
    if (timer->is_armed)
        list_remove(timer);
    timer->is_armed = true;
    timer->due_ms = due_ms;
    wheel_place(wheel, timer);
}

void gw_wheel_clear(struct gw_timer *timer)
{
    if (!timer->is_armed)
        return;
    list_remove(timer);
    timer->is_armed = false;
}

/** First tick after tick_ms at which some slot has to be looked at, -1 when all are empty. */
static int64_t wheel_next_tick(struct gw_wheel *wheel)
{
    int64_t best = -1;

    for (int level = 0; level < GW_WHEEL_LEVELS; level++) {
        int64_t current = wheel->tick_ms >> (GW_WHEEL_BITS * level);
        while (wheel->used[level]) {
            unsigned first = (unsigned)((current + 1) & SLOT_MASK);
            uint64_t used = wheel->used[level];
            uint64_t turned = first ? (used >> first) | (used << (GW_WHEEL_SLOTS - first)) : used;
            unsigned distance = (unsigned)__builtin_ctzll(turned);
            unsigned slot = (first + distance) & SLOT_MASK;
            const struct gw_timer *head = &wheel->slots[level][slot];
            if (head->next == head) { /* emptied by gw_wheel_clear() */
                wheel->used[level] &= ~(UINT64_C(1) << slot);
                continue;
            }
            int64_t tick = (current + 1 + (int64_t)distance) << (GW_WHEEL_BITS * level);
            if (best < 0 || tick < best)
                best = tick;
            break;
        }
    }
    return best;
}

static void wheel_spread(struct gw_wheel *wheel, int level, unsigned slot)
{
    struct gw_timer *head = &wheel->slots[level][slot];
    struct gw_timer moving;

    wheel->used[level] &= ~(UINT64_C(1) << slot);
    if (head->next == head)
        return;
    moving.next = head->next; /* a timer beyond the top level may go back into this very slot */
    moving.prev = head->prev;
    moving.next->prev = &moving;
    moving.prev->next = &moving;
    list_init(head);
    while (moving.next != &moving) {
        struct gw_timer *timer = moving.next;
        list_remove(timer);
        wheel_place(wheel, timer);
    }
}

void gw_wheel_advance(struct gw_wheel *wheel, int64_t now_ms)
{
    while (wheel->tick_ms < now_ms) {
        int64_t tick = wheel_next_tick(wheel);
        if (tick < 0 || tick > now_ms) {
            wheel->tick_ms = now_ms;
            return;
        }
        wheel->tick_ms = tick;
        for (int level = GW_WHEEL_LEVELS - 1; level >= 0; level--) {
            int64_t group = tick >> (GW_WHEEL_BITS * level);
            if (group << (GW_WHEEL_BITS * level) == tick)
                wheel_spread(wheel, level, (unsigned)(group & SLOT_MASK));
        }
    }
}

void gw_wheel_run(struct gw_wheel *wheel)
{
    if (wheel->ready.next == &wheel->ready)
        return;
    wheel->running.next = wheel->ready.next;
    wheel->running.prev = wheel->ready.prev;
    wheel->running.next->prev = &wheel->running;
    wheel->running.prev->next = &wheel->running;
    list_init(&wheel->ready);
    while (wheel->running.next != &wheel->running) {
        struct gw_timer *timer = wheel->running.next;
        gw_wheel_clear(timer);
        timer->on_due(timer);
    }
}

int64_t gw_wheel_wait_ms(struct gw_wheel *wheel, int64_t now_ms)
{
    if (wheel->ready.next != &wheel->ready)
        return 0;
    int64_t tick = wheel_next_tick(wheel);
    if (tick < 0)
        return -1;
    return tick > now_ms ? tick - now_ms : 0;
}
