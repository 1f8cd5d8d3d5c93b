/* offload.c - the pool. The lock guards queue and list; a job's owner is touched on its own loop's thread only. */
#include "pipeline/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/visit.h"

#define THREADS     2
#define WAITING_MAX 1024u

struct gw_job {
    struct gw_job *prev, *next; /* of all, under the lock */
    struct gw_job *next_waiting;
    struct gw_job *next_of_owner;
    struct gw_offload *pool;
    struct gw_loop *loop;
    struct gw_snapshot *snapshot;
    struct aigw_job spec;
    struct gw_meter *meter; /* of the instance whose work it is */
    void (*on_done)(void *owner, struct gw_job *job);
    void *owner; /* NULL: nobody waits any more */
    _Alignas(16) char arg[];
};

struct gw_offload {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t threads[THREADS];
    int thread_count;
    struct gw_job *all, *waiting, **last;
    uint32_t waiting_count;
    bool is_stopping;
};

static void free_job(struct gw_job *job)
{
    struct gw_offload *pool = job->pool;
    struct gw_snapshot *snapshot = job->snapshot;

    pthread_mutex_lock(&pool->lock);
    if (job->prev)
        job->prev->next = job->next;
    else
        pool->all = job->next;
    if (job->next)
        job->next->prev = job->prev;
    pthread_mutex_unlock(&pool->lock);
    free(job);
    gw_snapshot_unref(snapshot);
}

static void drop_job(struct gw_job *job)
{
    struct gw_visit visit;

    if (job->spec.drop) {
        gw_visit_begin(&visit, job->meter, NULL, GW_CALLBACK_JOB_DROP);
        job->spec.drop(job->arg);
        gw_visit_end(&visit);
    }
    free_job(job);
}

/* On the owner's loop. */
static void come_back(void *arg)
{
    struct gw_job *job = arg;

    if (!job->owner) {
        drop_job(job);
        return;
    }
    job->on_done(job->owner, job);
    free_job(job);
}

static void work(struct gw_job *job)
{
    struct gw_visit visit;

    gw_visit_begin(&visit, job->meter, NULL, GW_CALLBACK_WORK);
    job->spec.work(job->arg);
    gw_visit_end(&visit);
}

static void *run_jobs(void *arg)
{
    struct gw_offload *pool = arg;

    pthread_mutex_lock(&pool->lock);
    while (!pool->is_stopping) {
        struct gw_job *job = pool->waiting;

        if (!job) {
            pthread_cond_wait(&pool->wake, &pool->lock);
            continue;
        }
        pool->waiting = job->next_waiting;
        if (!pool->waiting)
            pool->last = &pool->waiting;
        pool->waiting_count--;
        pthread_mutex_unlock(&pool->lock);
        work(job);
        (void)gw_loop_post(job->loop, come_back, job); /* what cannot be posted is dropped at the end */
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct gw_offload *gw_offload_new(struct gw_err *reterr)
{
    struct gw_offload *pool = calloc(1, sizeof *pool);

    if (!pool) {
        gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->last = &pool->waiting;
    return pool;
}

/** One comes with each of the first jobs: many gateways have none. Under the lock. False when there is none at all. */
static bool have_threads(struct gw_offload *pool)
{
    if (pool->thread_count < THREADS && gw_thread_start(&pool->threads[pool->thread_count], run_jobs, pool) == 0)
        pool->thread_count++;
    return pool->thread_count > 0;
}

void gw_offload_stop(struct gw_offload *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    while (pool->thread_count > 0)
        pthread_join(pool->threads[--pool->thread_count], NULL);
}

void gw_offload_free(struct gw_offload *pool)
{
    if (!pool)
        return;
    gw_offload_stop(pool);
    while (pool->all)
        drop_job(pool->all);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

struct gw_job *gw_offload(struct gw_offload *pool, struct gw_loop *loop, struct gw_snapshot *snapshot,
                          const struct aigw_job *spec, struct gw_meter *meter,
                          void (*on_done)(void *owner, struct gw_job *job), void *owner)
{
    struct gw_job *job = calloc(1, sizeof *job + spec->arg_size);
    bool is_full;

    if (!job)
        return NULL;
    job->pool = pool;
    job->loop = loop;
    job->spec = *spec;
    job->meter = meter;
    job->on_done = on_done;
    job->owner = owner;
    if (spec->arg_size)
        memcpy(job->arg, spec->arg, spec->arg_size);
    pthread_mutex_lock(&pool->lock);
    is_full = pool->waiting_count >= WAITING_MAX || pool->is_stopping || !have_threads(pool);
    if (!is_full) {
        job->snapshot = gw_snapshot_ref(snapshot);
        job->next = pool->all;
        if (job->next)
            job->next->prev = job;
        pool->all = job;
        *pool->last = job;
        pool->last = &job->next_waiting;
        pool->waiting_count++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_full) {
        free(job);
        return NULL;
    }
    return job;
}

void gw_job_disown(struct gw_job *job)
{
    job->owner = NULL;
}

void gw_job_tell(struct gw_job *job, struct aigw_ctx *ctx)
{
    struct gw_visit visit;

    if (!job->spec.done)
        return;
    gw_visit_begin(&visit, job->meter, ctx, GW_CALLBACK_JOB_DONE);
    job->spec.done(ctx, job->arg);
    gw_visit_end(&visit);
}

struct gw_job **gw_job_next(struct gw_job *job)
{
    return &job->next_of_owner;
}
