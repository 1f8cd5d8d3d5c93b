/* build.c - build one checked configuration and everything that hangs on it. Here rather than in config/ because it
 * needs all parts. */
#include "config/snapshot.h"

#include <stdlib.h>
#ifdef __GLIBC__ /* known from the header before */
#include <malloc.h>
#endif
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/api_keys.h"
#include "auth/oidc.h"
#include "limits/shared.h"
#include "models/plan.h"
#include "pipeline/check.h"
#include "pipeline/diff.h"
#include "pipeline/pem.h"
#include "pipeline/request.h"
#include "plugin/plugin.h"
#include "prompt/prompt.h"
#include "route/route.h"

#define SNAPSHOT_MEMORY_MAX (256u << 20)

extern char **environ;

static void fill_tls(struct gw_snapshot *snapshot)
{
    const struct gw_settings *settings = &snapshot->settings;

    snapshot->upstream_tls = (struct gw_upstream_tls){
        .ca_file = settings->upstream.ca_file,
        .ca_source = gw_settings_source(settings, "upstream.ca_file"),
        .extra_ca_file = settings->upstream.extra_ca_file,
        .cert_file = settings->upstream.mtls_enabled ? settings->upstream.cert_file : NULL,
        .key_file = settings->upstream.mtls_enabled ? settings->upstream.key_file : NULL,
        .key_password = settings->upstream.mtls_enabled ? settings->upstream.key_password : NULL,
        .verify = settings->upstream.verify != 0,
    };
}

static struct gw_file_stamp stamp_of(const char *path)
{
    struct stat st;

