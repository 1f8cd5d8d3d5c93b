/* shared_find.c - the addresses behind a name. A resolver may take as long as it likes, so it has a thread of its own,
 * which nobody waits for: whoever gives up leaves the search to it. */
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits/sharing.h"

struct gw_find {
    pthread_mutex_t lock;
    struct gw_loop *loop; /* NULL: given up, and nothing was posted */
    struct gw_addresses found;
    void (*on_found)(void *user, const struct gw_addresses *found);
    void *user;
    char host[256];
};

static void free_find(struct gw_find *find)
{
    pthread_mutex_destroy(&find->lock);
    free(find);
}

/* On the loop's thread. */
static void come_back(void *arg)
{
    struct gw_find *find = arg;

    pthread_mutex_lock(&find->lock); /* its thread may still be on its way out of there */
    pthread_mutex_unlock(&find->lock);
    if (find->on_found)
        find->on_found(find->user, &find->found);
    free_find(find);
}

static void look_up(struct gw_find *find)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *first = NULL;
    struct gw_addresses *found = &find->found;
    int error = getaddrinfo(find->host, NULL, &hints, &first);

    for (const struct addrinfo *at = first; at && found->count < GW_ADDRESSES_MAX; at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, found->text[found->count], GW_ADDRESS_MAX, NULL, 0,
                        NI_NUMERICHOST) == 0)
            found->count++;
    if (!found->count)
        (void)snprintf(found->why, sizeof found->why, "the name cannot be resolved: %s",
                       error ? gai_strerror(error) : "it has no address");
    if (first)
        freeaddrinfo(first);
}

static void *run(void *arg)
{
    struct gw_find *find = arg;
    bool is_alone;

    look_up(find);
    pthread_mutex_lock(&find->lock);
    is_alone = !find->loop || !gw_loop_post(find->loop, come_back, find);
    pthread_mutex_unlock(&find->lock);
    if (is_alone)
        free_find(find);
    return NULL;
}

struct gw_find *gw_find_begin(struct gw_loop *loop, const char *host,
                              void (*on_found)(void *user, const struct gw_addresses *found), void *user)
{
    struct gw_find *find = calloc(1, sizeof *find);
    pthread_attr_t attr;
    pthread_t thread;
    int error;

    if (!find)
        return NULL;
    pthread_mutex_init(&find->lock, NULL);
    find->loop = loop;
    find->on_found = on_found;
    find->user = user;
    (void)snprintf(find->host, sizeof find->host, "%s", host);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    error = pthread_create(&thread, &attr, run, find);
    pthread_attr_destroy(&attr);
    if (!error)
        return find;
    free_find(find);
    return NULL;
}

void gw_find_give_up(struct gw_find *find)
{
    pthread_mutex_lock(&find->lock);
    find->loop = NULL;
    find->on_found = NULL; /* should it be on its way back already */
    pthread_mutex_unlock(&find->lock);
}
