/* test_check.c - the ABI gate on descriptors made here: each row spoils one thing of a good plugin. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/plugin.h"

/** A descriptor and everything it points to, writable, in one piece so that a row can spoil any of it. */
struct specimen {
    struct {
        struct aigw_plugin descriptor;
        uint64_t tail[2];
    } plugin;
    struct {
        struct aigw_provider_ops ops;
        uint64_t tail[2];
    } provider;
    struct {
        struct aigw_feature_ops ops;
        uint64_t tail[2];
    } feature;
    struct {
        struct aigw_setting setting;
        uint64_t tail;
    } settings[3];
    struct aigw_metric metrics[2];
    struct {
        struct aigw_route route;
        uint64_t tail;
    } routes[2];
};

struct state {
    const char *text;
    int64_t number;
    struct aigw_map map;
};

static struct gw_arena arena;
static struct specimen s;

static aigw_status a_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                             const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    (void)ctx, (void)self, (void)call, (void)target, (void)req, (void)ret_http;
    return AIGW_OK;
}

static aigw_status a_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    (void)ctx, (void)self, (void)call, (void)frame;
    return AIGW_OK;
}

static aigw_status a_produce(struct aigw_ctx *ctx, void *self, void *call, struct aigw_produce *ret_next)
{
    (void)ctx, (void)self, (void)call, (void)ret_next;
    return AIGW_OK;
}

static aigw_status a_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    (void)ctx, (void)self, (void)call, (void)request;
    return AIGW_OK;
}

static void a_gone(struct aigw_ctx *ctx, void *self, void *call)
{
    (void)ctx, (void)self, (void)call;
}