    if (!path || stat(path, &st) != 0)
        return (struct gw_file_stamp){ 0 };
    return (struct gw_file_stamp){ (int64_t)st.st_dev, (int64_t)st.st_ino, (int64_t)st.st_size,
                                   (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec };
}

static void stamp_upstream_files(struct gw_snapshot *snapshot)
{
    const struct gw_upstream_tls *tls = &snapshot->upstream_tls;
    const char *const paths[GW_UPSTREAM_FILES] = { tls->ca_file, tls->extra_ca_file, tls->cert_file, tls->key_file };

    for (size_t i = 0; i < GW_UPSTREAM_FILES; i++)
        snapshot->upstream_files[i] = stamp_of(paths[i]);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool gw_snapshot_has_same_upstream(const struct gw_snapshot *a, const struct gw_snapshot *b)
{
    const struct gw_upstream_tls *x = &a->upstream_tls, *y = &b->upstream_tls;

    for (size_t i = 0; i < GW_UPSTREAM_FILES; i++) {
        const struct gw_file_stamp *m = &a->upstream_files[i], *n = &b->upstream_files[i];

        if (m->device != n->device || m->inode != n->inode || m->size != n->size || m->changed_ns != n->changed_ns)
            return false;
    }
    return x->verify == y->verify && same_text(x->ca_file, y->ca_file) &&
           same_text(x->extra_ca_file, y->extra_ca_file) && same_text(x->cert_file, y->cert_file) &&
           same_text(x->key_file, y->key_file) && same_text(x->key_password, y->key_password);
}

static void use_default_prompt_dirs(struct gw_snapshot *snapshot, const struct gw_snapshot_options *options)
{
    struct gw_arena *arena = &snapshot->arena;
    const char **dirs = gw_arena_alloc(arena, (options->conf_dir_count + 1) * sizeof *dirs);
    size_t count = 0;

    for (size_t i = 0; dirs && i < options->conf_dir_count; i++) {
        const char *dir = gw_arena_printf(arena, "%s/prompts", options->conf_dirs[i]);
        if (dir && access(dir, R_OK | X_OK) == 0)
            dirs[count++] = dir;
    }
    snapshot->settings.prompts.dirs = (struct aigw_list){ dirs, count };
}

/** Does a pattern of names mean any of conf.d's models? By their own names: calls are counted under those. */
static bool has_model(void *user, aigw_str pattern)
{
    const struct gw_models *models = user;

    for (size_t i = 0; i < models->model_count; i++)
        if (gw_str_like(gw_str(models->models[i].name), pattern))
            return true;
    return false;
}

/** The targets of all models one behind the other, but for those that lack something, which was said. */
static bool target_at(void *user, size_t index, struct gw_limit_target *ret_target)
{
    const struct gw_models *models = user;

    for (size_t i = 0; i < models->model_count; i++) {
        const struct gw_model *model = &models->models[i];

        for (uint32_t t = 0; t < model->target_count; t++) {
            const struct gw_target *target = &model->targets[t];

            if (!target->provider || !target->model.len || index-- > 0)
                continue;
            *ret_target = (struct gw_limit_target){ model->name, target->provider->name, target->model };
            return true;
        }
    }
    return false;
}

static void build_limits(struct gw_snapshot *snapshot, struct gw_problems *problems)
{
    const struct gw_limit_models models = { snapshot->models, has_model, target_at };

    snapshot->prices = gw_prices_build(&snapshot->arena, snapshot->conf, problems);
    snapshot->quotas = gw_quotas_build(&snapshot->arena, snapshot->conf, snapshot->prices,
                                       snapshot->models ? &models : NULL, problems);
}

static void build(struct gw_snapshot *snapshot, const struct gw_snapshot_options *options, struct gw_problems *problems)
{
    struct gw_arena *arena = &snapshot->arena;
    size_t errors_before;
    const char *const *environ_list =
        options->environ_list ? options->environ_list : (const char *const *)(void *)environ;

    snapshot->conf = gw_conf_read(arena, options->conf_dirs, options->conf_dir_count, problems);
    gw_settings_load(arena, snapshot->conf, environ_list, options->dot_env_dir, &snapshot->settings, problems);
    if (!snapshot->settings.prompts.dirs.count)
        use_default_prompt_dirs(snapshot, options);
    fill_tls(snapshot);
    stamp_upstream_files(snapshot); /* before they are read: a change in between is seen as one next time */
    gw_snapshot_check(snapshot, problems);
    errors_before = problems->error_count;
    snapshot->plugins = gw_plugins_load(arena, options->plugin_dirs, options->plugin_dir_count,
                                        options->running ? options->running->plugins : NULL, problems);
    if (!snapshot->plugins || !snapshot->conf)
        return;
    if (!snapshot->plugins->first && problems->error_count > errors_before)
        return; /* no folder could be read: that every group lacks its plugin is known */
    gw_plugins_configure(snapshot->plugins, arena, snapshot->conf, gw_host(), problems);
    snapshot->api_keys = gw_api_keys_build(arena, snapshot->conf, problems);
    snapshot->oidc = gw_oidc_build(arena, snapshot->conf, problems);
    snapshot->models = gw_models_build(arena, snapshot->conf, &snapshot->settings, snapshot->plugins, problems);
    build_limits(snapshot, problems);
    snapshot->shared = gw_arena_calloc(arena, sizeof *snapshot->shared);
    if (snapshot->shared)
        (void)gw_shared_read(&snapshot->settings, arena, problems, snapshot->shared);
    snapshot->prompts =
        gw_prompts_load(arena, snapshot->settings.prompts.dirs.items, snapshot->settings.prompts.dirs.count, problems);
    snapshot->router = gw_router_build(arena, snapshot->plugins, problems);
    if (snapshot->prompts)
        gw_snapshot_hash(snapshot, snapshot->hash);
}

/* Reading files, checking certificates above all, takes megabytes for a moment; the allocator would keep them for good.
 */
static void give_back_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

struct gw_snapshot *gw_snapshot_build(const struct gw_snapshot_options *options, struct gw_problems *problems)
{
    struct gw_snapshot *snapshot = calloc(1, sizeof *snapshot);

    if (!snapshot) {
        gw_problem(problems, NULL, "configuration", "out of memory");
        return NULL;
    }
    atomic_init(&snapshot->refs, 1);
    snapshot->yard = options->yard;
    gw_arena_init(&snapshot->arena, SNAPSHOT_MEMORY_MAX);
    build(snapshot, options, problems);
    give_back_memory();
    if (problems->error_count || !snapshot->router) {
        snapshot->yard = NULL; /* this is the main thread */
        gw_snapshot_unref(snapshot);
        return NULL;
    }
    return snapshot;
}