static void setup(void)
{
    gw_arena_init(&arena, (size_t)8 << 20);
    memset(&s, 0, sizeof s);
    s.settings[0].setting = (struct aigw_setting){ .name = "text", .type = AIGW_SET_STRING, .offset = 0 };
    s.settings[1].setting =
        (struct aigw_setting){ .name = "number", .type = AIGW_SET_INT, .offset = offsetof(struct state, number) };
    s.settings[2].setting =
        (struct aigw_setting){ .name = "map", .type = AIGW_SET_MAP, .offset = offsetof(struct state, map) };
    s.metrics[0] = (struct aigw_metric){ .name = "one_total", .help = "One." };
    s.metrics[1] = (struct aigw_metric){ .name = "two_total", .help = "Two." };
    s.routes[0].route = (struct aigw_route){ .method = "POST", .path = "/v1/a" };
    s.routes[1].route = (struct aigw_route){ .method = "GET", .path = "/v1/b" };
    s.provider.ops =
        (struct aigw_provider_ops){ .struct_size = sizeof s.provider.ops, .request = a_request, .frame = a_frame };
    s.feature.ops = (struct aigw_feature_ops){ .struct_size = sizeof s.feature.ops,
                                               .route_size = sizeof s.routes[0],
                                               .routes = &s.routes[0].route,
                                               .route_count = 2,
                                               .run = a_run };
    s.plugin.descriptor = (struct aigw_plugin){ .magic = AIGW_PLUGIN_MAGIC,
                                                .abi_major = AIGW_ABI_MAJOR,
                                                .abi_minor = AIGW_ABI_MINOR,
                                                .struct_size = sizeof s.plugin.descriptor,
                                                .kind = AIGW_KIND_PROVIDER,
                                                .name = "acme",
                                                .version = "1.0",
                                                .state_size = sizeof(struct state),
                                                .settings = &s.settings[0].setting,
                                                .setting_count = 3,
                                                .setting_size = sizeof s.settings[0],
                                                .metrics = s.metrics,
                                                .metric_count = 2,
                                                .metric_size = sizeof(struct aigw_metric),
                                                .provider = &s.provider.ops };
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static void as_feature(void)
{
    s.plugin.descriptor.kind = AIGW_KIND_FEATURE;
    s.plugin.descriptor.feature = &s.feature.ops;
    s.plugin.descriptor.provider = NULL;
}

/* ---- accepted ---- */

#define D s.plugin.descriptor

static void ok_plain(void)
{
}
static void ok_feature(void)
{
    as_feature();
}
static void ok_produce_only(void)
{
    s.provider.ops.frame = NULL;
    s.provider.ops.produce = a_produce;
}
static void ok_longer_zero_tail(void)
{
    D.struct_size = sizeof s.plugin;
    s.provider.ops.struct_size = sizeof s.provider;
}
static void ok_short_ops(void)
{
    s.provider.ops.struct_size = offsetof(struct aigw_provider_ops, failure);
    s.provider.ops.produce = a_produce; /* behind what the plugin says it has: must not be seen */
}
static void ok_no_tables(void)
{
    D.settings = NULL;
    D.setting_count = D.setting_size = 0;
    D.metrics = NULL;
    D.metric_count = D.metric_size = 0;
    D.state_size = 0;
}

static void ok_feature_longer(void)
{
    as_feature();
    s.feature.ops.struct_size = sizeof s.feature;
}
static void ok_feature_short(void)
{
    as_feature();
    s.feature.ops.struct_size = offsetof(struct aigw_feature_ops, event);
    s.feature.ops.gone = a_gone; /* behind what the plugin says it has: must not be seen */
}
static void ok_short_routes(void) /* of an SDK that did not know `callers` */
{
    static struct {
        char bytes[offsetof(struct aigw_route, callers)];
    } rows[2];

    as_feature();
    memcpy(&rows[0], &s.routes[0].route, sizeof rows[0]);
    memcpy(&rows[1], &s.routes[1].route, sizeof rows[1]);
    s.feature.ops.routes = (const void *)rows;
    s.feature.ops.route_size = sizeof rows[0];
}
static void ok_oldest_minor(void)
{
    D.abi_minor = 0;
}
static void ok_draft(void)
{
    D.abi_major = 0;
    D.abi_minor = 2;
}
static void ok_dialects(void)
{
    static const char *const names[] = { "openai-chat", "anthropic" };

    s.provider.ops.dialects = names;
    s.provider.ops.dialect_count = 2;
}
static void ok_callers(void)
{
    as_feature();
    s.routes[0].route.callers = AIGW_CALLER_GITLAB | AIGW_CALLER_KEY;
    s.routes[1].route.callers = AIGW_CALLER_ANYONE;
    s.routes[1].route.flags = AIGW_ROUTEF_NO_USER_TOKEN | AIGW_ROUTEF_NO_BODY | AIGW_ROUTEF_DEPRECATED;
}

static void ok_claim(void)
{
    as_feature();
    s.routes[1].route.method = "*";
    s.routes[1].route.flags = AIGW_ROUTEF_CLAIM;
}

static const struct {
    const char *id;
    void (*spoil)(void);
} accepted[] = {
    { "plain", ok_plain },
    { "feature", ok_feature },
    { "produce-only", ok_produce_only },
    { "longer", ok_longer_zero_tail },
    { "short-ops", ok_short_ops },
    { "no-tables", ok_no_tables },
    { "oldest-minor", ok_oldest_minor },
    { "draft", ok_draft },
    { "dialects", ok_dialects },
    { "feature-longer", ok_feature_longer },
    { "feature-short", ok_feature_short },
    { "short-routes", ok_short_routes },
    { "callers", ok_callers },
    { "claim", ok_claim },
};

START_TEST(sound_plugin_is_accepted_and_copied)
{
    struct gw_plugin plugin = { 0 };
    struct gw_err err = { "" };
    aigw_status status;

    accepted[_i].spoil();
    status = gw_plugin_check(&arena, &D, "x.so", &plugin, &err);
    ck_assert_msg(status == AIGW_OK, "%s: %s", accepted[_i].id, err.text);
    ck_assert_str_eq(plugin.path, "x.so");
    ck_assert_str_eq(plugin.descriptor.name, "acme");
    if (plugin.descriptor.kind == AIGW_KIND_PROVIDER) {
        ck_assert_ptr_eq(plugin.descriptor.provider, &plugin.provider);
        ck_assert(plugin.provider.request == a_request);
        ck_assert_ptr_null(plugin.descriptor.feature);
    } else {
        ck_assert_ptr_eq(plugin.descriptor.feature, &plugin.feature);
        ck_assert_ptr_ne(plugin.routes, &s.routes[0].route);
        ck_assert_str_eq(plugin.routes[1].path, "/v1/b");
    }
    if (accepted[_i].spoil == ok_feature_short)
        ck_assert(plugin.feature.gone == NULL);
    if (accepted[_i].spoil == ok_short_routes)
        ck_assert_uint_eq(plugin.routes[1].callers, 0);
    if (accepted[_i].spoil == ok_short_ops)
        ck_assert(plugin.provider.produce == NULL);
    if (plugin.descriptor.setting_count) {
        ck_assert_uint_eq(plugin.descriptor.setting_size, sizeof(struct aigw_setting));
        ck_assert_str_eq(plugin.descriptor.settings[2].name, "map"); /* the wide stride was followed */
        ck_assert_str_eq(plugin.metrics[1].name, "two_total");
    }
}
END_TEST

/* ---- refused ---- */

static void magic(void)
{
    D.magic = 1;
}
static void major(void)
{
    D.abi_major = AIGW_ABI_MAJOR + 1;
}
static void minor_newer(void)
{
    D.abi_minor = AIGW_ABI_MINOR + 1;
}
static void draft_too_old(void)
{
    D.abi_major = 0;
    D.abi_minor = 1;
}
static void draft_unknown(void)
{
    D.abi_major = 0;
    D.abi_minor = 3;
}
static void size_small(void)
{
    D.struct_size = 16;
}
static void size_huge(void)
{
    D.struct_size = 1000000;
}
static void tail_used(void)
{
    D.struct_size = sizeof s.plugin;
    s.plugin.tail[1] = 1;
}
static void kind_unknown(void)
{
    D.kind = 77;
}
static void kind_reserved(void)
{
    D.kind = AIGW_KIND_CACHE;
}
static void name_null(void)
{
    D.name = NULL;
}
static void name_empty(void)
{
    D.name = "";
}
static void name_upper(void)
{
    D.name = "Acme";
}
static void version_null(void)
{
    D.version = NULL;
}
static void state_huge(void)
{
    D.state_size = (size_t)1 << 40;
}
static void ops_null(void)
{
    D.provider = NULL;
}
static void ops_small(void)
{
    s.provider.ops.struct_size = 8;
}
static void ops_tail(void)
{
    s.provider.ops.struct_size = sizeof s.provider;
    s.provider.tail[0] = 1;
}
static void ops_request(void)
{
    s.provider.ops.request = NULL;
}
static void ops_frame(void)
{
    s.provider.ops.frame = NULL;
}
static void ops_call(void)
{
    s.provider.ops.call_size = (size_t)1 << 40;
}
static void feature_null(void)
{
    as_feature();
    D.feature = NULL;
}
static void feature_routes(void)
{
    as_feature();
    s.feature.ops.route_count = 0;
}
static void feature_routes_null(void)
{
    as_feature();
    s.feature.ops.routes = NULL;
}
static void feature_run(void)
{
    as_feature();
    s.feature.ops.run = NULL;
}
static void feature_stride(void)
{
    as_feature();
    s.feature.ops.route_size = 8;
}
static void feature_stride_odd(void)
{
    as_feature();
    s.feature.ops.route_size = sizeof(struct aigw_route) + 1;
}
static void route_method(void)
{
    as_feature();
    s.routes[1].route.method = "post";
}
static void route_path(void)
{
    as_feature();
    s.routes[0].route.path = "v1";
}
static void route_body(void)
{
    as_feature();
    s.routes[0].route.body_max = -1;
}
static void feature_tail(void)
{
    as_feature();
    s.feature.ops.struct_size = sizeof s.feature;
    s.feature.tail[1] = 1;
}
static void route_tail(void)
{
    as_feature();
    s.routes[1].tail = 1;
}
static void route_callers(void)
{
    as_feature();
    s.routes[1].route.callers = AIGW_CALLER_GITLAB | 0x80;
}
static void route_flags(void)
{
    as_feature();
    s.routes[1].route.flags = 0x1;
}
static void claim_method(void)
{
    as_feature();
    s.routes[1].route.flags = AIGW_ROUTEF_CLAIM;
}
static void claim_path(void)
{
    as_feature();
    s.routes[1].route = (struct aigw_route){ .method = "*", .path = "/v1/{x}", .flags = AIGW_ROUTEF_CLAIM };
}
static void dialects_null(void)
{
    s.provider.ops.dialect_count = 2;
}
static void dialects_many(void)
{
    s.provider.ops.dialect_count = 100000;
}
static void dialects_empty(void)
{
    static const char *const names[] = { "anthropic", "" };

    s.provider.ops.dialects = names;
    s.provider.ops.dialect_count = 2;
}
static void dialects_short_ops(void) /* says how many, but ends before the table */
{
    static const char *const names[] = { "anthropic" };

    s.provider.ops.dialects = names;
    s.provider.ops.dialect_count = 1;
    s.provider.ops.struct_size = offsetof(struct aigw_provider_ops, dialects);
}
static void setting_flags(void)
{
    s.settings[1].setting.flags = 0x100;
}
static void settings_null(void)
{
    D.settings = NULL;
}
static void settings_many(void)
{
    D.setting_count = 100000;
}
static void settings_stride(void)
{
    D.setting_size = 4;
}
static void settings_tail(void)
{
    s.settings[1].tail = 1;
}
static void setting_name(void)
{
    s.settings[1].setting.name = "api-key";
}
static void setting_name_null(void)
{
    s.settings[1].setting.name = NULL;
}
static void setting_twice(void)
{
    s.settings[2].setting.name = "text";
}
static void setting_taken(void)
{
    s.settings[0].setting.name = "plugin";
}
static void setting_model(void)
{
    as_feature();
    s.settings[0].setting.name = "model";
}
static void setting_type(void)
{
    s.settings[1].setting.type = 9;
}
static void setting_offset(void)
{
    s.settings[1].setting.offset = sizeof(struct state) - 4;
}
static void setting_offset_wild(void)
{
    s.settings[1].setting.offset = SIZE_MAX - 3;
}
static void setting_align(void)
{
    s.settings[1].setting.offset = 1;
}
static void metric_name(void)
{
    s.metrics[1].name = NULL;
}
static void metric_labels(void)
{
    s.metrics[1].label_count = AIGW_METRIC_LABELS_MAX + 1;
}
static void metric_labels_null(void)
{
    s.metrics[1].label_count = 1;
}

static const struct {
    const char *id;
    void (*spoil)(void);
    const char *reason;
} refused[] = {
    { "magic", magic, "magic is 0x00000001, expected 0x41494757" },
    { "major", major, "rebuild the plugin with this aigw's SDK" },
    { "minor-newer", minor_newer, "this aigw speaks up to" },
    { "draft-too-old", draft_too_old, "built for plugin ABI 0.1, this aigw speaks 1." },
    { "draft-unknown", draft_unknown, "built for plugin ABI 0.3, this aigw speaks 1." },
    { "size-small", size_small, "descriptor says it has 16 bytes, expected" },
    { "size-huge", size_huge, "descriptor says it has 1000000 bytes" },
    { "tail-used", tail_used, "uses some beyond" },
    { "kind-unknown", kind_unknown, "kind is 77, expected 1 (provider) or 2 (feature)" },
    { "kind-reserved", kind_reserved, "reserved for a later aigw" },
    { "name-null", name_null, "name is \"\", expected 1 to 64 of a-z 0-9 _" },
    { "name-empty", name_empty, "name is \"\"" },
    { "name-upper", name_upper, "name is \"Acme\"" },
    { "version-null", version_null, "version is empty" },
    { "state-huge", state_huge, "state_size is 1099511627776 bytes" },
    { "ops-null", ops_null, ".provider is NULL" },
    { "ops-small", ops_small, ".provider->struct_size is 8, expected" },
    { "ops-tail", ops_tail, ".provider uses functions this aigw does not know" },
    { "ops-request", ops_request, ".provider->request is NULL" },
    { "ops-frame", ops_frame, "neither frame nor produce" },
    { "ops-call", ops_call, "call_size is 1099511627776" },
    { "feature-null", feature_null, ".feature is NULL" },
    { "feature-routes", feature_routes, "has no routes" },
    { "feature-routes-null", feature_routes_null, "routes: count is 2 but the table is NULL" },
    { "feature-run", feature_run, ".feature->run is NULL" },
    { "feature-stride", feature_stride, "routes: entry size is 8 bytes" },
    { "feature-stride-odd", feature_stride_odd, "routes: entry size is" },
    { "route-method", route_method, "routes[1]: method is \"post\"" },
    { "route-path", route_path, "routes[0]: path is \"v1\"" },
    { "route-body", route_body, "body_max is negative" },
    { "feature-tail", feature_tail, ".feature uses functions this aigw does not know" },
    { "route-tail", route_tail, "routes[1]: uses fields this aigw does not know" },
    { "route-callers", route_callers, "routes[1] /v1/b: callers are 0x81, expected AIGW_CALLER_*" },
    { "claim-method", claim_method, "routes[1]: method is" },
    { "claim-path", claim_path, "routes[1] /v1/{x}: a claim has a parameter" },
    { "route-flags", route_flags, "routes[1] /v1/b: flags are 0x1, expected AIGW_ROUTEF_*" },
    { "dialects-null", dialects_null, ".provider->dialect_count is 2" },
    { "dialects-many", dialects_many, ".provider->dialect_count is 100000" },
    { "dialects-empty", dialects_empty, ".provider->dialects[1] is \"\"" },
    { "dialects-short-ops", dialects_short_ops, ".provider->dialect_count is 1" },
    { "setting-flags", setting_flags, "setting \"number\": flags are 0x100" },
    { "settings-null", settings_null, "settings: count is 3 but the table is NULL" },
    { "settings-many", settings_many, "settings: count is 100000" },
    { "settings-stride", settings_stride, "settings: entry size is 4 bytes" },
    { "settings-tail", settings_tail, "settings[1]: uses fields this aigw does not know" },
    { "setting-name", setting_name, "settings[1]: name is \"api-key\"" },
    { "setting-name-null", setting_name_null, "settings[1]: name is \"\"" },
    { "setting-twice", setting_twice, "settings[2]: the name \"text\" appears twice" },
    { "setting-taken", setting_taken, "the name \"plugin\" is the core's own" },
    { "setting-model", setting_model, "the name \"model\" is the core's own" },
    { "setting-type", setting_type, "setting \"number\": type is 9" },
    { "setting-offset", setting_offset, "lie outside state_size" },
    { "setting-offset-wild", setting_offset_wild, "lie outside state_size" },
    { "setting-align", setting_align, "setting \"number\": offset 1 is not aligned" },
    { "metric-name", metric_name, "metrics[1]: has no name" },
    { "metric-labels", metric_labels, "metric \"two_total\": label_count is 9" },
    { "metric-labels-null", metric_labels_null, "metric \"two_total\": label_count is 1" },
};

START_TEST(unsound_plugin_is_refused_with_the_reason)
{
    struct gw_plugin plugin = { .path = "untouched" };
    struct gw_err err = { "" };

    refused[_i].spoil();
    ck_assert_msg(gw_plugin_check(&arena, &D, "dir/x.so", &plugin, &err) < 0, "%s was accepted", refused[_i].id);
    ck_assert_msg(strstr(err.text, refused[_i].reason) != NULL, "%s: %s", refused[_i].id, err.text);
    ck_assert_msg(strncmp(err.text, "dir/x.so: ", 10) == 0, "%s: %s", refused[_i].id, err.text);
    ck_assert_str_eq(plugin.path, "untouched");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin check");
    TCase *tcase = tcase_create("check");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, sound_plugin_is_accepted_and_copied, 0, GW_ARRAY_LEN(accepted));
    tcase_add_loop_test(tcase, unsound_plugin_is_refused_with_the_reason, 0, GW_ARRAY_LEN(refused));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
